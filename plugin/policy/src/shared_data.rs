//! Data that the VMs of a gateway share: with each other, and with whoever else can write there.

use std::{
    fmt,
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::seal::{Digest, Seal};

/// The data that VMs of one `vm_id` share, of all plugins in them. What stands there may be anybody's.
pub trait SharedData: fmt::Debug {
    /// The value of a key with its compare-and-swap number; `None` where there is none.
    fn get(&self, key: &str) -> Option<(Vec<u8>, u32)>;

    /// Writes a value: whatever is there with the number 0, else only while that number is the value's there. Whether it
    /// has been written.
    ///
    /// Hosts disregard the number of a key that is absent.
    fn set(&self, key: &str, value: &[u8], cas: u32) -> bool;
}

/// Shared data in which only what VMs of the same key and configuration have written counts.
///
/// Others can take it away, and put back what stood there under the same key before: what is read has to say itself until
/// when it counts.
#[derive(Debug)]
pub(crate) struct SealedData {
    data: Rc<dyn SharedData>,
    seal: Seal,
}

/// What stands under a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// `None` where nothing counts.
    pub(crate) payload: Option<Vec<u8>>,
    /// For [`SealedData::set`].
    pub(crate) cas: u32,
}

impl SealedData {
    pub(crate) fn new(data: Rc<dyn SharedData>, seal: Seal) -> Self {
        Self { data, seal }
    }

    /// [`Self::get`]'s number of a key that is absent, to be written only as long as it is: no value has it.
    pub(crate) const ABSENT: u32 = u32::MAX;

    /// What stands under a key; a payload longer than `most` bytes is not looked at.
    pub(crate) fn get(&self, key: &str, most: usize) -> Found {
        let Some((record, cas)) = self.data.get(key) else { return Found { payload: None, cas: Self::ABSENT } };
        let is_short = record.len() <= most.saturating_add(Seal::BYTES);
        Found { payload: if is_short { self.seal.open(key, record) } else { None }, cas }
    }

    /// Writes a payload; whether it has been written ([`SharedData::set`]).
    pub(crate) fn set(&self, key: &str, payload: Vec<u8>, cas: u32) -> bool {
        self.data.set(key, &self.seal.seal(key, payload), cas)
    }

    /// A digest that nobody can tell without the key.
    pub(crate) fn digest(&self, of: &Digest) -> Digest {
        self.seal.digest(of)
    }
}

/// Numbers of a payload, 8 bytes each.
pub(crate) fn to_bytes(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * 8);
    for number in numbers {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes
}

/// The same; `None` unless there are just as many.
pub(crate) fn from_bytes(bytes: &[u8], numbers: &mut [u64]) -> Option<()> {
    let (chunks, rest) = bytes.as_chunks();
    if chunks.len() != numbers.len() || !rest.is_empty() {
        return None;
    }
    for (number, chunk) in numbers.iter_mut().zip(chunks) {
        *number = u64::from_be_bytes(*chunk);
    }
    Some(())
}

/// Since 1970; they do until the year 2554.
pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    nanoseconds_of(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Of a span of time.
pub(crate) fn nanoseconds_of(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000_000_000).saturating_add(span.subsec_nanos().into())
}

/// The time that [`nanoseconds`] says.
pub(crate) fn time(nanoseconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

    use super::{Found, SealedData, SharedData};
    use crate::seal::Seal;

    /// As Envoy has it.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Memory(pub(crate) Rc<RefCell<Entries>>);

    /// Values and their numbers.
    type Entries = BTreeMap<String, (Vec<u8>, u32)>;

    impl SharedData for Memory {
        fn get(&self, key: &str) -> Option<(Vec<u8>, u32)> {
            self.0.borrow().get(key).cloned()
        }

        fn set(&self, key: &str, value: &[u8], cas: u32) -> bool {
            let mut entries = self.0.borrow_mut();
            let current = entries.get(key).map(|(_, current)| *current);
            let is_written = cas == 0 || current.is_none_or(|current| current == cas);
            if is_written {
                entries.insert(key.to_owned(), (value.to_vec(), current.unwrap_or_default() + 1));
            }
            is_written
        }
    }

    fn sealed(memory: &Memory) -> SealedData {
        let seal = Seal::new(b"0123456789abcdef0123456789abcdef", &[7; 32]).unwrap();
        SealedData::new(Rc::new(memory.clone()), seal)
    }

    #[test]
    fn what_others_write_is_as_if_absent_but_for_its_number() {
        let memory = Memory::default();
        let (one, other) = (sealed(&memory), sealed(&memory));
        assert_eq!(one.get("a", 9), Found { payload: None, cas: SealedData::ABSENT });
        assert!(one.set("a", b"payload".to_vec(), 0));
        assert_eq!(other.get("a", 9), Found { payload: Some(b"payload".to_vec()), cas: 1 });
        assert_eq!(other.get("a", 6), Found { payload: None, cas: 1 }, "too long");
        memory.set("a", b"payload", 0);
        assert_eq!(other.get("a", 9), Found { payload: None, cas: 2 });
        assert!(!one.set("a", b"late".to_vec(), 1));
        assert!(one.set("a", b"now".to_vec(), 2));
        // A record of one key under another.
        let (record, _) = memory.get("a").unwrap();
        memory.set("b", &record, 0);
        assert_eq!(other.get("b", 9).payload, None);
    }
}
