//! Decisions that the workers of a gateway share.
//!
//! Shared data has no delete and no bound: there are so many slots, whatever comes, and their names do not depend on the
//! configuration. A question has one slot, by a digest that takes the key to compute; the last that was decided has it.

use std::rc::Rc;

use crate::{
    Denial, PermitReason,
    seal::Digest,
    shared_data::{SealedData, from_bytes, nanoseconds, time, to_bytes},
};

use super::Kept;

/// The slots that workers share.
#[derive(Debug)]
pub(crate) struct Slots {
    data: Rc<SealedData>,
    count: u32,
}

/// A payload: the question's keyed digest, from when and until when it counts in nanoseconds since 1970, and the verdict's number.
const BYTES: usize = 32 + 3 * 8;

impl Slots {
    /// `None` where there are none.
    pub(crate) fn new(data: Rc<SealedData>, count: u32) -> Option<Self> {
        (count > 0).then_some(Self { data, count })
    }

    /// What one of the workers has heard, whether it still counts or not.
    pub(super) fn get(&self, question: &Digest) -> Option<Kept> {
        let question = self.data.digest(question);
        let payload = self.data.get(&self.name(&question), BYTES).payload?;
        let (of, rest) = payload.split_first_chunk::<32>()?;
        let mut numbers = [0; 3];
        from_bytes(rest, &mut numbers)?;
        let [from, until, number] = numbers;
        let (_, verdict) = VERDICTS.into_iter().find(|(known, _)| *known == number)?;
        (*of == question).then_some(Kept { verdict, from: time(from)?, until: time(until)? })
    }

    /// This worker has heard something.
    pub(super) fn put(&self, question: &Digest, kept: Kept) {
        let Some((number, _)) = VERDICTS.into_iter().find(|(_, known)| *known == kept.verdict) else { return };
        let question = self.data.digest(question);
        let mut payload = question.to_vec();
        payload.append(&mut to_bytes(&[nanoseconds(kept.from), nanoseconds(kept.until), number]));
        // Who writes last has heard it last.
        self.data.set(&self.name(&question), payload, 0);
    }

    fn name(&self, [a, b, c, d, ..]: &Digest) -> String {
        let slot = u32::from_be_bytes([*a, *b, *c, *d]).checked_rem(self.count).unwrap_or_default();
        ["gwauthz.decision.", &slot.to_string()].concat()
    }
}

/// What can be kept, by a number of its own.
const VERDICTS: [(u64, Result<PermitReason, Denial>); 3] =
    [(0, Ok(PermitReason::AuthorizedByService)), (1, Err(Denial::RejectedByService)), (2, Err(Denial::RevokedToken))];

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        rc::Rc,
        time::{Duration, SystemTime, UNIX_EPOCH},
    };

    use proptest::prelude::*;

    use super::{BYTES, Kept, Slots, VERDICTS};
    use crate::{
        Denial, PermitReason, SharedData,
        decisions::{CacheLimits, Decisions, Keepable},
        seal::{Digest, Seal},
        shared_data::{SealedData, tests::Memory},
    };

    const ALLOWED: Result<PermitReason, Denial> = Ok(PermitReason::AuthorizedByService);
    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    fn data(memory: &Memory, key: &[u8], configuration: Digest) -> Rc<SealedData> {
        let seal = Seal::new(key, &configuration).unwrap();
        Rc::new(SealedData::new(Rc::new(memory.clone()), seal))
    }

    fn worker_with(memory: &Memory, allow: u64, slots: u32) -> Decisions {
        let limits =
            CacheLimits { allow: Some(Duration::from_secs(allow)), deny: Some(Duration::from_secs(1)), stale: None };
        Decisions::new(limits).unwrap().shared(data(memory, KEY, [7; 32]), slots)
    }

    fn worker(memory: &Memory) -> Decisions {
        worker_with(memory, 5, 16)
    }

    fn asked(question: u8) -> Keepable {
        Keepable { question: question.into(), elsewhere: Some([question; 32]), expires: None }
    }

    fn get(worker: &mut Decisions, mut asked: Keepable, now: SystemTime) -> Option<Result<PermitReason, Denial>> {
        let digest = asked.elsewhere.unwrap();
        worker.get(&mut asked, || digest, now)
    }

    #[test]
    fn what_one_worker_hears_counts_in_the_others_for_as_long() {
        for (verdict, seconds) in [(ALLOWED, 5), (Err(Denial::RevokedToken), 1), (Err(Denial::RejectedByService), 1)] {
            let memory = Memory::default();
            let (mut one, mut other, mut third) = (worker(&memory), worker(&memory), worker(&memory));
            one.keep(asked(1), verdict, at(10));
            assert_eq!(get(&mut other, asked(1), at(10)), Some(verdict));
            assert_eq!(get(&mut other, asked(2), at(10)), None);
            assert_eq!(get(&mut third, asked(1), at(9)), None, "a clock that is behind");
            assert_eq!(get(&mut third, asked(1), at(10 + seconds)), None);
            // A worker needs the entry once.
            memory.0.borrow_mut().clear();
            assert_eq!(get(&mut other, asked(1), at(10)), Some(verdict));
            assert_eq!(get(&mut other, asked(1), at(10 + seconds)), None);
        }
    }

    #[test]
    fn no_error_is_shared() {
        for denial in Denial::ALL {
            let memory = Memory::default();
            worker(&memory).keep(asked(1), Err(denial), at(0));
            let is_kept = matches!(denial, Denial::RejectedByService | Denial::RevokedToken);
            assert_eq!(memory.0.borrow().len(), usize::from(is_kept), "{denial:?}");
        }
    }

    #[test]
    fn a_reader_has_limits_of_its_own() {
        let memory = Memory::default();
        worker_with(&memory, 3600, 16).keep(asked(1), ALLOWED, at(0));
        assert_eq!(get(&mut worker(&memory), asked(1), at(4)), Some(ALLOWED));
        assert_eq!(get(&mut worker(&memory), asked(1), at(5)), None);
        let expires = Keepable { expires: Some(at(2)), ..asked(1) };
        assert_eq!(get(&mut worker(&memory), expires, at(1)), Some(ALLOWED));
        assert_eq!(get(&mut worker(&memory), expires, at(2)), None);
        let no_allow = CacheLimits { deny: Some(Duration::from_secs(1)), ..CacheLimits::default() };
        let mut reader = Decisions::new(no_allow).unwrap().shared(data(&memory, KEY, [7; 32]), 16);
        assert_eq!(get(&mut reader, asked(1), at(0)), None);
    }

    #[test]
    fn what_was_heard_last_counts_where_nobody_can_be_asked() {
        let memory = Memory::default();
        let second = Some(Duration::from_secs(1));
        let limits = CacheLimits { allow: second, stale: second, deny: None };
        let worker = || Decisions::new(limits).unwrap().shared(data(&memory, KEY, [7; 32]), 16);
        let (mut one, mut other, mut third) = (worker(), worker(), worker());
        one.keep(asked(1), ALLOWED, at(0));
        assert!(other.has_allowed(&asked(1), at(1)));
        assert!(!other.has_allowed(&asked(1), at(2)));
        assert!(!third.has_allowed(&asked(2), at(0)));
        assert_eq!(get(&mut other, asked(1), at(0)), Some(ALLOWED));
        third.keep(asked(1), Err(Denial::RevokedToken), at(1));
        for worker in [&mut one, &mut other, &mut third] {
            assert!(!worker.has_allowed(&asked(1), at(1)));
        }
        other.keep(asked(1), ALLOWED, at(2));
        assert!(third.has_allowed(&asked(1), at(2)));
    }

    #[test]
    fn what_is_written_without_the_key_or_for_another_configuration_is_as_if_absent() {
        let memory = Memory::default();
        for (key, configuration) in [(b"fedcba9876543210fedcba9876543210".as_slice(), [7; 32]), (KEY, [8; 32])] {
            let slots = Slots::new(data(&memory, key, configuration), 16).unwrap();
            for question in 0..=255 {
                slots.put(&[question; 32], Kept { verdict: ALLOWED, from: at(0), until: at(5) });
            }
            let mut worker = worker(&memory);
            for question in 0..=255 {
                assert_eq!(get(&mut worker, asked(question), at(0)), None);
            }
        }
        assert_eq!(memory.0.borrow().len(), 16);
    }

    /// An allow of one question in the slot of another, or put back once it has been replaced.
    #[test]
    fn records_that_are_moved_or_kept_back_allow_nothing_else() {
        let memory = Memory::default();
        worker_with(&memory, 5, 1).keep(asked(1), ALLOWED, at(0));
        assert_eq!(get(&mut worker_with(&memory, 5, 1), asked(2), at(0)), None, "the same slot, another question");
        let (record, _) = memory.get("gwauthz.decision.0").unwrap();
        for slot in 0..16 {
            memory.set(&format!("gwauthz.decision.{slot}"), &record, 0);
        }
        let mut reader = worker(&memory);
        for question in (0..=255).filter(|question| *question != 1) {
            assert_eq!(get(&mut reader, asked(question), at(0)), None);
        }
        assert_eq!(get(&mut worker_with(&memory, 5, 1), asked(1), at(5)), None, "no longer than it counted before");
    }

    #[test]
    fn a_million_questions_take_no_more_than_the_slots() {
        let memory = Memory::default();
        let slots = Slots::new(data(&memory, KEY, [7; 32]), 4096).unwrap();
        let question = |number: u32| {
            let mut question = [0; 32];
            question[..4].copy_from_slice(&number.to_be_bytes());
            question
        };
        // Which slot it is depends on the digest alone.
        let names: BTreeSet<_> = (0..1_000_000).map(|number| slots.name(&question(number))).collect();
        assert_eq!(names.len(), 4096);
        for number in 0..50_000 {
            slots.put(&question(number), Kept { verdict: ALLOWED, from: at(0), until: at(5) });
        }
        let entries = memory.0.borrow();
        assert_eq!(entries.len(), 4096, "and they are all used");
        assert!(entries.values().all(|(record, _)| record.len() == BYTES + Seal::BYTES));
        assert!(entries.keys().eq(&names));
        assert!((0..4096).all(|slot| names.contains(&format!("gwauthz.decision.{slot}"))));
    }

    #[test]
    fn nothing_of_the_question_stands_in_a_slot() {
        let memory = Memory::default();
        worker(&memory).keep(asked(1), ALLOWED, at(0));
        let entries = memory.0.borrow();
        let (record, _) = entries.values().next().unwrap();
        assert!(!record.windows(8).any(|bytes| bytes == [1; 8]));
    }

    proptest! {
        /// What is put is what is got, to the millisecond and no longer.
        #[test]
        fn what_is_put_is_got(question in any::<Digest>(), verdict in 0..VERDICTS.len(), from in 0..u64::from(u32::MAX), micros in 0..1_000_000_u64) {
            let memory = Memory::default();
            let slots = Slots::new(data(&memory, KEY, [7; 32]), 16).unwrap();
            let verdict = VERDICTS[verdict].1;
            let from = UNIX_EPOCH + Duration::from_secs(from) + Duration::from_micros(micros);
            let until = from + Duration::from_micros(micros);
            slots.put(&question, Kept { verdict, from, until });
            let got = slots.get(&question).unwrap();
            prop_assert_eq!(got.verdict, verdict);
            prop_assert!(got.from <= from && got.until <= until);
            prop_assert!(from.duration_since(got.from).unwrap() < Duration::from_millis(1));
        }

        /// Whatever stands in a slot: never an allow that nobody has written.
        #[test]
        fn garbage_is_as_if_absent(record in prop::collection::vec(any::<u8>(), 0..200), place in any::<prop::sample::Index>(), change in 1..=255_u8) {
            let memory = Memory::default();
            memory.set("gwauthz.decision.0", &record, 0);
            prop_assert_eq!(get(&mut worker_with(&memory, 5, 1), asked(1), at(0)), None);
            worker_with(&memory, 5, 1).keep(asked(1), ALLOWED, at(0));
            let (mut record, _) = memory.get("gwauthz.decision.0").unwrap();
            record[place.index(BYTES + Seal::BYTES)] ^= change;
            memory.set("gwauthz.decision.0", &record, 0);
            prop_assert_eq!(get(&mut worker_with(&memory, 5, 1), asked(1), at(0)), None);
        }
    }
}
