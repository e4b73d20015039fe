//! The plugin of this workspace, built.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The plugin of this workspace.
pub(crate) fn plugin() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", "gwauthz-filter", "--target", "wasm32-wasip1", "--release"])
        .current_dir(&root)
        .status();
    assert!(build.expect("run cargo").success(), "the plugin builds");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("wasm32-wasip1/release/gwauthz_filter.wasm")
}
