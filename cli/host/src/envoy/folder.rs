//! The folder that an Envoy has to itself.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    access::AccessLog,
    bootstrap::{Bootstrap, Plugin, Protocol, admin, put},
    log::LogReader,
};

/// A private folder: configuration, log, access log. Removed with this value, unless it is kept.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("gwauthz-envoy-").permissions(Permissions::from_mode(0o700)).tempdir().map(Self)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Envoy's log.
    ///
    /// # Errors
    /// Fails where it cannot be opened.
    pub fn log(&self) -> io::Result<LogReader> {
        LogReader::open(&self.file("log"))
    }

    /// The whole text of Envoy's log; what is no UTF-8 is replaced.
    #[must_use]
    pub fn log_text(&self) -> String {
        fs::read(self.file("log")).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    /// The access log.
    ///
    /// # Errors
    /// Fails where it cannot be opened.
    pub fn access_log(&self) -> io::Result<AccessLog> {
        AccessLog::open(&self.file("access"))
    }

    /// Leaves the folder where it is, for somebody to look at; gives its path.
    pub fn keep(&mut self) -> PathBuf {
        self.0.disable_cleanup(true);
        self.path().to_owned()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes what Envoy starts from; gives the log that it is to write.
    pub(super) fn prepare(&self, bootstrap: &Bootstrap) -> io::Result<File> {
        fs::write(self.file("bootstrap.json"), bootstrap.json(self.path()).to_string())?;
        for (plugin, protocol) in bootstrap.updatable() {
            self.put_discovery(plugin, protocol, 0)?;
        }
        // There before Envoy is, so that it can be read at any time.
        File::create(self.file("access"))?;
        File::create(self.file("log"))
    }

    /// The same with a configuration as it is, `admin` aside.
    pub(super) fn prepare_quiet(&self, mut configuration: Value) -> io::Result<File> {
        put(&mut configuration, "admin", admin(self.path()));
        fs::write(self.file("bootstrap.json"), configuration.to_string())?;
        File::create(self.file("log"))
    }

    /// Puts a plugin's configuration where Envoy looks for it: it takes notice of a file that is moved there.
    pub(super) fn put_discovery(&self, plugin: &Plugin, protocol: Protocol, version: u32) -> io::Result<()> {
        let new = self.file("discovery.new");
        fs::write(&new, plugin.discovery(protocol, version).to_string())?;
        fs::rename(new, plugin.discovery_file(protocol, self.path()))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::Folder;

    #[test]
    fn nobody_else_may_enter_the_folder() {
        let folder = Folder::new().unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
        let mut folder = Folder::new().unwrap();
        let path = folder.keep();
        drop(folder);
        assert!(path.exists());
        fs::remove_dir(path).unwrap();
    }
}
