use std::{
    env, fmt,
    fs::File,
    io::{self, Read as _},
    path::PathBuf,
};

use docker_credential::{CredentialRetrievalError, DockerCredential};
use zeroize::Zeroizing;

use crate::{Error, Reference};

/// What a registry knows its user by.
#[derive(Clone)]
pub enum Credentials {
    /// A name and a password or access token, sent as HTTP Basic.
    Password {
        /// The name.
        username: String,
        /// The password; wiped from memory when dropped.
        password: Zeroizing<String>,
    },
    /// An OAuth 2.0 refresh token, which the registry's token service exchanges.
    IdentityToken(Zeroizing<String>),
}

impl Credentials {
    /// The credentials that `docker login` or `podman login` keep for the registry of `reference`, if any: those in
    /// the file that `REGISTRY_AUTH_FILE` names; without it in podman's `$XDG_RUNTIME_DIR/containers/auth.json` and
    /// `~/.config/containers/auth.json`, then in Docker's `config.json` (in `DOCKER_CONFIG` or `~/.docker`). Credential
    /// helpers are asked where a file says so. Entries are by registry; podman's entries by repository are not read.
    ///
    /// # Errors
    /// Fails where a file or its helper cannot be used. A missing file is no error, unless `REGISTRY_AUTH_FILE` names it.
    pub fn stored(reference: &Reference) -> Result<Option<Self>, Error> {
        if let Some(path) = env::var_os("REGISTRY_AUTH_FILE") {
            return from_file(PathBuf::from(path), reference, true);
        }
        for path in default_files() {
            if let Some(found) = from_file(path, reference, false)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Docker's own bound is none; a configuration file of a mebibyte is none.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// The name under which Docker keeps the credentials of Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

fn default_files() -> Vec<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = env::home_dir();
    [
        variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
        home.as_ref().map(|folder| folder.join(".config/containers/auth.json")),
        variable("DOCKER_CONFIG").or_else(|| home.map(|home| home.join(".docker"))).map(|dir| dir.join("config.json")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn from_file(path: PathBuf, reference: &Reference, required: bool) -> Result<Option<Credentials>, Error> {
    let unusable =
        |problem: String| Error::Credentials { registry: reference.registry().to_owned(), path: path.clone(), problem };
    let mut text = Zeroizing::new(Vec::new());
    match File::open(&path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => return Ok(None),
        Err(error) => return Err(unusable(error.to_string())),
    }
    let server = if reference.registry() == "docker.io" { DOCKER_HUB } else { reference.registry() };
    match docker_credential::get_credential_from_reader(text.as_slice(), server) {
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(Some(Credentials::Password { username, password: Zeroizing::new(password) }))
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credentials::IdentityToken(Zeroizing::new(token)))),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        // docker-credential-helpers: the one message by which a helper says that it has none.
        Err(CredentialRetrievalError::HelperFailure { stdout, .. })
            if stdout.trim() == "credentials not found in native keychain" =>
        {
            Ok(None)
        }
        // What the helper printed may hold a secret.
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            Err(unusable(format!("`{helper} get` failed; try it by hand")))
        }
        Err(CredentialRetrievalError::ConfigReadError) => Err(unusable("it is not a Docker configuration".to_owned())),
        Err(error) => Err(unusable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Credentials, from_file};

    fn read(config: &str, reference: &str) -> Result<Option<(String, String)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, config).unwrap();
        match from_file(path, &reference.parse().unwrap(), true) {
            Ok(Some(Credentials::Password { username, password })) => Ok(Some((username, password.to_string()))),
            Ok(Some(Credentials::IdentityToken(token))) => Ok(Some(("<token>".to_owned(), token.to_string()))),
            Ok(None) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn reads_what_docker_login_writes() {
        let config = r#"{"auths": {
            "ghcr.io": {"auth": "YWxpY2U6c2VjcmV0OndpdGg6Y29sb25z"},
            "https://index.docker.io/v1/": {"auth": "Ym9iOmh1bnRlcg=="},
            "token.example": {"auth": "PGI+Og==", "identitytoken": "refresh"}
        }}"#;
        let pair = |name: &str, word: &str| Ok(Some((name.to_owned(), word.to_owned())));
        assert_eq!(read(config, "ghcr.io/acme/authz:1"), pair("alice", "secret:with:colons"));
        assert_eq!(read(config, "acme/authz:1"), pair("bob", "hunter"));
        assert_eq!(read(config, "token.example/authz:1"), pair("<token>", "refresh"));
        assert_eq!(read(config, "quay.io/acme/authz:1"), Ok(None));
    }

    #[test]
    fn says_which_file_is_wrong_and_repeats_nothing_of_it() {
        let refused = read(r#"{"auths": {"ghcr.io": {"auth": "c2VjcmV0"}}}"#, "ghcr.io/a/b:1").unwrap_err();
        assert!(refused.contains("config.json") && !refused.contains("c2VjcmV0"), "{refused}");
        assert!(read("secret", "ghcr.io/a/b:1").is_err());
        assert!(!format!("{:?}", Credentials::IdentityToken("secret".to_owned().into())).contains("secret"));
    }
}
