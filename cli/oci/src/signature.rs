//! The tag form of a signature, which cosign, skopeo and podman read: a manifest at the tag `sha256-<hex>.sig` whose
//! layers are payloads (cosign `specs/SIGNATURE_SPEC.md`, containers/image `docs/containers-signature.5.md`).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use serde::{Deserialize, Serialize};

use crate::{
    Digest, Error, PrivateKey, PublicKey,
    image::{Blob, annotation},
};

pub(crate) const PAYLOAD_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";
const PAYLOAD_TYPE: &str = "cosign container image signature";

/// The tag where the signatures of the manifest `digest` are.
pub(crate) fn tag(digest: Digest) -> String {
    format!("sha256-{}.sig", digest.hex())
}

/// What is signed. Unknown keys are refused: they might restrict what the signature means.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Payload {
    critical: Critical,
    /// What the signer adds with `cosign sign --annotations`; signed, and of no consequence here.
    optional: serde_json::Value,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    identity: Identity,
    image: SignedImage,
    r#type: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Identity {
    docker_reference: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SignedImage {
    docker_manifest_digest: String,
}

impl Payload {
    /// Says that `identity` is the image with the manifest `digest`.
    pub(crate) fn new(identity: String, digest: Digest) -> Self {
        Self {
            critical: Critical {
                identity: Identity { docker_reference: identity },
                image: SignedImage { docker_manifest_digest: digest.to_string() },
                r#type: PAYLOAD_TYPE.to_owned(),
            },
            optional: serde_json::Value::Null,
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let payload: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match payload.critical.r#type.as_str() {
            PAYLOAD_TYPE => Ok(payload),
            other => Err(format!("it has the type {other:?}")),
        }
    }

    pub(crate) fn to_blob(&self) -> Result<Blob, Error> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::Layout { cause: error.to_string() })?;
        Ok(Blob::new("signature", PAYLOAD_MEDIA_TYPE, bytes))
    }

    pub(crate) fn identity(&self) -> &str {
        &self.critical.identity.docker_reference
    }

    pub(crate) fn digest(&self) -> &str {
        &self.critical.image.docker_manifest_digest
    }
}

/// The manifest that holds signatures, with `payload` signed by `key` beside the signatures of `existing`; `None`
/// where it is there already.
pub(crate) fn append(
    existing: Option<OciImageManifest>,
    payload: &Blob,
    key: &PrivateKey,
) -> Result<Option<(Blob, Blob)>, Error> {
    let mut manifest = existing.unwrap_or_else(|| OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        ..OciImageManifest::default()
    });
    let signed = |layer: &OciDescriptor| {
        layer.digest == payload.digest.to_string()
            && signature(layer).is_some_and(|signature| key.public().verifies(&payload.bytes, &signature))
    };
    if manifest.layers.iter().any(signed) {
        return Ok(None);
    }
    let mut layer = payload.descriptor();
    layer.annotations = Some(annotation(SIGNATURE_ANNOTATION, &STANDARD.encode(key.sign(&payload.bytes))));
    manifest.layers.push(layer);
    let diff_ids: Vec<Digest> = manifest.layers.iter().map(|layer| layer.digest.parse()).collect::<Result<_, _>>()?;
    let config = Blob { what: "signature config", ..Blob::config(&diff_ids)? };
    manifest.config = config.descriptor();
    Ok(Some((config, Blob::manifest(&manifest)?)))
}

/// The DER signature that a layer carries.
pub(crate) fn signature(layer: &OciDescriptor) -> Option<Vec<u8>> {
    STANDARD.decode(layer.annotations.as_ref()?.get(SIGNATURE_ANNOTATION)?).ok()
}

/// Whether `layer` carries a signature by `key` over `payload`.
pub(crate) fn verifies(layer: &OciDescriptor, payload: &[u8], key: &PublicKey) -> bool {
    signature(layer).is_some_and(|signature| key.verifies(payload, &signature))
}

#[cfg(test)]
mod tests {
    use oci_client::manifest::OciImageManifest;

    use super::{Payload, append, verifies};
    use crate::{Digest, PrivateKey};

    #[test]
    fn the_payload_is_byte_for_byte_what_cosign_writes() {
        let digest = Digest::of(b"");
        let blob = Payload::new("ghcr.io/acme/authz:1".to_owned(), digest).to_blob().unwrap();
        let expected = format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"ghcr.io/acme/authz:1"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"cosign container image signature"}},"optional":null}}"#
        );
        assert_eq!(String::from_utf8_lossy(&blob.bytes), expected);
        let parsed = Payload::parse(expected.as_bytes()).unwrap();
        assert_eq!((parsed.identity(), parsed.digest()), ("ghcr.io/acme/authz:1", digest.to_string().as_str()));
    }

    #[test]
    fn refuses_payloads_that_say_more_or_less_than_they_should() {
        let good = r#"{"critical":{"identity":{"docker-reference":"a"},"image":{"docker-manifest-digest":"b"},"type":"cosign container image signature"},"optional":{"by":"ci"}}"#;
        assert!(Payload::parse(good.as_bytes()).is_ok());
        for (from, to) in [
            ("cosign container", "atomic container"),
            (r#""optional""#, r#""required""#),
            (r#","optional":{"by":"ci"}"#, ""),
            (r#"{"identity""#, r#"{"until":1,"identity""#),
            (r#","type":"cosign container image signature""#, ""),
            (r#"{"critical""#, r#"{"optional":null,"critical""#),
        ] {
            assert!(Payload::parse(good.replace(from, to).as_bytes()).is_err(), "{to}");
        }
    }

    #[test]
    fn keeps_what_is_there_and_repeats_nothing() {
        let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let payload = Payload::new("ghcr.io/acme/authz:1".to_owned(), Digest::of(b"")).to_blob().unwrap();
        let parse = |bytes: &[u8]| serde_json::from_slice::<OciImageManifest>(bytes).unwrap();

        let (_, first) = append(None, &payload, &theirs).unwrap().unwrap();
        let (config, second) = append(Some(parse(&first.bytes)), &payload, &ours).unwrap().unwrap();
        let manifest = parse(&second.bytes);
        assert_eq!(manifest.layers.len(), 2);
        assert!(verifies(&manifest.layers[0], &payload.bytes, &theirs.public()));
        assert!(verifies(&manifest.layers[1], &payload.bytes, &ours.public()));
        let config: serde_json::Value = serde_json::from_slice(&config.bytes).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);

        assert!(append(Some(manifest), &payload, &ours).unwrap().is_none());
    }
}
