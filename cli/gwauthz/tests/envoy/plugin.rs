//! The plugin of this checkout, as `gwauthz build` makes it.

use std::{path::PathBuf, process::Command, sync::LazyLock};

use serde_json::Value;

/// The module; built once.
pub(crate) static PLUGIN: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let build =
        Command::new(env!("CARGO_BIN_EXE_gwauthz")).args(["build", "--format", "json"]).current_dir(root).output();
    let build = build.expect("run gwauthz");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let result: Value = serde_json::from_slice(&build.stdout).expect("JSON");
    result["path"].as_str().expect("the module's path").into()
});
