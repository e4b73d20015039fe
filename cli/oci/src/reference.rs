use std::{fmt, net::Ipv4Addr, str::FromStr};

use crate::{Digest, Error};

/// Where an image is: `HOST[:PORT]/REPOSITORY` with a tag, a digest or both. A missing tag never means `latest`.
///
/// The grammar is that of the Docker reference; names without a host belong to `docker.io`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    name: oci_client::Reference,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The registry as it is written in identities, such as `ghcr.io`, `docker.io` or `127.0.0.1:5000`.
    pub fn registry(&self) -> &str {
        self.name.registry()
    }

    /// The host and port that answer for the registry: those of Docker Hub differ from its name.
    pub(crate) fn host(&self) -> &str {
        self.name.resolve_registry()
    }

    /// The path of the repository in its registry.
    pub fn repository(&self) -> &str {
        self.name.repository()
    }

    /// `REGISTRY/REPOSITORY`, without tag or digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry(), self.repository())
    }

    /// The tag, where one was written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, where one was written.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same repository at `digest`: what can be trusted not to move.
    pub fn pinned(&self, digest: Digest) -> String {
        format!("{}@{digest}", self.name())
    }

    /// Whether the registry is on this machine: `localhost` or 127.0.0.0/8. Nobody else reads along there, so plain
    /// http needs no permission. (The grammar has no IPv6 literals, hence no `::1`.)
    pub fn is_loopback(&self) -> bool {
        let host = self.registry().split(':').next().unwrap_or_default();
        host == "localhost" || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |problem: &str| Error::Reference { problem: problem.to_owned() };
        if text.starts_with("oci://") || text.starts_with("http://") || text.starts_with("https://") {
            return Err(refused("a reference has no scheme; leave out everything up to `//`"));
        }
        let name: oci_client::Reference =
            text.parse().map_err(|error: oci_client::ParseError| refused(&error.to_string()))?;
        // `ACME/authz` is a repository of Docker Hub to this grammar and the host ACME to Docker's: neither is guessed.
        if name.repository().contains(|character: char| character.is_ascii_uppercase()) {
            return Err(refused("a repository is written in lower case, and a registry with a dot or a port"));
        }
        let digest = name.digest().map(str::parse).transpose()?;
        // The grammar fills in `latest`: only the text tells whether it was meant.
        let tag = name.tag().filter(|tag| digest.is_some() || text.ends_with(&format!(":{tag}"))).map(str::to_owned);
        if tag.is_none() && digest.is_none() {
            return Err(refused("the tag is missing, and `latest` is never assumed"));
        }
        Ok(Self { name, tag, digest })
    }
}

/// A reference that can be pushed to: it has a tag and no digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedReference {
    reference: Reference,
    tag: String,
}

impl TaggedReference {
    /// The same place as a plain reference.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The tag to move.
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

impl fmt::Display for TaggedReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)
    }
}

impl FromStr for TaggedReference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let reference: Reference = text.parse()?;
        match (reference.tag.clone(), reference.digest) {
            (Some(tag), None) => Ok(Self { reference, tag }),
            _ => {
                Err(Error::Reference { problem: "a push chooses a tag, the digest follows from the module".to_owned() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Reference, TaggedReference};

    #[test]
    fn reads_tags_and_digests_and_never_assumes_latest() {
        let hex = "ab".repeat(32);
        let reference: Reference = format!("ghcr.io/acme/authz:1.2@sha256:{hex}").parse().unwrap();
        assert_eq!((reference.registry(), reference.repository()), ("ghcr.io", "acme/authz"));
        assert_eq!(reference.tag(), Some("1.2"));
        assert_eq!(reference.digest().unwrap().hex(), hex);

        assert!("ghcr.io/acme/authz".parse::<Reference>().is_err());
        assert!("oci://ghcr.io/acme/authz:1".parse::<Reference>().is_err());
        assert_eq!("ghcr.io/acme/authz:latest".parse::<Reference>().unwrap().tag(), Some("latest"));
        assert_eq!("authz:1".parse::<Reference>().unwrap().name(), "docker.io/library/authz");
        assert!("ACME/authz:1".parse::<Reference>().is_err(), "Docker reads a host there");
        assert!("ghcr.io/ACME/authz:1".parse::<Reference>().is_err());
    }

    #[test]
    fn a_push_needs_a_tag_and_no_digest() {
        assert_eq!("ghcr.io/a/b:1".parse::<TaggedReference>().unwrap().tag(), "1");
        for text in ["ghcr.io/a/b", &format!("ghcr.io/a/b:1@sha256:{}", "0".repeat(64))] {
            assert!(text.parse::<TaggedReference>().is_err(), "{text}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for (text, loopback) in [
            ("127.0.0.1:5000/a:1", true),
            ("127.9.9.9/a:1", true),
            ("localhost:5000/a:1", true),
            ("localhost.example.com/a:1", false),
            ("127.0.0.1.example.com/a:1", false),
            ("10.0.0.1:5000/a:1", false),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().is_loopback(), loopback, "{text}");
        }
    }
}
