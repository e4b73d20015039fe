use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::{KeyError, PrivateKey};

/// Where a new pair of keys goes: `gwauthz.key` and `gwauthz.pub` in one folder.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    private: PathBuf,
    public: PathBuf,
}

impl KeyFiles {
    /// Chooses the files in `folder`.
    ///
    /// # Errors
    /// Fails where one of them exists: a key is never overwritten.
    pub fn new(folder: &Path) -> Result<Self, KeyError> {
        let files = Self { private: folder.join("gwauthz.key"), public: folder.join("gwauthz.pub") };
        for path in [&files.private, &files.public] {
            if path.symlink_metadata().is_ok() {
                return Err(KeyError::Exists(path.clone()));
            }
        }
        Ok(files)
    }

    /// Makes a key and writes both files: the private one sealed with `passphrase`, for its owner alone (mode 0600).
    /// Either both are there afterwards or none.
    ///
    /// # Errors
    /// Fails where a file cannot be written or has appeared in the meantime.
    pub fn create(&self, passphrase: &[u8]) -> Result<PrivateKey, KeyError> {
        let key = PrivateKey::generate()?;
        write_new(&self.private, 0o600, &key.to_encrypted_pem(passphrase)?)?;
        if let Err(error) = key.public().to_pem().and_then(|pem| write_new(&self.public, 0o644, &pem)) {
            remove(&self.private)?;
            return Err(error);
        }
        Ok(key)
    }

    /// The path of the private key.
    pub fn private(&self) -> &Path {
        &self.private
    }

    /// The path of the public key.
    pub fn public(&self) -> &Path {
        &self.public
    }
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), KeyError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
        _ => KeyError::Write { path: path.to_owned(), source },
    };
    let mut file = create_new(path, mode).map_err(failed)?;
    if let Err(source) = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()) {
        remove(path)?;
        return Err(failed(source));
    }
    Ok(())
}

fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path)
}

fn remove(path: &Path) -> Result<(), KeyError> {
    fs::remove_file(path).map_err(|source| KeyError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::KeyFiles;
    use crate::{KeyError, PrivateKey, PublicKey};

    #[test]
    fn writes_a_pair_that_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let files = KeyFiles::new(folder.path()).unwrap();
        let key = files.create(b"passphrase").unwrap();
        let private = fs::read_to_string(files.private()).unwrap();
        let public = fs::read_to_string(files.public()).unwrap();
        assert_eq!(PrivateKey::from_encrypted_pem(&private, b"passphrase").unwrap().public(), key.public());
        assert_eq!(PublicKey::from_pem(&public).unwrap(), key.public());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(files.private()).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn never_overwrites_and_never_leaves_half_a_pair() {
        let folder = tempfile::tempdir().unwrap();
        let files = KeyFiles::new(folder.path()).unwrap();
        fs::write(files.public(), "precious").unwrap();
        assert!(matches!(KeyFiles::new(folder.path()), Err(KeyError::Exists(_))));
        // The public key appears between the two steps.
        assert!(matches!(files.create(b"passphrase"), Err(KeyError::Exists(_))));
        assert!(!files.private().exists());
        assert_eq!(fs::read_to_string(files.public()).unwrap(), "precious");
    }
}
