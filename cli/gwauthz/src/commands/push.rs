//! `gwauthz push`: one artifact that every gateway fetches, signed.

use std::path::PathBuf;

use clap::Args;
use gwauthz_host::Metering;
use gwauthz_oci::{Access, Digest, Image, PrivateKey, Published, TaggedReference, Uploaded, push};
use indicatif::HumanBytes;
use serde::Serialize;

use crate::{
    commands::verify::MAX_KEY_BYTES,
    exit::{Exit, Failure},
    input, module,
    output::{Format, json},
    passphrase::PassphraseArgs,
    registry::RegistryArgs,
    terminal::Terminal,
};

/// Push a plugin to a registry, signed
///
/// Lays the module out as every gateway fetches it, uploads it, signs it and moves the tag last: whatever interrupts
/// the push, no tag points at something unsigned. The same module always gets the same digest, and what the registry
/// has already is not sent again.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// Where to, with a tag: ghcr.io/acme/authz:1.4.0
    #[arg(value_name = "REF")]
    reference: TaggedReference,
    /// Module to push [default: the embedded plugin, or that of this checkout]
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Private key to sign with, as `gwauthz keygen` and cosign write it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Do not sign: nobody will be able to tell who made it
    #[arg(long, conflicts_with = "key")]
    unsigned: bool,
    /// Only say what the digest will be; the network is not used
    #[arg(long)]
    dry_run: bool,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl PushArgs {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let key = self.private_key()?;
        let module = module::choose(self.module.as_deref(), terminal)?.bytes;
        module::compiler(true, Metering::Deadline, terminal)?.check(&module)?;
        let image = Image::new(&module)?;
        let published = if self.dry_run {
            None
        } else {
            let progress = terminal.progress("pushing", Some(0));
            let registry = self.registry.connect(self.reference.reference(), Access::Push, terminal, &progress)?;
            let published = push(&registry, &self.reference, &image, key.as_ref());
            progress.finish_and_clear();
            Some(published?)
        };
        let result = Pushed { reference: &self.reference, image: &image, module: module.len(), published };
        terminal.print(&match self.format {
            Format::Human => result.human(),
            Format::Json => json(&result.machine())?,
        })?;
        Ok(Exit::Yes)
    }

    fn private_key(&self) -> Result<Option<PrivateKey>, Failure> {
        let Some(path) = &self.key else {
            if self.unsigned || self.dry_run {
                return Ok(None);
            }
            return Err(Failure::wrong(
                "nothing says which key signs this",
                "name a private key with --key FILE (`gwauthz keygen` makes one), or say --unsigned",
            ));
        };
        let pem = input::read_text("the private key", path, MAX_KEY_BYTES)?;
        Ok(Some(PrivateKey::from_encrypted_pem(&pem, &self.passphrase.existing()?)?))
    }
}

struct Pushed<'a> {
    reference: &'a TaggedReference,
    image: &'a Image,
    module: usize,
    /// `None` after a rehearsal.
    published: Option<Published>,
}

impl Pushed<'_> {
    fn human(&self) -> String {
        let Self { reference, image, .. } = self;
        let size = HumanBytes(self.module as u64);
        let mut rows = vec![
            ("digest", image.digest().to_string()),
            ("module", format!("sha256:{}, {size}", image.module_digest().hex())),
        ];
        if let Some(published) = &self.published {
            let uploaded: Vec<_> = published.uploaded.iter().map(|uploaded| uploaded.what).collect();
            rows.push(("signature", published.signature.clone().unwrap_or_else(|| "none".to_owned())));
            rows.push(match uploaded.as_slice() {
                [] => ("uploaded", "nothing: the registry had everything".to_owned()),
                some => ("uploaded", some.join(", ")),
            });
        }
        let rows: String = rows.iter().map(|(name, value)| format!("  {name:10} {value}\n")).collect();
        let verb = if self.published.is_some() { "Pushed" } else { "Not pushed, a rehearsal:" };
        format!("{verb} {reference}\n\n{rows}\nA WasmPlugin for it, pinned to the digest:\n\n{}", self.wasm_plugin())
    }

    /// What Istio needs to fetch exactly this; <https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/>.
    fn wasm_plugin(&self) -> String {
        let reference = self.reference.reference();
        let digest = self.image.digest();
        let name = reference.repository().rsplit('/').next().unwrap_or_default().replace(['_', '.'], "-");
        format!(
            "apiVersion: extensions.istio.io/v1alpha1\n\
             kind: WasmPlugin\n\
             metadata:\n\
             \x20 name: {name}\n\
             spec:\n\
             \x20 url: oci://{}\n\
             \x20 sha256: {}\n\
             \x20 phase: AUTHZ\n\
             \x20 failStrategy: FAIL_CLOSE\n",
            reference.pinned(digest),
            digest.hex(),
        )
    }

    fn machine(&self) -> Machine<'_> {
        let reference = self.reference.reference();
        let published = self.published.as_ref();
        Machine {
            schema: "gwauthz.push/v1",
            reference: reference.to_string(),
            url: format!("oci://{}", reference.pinned(self.image.digest())),
            digest: self.image.digest(),
            layer_digest: self.image.layer_digest(),
            module_sha256: self.image.module_digest().hex(),
            module_bytes: self.module,
            signature: published.and_then(|published| published.signature.as_deref()),
            dry_run: published.is_none(),
            uploaded: published.map_or(&[], |published| &published.uploaded),
        }
    }
}

/// The layout `gwauthz.push/v1`. The `sha256` of a WasmPlugin is the hex of `digest` for an `oci://` URL, and
/// `module_sha256` for an `http://` one.
#[derive(Serialize)]
struct Machine<'a> {
    schema: &'static str,
    reference: String,
    url: String,
    digest: Digest,
    layer_digest: Digest,
    module_sha256: String,
    module_bytes: usize,
    signature: Option<&'a str>,
    dry_run: bool,
    uploaded: &'a [Uploaded],
}
