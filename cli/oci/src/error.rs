use std::{io, path::PathBuf, time::Duration};

use crate::Digest;

/// Why something could not be published or fetched. A verification that says no is not an error: see
/// [`Verification`](crate::Verification).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A reference that cannot be read or does not fit the command.
    #[error("expected a reference such as ghcr.io/acme/authz:1.4.0: {problem}")]
    Reference {
        /// What is wrong with it.
        problem: String,
    },
    /// A digest in another spelling or of another algorithm.
    #[error("expected a digest of the form sha256:<64 lower-case hexadecimal digits>, found {text:?}")]
    Digest {
        /// What was found, printable.
        text: String,
    },
    /// A module that no gateway would fetch.
    #[error("expected a module of 1 byte to 256 MiB, found {bytes} bytes")]
    ModuleSize {
        /// Its size.
        bytes: usize,
    },
    /// The module could not be laid out.
    #[error("cannot lay the module out: {cause}")]
    Layout {
        /// Why.
        cause: String,
    },
    /// A file with credentials, or its helper, that cannot be used.
    #[error("cannot take the credentials for {registry} from {path}: {problem}")]
    Credentials {
        /// For which registry.
        registry: String,
        /// The Docker or podman configuration file.
        path: PathBuf,
        /// What is wrong; never a part of the file.
        problem: String,
    },
    /// Nothing answers there: no such host, connection refused, no TLS.
    #[error("cannot reach the registry {registry}: {cause}")]
    Unreachable {
        /// The registry's host and port.
        registry: String,
        /// The innermost causes.
        cause: String,
    },
    /// The registry wants other credentials (401) or allows less (403).
    #[error("the registry {registry} refused to {action}: {cause}")]
    Refused {
        /// The registry's host and port.
        registry: String,
        /// What was asked of it, a verb phrase.
        action: &'static str,
        /// Its answer.
        cause: String,
        /// Whether credentials were sent.
        with_credentials: bool,
    },
    /// What was asked for is not in the registry.
    #[error("{reference} does not exist in the registry")]
    NotFound {
        /// The missing thing.
        reference: String,
    },
    /// Any other refusal, which trying again will not change.
    #[error("the registry {registry} could not {action}: {cause}")]
    Rejected {
        /// The registry's host and port.
        registry: String,
        /// What was asked of it, a verb phrase.
        action: &'static str,
        /// Its answer.
        cause: String,
    },
    /// A failure that may pass: HTTP 408, 429 or 5xx, a timeout, a connection cut off.
    #[error("could not {action} at the registry {registry}: {cause}")]
    Transient {
        /// The registry's host and port.
        registry: String,
        /// What was asked of it, a verb phrase.
        action: &'static str,
        /// Its answer, or what happened to the connection.
        cause: String,
        /// How long the registry asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The registry, or somebody on the way, delivered or stored other bytes than asked.
    #[error("expected {expected} from the registry, found {found}: do not use what is stored there")]
    DigestMismatch {
        /// The digest that names the content.
        expected: Digest,
        /// What the content, or the registry, says.
        found: Digest,
    },
    /// What is at the tag for signatures is something else.
    #[error("{reference} is not a manifest of signatures: {problem}")]
    SignatureManifest {
        /// The tag `sha256-….sig`.
        reference: String,
        /// What is wrong with it.
        problem: String,
    },
    /// More bytes than this kind of content ever needs.
    #[error("expected at most {limit} bytes for the {what}, the registry sent more")]
    TooLarge {
        /// What was downloaded.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// An answer that the OCI specifications do not allow.
    #[error("the answer of the registry {registry} does not follow the OCI specifications: {problem}")]
    Protocol {
        /// The registry's host and port.
        registry: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client: {cause}")]
    Client {
        /// The innermost causes.
        cause: String,
    },
}

/// `text` from a registry or a file as it may be shown on a terminal: one line of at most 200 characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(200).collect()
}

/// Why a key file cannot be read, made or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not the PEM document that was expected.
    #[error("expected {expected}, found {found}")]
    Format {
        /// What the file should be.
        expected: &'static str,
        /// What it is instead.
        found: String,
    },
    /// Parameters of the key derivation that cosign never writes: too weak, or a trap that eats all memory.
    #[error(
        "expected scrypt with N 32768, 65536 or 131072, r 8 and p 1, found N {n}, r {r}, p {p}; make a new key with `gwauthz keygen`"
    )]
    Kdf {
        /// CPU and memory cost.
        n: u64,
        /// Block size.
        r: u64,
        /// Parallelism.
        p: u64,
    },
    /// The passphrase does not open the key, or the file was changed.
    #[error("the passphrase does not open this key (or the file was changed)")]
    Passphrase,
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(getrandom::Error),
    /// A key is never overwritten.
    #[error("{} exists already, and a key is never overwritten; move it away or work in another folder", .0.display())]
    Exists(PathBuf),
    /// A key file that cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
