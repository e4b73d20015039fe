//! What the commands that talk to a registry share: how to log in, progress, and failures.

use std::io;

use clap::Args;
use gwauthz_oci::{Access, Credentials, Error, Event, KeyError, Observer, Options, Reference, Registry};
use indicatif::{HumanBytes, ProgressBar};
use miette::MietteDiagnostic;
use zeroize::Zeroizing;

use crate::{
    exit::{Exit, Failure},
    input,
    terminal::Terminal,
};

/// How to talk to the registry.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry options")]
pub(crate) struct RegistryArgs {
    /// Log in as NAME instead of with what `docker login` or `podman login` stored
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    username: Option<String>,
    /// Read the password or access token from standard input
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Allow plain http, and everybody on the way to read along (a registry on this machine needs no permission)
    #[arg(long)]
    plain_http: bool,
}

impl RegistryArgs {
    /// Prepares to talk to the registry of `reference`, showing uploads on `progress`.
    pub(crate) fn connect(
        &self,
        reference: &Reference,
        access: Access,
        terminal: &Terminal,
        progress: &ProgressBar,
    ) -> Result<Registry, Failure> {
        let options = Options {
            access,
            credentials: self.credentials(reference)?,
            plain_http: self.plain_http,
            observer: observer(terminal.clone(), progress.clone()),
        };
        Ok(Registry::new(reference, options)?)
    }

    fn credentials(&self, reference: &Reference) -> Result<Option<Credentials>, Failure> {
        let Some(username) = self.username.clone() else {
            return Ok(Credentials::stored(reference)?);
        };
        let secret = input::read_secret("the password on standard input", io::stdin())?;
        let password = str::from_utf8(&secret)
            .map_err(|_| Failure::wrong("the password on standard input is not UTF-8", "store it as text"))?;
        Ok(Some(Credentials::Password { username, password: Zeroizing::new(password.to_owned()) }))
    }
}

fn observer(terminal: Terminal, bar: ProgressBar) -> Observer {
    Observer::new(move |event| match event {
        Event::Upload { what, bytes } => {
            bar.set_position(0);
            bar.set_length(*bytes);
            bar.set_message(format!("uploading the {what}"));
            bar.suspend(|| terminal.detail(&format!("uploading the {what}, {}", HumanBytes(*bytes))));
        }
        Event::Sent { bytes } => bar.set_position(*bytes),
        Event::Retry { error, wait } => {
            bar.suspend(|| terminal.note(&format!("{error}; trying again in {:.1} s", wait.as_secs_f64())));
        }
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (exit, help) = match &error {
            Error::Reference { .. } | Error::Digest { .. } | Error::ModuleSize { .. } => (Exit::Wrong, None),
            Error::Layout { .. } => return Self::bug(error),
            Error::Credentials { .. } => {
                (Exit::Io, Some("log in again, or use --username with --password-stdin".to_owned()))
            }
            Error::Unreachable { .. } => {
                (Exit::Io, Some("check the name and the port; a registry without TLS needs --plain-http".to_owned()))
            }
            Error::Refused { registry, with_credentials: false, .. } => (
                Exit::AuthenticationRefused,
                Some(format!("log in with `docker login {registry}`, or use --username with --password-stdin")),
            ),
            Error::Refused { registry, with_credentials: true, .. } => (
                Exit::AuthenticationRefused,
                Some(format!("check what these credentials may do, or log in anew with `docker login {registry}`")),
            ),
            Error::NotFound { .. } => (Exit::Io, Some("check the repository and the tag, or push it first".to_owned())),
            Error::Transient { .. } => (Exit::Transient, Some("try again later".to_owned())),
            Error::Client { .. } => (
                Exit::Io,
                Some("install your system's root certificates, or name a file with SSL_CERT_FILE".to_owned()),
            ),
            Error::DigestMismatch { .. } => {
                (Exit::No, Some("tell whoever runs the registry; a proxy on the way may be at fault, too".to_owned()))
            }
            Error::Rejected { .. }
            | Error::SignatureManifest { .. }
            | Error::TooLarge { .. }
            | Error::Protocol { .. } => (Exit::Io, None),
        };
        let mut diagnostic = MietteDiagnostic::new(error.to_string());
        diagnostic.help = help;
        Self::new(exit, diagnostic)
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let exit = match &error {
            KeyError::Format { .. } | KeyError::Kdf { .. } | KeyError::Passphrase | KeyError::Exists(_) => Exit::Wrong,
            KeyError::Randomness(_) | KeyError::Write { .. } => Exit::Io,
        };
        Self::new(exit, MietteDiagnostic::new(error.to_string()))
    }
}
