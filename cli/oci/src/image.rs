use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::Arc,
};

use flate2::{Compression, GzBuilder, write::GzEncoder};
use oci_client::{
    annotations::ORG_OPENCONTAINERS_IMAGE_TITLE,
    config::{Architecture, ConfigFile, Os, Rootfs},
    manifest::{
        IMAGE_CONFIG_MEDIA_TYPE, IMAGE_LAYER_GZIP_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest,
    },
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{Digest, Error};

/// The largest module that Istio and Envoy Gateway fetch: 256 MiB (`pkg/wasm`, the tar and download limits).
pub const MAX_MODULE_BYTES: usize = 256 << 20;

/// A module laid out as every gateway takes it: an OCI image whose one layer is a gzipped tar that holds `plugin.wasm`
/// and nothing else (Istio `pkg/wasm/imagefetcher.go`, the variant "compat" of the wasm image specification).
///
/// The same module gives the same bytes, hence the same digest, on every machine and at any time.
#[derive(Clone, Debug)]
pub struct Image {
    pub(crate) manifest: Blob,
    pub(crate) config: Blob,
    pub(crate) layer: Blob,
    module: Digest,
}

impl Image {
    /// Lays `module` out. Whether it is a module that a gateway can run is not looked at.
    ///
    /// # Errors
    /// Fails where the module is empty or larger than [`MAX_MODULE_BYTES`].
    pub fn new(module: &[u8]) -> Result<Self, Error> {
        if module.is_empty() || module.len() > MAX_MODULE_BYTES {
            return Err(Error::ModuleSize { bytes: module.len() });
        }
        let (layer, diff_id) = layer(module).map_err(|error| Error::Layout { cause: error.to_string() })?;
        let layer = Blob::new("layer", IMAGE_LAYER_GZIP_MEDIA_TYPE, layer);
        let config = Blob::config(&[diff_id])?;
        let mut layer_descriptor = layer.descriptor();
        // Without a title `oras pull` writes no file.
        layer_descriptor.annotations = Some(annotation(ORG_OPENCONTAINERS_IMAGE_TITLE, FILE_NAME));
        let manifest = Blob::manifest(&OciImageManifest {
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
            config: config.descriptor(),
            layers: vec![layer_descriptor],
            annotations: Some(annotation("module.wasm.image/variant", "compat")),
            ..OciImageManifest::default()
        })?;
        Ok(Self { manifest, config, layer, module: Digest::of(module) })
    }

    /// The digest of the manifest: what a reference is pinned to, and the `sha256` of a WasmPlugin with an `oci://` URL.
    pub fn digest(&self) -> Digest {
        self.manifest.digest
    }

    /// The digest of the layer.
    pub fn layer_digest(&self) -> Digest {
        self.layer.digest
    }

    /// The digest of the module itself: the `sha256` of a WasmPlugin with an `http(s)://` URL.
    pub fn module_digest(&self) -> Digest {
        self.module
    }
}

/// Some bytes in a registry, and how messages call them.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) what: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) digest: Digest,
}

impl Blob {
    pub(crate) fn new(what: &'static str, media_type: &'static str, bytes: Vec<u8>) -> Self {
        Self { what, media_type, digest: Digest::of(&bytes), bytes: bytes.into() }
    }

    /// An image config. It names no CPU and no system but those of WebAssembly, so that no container runtime tries to
    /// run it, and no time, so that it never changes.
    pub(crate) fn config(diff_ids: &[Digest]) -> Result<Self, Error> {
        let config = ConfigFile {
            architecture: Architecture::Wasm,
            os: Os::Other("wasip1".to_owned()),
            rootfs: Rootfs { diff_ids: diff_ids.iter().map(Digest::to_string).collect(), ..Rootfs::default() },
            ..ConfigFile::default()
        };
        Ok(Self::new("config", IMAGE_CONFIG_MEDIA_TYPE, to_json(&config)?))
    }

    pub(crate) fn manifest(manifest: &OciImageManifest) -> Result<Self, Error> {
        Ok(Self::new("manifest", OCI_IMAGE_MEDIA_TYPE, to_json(manifest)?))
    }

    pub(crate) fn descriptor(&self) -> OciDescriptor {
        OciDescriptor {
            media_type: self.media_type.to_owned(),
            digest: self.digest.to_string(),
            // A blob is held in memory, and no memory holds more than i64 counts.
            size: i64::try_from(self.bytes.len()).unwrap_or(i64::MAX),
            ..OciDescriptor::default()
        }
    }
}

pub(crate) fn annotation(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

const FILE_NAME: &str = "plugin.wasm";

/// The gzipped tar and the digest of the tar itself, which the config calls `diff_id`.
fn layer(module: &[u8]) -> io::Result<(Vec<u8>, Digest)> {
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(Hashing { hasher: Sha256::new(), gzip });
    let mut header = tar::Header::new_ustar();
    header.set_size(module.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    tar.append_data(&mut header, FILE_NAME, module)?;
    let Hashing { hasher, gzip } = tar.into_inner()?;
    Ok((gzip.finish()?, Digest::from_hasher(hasher)))
}

struct Hashing {
    hasher: Sha256,
    gzip: GzEncoder<Vec<u8>>,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gzip.write_all(bytes)?;
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.gzip.flush()
    }
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Layout { cause: error.to_string() })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::{Image, MAX_MODULE_BYTES};
    use crate::{Digest, Error};

    const MODULE: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn the_digest_of_a_module_never_changes() {
        // Long and varied enough that another compressor, or another level, would give other bytes.
        let module: Vec<u8> = (0..100_000_u32).map(|index| (index.wrapping_mul(index) >> 7).to_le_bytes()[0]).collect();
        let image = Image::new(&module).unwrap();
        assert_eq!(image.digest(), Image::new(&module).unwrap().digest());
        assert_eq!(image.module_digest(), Digest::of(&module));
        // A change here changes the digest of everything that was ever pushed: think twice.
        assert_eq!(
            image.digest().to_string(),
            "sha256:65e3ee4a6ff8b32820b432fd236dead47bfb7f0d465f7cb1551c197bbf00ee19"
        );
    }

    #[test]
    fn the_layer_holds_the_module_and_no_trace_of_this_machine() {
        let image = Image::new(MODULE).unwrap();
        // RFC 1952: no flags (so no name), a modification time of 0, an unknown operating system.
        assert_eq!(&image.layer.bytes[3..8], [0; 5]);
        assert_eq!(image.layer.bytes[9], 255);

        let mut tar = Vec::new();
        GzDecoder::new(&image.layer.bytes[..]).read_to_end(&mut tar).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&image.config.bytes).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], Digest::of(&tar).to_string());

        let mut archive = tar::Archive::new(&tar[..]);
        let mut entries = archive.entries().unwrap();
        let mut entry = entries.next().unwrap().unwrap();
        assert_eq!(entry.path_bytes().as_ref(), b"plugin.wasm");
        assert!(entry.header().as_ustar().is_some());
        let owner = (entry.header().uid().unwrap(), entry.header().gid().unwrap(), entry.header().mtime().unwrap());
        assert_eq!(owner, (0, 0, 0));
        let mut module = Vec::new();
        entry.read_to_end(&mut module).unwrap();
        assert_eq!(module, MODULE);
        assert!(entries.next().is_none());
    }

    #[test]
    fn the_manifest_is_what_istio_and_envoy_gateway_take() {
        let image = Image::new(MODULE).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
        assert_eq!(manifest["schemaVersion"], 2);
        assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        assert_eq!(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
        assert_eq!(manifest["layers"][0]["annotations"]["org.opencontainers.image.title"], "plugin.wasm");
        assert_eq!(manifest["annotations"]["module.wasm.image/variant"], "compat");
        assert!(manifest.get("subject").is_none() && manifest.get("artifactType").is_none());
    }

    #[test]
    fn refuses_what_no_gateway_fetches() {
        for bytes in [0, MAX_MODULE_BYTES + 1] {
            assert!(matches!(Image::new(&vec![0; bytes]), Err(Error::ModuleSize { .. })), "{bytes}");
        }
    }
}
