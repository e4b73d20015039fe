//! Data that the VMs of a gateway share.

use std::collections::BTreeMap;

use crate::abi::Status;

/// An entry of the data that VMs of one `vm_id` share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedEntry {
    /// Whose data it is.
    pub vm_id: String,
    /// Its key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// A race that a plugin loses: another VM writes an entry between a read and a write of the plugin, so that a write that
/// compares the number of what it has read answers `CAS_MISMATCH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedDataRace {
    /// What the other VM writes.
    pub entry: SharedEntry,
    /// Which write of a plugin to this key it comes just before; the first is 1.
    pub before_write: u32,
}

/// Keys, values and their compare-and-swap numbers.
#[derive(Debug, Default)]
pub(crate) struct SharedData {
    /// By `vm_id`.
    stores: BTreeMap<String, Store>,
    bytes: usize,
    last_cas: u32,
    /// Races that are still to come, with the writes that have come before.
    races: Vec<(SharedDataRace, u32)>,
}

/// Values and their numbers, by key.
type Store = BTreeMap<Vec<u8>, (Vec<u8>, u32)>;

/// The bound on what plugins may leave behind, keys included.
const MAX_BYTES: usize = 64 * 1024 * 1024;

impl SharedData {
    pub(crate) fn new(entries: Vec<SharedEntry>, races: Vec<SharedDataRace>) -> Self {
        let mut data = Self { races: races.into_iter().map(|race| (race, 0)).collect(), ..Self::default() };
        entries.into_iter().for_each(|entry| data.put(entry));
        data
    }

    pub(crate) fn value(&self, vm_id: &str, key: &[u8]) -> Option<(&[u8], u32)> {
        self.stores.get(vm_id)?.get(key).map(|(value, cas)| (value.as_slice(), *cas))
    }

    /// A plugin writes. `cas` 0 forces the write; for a missing key it does not matter, as in Envoy.
    pub(crate) fn set(&mut self, vm_id: &str, key: Vec<u8>, value: Vec<u8>, cas: u32) -> Result<(), Status> {
        self.race(vm_id, &key);
        if self.value(vm_id, &key).is_some_and(|(_, current)| cas != 0 && current != cas) {
            return Err(Status::CasMismatch);
        }
        if self.bytes + key.len() + value.len() > MAX_BYTES {
            return Err(Status::InternalFailure);
        }
        self.put(SharedEntry { vm_id: vm_id.to_owned(), key, value });
        Ok(())
    }

    /// Writes, whatever is there.
    pub(crate) fn put(&mut self, SharedEntry { vm_id, key, value }: SharedEntry) {
        // 0 stands for "whatever is there".
        self.last_cas = self.last_cas.wrapping_add(1).max(1);
        let (key_size, size) = (key.len(), key.len() + value.len());
        let old = self.stores.entry(vm_id).or_default().insert(key, (value, self.last_cas));
        let replaced = old.map_or(0, |(value, _)| key_size + value.len());
        self.bytes = (self.bytes + size).saturating_sub(replaced);
    }

    /// Every entry, in the order of `vm_id` and key.
    pub(crate) fn entries(&self) -> Vec<SharedEntry> {
        let entry = |vm_id: &String, key: &Vec<u8>, value: &Vec<u8>| SharedEntry {
            vm_id: vm_id.clone(),
            key: key.clone(),
            value: value.clone(),
        };
        let stores = self.stores.iter();
        stores.flat_map(|(vm_id, store)| store.iter().map(move |(key, (value, _))| entry(vm_id, key, value))).collect()
    }

    /// The other VM gets in first, where a race says so.
    fn race(&mut self, vm_id: &str, key: &[u8]) {
        for (race, writes) in &mut self.races {
            *writes += u32::from(race.entry.vm_id == vm_id && race.entry.key == key);
        }
        let due: Vec<_> = self.races.extract_if(.., |(race, writes)| *writes >= race.before_write.max(1)).collect();
        due.into_iter().for_each(|(race, _)| self.put(race.entry));
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, SharedData, SharedDataRace, SharedEntry};
    use crate::abi::Status;

    fn entry(value: &str) -> SharedEntry {
        SharedEntry { vm_id: "vm".into(), key: b"k".to_vec(), value: value.into() }
    }

    #[test]
    fn a_stale_number_loses() {
        let mut data = SharedData::default();
        let mut set = |value: &str, cas| (data.set("vm", b"k".to_vec(), value.into(), cas), data.last_cas);
        let (first, cas) = set("1", 7);
        assert_eq!(first, Ok(()), "a missing key ignores the number");
        assert_eq!(set("2", cas).0, Ok(()));
        assert_eq!(set("3", cas).0, Err(Status::CasMismatch));
        assert_eq!(set("4", 0).0, Ok(()));
        assert_eq!(data.entries(), [entry("4")]);
        assert_eq!(data.value("other", b"k"), None);
    }

    #[test]
    fn a_race_is_lost_once() {
        let race = SharedDataRace { entry: entry("theirs"), before_write: 2 };
        let mut data = SharedData::new(vec![entry("old")], vec![race]);
        let mut write = |value: &str| {
            let (_, cas) = data.value("vm", b"k").unwrap();
            data.set("other", b"k".to_vec(), b"elsewhere".to_vec(), 0).unwrap();
            data.set("vm", b"k".to_vec(), value.into(), cas)
        };
        assert_eq!(write("first"), Ok(()));
        assert_eq!(write("second"), Err(Status::CasMismatch));
        assert_eq!(write("third"), Ok(()));
        assert_eq!(data.value("vm", b"k").unwrap().0, b"third");
    }

    #[test]
    fn plugins_cannot_leave_more_behind_than_the_bound() {
        let mut data = SharedData::default();
        let half = vec![0; MAX_BYTES / 2];
        let mut set = |key: &str, value: &[u8]| data.set("", key.into(), value.to_vec(), 0);
        assert_eq!(set("a", &half), Ok(()));
        assert_eq!(set("b", &half), Err(Status::InternalFailure));
        assert_eq!(set("a", b""), Ok(()));
        assert_eq!(set("b", &half), Ok(()));
    }
}
