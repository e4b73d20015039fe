//! Project Wycheproof's vectors in the embedded gateway: what verifies tokens, as `gwauthz build` compiles it.

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use gwauthz_host::{Compiler, Ending, Faults, Gateway, GatewayConfig, HttpRequest, Plugin, World};

/// How long a set may take: thousands of signatures.
const DEADLINE: Duration = Duration::from_secs(120);
/// How many sets there are in plugin/jose/tests/wycheproof/vectors.rs.
const SETS: usize = 7;

struct Nobody;

impl World for Nobody {}

#[test]
fn every_vector_comes_out_in_wasm_as_it_does_natively() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("wycheproof.wasm");
    let build = Command::new(env!("CARGO_BIN_EXE_gwauthz"))
        .args(["build", "--manifest-path", "fixtures/guests/wycheproof/Cargo.toml", "--out"])
        .arg(&module)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let module = Compiler::new(None).unwrap().compile(&fs::read(module).unwrap()).unwrap();
    let faults = Faults { deadline: Some(DEADLINE), ..Faults::default() };
    let config = GatewayConfig { faults, ..GatewayConfig::default() };
    let mut gateway = Gateway::start([Plugin::new(&module, "")], config, Nobody).unwrap();
    for set in 0..=SETS {
        let outcome = gateway.request(&HttpRequest::new("GET", "h", format!("/{set}").as_bytes()));
        let said = String::from_utf8_lossy(&outcome.response.body);
        let expected = if set < SETS { 200 } else { 404 };
        assert!(matches!(outcome.ending, Ending::Answered(_)), "{set}: {:?} {:#?}", outcome.ending, outcome.logs);
        assert_eq!(outcome.response.status(), expected, "{set}: {said}");
    }
}
