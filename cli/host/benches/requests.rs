//! What a request costs in the embedded gateway: `cargo bench -p gwauthz-host` after `gwauthz build`.
#![expect(clippy::expect_used, reason = "a bench without its module has nothing to measure")]

use std::{hint::black_box, path::Path};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gwauthz_host::{
    Compiler, Gateway, GatewayConfig, HttpRequest, Module, Plugin, Profile, World,
    scenario::{Scenario, run},
};

const MODULE: &str = "../../target/wasm32-wasip1/gwauthz-plugin/trimmed/gwauthz_filter.wasm";

const SCENARIO: &str = "name: Without a token nobody passes
plugin: {}
services: [{cluster: authz, answer: refused}]
steps: [{request: {expect: {decision: deny, status: 401, callouts: []}}}]
";

struct Nobody;

impl World for Nobody {}

fn start(module: &Module) -> Gateway<Nobody> {
    let plugin = Plugin::new(module, br#"{"cluster":"authz"}"#);
    Gateway::start([plugin], GatewayConfig::default(), Nobody).expect("the plugin starts")
}

fn requests(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(MODULE);
    let bytes = std::fs::read(&path).expect("run `gwauthz build` first");
    let compiler = Compiler::new(None).expect("a compiler");
    let module = compiler.compile(&bytes).expect("the plugin compiles");
    let request = HttpRequest::new("GET", "gateway.local", b"/");

    let mut group = criterion.benchmark_group("missing token");
    group.throughput(Throughput::Elements(1));
    group.bench_function("fresh VM", |bencher| bencher.iter(|| black_box(start(&module).request(&request))));
    for (name, gateway) in [("scenario", ""), ("scenario, one VM", "gateway: {startup: workers}\n")] {
        let scenario = Scenario::read(&format!("{SCENARIO}{gateway}")).expect("a scenario");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let observed = run(&scenario, br#"{"cluster":"authz"}"#, &module, Profile::Envoy).expect("a run");
                assert!(scenario.check(&observed).is_empty());
            });
        });
    }
    let mut gateway = start(&module);
    group.bench_function("warm", |bencher| bencher.iter(|| black_box(gateway.request(&request))));
    group.finish();
    criterion.bench_function("compile", |bencher| bencher.iter(|| black_box(compiler.compile(&bytes).is_ok())));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = requests
}
criterion_main!(benches);
