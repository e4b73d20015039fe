//! 20,000 documents, every plugin with its own gateway and policies: `cargo bench -p gwauthz-lint`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gwauthz_lint::{Persona, Settings, Source, Sources, find, lint};

const DOCUMENTS: u64 = 20_000;

fn documents(c: &mut Criterion) {
    let mut group = c.benchmark_group("lint");
    group.throughput(Throughput::Elements(DOCUMENTS)).sample_size(10);
    for (name, clean) in [("clean", true), ("a finding in every plugin", false)] {
        let text = manifest(clean);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut sources = Sources::default();
                if let Ok(source) = Source::new("deploy.yaml", text.clone().into_bytes()) {
                    sources.add(source);
                }
                lint(&sources, &Settings::default(), Persona::Regular)
            });
        });
    }
    group.finish();
}

/// A plugin, its RequestAuthentication and its AuthorizationPolicy, again and again under other labels.
fn manifest(clean: bool) -> String {
    let Ok(rule) = find("jwt-plugin-before-authn") else { return String::new() };
    let documents = if clean { rule.good } else { rule.bad };
    (0..DOCUMENTS / 3)
        .map(|number| format!("---\n{}", documents.replace("ingressgateway", &format!("gateway-{number}"))))
        .collect()
}

criterion_group!(benches, documents);
criterion_main!(benches);
