//! Data that the VMs of a gateway share.

use std::collections::HashMap;

use crate::abi::Status;

/// Keys, values and their compare-and-swap numbers.
#[derive(Debug, Default)]
pub(crate) struct SharedData {
    entries: HashMap<Vec<u8>, (Vec<u8>, u32)>,
    last_cas: u32,
}

impl SharedData {
    pub(crate) fn value(&self, key: &[u8]) -> Option<(&[u8], u32)> {
        self.entries.get(key).map(|(value, cas)| (value.as_slice(), *cas))
    }

    /// `cas` 0 forces the write; for a missing key it does not matter, as in Envoy.
    pub(crate) fn set(&mut self, key: Vec<u8>, value: Vec<u8>, cas: u32) -> Result<(), Status> {
        let current = self.entries.get(&key).map(|(_, current)| *current);
        if cas != 0 && current.is_some_and(|current| current != cas) {
            return Err(Status::CasMismatch);
        }
        // 0 stands for "whatever is there".
        self.last_cas = self.last_cas.wrapping_add(1).max(1);
        self.entries.insert(key, (value, self.last_cas));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::SharedData;
    use crate::abi::Status;

    #[test]
    fn a_stale_number_loses() {
        let mut data = SharedData::default();
        assert_eq!(data.set(b"k".to_vec(), b"1".to_vec(), 7), Ok(()), "a missing key ignores the number");
        let (_, cas) = data.value(b"k").unwrap();
        assert_eq!(data.set(b"k".to_vec(), b"2".to_vec(), cas), Ok(()));
        assert_eq!(data.set(b"k".to_vec(), b"3".to_vec(), cas), Err(Status::CasMismatch));
        assert_eq!(data.set(b"k".to_vec(), b"4".to_vec(), 0), Ok(()));
        assert_eq!(data.value(b"k").unwrap().0, b"4");
    }
}
