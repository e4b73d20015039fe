use oci_client::manifest::{OciDescriptor, OciImageManifest};

use crate::{
    Digest, Error, PublicKey, Reference, Registry,
    error::printable,
    signature::{self, PAYLOAD_MEDIA_TYPE, Payload},
};

/// What a verification found.
#[derive(Debug)]
pub struct Verification {
    /// What the reference points at, and what the signatures are about.
    pub digest: Digest,
    /// Every signature that the registry has for it; empty where there is none.
    pub signatures: Vec<SignatureCheck>,
}

impl Verification {
    /// Whether at least one signature holds.
    pub fn verified(&self) -> bool {
        self.signatures.iter().any(SignatureCheck::holds)
    }
}

/// One signature, and everything that speaks against it.
#[derive(Debug)]
pub struct SignatureCheck {
    /// The digest of the signed payload, as the manifest gives it, printable.
    pub payload: String,
    /// Why it does not count.
    pub reasons: Vec<Reason>,
}

impl SignatureCheck {
    /// Whether nothing speaks against it.
    pub fn holds(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Why a signature does not count.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// A layer of another kind.
    #[error("expected a layer of the type {PAYLOAD_MEDIA_TYPE}, found {found:?}")]
    MediaType {
        /// Its type.
        found: String,
    },
    /// The payload is not there, too large, or not what its digest says.
    #[error("the payload cannot be used: {0}")]
    Payload(#[source] Error),
    /// Not a signature by this key over this payload.
    #[error("it was not made with this key, or something was changed since")]
    Key,
    /// The payload does not follow the format.
    #[error("the payload does not follow the simple signing format: {0}")]
    Format(String),
    /// A signature for something else.
    #[error("it was made for another image: {found:?}")]
    Digest {
        /// The digest that was signed.
        found: String,
    },
    /// A signature for the same content under another name.
    #[error("it was made for another name: {found:?}")]
    Identity {
        /// The name that was signed.
        found: String,
    },
}

impl Reason {
    /// A stable word for programs.
    pub fn class(&self) -> &'static str {
        match self {
            Self::MediaType { .. } => "media-type",
            Self::Payload(_) => "payload",
            Self::Key => "key",
            Self::Format(_) => "format",
            Self::Digest { .. } => "digest",
            Self::Identity { .. } => "identity",
        }
    }
}

/// Checks who signed what `reference` points at.
///
/// A signature holds where `key` made it, over a payload in the exact format, for this very manifest, under this
/// name: the repository with the tag of `reference` (any tag where `reference` has none), or the bare repository, as
/// cosign writes it without being told more.
///
/// # Errors
/// Fails where there is no answer: the reference does not exist, the registry cannot be reached, refuses, or answers
/// with what it must not.
pub fn verify(registry: &Registry, reference: &Reference, key: &PublicKey) -> Result<Verification, Error> {
    let target = match (reference.digest(), reference.tag()) {
        (Some(digest), _) => digest.to_string(),
        (None, tag) => tag.unwrap_or_default().to_owned(),
    };
    let Some((_, digest)) = registry.manifest(&target)? else {
        return Err(Error::NotFound { reference: reference.to_string() });
    };
    let tag = signature::tag(digest);
    let Some((bytes, _)) = registry.manifest(&tag)? else {
        return Ok(Verification { digest, signatures: Vec::new() });
    };
    let unusable = |problem| Error::SignatureManifest { reference: format!("{}:{tag}", reference.name()), problem };
    let manifest: OciImageManifest =
        serde_json::from_slice(&bytes).map_err(|error| unusable(printable(&error.to_string())))?;
    if manifest.layers.len() > MAX_SIGNATURES {
        return Err(unusable(format!("expected at most {MAX_SIGNATURES} signatures, found {}", manifest.layers.len())));
    }
    let check = |layer: &OciDescriptor| {
        let reasons = reasons(registry, layer, digest, reference, key)?;
        Ok(SignatureCheck { payload: printable(&layer.digest), reasons })
    };
    Ok(Verification { digest, signatures: manifest.layers.iter().map(check).collect::<Result<_, Error>>()? })
}

/// Each costs a download.
const MAX_SIGNATURES: usize = 100;
const MAX_PAYLOAD_BYTES: u64 = 64 << 10;

fn reasons(
    registry: &Registry,
    layer: &OciDescriptor,
    digest: Digest,
    reference: &Reference,
    key: &PublicKey,
) -> Result<Vec<Reason>, Error> {
    if layer.media_type != PAYLOAD_MEDIA_TYPE {
        return Ok(vec![Reason::MediaType { found: printable(&layer.media_type) }]);
    }
    let payload = layer.digest.parse().and_then(|payload| registry.blob("payload", payload, MAX_PAYLOAD_BYTES));
    let bytes = match payload {
        Ok(bytes) => bytes,
        Err(
            error @ (Error::Digest { .. }
            | Error::NotFound { .. }
            | Error::TooLarge { .. }
            | Error::DigestMismatch { .. }),
        ) => return Ok(vec![Reason::Payload(error)]),
        Err(error) => return Err(error),
    };
    let mut reasons = Vec::new();
    if !signature::verifies(layer, &bytes, key) {
        reasons.push(Reason::Key);
    }
    match Payload::parse(&bytes) {
        Err(problem) => reasons.push(Reason::Format(printable(&problem))),
        Ok(payload) => {
            if payload.digest() != digest.to_string() {
                reasons.push(Reason::Digest { found: printable(payload.digest()) });
            }
            if !is_name_of(payload.identity(), reference, digest) {
                reasons.push(Reason::Identity { found: printable(payload.identity()) });
            }
        }
    }
    Ok(reasons)
}

/// containers/image calls it `matchRepoDigestOrExact`; the bare repository is cosign's.
fn is_name_of(identity: &str, reference: &Reference, digest: Digest) -> bool {
    // cosign writes Docker Hub's name as its host.
    let canonical = identity.strip_prefix("index.").filter(|name| name.starts_with("docker.io/")).unwrap_or(identity);
    match canonical.strip_prefix(&reference.name()) {
        Some("") => true,
        Some(rest) => match (rest.strip_prefix(':'), rest.strip_prefix('@')) {
            (Some(tag), _) => reference.tag().is_none_or(|wanted| wanted == tag),
            (_, Some(signed)) => signed == digest.to_string(),
            _ => false,
        },
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_name_of;
    use crate::Digest;

    #[test]
    fn a_name_is_the_repository_with_the_tag_or_bare() {
        let digest = Digest::of(b"");
        let matches = |identity: &str, reference: &str| is_name_of(identity, &reference.parse().unwrap(), digest);
        let pinned = format!("ghcr.io/acme/authz@{digest}");

        assert!(matches("ghcr.io/acme/authz:1", "ghcr.io/acme/authz:1"));
        assert!(matches("ghcr.io/acme/authz", "ghcr.io/acme/authz:1"));
        assert!(matches("ghcr.io/acme/authz:1", &pinned));
        assert!(matches(&pinned, "ghcr.io/acme/authz:1"));
        assert!(matches("index.docker.io/library/authz", "authz:1"));

        assert!(!matches("ghcr.io/acme/authz:2", "ghcr.io/acme/authz:1"));
        assert!(!matches("ghcr.io/acme/authz-test:1", "ghcr.io/acme/authz:1"));
        assert!(!matches("evil.example/acme/authz:1", "ghcr.io/acme/authz:1"));
        assert!(!matches("index.ghcr.io/acme/authz:1", "ghcr.io/acme/authz:1"));
        assert!(!matches("", "ghcr.io/acme/authz:1"));
    }
}
