//! Where the passphrase of a key comes from; never from the command line, where every process could read it.

use std::{
    env,
    fs::File,
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use clap::Args;
use zeroize::Zeroizing;

use crate::{exit::Failure, input};

/// How to get at the passphrase of a private key.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// Read the passphrase of the key from FILE (such as /dev/fd/3) instead of COSIGN_PASSWORD or a prompt
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// The passphrase of a key that exists.
    pub(crate) fn existing(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        match self.given()? {
            Some(passphrase) => Ok(passphrase),
            None => prompt("Passphrase of the key: "),
        }
    }

    /// The passphrase for a new key: not empty, and asked for twice where it is typed.
    pub(crate) fn new_key(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let passphrase = match self.given()? {
            Some(passphrase) => passphrase,
            None => {
                let first = prompt("Passphrase for the new key: ")?;
                if first != prompt("The same again: ")? {
                    return Err(Failure::wrong("the two passphrases differ", "start again"));
                }
                first
            }
        };
        if passphrase.is_empty() {
            return Err(Failure::wrong(
                "an empty passphrase protects nothing",
                "choose one of several words; whoever has the key file will try to guess it",
            ));
        }
        Ok(passphrase)
    }

    fn given(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        if let Some(path) = &self.passphrase_file {
            let file = File::open(path).map_err(|error| Failure::io("read the passphrase from", path, &error))?;
            return input::read_secret("the passphrase", file).map(Some);
        }
        Ok(env::var_os("COSIGN_PASSWORD").map(|passphrase| Zeroizing::new(passphrase.into_encoded_bytes())))
    }
}

fn prompt(question: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let no_terminal = || {
        Failure::wrong(
            "the key needs a passphrase, and there is no terminal to ask on",
            "set COSIGN_PASSWORD, or name a file with --passphrase-file",
        )
    };
    if !io::stderr().is_terminal() {
        return Err(no_terminal());
    }
    rpassword::prompt_password(question)
        .map(|passphrase| Zeroizing::new(passphrase.into_bytes()))
        .map_err(|_| no_terminal())
}
