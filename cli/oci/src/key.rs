//! Key files that cosign reads and writes, in both directions.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crypto_secretbox::{
    KeyInit as _, XSalsa20Poly1305,
    aead::{Aead as _, generic_array::GenericArray},
};
use p256::{
    ecdsa::{
        DerSignature, SigningKey, VerifyingKey,
        signature::{Signer as _, Verifier as _},
    },
    elliptic_curve::Generate as _,
    pkcs8::{
        DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding, der::pem,
    },
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{KeyError, error::printable};

/// A key to sign with: ECDSA on P-256, the only kind that `cosign generate-key-pair` makes. Wiped from memory when
/// dropped.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// A new random key.
    ///
    /// # Errors
    /// Fails where the operating system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        SigningKey::try_generate().map(Self).map_err(KeyError::Randomness)
    }

    /// Reads an encrypted key file: PEM `ENCRYPTED SIGSTORE PRIVATE KEY`, or `ENCRYPTED COSIGN PRIVATE KEY` as cosign
    /// wrote before 2.0. Takes up to 128 MiB and some tenths of a second, whatever the file says.
    ///
    /// # Errors
    /// Fails where the file is something else, holds another kind of key, or where the passphrase is wrong.
    pub fn from_encrypted_pem(text: &str, passphrase: &[u8]) -> Result<Self, KeyError> {
        let (label, json) = decode_pem(text, "an encrypted private key as `gwauthz keygen` or cosign makes it")?;
        if ![SIGSTORE_LABEL, COSIGN_LABEL].contains(&label) {
            return Err(KeyError::Format {
                expected: "an encrypted private key (PEM `ENCRYPTED SIGSTORE PRIVATE KEY`)",
                found: format!("PEM `{}`", printable(label)),
            });
        }
        let sealed: Sealed = serde_json::from_slice(&json).map_err(|error| malformed(&error))?;
        let der = sealed.open(passphrase)?;
        SigningKey::from_pkcs8_der(&der).map(Self).map_err(|_| KeyError::Format {
            expected: "an ECDSA P-256 key inside the encrypted file",
            found: "another kind of key".to_owned(),
        })
    }

    /// The key file, sealed with `passphrase`: scrypt with N 65536, as cosign does.
    ///
    /// # Errors
    /// Fails where the operating system gives no randomness.
    pub fn to_encrypted_pem(&self, passphrase: &[u8]) -> Result<String, KeyError> {
        let der = self.0.to_pkcs8_der().map_err(|error| malformed(&error))?;
        let json = serde_json::to_vec(&Sealed::seal(der.as_bytes(), passphrase)?).map_err(|error| malformed(&error))?;
        pem::encode_string(SIGSTORE_LABEL, LineEnding::LF, &json).map_err(|error| malformed(&error))
    }

    /// The half that verifies.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }

    /// The DER signature of the SHA-256 of `message`. Deterministic (RFC 6979): the same message always gives the
    /// same bytes, so that a second push has nothing to add.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.0.sign(message);
        signature.as_bytes().to_vec()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// A key to verify with: ECDSA on P-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a public key file: PEM `PUBLIC KEY` (RFC 5480), such as `cosign.pub`.
    ///
    /// # Errors
    /// Fails where the file is something else or holds another kind of key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (label, der) = decode_pem(text, "a public key (PEM `PUBLIC KEY`)")?;
        if label != PUBLIC_LABEL {
            return Err(KeyError::Format {
                expected: "a public key (PEM `PUBLIC KEY`)",
                found: format!("PEM `{}`", printable(label)),
            });
        }
        VerifyingKey::from_public_key_der(&der).map(Self).map_err(|_| KeyError::Format {
            expected: "an ECDSA P-256 public key",
            found: "another kind of key".to_owned(),
        })
    }

    /// The public key file.
    ///
    /// # Errors
    /// Never fails for a key that exists; the encoder's signature allows it.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|error| malformed(&error))
    }

    /// Whether `signature` (DER) is this key's over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        DerSignature::try_from(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

const SIGSTORE_LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
const COSIGN_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";

/// What the PEM holds: go-securesystemslib's `encrypted` package, which cosign uses.
#[derive(Deserialize, Serialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize, Serialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Deserialize, Serialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u64,
    p: u64,
}

#[derive(Deserialize, Serialize)]
struct Cipher {
    name: String,
    nonce: String,
}

impl Sealed {
    fn seal(plaintext: &[u8], passphrase: &[u8]) -> Result<Self, KeyError> {
        let (mut salt, mut nonce) = ([0; 32], [0; 24]);
        getrandom::fill(&mut salt).map_err(KeyError::Randomness)?;
        getrandom::fill(&mut nonce).map_err(KeyError::Randomness)?;
        let params = Params { n: 65536, r: 8, p: 1 };
        let ciphertext = secretbox(&params, &salt, passphrase)?
            .encrypt(GenericArray::from_slice(&nonce), plaintext)
            .map_err(|error| malformed(&error))?;
        Ok(Self {
            kdf: Kdf { name: "scrypt".to_owned(), params, salt: STANDARD.encode(salt) },
            cipher: Cipher { name: "nacl/secretbox".to_owned(), nonce: STANDARD.encode(nonce) },
            ciphertext: STANDARD.encode(ciphertext),
        })
    }

    fn open(&self, passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        if self.kdf.name != "scrypt" || self.cipher.name != "nacl/secretbox" {
            return Err(KeyError::Format {
                expected: "a key sealed with scrypt and nacl/secretbox",
                found: format!("{:?} and {:?}", self.kdf.name, self.cipher.name),
            });
        }
        let salt = decode_base64(&self.kdf.salt)?;
        let nonce: [u8; 24] = decode_base64(&self.cipher.nonce)?.try_into().map_err(|nonce: Vec<u8>| {
            KeyError::Format { expected: "a nonce of 24 bytes", found: format!("{} bytes", nonce.len()) }
        })?;
        secretbox(&self.kdf.params, &salt, passphrase)?
            .decrypt(GenericArray::from_slice(&nonce), decode_base64(&self.ciphertext)?.as_slice())
            .map(Zeroizing::new)
            .map_err(|_| KeyError::Passphrase)
    }
}

fn secretbox(params: &Params, salt: &[u8], passphrase: &[u8]) -> Result<XSalsa20Poly1305, KeyError> {
    let refused = || KeyError::Kdf { n: params.n, r: params.r, p: params.p };
    let log_n = match params {
        Params { n: 32_768, r: 8, p: 1 } => 15,
        Params { n: 65_536, r: 8, p: 1 } => 16,
        Params { n: 131_072, r: 8, p: 1 } => 17,
        _ => return Err(refused()),
    };
    let mut key = Zeroizing::new([0; 32]);
    let params = scrypt::Params::new(log_n, 8, 1).map_err(|_| refused())?;
    scrypt::scrypt(passphrase, salt, &params, key.as_mut()).map_err(|_| refused())?;
    Ok(XSalsa20Poly1305::new(GenericArray::from_slice(key.as_ref())))
}

fn decode_pem<'a>(text: &'a str, expected: &'static str) -> Result<(&'a str, Vec<u8>), KeyError> {
    pem::decode_vec(text.as_bytes())
        .map_err(|error| KeyError::Format { expected, found: format!("something else ({error})") })
}

fn decode_base64(text: &str) -> Result<Vec<u8>, KeyError> {
    STANDARD.decode(text).map_err(|error| malformed(&error))
}

fn malformed(error: &dyn fmt::Display) -> KeyError {
    KeyError::Format { expected: "a key file as `gwauthz keygen` or cosign makes it", found: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::{COSIGN_LABEL, PrivateKey, PublicKey, SIGSTORE_LABEL};
    use crate::KeyError;

    // Made by `cosign generate-key-pair`, cosign 2.5.0, for this test alone.
    const COSIGN_KEY: &str = include_str!("../fixtures/cosign.key");
    const COSIGN_PUB: &str = include_str!("../fixtures/cosign.pub");
    const COSIGN_PASSWORD: &[u8] = b"throw-away";

    #[test]
    fn opens_a_key_that_cosign_made() {
        let key = PrivateKey::from_encrypted_pem(COSIGN_KEY, COSIGN_PASSWORD).unwrap();
        assert_eq!(key.public(), PublicKey::from_pem(COSIGN_PUB).unwrap());
        assert_eq!(key.public().to_pem().unwrap(), COSIGN_PUB);
    }

    #[test]
    fn opens_the_label_of_older_versions() {
        let older = COSIGN_KEY.replace(SIGSTORE_LABEL, COSIGN_LABEL);
        assert!(PrivateKey::from_encrypted_pem(&older, COSIGN_PASSWORD).is_ok());
    }

    #[test]
    fn opens_what_it_seals_and_nothing_without_the_passphrase() {
        let key = PrivateKey::generate().unwrap();
        let pem = key.to_encrypted_pem(b"correct horse").unwrap();
        assert_eq!(PrivateKey::from_encrypted_pem(&pem, b"correct horse").unwrap().public(), key.public());
        assert!(matches!(PrivateKey::from_encrypted_pem(&pem, b"wrong"), Err(KeyError::Passphrase)));
    }

    #[test]
    fn signs_the_same_message_with_the_same_bytes() {
        let key = PrivateKey::generate().unwrap();
        let signature = key.sign(b"message");
        assert_eq!(signature, key.sign(b"message"));
        assert!(key.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"other message", &signature));
        assert!(!PrivateKey::generate().unwrap().public().verifies(b"message", &signature));
    }

    #[test]
    fn refuses_parameters_that_cosign_never_writes() {
        let (_, json) = super::decode_pem(COSIGN_KEY, "").unwrap();
        for params in [r#"{"N":1073741824,"r":8,"p":1}"#, r#"{"N":2,"r":8,"p":1}"#, r#"{"N":65536,"r":8,"p":4096}"#] {
            let mut value: serde_json::Value = serde_json::from_slice(&json).unwrap();
            value["kdf"]["params"] = serde_json::from_str(params).unwrap();
            let pem = super::pem::encode_string(SIGSTORE_LABEL, super::LineEnding::LF, value.to_string().as_bytes());
            let refused = PrivateKey::from_encrypted_pem(&pem.unwrap(), COSIGN_PASSWORD);
            assert!(matches!(refused, Err(KeyError::Kdf { .. })), "{params}");
        }
    }

    #[test]
    fn says_what_it_found_instead_of_a_key() {
        let swapped = PublicKey::from_pem(COSIGN_KEY).unwrap_err().to_string();
        assert!(swapped.contains(SIGSTORE_LABEL), "{swapped}");
        let swapped = PrivateKey::from_encrypted_pem(COSIGN_PUB, b"").unwrap_err().to_string();
        assert!(swapped.contains("PUBLIC KEY"), "{swapped}");
        assert!(PublicKey::from_pem("garbage").is_err());
        let tabbed = COSIGN_PUB.replace("PUBLIC KEY", "PUBL\tC KEY");
        assert!(!PublicKey::from_pem(&tabbed).unwrap_err().to_string().contains(char::is_control));
    }
}
