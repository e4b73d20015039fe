//! Compiled modules, kept between runs.
//!
//! A compiled module is native code that will run in this process, so the folder is trusted like an executable: owned by
//! this user, mode 0700, no symbolic link. Whatever is not so is not read. Never restore it from a cache that others write.

#![expect(unsafe_code, reason = "loading a precompiled module trusts its bytes; see `load`")]

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use wasmtime::{Engine, Module};

/// A folder of compiled modules.
#[derive(Debug)]
pub struct ModuleCache {
    folder: PathBuf,
}

impl ModuleCache {
    /// Opens the folder, or makes it with mode 0700.
    ///
    /// # Errors
    /// Fails where the folder cannot be made, or where another user could have written to it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        match DirBuilder::new().recursive(true).mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let metadata = fs::symlink_metadata(folder)?;
        if metadata.is_dir() && is_ours(&metadata) {
            Ok(Self { folder: folder.to_owned() })
        } else {
            Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "not a folder that only this user can write to (mode 0700)",
            ))
        }
    }

    /// The module of this digest, if it was kept for this very engine. Whatever is wrong with the file, compiling
    /// again is the answer.
    pub(crate) fn load(&self, engine: &Engine, sha256: &str) -> Option<Module> {
        let path = self.path(engine, sha256);
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || !is_ours(&metadata) {
            return None;
        }
        // SAFETY: the bytes were written by `store` of this user: the folder and the file can be written by nobody
        // else, and the file is complete, since it was renamed into its place. wasmtime checks version and settings.
        unsafe { Module::deserialize_open_file(engine, file) }.ok()
    }

    /// Keeps a compiled module. A full disk only costs the next run its compilation.
    pub(crate) fn store(&self, engine: &Engine, sha256: &str, module: &Module) {
        let Ok(bytes) = module.serialize() else { return };
        let _ = write_whole(&self.folder, &self.path(engine, sha256), &bytes);
    }

    fn path(&self, engine: &Engine, sha256: &str) -> PathBuf {
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        self.folder.join(format!("{sha256}-{:016x}.cwasm", settings.finish()))
    }
}

/// Owned by this user, and not to be written by anybody else.
fn is_ours(metadata: &fs::Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map(|_: File| ()).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::ModuleCache;
    use crate::Compiler;

    const MODULE: &str = r#"(module (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0) (func (export "proxy_abi_version_0_2_1")))"#;

    #[test]
    fn a_second_run_finds_the_module() {
        let folder = tempfile::tempdir().unwrap();
        let compile = || {
            let cache = ModuleCache::open(&folder.path().join("modules")).unwrap();
            Compiler::new(Some(cache)).unwrap().compile(&wat::parse_str(MODULE).unwrap()).unwrap()
        };
        assert!(!compile().from_cache());
        assert!(compile().from_cache());
    }

    #[test]
    fn a_folder_or_a_file_that_others_can_write_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let modules = folder.path().join("modules");
        let compiler = || Compiler::new(Some(ModuleCache::open(&modules).unwrap())).unwrap();
        let bytes = wat::parse_str(MODULE).unwrap();
        compiler().compile(&bytes).unwrap();
        let file = fs::read_dir(&modules).unwrap().next().unwrap().unwrap().path();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(!compiler().compile(&bytes).unwrap().from_cache());
        fs::set_permissions(&modules, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(ModuleCache::open(&modules).is_err());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(ModuleCache::open(&link).is_err());
    }
}
