use oci_client::manifest::OciImageManifest;
use serde::Serialize;

use crate::{
    Digest, Error, Image, PrivateKey, Registry, TaggedReference,
    error::printable,
    image::Blob,
    signature::{self, Payload},
};

/// What a push changed in the registry.
#[derive(Debug, Default)]
pub struct Published {
    /// What was uploaded, in this order; empty where everything was there.
    pub uploaded: Vec<Uploaded>,
    /// Where the signatures are: `REGISTRY/REPOSITORY:sha256-….sig`. `None` where no key was given.
    pub signature: Option<String>,
}

/// Something that the registry did not have.
#[derive(Debug, Serialize)]
pub struct Uploaded {
    /// What it is: "layer", "config", "manifest", "signature" or "tag".
    pub what: &'static str,
    /// The digest of its content.
    pub digest: Digest,
    /// How many bytes it has.
    pub bytes: u64,
}

/// Uploads `image`, signs it with `key` and moves the tag of `reference` to it.
///
/// The tag comes last, after the blobs, the manifest by its digest and the signature. Whatever interrupts a push with
/// a key, no tag points at something unsigned. What is there already is not uploaded again, and signatures by others
/// are kept. (Two pushes at the same moment can still lose one of two signatures: registries have no transactions.)
///
/// # Errors
/// Fails where the registry cannot be reached, refuses, or answers with what it must not.
pub fn push(
    registry: &Registry,
    reference: &TaggedReference,
    image: &Image,
    key: Option<&PrivateKey>,
) -> Result<Published, Error> {
    let mut published = Published::default();
    for blob in [&image.layer, &image.config] {
        published.push_blob(registry, blob)?;
    }
    published.push_manifest(registry, &image.digest().to_string(), &image.manifest, "manifest")?;
    if let Some(key) = key {
        published.sign(registry, reference, image.digest(), key)?;
    }
    published.push_manifest(registry, reference.tag(), &image.manifest, "tag")?;
    Ok(published)
}

impl Published {
    fn sign(
        &mut self,
        registry: &Registry,
        reference: &TaggedReference,
        digest: Digest,
        key: &PrivateKey,
    ) -> Result<(), Error> {
        let tag = signature::tag(digest);
        let place = format!("{}:{tag}", reference.reference().name());
        let existing = match registry.manifest(&tag)? {
            Some((bytes, _)) => Some(serde_json::from_slice::<OciImageManifest>(&bytes).map_err(|error| {
                Error::SignatureManifest { reference: place.clone(), problem: printable(&error.to_string()) }
            })?),
            None => None,
        };
        let payload = Payload::new(reference.to_string(), digest).to_blob()?;
        self.push_blob(registry, &payload)?;
        if let Some((config, manifest)) = signature::append(existing, &payload, key)? {
            self.push_blob(registry, &config)?;
            self.push_manifest(registry, &tag, &manifest, "signature manifest")?;
        }
        self.signature = Some(place);
        Ok(())
    }

    fn push_blob(&mut self, registry: &Registry, blob: &Blob) -> Result<(), Error> {
        if registry.push_blob(blob)? {
            self.record(blob.what, blob);
        }
        Ok(())
    }

    fn push_manifest(
        &mut self,
        registry: &Registry,
        target: &str,
        manifest: &Blob,
        what: &'static str,
    ) -> Result<(), Error> {
        if registry.push_manifest(target, manifest)? {
            self.record(what, manifest);
        }
        Ok(())
    }

    fn record(&mut self, what: &'static str, blob: &Blob) {
        self.uploaded.push(Uploaded { what, digest: blob.digest, bytes: blob.bytes.len() as u64 });
    }
}
