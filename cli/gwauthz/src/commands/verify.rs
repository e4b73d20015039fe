//! `gwauthz verify`: who signed what a reference points at.

use std::path::PathBuf;

use clap::Args;
use gwauthz_oci::{Access, Digest, PublicKey, Reason, Reference, SignatureCheck, Verification, verify};
use serde::Serialize;

use crate::{
    exit::{Exit, Failure},
    input,
    output::{Format, json},
    registry::RegistryArgs,
    terminal::Terminal,
};

/// Check that what a registry has was signed with a key
///
/// Exit 0 where a signature holds, 1 where none does. A signature holds if the key made it, for this very content and
/// under this name. Nothing but the registry is asked.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Image to verify, with a tag or a digest: ghcr.io/acme/authz:1.4.0
    #[arg(value_name = "REF")]
    reference: Reference,
    /// Public key to verify with, as `gwauthz keygen` and cosign write it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl VerifyArgs {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let key = PublicKey::from_pem(&input::read_text("the public key", &self.key, MAX_KEY_BYTES)?)?;
        let progress = terminal.progress("verifying", None);
        let registry = self.registry.connect(&self.reference, Access::Pull, terminal, &progress)?;
        let verification = verify(&registry, &self.reference, &key);
        progress.finish_and_clear();
        let verification = verification?;
        terminal.print(&match self.format {
            Format::Human => human(&self.reference, &verification),
            Format::Json => json(&Machine::new(&self.reference, &verification))?,
        })?;
        Ok(if verification.verified() { Exit::Yes } else { Exit::No })
    }
}

pub(crate) const MAX_KEY_BYTES: u64 = 64 << 10;

fn human(reference: &Reference, verification: &Verification) -> String {
    let verdict = if verification.verified() { "Verified" } else { "Not verified" };
    let mut text = format!("{verdict}: {}\n", reference.pinned(verification.digest));
    if verification.signatures.is_empty() {
        text.push_str("  no signature; sign it with `gwauthz push REF --key FILE`\n");
    }
    for signature in &verification.signatures {
        let verdict = if signature.holds() { "holds" } else { "does not hold" };
        text.push_str(&format!("  signature {}: {verdict}\n", signature.payload));
        text.extend(signature.reasons.iter().map(|reason| format!("    - {reason}\n")));
    }
    text
}

/// The layout `gwauthz.verify/v1`.
#[derive(Serialize)]
struct Machine {
    schema: &'static str,
    reference: String,
    digest: Digest,
    verified: bool,
    signatures: Vec<MachineSignature>,
}

#[derive(Serialize)]
struct MachineSignature {
    payload: String,
    verified: bool,
    reasons: Vec<MachineReason>,
}

#[derive(Serialize)]
struct MachineReason {
    class: &'static str,
    message: String,
}

impl Machine {
    fn new(reference: &Reference, verification: &Verification) -> Self {
        let reason = |reason: &Reason| MachineReason { class: reason.class(), message: reason.to_string() };
        let signature = |signature: &SignatureCheck| MachineSignature {
            payload: signature.payload.clone(),
            verified: signature.holds(),
            reasons: signature.reasons.iter().map(reason).collect(),
        };
        Self {
            schema: "gwauthz.verify/v1",
            reference: reference.to_string(),
            digest: verification.digest,
            verified: verification.verified(),
            signatures: verification.signatures.iter().map(signature).collect(),
        }
    }
}
