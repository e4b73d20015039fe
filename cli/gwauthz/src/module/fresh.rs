//! Whether the workspace's own module is there and newer than everything that it was built from, without asking cargo.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::cargo::{PROFILE, TARGET, TRIMMED};

/// The module that was built in the workspace at `root`, unless a source has changed since cargo was last asked.
pub(super) fn built(root: &Path) -> Option<PathBuf> {
    let folder = folder(root);
    let asked = modified(&folder.join(STAMP))?;
    let dep_info = fs::read_to_string(folder.join("gwauthz_filter.d")).ok()?;
    let mut sources = sources(&dep_info);
    sources.extend(MANIFESTS.map(|file| root.join(file)));
    let unchanged = sources.iter().all(|source| modified(source).is_some_and(|changed| changed < asked));
    let module = folder.join(TRIMMED).join("gwauthz_filter.wasm");
    (unchanged && module.is_file()).then_some(module)
}

/// Remembers that cargo was asked at this time and built the module, or found it fresh: it leaves a module as old as it
/// is where a manifest has changed without a consequence. Where this cannot be written, cargo is asked again next time.
pub(super) fn remember(root: &Path, asked: SystemTime) {
    let _ = File::create(folder(root).join(STAMP)).and_then(|stamp| stamp.set_modified(asked));
}

/// Its time is when cargo was last asked.
const STAMP: &str = "gwauthz_filter.asked";
/// What cargo reads besides the sources.
const MANIFESTS: [&str; 5] =
    ["Cargo.lock", "Cargo.toml", "plugin/filter/Cargo.toml", "plugin/jose/Cargo.toml", "plugin/policy/Cargo.toml"];

fn folder(root: &Path) -> PathBuf {
    root.join("target").join(TARGET).join(PROFILE)
}

/// The prerequisites in cargo's dep-info: one rule, `target: source source`, spaces escaped.
fn sources(dep_info: &str) -> Vec<PathBuf> {
    let Some((_, list)) = dep_info.lines().next().and_then(|rule| rule.split_once(": ")) else { return Vec::new() };
    list.replace("\\ ", "\0")
        .split(' ')
        .filter(|path| !path.is_empty())
        .map(|path| PathBuf::from(path.replace('\0', " ")))
        .collect()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::PathBuf,
        time::{Duration, SystemTime},
    };

    use super::{MANIFESTS, built, remember, sources};

    #[test]
    fn dep_info_may_hold_spaces() {
        assert_eq!(sources("/t/x.wasm: /a\\ b/lib.rs /c.rs\n"), ["/a b/lib.rs", "/c.rs"].map(PathBuf::from));
        assert!(sources("").is_empty());
    }

    #[test]
    fn a_changed_source_asks_for_a_build() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        for file in MANIFESTS {
            write(file, "");
        }
        let source = write("plugin/filter/src/lib.rs", "");
        assert_eq!(built(root.path()), None, "nothing is built");
        write("target/wasm32-wasip1/gwauthz-plugin/gwauthz_filter.d", &format!("m: {}", source.display()));
        let module = write("target/wasm32-wasip1/gwauthz-plugin/trimmed/gwauthz_filter.wasm", "");
        assert_eq!(built(root.path()), None, "cargo was not asked");
        let soon = SystemTime::now() + Duration::from_secs(5);
        remember(root.path(), soon);
        assert_eq!(built(root.path()), Some(module));
        let later = SystemTime::now() + Duration::from_secs(10);
        fs::File::options().write(true).open(&source).unwrap().set_modified(later).unwrap();
        assert_eq!(built(root.path()), None);
    }
}
