//! Records of which only who has the key can have written the content.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// A SHA-256, or a MAC made of one.
pub(crate) type Digest = [u8; 32];

/// A key, and the configuration that records are for. Its `Debug` tells nothing of the key.
///
/// A record is its payload, the version, and HMAC-SHA-256 over version, configuration, the record's name and payload: under
/// another name, or in a gateway that is configured otherwise, it does not open. Which of several records of one name is the
/// newest, it does not tell.
#[derive(Clone, Debug)]
pub(crate) struct Seal(Hmac<Sha256>);

/// The form of records; what is written in another one does not open.
const VERSION: u8 = 1;
const TAG_BYTES: usize = 32;

/// What a MAC is for.
const OF_DIGEST: u8 = 0;
const OF_RECORD: u8 = 1;

impl Seal {
    /// How much longer a record is than its payload.
    pub(crate) const BYTES: usize = 1 + TAG_BYTES;

    /// `None` where a key of this length cannot be used.
    pub(crate) fn new(key: &[u8], configuration: &Digest) -> Option<Self> {
        let mac = Hmac::new_from_slice(key).ok()?;
        Some(Self(mac.chain_update([VERSION]).chain_update(configuration)))
    }

    /// A record of this name.
    pub(crate) fn seal(&self, name: &str, mut payload: Vec<u8>) -> Vec<u8> {
        let tag = self.record(name, &payload).finalize().into_bytes();
        payload.push(VERSION);
        payload.extend_from_slice(&tag);
        payload
    }

    /// The payload of a record of this name. Takes time that does not depend on where the MACs differ.
    pub(crate) fn open(&self, name: &str, mut record: Vec<u8>) -> Option<Vec<u8>> {
        let (rest, tag) = record.split_last_chunk::<TAG_BYTES>()?;
        let (version, payload) = rest.split_last()?;
        if *version != VERSION {
            return None;
        }
        self.record(name, payload).verify_slice(tag).ok()?;
        let length = payload.len();
        record.truncate(length);
        Some(record)
    }

    /// A digest that nobody can tell without the key.
    pub(crate) fn digest(&self, of: &Digest) -> Digest {
        self.0.clone().chain_update([OF_DIGEST]).chain_update(of).finalize().into_bytes().into()
    }

    fn record(&self, name: &str, payload: &[u8]) -> Hmac<Sha256> {
        let length = u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes();
        let mac = self.0.clone().chain_update([OF_RECORD]).chain_update(length);
        mac.chain_update(name).chain_update(payload)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Seal;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn seal() -> Seal {
        Seal::new(KEY, &[7; 32]).unwrap()
    }

    #[test]
    fn a_record_opens_under_its_key_its_configuration_and_its_name() {
        let record = seal().seal("a", b"payload".to_vec());
        assert_eq!(record.len(), b"payload".len() + Seal::BYTES);
        assert_eq!(seal().open("a", record.clone()), Some(b"payload".to_vec()));
        assert_eq!(seal().open("b", record.clone()), None);
        assert_eq!(Seal::new(b"another", &[7; 32]).unwrap().open("a", record.clone()), None);
        assert_eq!(Seal::new(KEY, &[8; 32]).unwrap().open("a", record), None);
    }

    /// `printf '\x01%s\x01\0\0\0\0\0\0\0\x01apayload' 77777777777777777777777777777777 | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef`
    #[test]
    fn a_record_is_what_others_compute() {
        let record = Seal::new(KEY, b"77777777777777777777777777777777").unwrap().seal("a", b"payload".to_vec());
        let hex: String = record.iter().skip(8).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "155746fbb7bd74e0b4bf80204da3f4fbf9df2f49764f83de7de060917456ddc9");
    }

    #[test]
    fn a_digest_is_no_record() {
        let tag = seal().digest(&[1; 32]);
        for payload in [vec![], vec![1; 32], [vec![0; 8], vec![1; 32]].concat()] {
            let record = [payload.as_slice(), &[1], &tag].concat();
            assert_eq!(seal().open("", record), None);
        }
        assert_ne!(tag, seal().digest(&[2; 32]));
        assert_ne!(tag, Seal::new(b"another", &[7; 32]).unwrap().digest(&[1; 32]));
    }

    proptest! {
        /// Whatever is changed of a record: it does not open.
        #[test]
        fn no_other_bytes_open(payload in prop::collection::vec(any::<u8>(), 0..40), place in any::<prop::sample::Index>(), change in 1..=255_u8, cut in 0..80_usize) {
            let record = seal().seal("name", payload);
            let mut changed = record.clone();
            changed[place.index(record.len())] ^= change;
            prop_assert_eq!(seal().open("name", changed), None);
            let cut = cut.min(record.len());
            prop_assert!(cut == 0 || seal().open("name", record[..record.len() - cut].to_vec()).is_none());
            prop_assert!(cut == 0 || seal().open("name", record[cut..].to_vec()).is_none());
        }

        #[test]
        fn garbage_does_not_open(record in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(seal().open("name", record), None);
        }
    }
}
