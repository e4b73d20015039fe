//! `gwauthz keygen`: a pair of keys, of the kind that cosign reads.

use std::path::Path;

use clap::Args;
use gwauthz_oci::KeyFiles;

use crate::{
    exit::{Exit, Failure},
    passphrase::PassphraseArgs,
    terminal::Terminal,
};

/// Make a key to sign with: gwauthz.key (encrypted) and gwauthz.pub in the current folder
///
/// The keys are ECDSA P-256 in cosign's format: cosign signs and verifies with them, and gwauthz with cosign's.
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl KeygenArgs {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let files = KeyFiles::new(Path::new(""))?;
        files.create(&self.passphrase.new_key()?)?;
        terminal.print(&format!(
            "{private}  private key, encrypted: keep it secret; sign with `gwauthz push REF --key {private}`\n\
             {public}  public key: give it away; verify with `gwauthz verify REF --key {public}`\n",
            private = files.private().display(),
            public = files.public().display(),
        ))?;
        Ok(Exit::Yes)
    }
}
