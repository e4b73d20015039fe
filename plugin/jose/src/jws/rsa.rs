//! RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017, sections 8.1 and 8.2), verification only.
//!
//! Nothing here is secret: time may depend on any value.

use crypto_bigint::{
    Odd, U2048, U4096, Uint,
    modular::{FixedMontyForm, FixedMontyParams},
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{KeyError, VerifyError};

/// 65537. Others are rare, and small ones have made broken paddings exploitable.
const EXPONENT: &[u8] = &[1, 0, 1];
/// 65537 is 2 to the power of this, plus 1.
const SQUARINGS: u32 = 16;

/// An RSA public key with the parameters of its Montgomery arithmetic. Two widths: each takes 10 KB of the plugin.
#[derive(Clone, Debug)]
pub(super) enum PublicKey {
    Bits2048(Box<Modulus<{ U2048::LIMBS }>>),
    Bits4096(Box<Modulus<{ U4096::LIMBS }>>),
}

#[derive(Clone, Debug)]
pub(super) struct Modulus<const LIMBS: usize> {
    params: FixedMontyParams<LIMBS>,
    bytes: usize,
}

/// A hash function and how PKCS #1 names it in a signature.
pub(super) struct Hash {
    digest: fn(&[u8]) -> Vec<u8>,
    /// The DER encoding of DigestInfo up to the hash (RFC 8017, section 9.2, note 1).
    prefix: &'static [u8],
}

pub(super) const SHA256: Hash = Hash {
    digest: |data| Sha256::digest(data).to_vec(),
    prefix: b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
};
pub(super) const SHA384: Hash = Hash {
    digest: |data| Sha384::digest(data).to_vec(),
    prefix: b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
};
pub(super) const SHA512: Hash = Hash {
    digest: |data| Sha512::digest(data).to_vec(),
    prefix: b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
};

impl PublicKey {
    #[inline(never)]
    pub(super) fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        if modulus.first().is_none_or(|first| first & 0x80 == 0) {
            return Err(KeyError::ModulusLength);
        }
        if exponent != EXPONENT {
            return Err(KeyError::Exponent);
        }
        // NIST SP 800-131A forbids less than 2048 bits; more than 4096 would cost a gateway milliseconds a token.
        match modulus.len() {
            256 => Modulus::new(modulus).map(Self::Bits2048),
            257..=512 => Modulus::new(modulus).map(Self::Bits4096),
            _ => Err(KeyError::ModulusLength),
        }
    }

    /// RSASSA-PKCS1-V1_5-VERIFY (RFC 8017, section 8.2.2): the encoding that the message should have, compared whole.
    #[inline(never)]
    pub(super) fn verify_pkcs1(&self, hash: &Hash, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        let encoded = self.recover(signature)?;
        let digest = (hash.digest)(message);
        let padding = encoded.len().saturating_sub(3 + hash.prefix.len() + digest.len());
        let expected = [&[0, 1], vec![0xff; padding].as_slice(), &[0], hash.prefix, &digest].concat();
        if encoded == expected { Ok(()) } else { Err(VerifyError::Mismatch) }
    }

    /// RSASSA-PSS-VERIFY (RFC 8017, section 8.1.2) with SHA-256 throughout and a salt of 32 bytes (RFC 7518, section 3.5).
    #[inline(never)]
    pub(super) fn verify_pss(&self, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        let encoded = self.recover(signature)?;
        if is_pss_encoding(&encoded, message) { Ok(()) } else { Err(VerifyError::Mismatch) }
    }

    /// RSAVP1 (RFC 8017, section 5.2.2): the encoded message, as long as the modulus.
    fn recover(&self, signature: &[u8]) -> Result<Vec<u8>, VerifyError> {
        match self {
            Self::Bits2048(modulus) => modulus.recover(signature),
            Self::Bits4096(modulus) => modulus.recover(signature),
        }
        .ok_or(VerifyError::Malformed)
    }
}

impl<const LIMBS: usize> Modulus<LIMBS> {
    fn new(modulus: &[u8]) -> Result<Box<Self>, KeyError> {
        let odd = Odd::new(integer(modulus)).into_option().ok_or(KeyError::EvenModulus)?;
        Ok(Box::new(Self { params: FixedMontyParams::new_vartime(odd), bytes: modulus.len() }))
    }

    /// `signature` to the power of 65537; `None` unless it is as long as the modulus and less than it.
    fn recover(&self, signature: &[u8]) -> Option<Vec<u8>> {
        let base: Uint<LIMBS> = integer(signature);
        if signature.len() != self.bytes || base >= *self.params.modulus().as_ref() {
            return None;
        }
        let base = FixedMontyForm::new(&base, &self.params);
        let power = base.square_repeat_vartime(SQUARINGS).mul(&base).retrieve().to_be_bytes();
        let bytes = power.as_ref();
        bytes.get(bytes.len().checked_sub(self.bytes)?..).map(<[u8]>::to_vec)
    }
}

/// The integer of big-endian bytes; where there are too many, of the last ones.
fn integer<const LIMBS: usize>(bytes: &[u8]) -> Uint<LIMBS> {
    Uint::from_be_slice_truncated(bytes, Uint::<LIMBS>::BITS)
}

/// EMSA-PSS-VERIFY (RFC 8017, section 9.1.2) for a modulus whose length in bits 8 divides, so that one bit of the
/// encoding is unused.
fn is_pss_encoding(encoded: &[u8], message: &[u8]) -> bool {
    const HASH: usize = 32;
    const SALT: usize = 32;
    const UNUSED_BIT: u8 = 0x80;
    let Some((masked_block, rest)) =
        encoded.len().checked_sub(HASH + 1).and_then(|block| encoded.split_at_checked(block))
    else {
        return false;
    };
    let Some((&0xbc, hash)) = rest.split_last() else { return false };
    if masked_block.first().is_none_or(|first| first & UNUSED_BIT != 0) {
        return false;
    }
    let mut block: Vec<u8> = masked_block.iter().zip(mgf1_sha256(hash)).map(|(masked, mask)| masked ^ mask).collect();
    if let Some(first) = block.first_mut() {
        *first &= !UNUSED_BIT;
    }
    let Some((padding, salt)) = block.len().checked_sub(SALT).and_then(|salt| block.split_at_checked(salt)) else {
        return false;
    };
    let Some((&1, zeros)) = padding.split_last() else { return false };
    let salted = Sha256::new().chain_update([0; 8]).chain_update(Sha256::digest(message)).chain_update(salt).finalize();
    zeros.iter().all(|zero| *zero == 0) && salted.as_slice() == hash
}

/// MGF1 with SHA-256 (RFC 8017, appendix B.2.1), without an end.
fn mgf1_sha256(seed: &[u8]) -> impl Iterator<Item = u8> {
    let seeded = Sha256::new_with_prefix(seed);
    (0..=u32::MAX).flat_map(move |counter| seeded.clone().chain_update(counter.to_be_bytes()).finalize())
}
