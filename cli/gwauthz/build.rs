//! Embeds the plugin's module into release binaries: with the feature `embedded-plugin`, the one that the environment
//! names. Never builds it: cargo inside cargo locks itself out.

use std::{env, path::Path};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(embedded_plugin)");
    println!("cargo::rerun-if-env-changed=GWAUTHZ_PLUGIN_WASM");
    if env::var_os("CARGO_FEATURE_EMBEDDED_PLUGIN").is_none() {
        return;
    }
    // Without the variable nothing is embedded, so that `--all-features` still checks.
    let Some(module) = env::var_os("GWAUTHZ_PLUGIN_WASM") else { return };
    let path = Path::new(&module);
    if !path.is_absolute() || !path.is_file() {
        println!("cargo::error=GWAUTHZ_PLUGIN_WASM is not the absolute path of a file: {}", path.display());
        return;
    }
    println!("cargo::rerun-if-changed={}", path.display());
    println!("cargo::rustc-cfg=embedded_plugin");
}
