//! Snapshots that one worker fetches for all.
//!
//! ```text
//! head: who fetches until when, and which documents there are   (small, looked at by all)
//! whole: the last whole document                                (copied by those that lack it)
//! deltas: those since                                           (likewise)
//! ```
//!
//! Who fetches holds a lease, and renews it with each request; once it has run out, whoever is first has it. Where a
//! document cannot be copied, a worker fetches for itself. All of it is sealed for the service that is asked, not for a
//! configuration: after an update that leaves this alone there is a snapshot at once.

use std::{
    mem,
    rc::Rc,
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};

use crate::{
    SharedData,
    revocation::MAX_BYTES,
    seal::Seal,
    shared_data::{SealedData, from_bytes, nanoseconds, nanoseconds_of, time, to_bytes},
    span::Span,
};

use super::{Kept, Settings, SnapshotState, Taken};

/// What workers share of a snapshot.
#[derive(Debug)]
pub(super) struct Common {
    data: SealedData,
    place: String,
    /// That of the last head.
    serial: u64,
    /// Whether that head is this worker's: then it fetches.
    is_holder: bool,
    looked: Option<SystemTime>,
    /// What this worker's snapshot is made of; `None` where it is not what workers share.
    base: Option<Documents>,
    /// What could not be copied.
    lacking: Option<Documents>,
}

/// What all look at.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// Grows with each head.
    serial: u64,
    /// When the lease runs out, in nanoseconds since 1970.
    until: u64,
    documents: Documents,
}

/// Which documents there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Documents {
    /// The serial of the head that came with the whole one.
    whole: u64,
    /// How many bytes of deltas there are since.
    deltas: u64,
}

/// Shared data have no delete: there are so many places, whatever is configured.
const PLACES: u8 = 8;
const HEAD: &str = "head.";
const WHOLE: &str = "whole.";
const DELTAS: &str = "deltas.";
const HEAD_BYTES: usize = 4 * 8;
/// When it came, and of which head it is, behind a whole document.
const WHOLE_BYTES: usize = 2 * 8;
/// With more than this, a whole document is asked for.
const MAX_DELTAS: usize = 1024 * 1024;
/// How often a worker looks that has no snapshot yet: requests wait for it.
const HURRY: Duration = Duration::from_millis(50);
/// How often others may be quicker before a worker looks again later.
const TRIES: u32 = 4;

impl Common {
    /// `None` where a key of this length cannot be used.
    pub(super) fn new(data: &Rc<dyn SharedData>, key: &[u8], settings: &Settings) -> Option<Self> {
        let Settings { cluster, authority, path, confirmable, .. } = settings;
        let filters = if *confirmable { "filters" } else { "" };
        let asked: [u8; 32] = Sha256::digest([cluster, "\0", authority, "\0", path, "\0", filters].concat()).into();
        let [place, ..] = asked;
        let place = u32::from(place % PLACES).to_string();
        let data = SealedData::new(Rc::clone(data), Seal::new(key, &asked)?);
        Some(Self { data, place, serial: 0, is_holder: false, looked: None, base: None, lacking: None })
    }

    fn name(&self, of: &str) -> String {
        ["gwauthz.revocations.", of, &self.place].concat()
    }

    /// How long it is until this worker has something to do.
    pub(super) fn look_in(&self, state: &SnapshotState, now: SystemTime) -> Duration {
        if self.is_holder {
            return state.fetch_in(now);
        }
        let pause = if state.kept.is_some() { state.settings.every / 4 } else { HURRY };
        self.looked.map_or(Duration::ZERO, |looked| Span::new(looked, pause).left(now))
    }
}

impl SnapshotState {
    /// Whether this worker is to send a request now; if not, it gets what another one has fetched.
    pub(super) fn is_to_fetch(&mut self, now: SystemTime) -> bool {
        let Some(mut common) = self.common.take() else { return true };
        common.looked = Some(now);
        let is_to_fetch = self.looks(&mut common, now);
        self.common = Some(common);
        is_to_fetch
    }

    fn looks(&mut self, common: &mut Common, now: SystemTime) -> bool {
        let today = nanoseconds(now);
        let lease = nanoseconds_of(self.settings.every).saturating_mul(2);
        let mut refused_at = None;
        for _ in 0..TRIES {
            let found = common.data.get(&common.name(HEAD), HEAD_BYTES);
            let head = found.payload.and_then(|payload| Head::read(&payload));
            // An older one is somebody else's doing.
            let head = head.filter(|head| head.serial >= common.serial);
            if let Some(head) = head {
                common.is_holder &= head.serial == common.serial;
                common.serial = head.serial;
                if !common.is_holder {
                    self.follow(common, head.documents, now);
                    let left = head.until.saturating_sub(today);
                    // More is left only where the clock has been set back, or whoever holds it asks less often.
                    if left > 0 && left <= lease {
                        return common.lacking.is_some() && self.fetch_in(now).is_zero();
                    }
                }
            }
            if !self.fetch_in(now).is_zero() {
                return false;
            }
            let documents = head.map(|head| head.documents).or(common.base).unwrap_or_default();
            let head = Head { serial: common.serial.saturating_add(1), until: today.saturating_add(lease), documents };
            // Where nobody was quicker, shared data do not work: then this worker fetches for itself.
            if refused_at == Some(found.cas) || common.data.set(&common.name(HEAD), head.payload(), found.cas) {
                common.serial = head.serial;
                common.is_holder = true;
                // The others would not know what a delta is against.
                self.is_lost |= common.base != Some(documents);
                return true;
            }
            refused_at = Some(found.cas);
        }
        common.is_holder = false;
        false
    }

    /// Copies what is not known yet.
    fn follow(&mut self, common: &mut Common, documents: Documents, now: SystemTime) {
        if documents == Documents::default() || common.base == Some(documents) || common.lacking == Some(documents) {
            return;
        }
        let is_copied = self.copy(common, documents, now);
        common.base = is_copied.then_some(documents);
        common.lacking = (!is_copied).then_some(documents);
    }

    fn copy(&mut self, common: &Common, documents: Documents, now: SystemTime) -> bool {
        let known = common.base.filter(|base| base.whole == documents.whole && base.deltas <= documents.deltas);
        if known.is_some() {
            return self.copy_from(common, known, documents).is_some();
        }
        let own = self.kept.take();
        let is_copied = self.copy_from(common, known, documents).is_some();
        // As a whole: its first document may be earlier than this worker's, and the deltas since make up for that.
        let copied = self.kept.take().filter(|copied| is_copied && self.is_of_use(copied, own.as_ref(), now));
        let is_of_use = copied.is_some();
        self.kept = copied.or(own);
        is_of_use
    }

    fn copy_from(&mut self, common: &Common, known: Option<Documents>, documents: Documents) -> Option<()> {
        if known.is_none() {
            let mut body = common.data.get(&common.name(WHOLE), MAX_BYTES + WHOLE_BYTES).payload?;
            let (rest, tail) = body.split_last_chunk::<WHOLE_BYTES>()?;
            let ([came, of], length) = (pair(tail)?, rest.len());
            (of == documents.whole).then_some(())?;
            body.truncate(length);
            self.take_document(body, time(came)?).ok()?;
        }
        let from = known.map_or(0, |base| base.deltas);
        if from < documents.deltas {
            let log = common.data.get(&common.name(DELTAS), MAX_DELTAS).payload?;
            let (of, log) = log.split_first_chunk::<8>()?;
            (u64::from_be_bytes(*of) == documents.whole).then_some(())?;
            let mut log = log.get(usize::try_from(from).ok()?..usize::try_from(documents.deltas).ok()?)?;
            while let Some((head, rest)) = log.split_first_chunk::<16>() {
                let [came, length] = pair(head)?;
                let (text, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                self.take_document(text.to_vec(), time(came)?).ok()?;
                log = rest;
            }
        }
        // It is what the next request is against.
        self.is_lost = false;
        Some(())
    }

    /// Lets the others have a document that this worker has fetched and taken.
    pub(super) fn publish(&mut self, taken: Taken, now: SystemTime) {
        let Some(common) = &mut self.common else { return };
        let base = common.base.take();
        let published = self.kept.as_ref().and_then(|kept| common.publish(base, taken, kept, now));
        common.base = published;
        // What they have not got, they get with the next whole one.
        self.is_lost |= common.is_holder && published.is_none();
    }
}

impl Common {
    /// What there is then; `None` where the others did not get it.
    fn publish(&mut self, base: Option<Documents>, taken: Taken, kept: &Kept, now: SystemTime) -> Option<Documents> {
        let found = self.data.get(&self.name(HEAD), HEAD_BYTES);
        let head = Head::read(&found.payload?).filter(|head| self.is_holder && head.serial == self.serial)?;
        let serial = head.serial.saturating_add(1);
        let Taken { is_whole, mut text } = taken;
        let came = nanoseconds(now);
        let documents = if is_whole {
            let filter = kept.snapshot.filter.bytes();
            let mut payload = if filter.is_empty() { mem::take(&mut text) } else { Vec::new() };
            // Once: these are megabytes.
            payload.reserve_exact(filter.len() + text.len() + WHOLE_BYTES + Seal::BYTES);
            payload.extend_from_slice(filter);
            payload.extend_from_slice(&text);
            payload.append(&mut to_bytes(&[came, serial]));
            self.data.set(&self.name(WHOLE), payload, 0).then_some(Documents { whole: serial, deltas: 0 })?
        } else {
            let base = base.filter(|base| *base == head.documents)?;
            let mut log = match base.deltas {
                0 => to_bytes(&[base.whole]),
                length => {
                    let log = self.data.get(&self.name(DELTAS), MAX_DELTAS).payload?;
                    let (of, rest) = log.split_first_chunk::<8>()?;
                    let is_base = u64::from_be_bytes(*of) == base.whole && u64::try_from(rest.len()) == Ok(length);
                    is_base.then_some(log)?
                }
            };
            log.append(&mut to_bytes(&[came, u64::try_from(text.len()).ok()?]));
            log.append(&mut text);
            let length = u64::try_from(log.len().checked_sub(8)?).ok()?;
            let is_written = log.len() <= MAX_DELTAS && self.data.set(&self.name(DELTAS), log, 0);
            is_written.then_some(Documents { deltas: length, ..base })?
        };
        let head = Head { serial, documents, ..head };
        let is_written = self.data.set(&self.name(HEAD), head.payload(), found.cas);
        if is_written {
            self.serial = serial;
        }
        is_written.then_some(documents)
    }
}

impl Head {
    fn payload(self) -> Vec<u8> {
        let Documents { whole, deltas } = self.documents;
        to_bytes(&[self.serial, self.until, whole, deltas])
    }

    fn read(payload: &[u8]) -> Option<Self> {
        let mut numbers = [0; 4];
        from_bytes(payload, &mut numbers)?;
        let [serial, until, whole, deltas] = numbers;
        Some(Self { serial, until, documents: Documents { whole, deltas } })
    }
}

/// Two numbers.
fn pair(bytes: &[u8]) -> Option<[u64; 2]> {
    let mut numbers = [0; 2];
    from_bytes(bytes, &mut numbers)?;
    Some(numbers)
}

#[cfg(test)]
mod tests;
