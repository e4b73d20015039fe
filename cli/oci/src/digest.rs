use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::{Error, error::printable};

/// The SHA-256 of some bytes, written `sha256:` and 64 lower-case hexadecimal digits (OCI image specification,
/// descriptor, "Digests"). The other algorithms of that page are refused: no gateway and no signature uses them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub(crate) fn from_hasher(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }

    /// The 64 digits without `sha256:`, as the `sha256` field of a WasmPlugin wants them.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = || Error::Digest { text: printable(text) };
        let hex = text.strip_prefix("sha256:").filter(|hex| hex.len() == 64).ok_or_else(malformed)?;
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().as_chunks::<2>().0) {
            let [high, low] = *pair;
            *byte = (digit(high).ok_or_else(malformed)? << 4) | digit(low).ok_or_else(malformed)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn reads_what_it_writes() {
        let digest = Digest::of(b"gwauthz");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        // FIPS 180-4, the empty message.
        assert_eq!(Digest::of(b"").hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn refuses_every_other_spelling() {
        let hex = Digest::of(b"").hex();
        let upper = format!("sha256:{}", hex.to_uppercase());
        let long = format!("sha256:{hex}00");
        let multibyte = format!("sha256:{}é", &hex[..62]);
        for text in ["", "sha256:", &hex, &upper, &long, &multibyte, &format!("sha512:{hex}")] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
