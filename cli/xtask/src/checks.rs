//! What `cargo xtask test`, `cargo xtask ci` and `cargo xtask generate` run, in order.

use crate::{
    fuzz::{check_locks, fuzz},
    steps::{Failed, Steps},
    tools,
};

const WASM: &str = "wasm32-wasip1";
/// Enough to run every seed and to notice what a change has broken; finding more takes a person's `cargo xtask fuzz`.
const CI_FUZZ_SECONDS: u32 = 10;

/// Every test there is, those against real tools included.
pub(crate) fn test(steps: &mut Steps) -> Result<(), Failed> {
    let tools = tools::bring(steps)?;
    wasm_target(steps)?;
    steps.run("native tests and embedded host", &mut steps.cargo("test --workspace"))?;

    let mut interop = steps.cargo("test --workspace -- --ignored");
    interop.env("GWAUTHZ_INTEROP_BIN", &tools.bin);
    // An interop test carries the names of the tools that it needs in its own.
    for tool in &tools.missing {
        interop.args(["--skip", &tool.replace('-', "_")]);
    }
    steps.run("interop tests", &mut interop)?;
    embedded_plugin(steps)
}

/// A binary that holds the plugin, as a release does, works without a Rust toolchain and outside of a checkout.
fn embedded_plugin(steps: &mut Steps) -> Result<(), Failed> {
    // The tests have built it.
    let module = steps.root().join("target").join(WASM).join("gwauthz-plugin/trimmed/gwauthz_filter.wasm");
    let mut build = steps.cargo("build -p gwauthz --features embedded-plugin");
    steps.run("binary with the plugin in it", build.env("GWAUTHZ_PLUGIN_WASM", module))?;
    let mut test = steps.command(steps.root().join("target/debug/gwauthz"));
    test.args(["test", "--token"]).current_dir("/").env_remove("PATH");
    steps.run("that binary alone", &mut test)
}

/// What has to pass before a change lands.
pub(crate) fn ci(steps: &mut Steps) -> Result<(), Failed> {
    steps.run("formatting", &mut steps.cargo("fmt --all --check"))?;
    steps.run("lints", &mut steps.cargo("clippy --workspace --all-targets -- -D warnings"))?;
    wasm_target(steps)?;
    let mut plugin = steps.cargo("clippy -p gwauthz-jose -p gwauthz-policy -p gwauthz-filter --target");
    plugin.args([WASM, "--", "-D", "warnings"]);
    steps.run("lints of the plugin", &mut plugin)?;
    let deny = tools::cargo_deny(steps)?;
    let mut deny = steps.command(deny);
    deny.args(["check", "bans", "licenses", "sources"]);
    steps.run("dependencies", &mut deny)?;
    check_locks(steps)?;
    fuzz(steps, None, CI_FUZZ_SECONDS)?;
    test(steps)
}

/// Prints what a request costs a real Envoy, with the plugin and without. A report: no figure fails.
pub(crate) fn bench(steps: &mut Steps, arguments: &[String]) -> Result<(), Failed> {
    let bin = tools::for_benches(steps)?;
    wasm_target(steps)?;
    let mut bench = steps.cargo("bench --workspace --bench gateway --");
    bench.args(arguments).env("GWAUTHZ_INTEROP_BIN", bin);
    steps.run("requests through Envoy", &mut bench)
}

/// Rewrites the files that are made from the code. The tests that hold them fresh write them too, so that one list says
/// what they are.
pub(crate) fn generate(steps: &mut Steps) -> Result<(), Failed> {
    let mut test =
        steps.cargo("test --workspace --test generated --test rules_md --test scenarios_md --test config_md");
    steps.run("generated files", test.env("GWAUTHZ_BLESS", "1"))
}

fn wasm_target(steps: &mut Steps) -> Result<(), Failed> {
    let mut rustup = steps.command("rustup");
    rustup.args(["target", "add", WASM]);
    steps.run("wasm target", &mut rustup)
}
