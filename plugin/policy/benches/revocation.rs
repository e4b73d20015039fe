//! What revocation snapshots cost: `cargo bench -p gwauthz-policy --bench revocation`. Prints their memory first.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a bench may fail by panicking, and talks"
)]

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    hint::black_box,
    ops::Range,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use gwauthz_policy::{
    Json, Object,
    revocation::{Delta, Document, MAX_ENTRIES, MAX_FILTER_IDS, Revoked, Snapshot},
};
use sha2::{Digest as _, Sha256};

fn revocation(c: &mut Criterion) {
    let names = ["jti".to_owned(), "parent_jti".to_owned()];
    for (name, body) in [("100 k entries", entries(0..MAX_ENTRIES)), ("filter of 1 M", filter(MAX_FILTER_IDS))] {
        let mut group = c.benchmark_group(name);
        let snapshot = full(body.clone());
        eprintln!("{name}: {} bytes sent, {} bytes held", body.len(), snapshot.held_bytes());
        let hit = if name.starts_with("filter") { Revoked::Perhaps } else { Revoked::Yes };
        for (case, claims, expected) in [
            ("miss by two ids", claims(MAX_FILTER_IDS + 1, MAX_FILTER_IDS + 2), Revoked::No),
            ("hit by the second", claims(MAX_FILTER_IDS + 1, 7), hit),
        ] {
            assert_eq!(snapshot.check(&claims, &names), expected);
            group.bench_function(case, |bencher| bencher.iter(|| snapshot.check(black_box(&claims), &names)));
        }
        group.sample_size(20);
        group.bench_function("read", |bencher| bencher.iter_batched(|| body.clone(), full, BatchSize::PerIteration));
        // As near to full as a delta leaves it.
        let snapshot = full(if name.starts_with("filter") { body } else { entries(10..MAX_ENTRIES) });
        group.bench_function("delta of 10", |bencher| {
            bencher.iter_batched(
                || (snapshot.clone(), delta()),
                |(mut snapshot, delta)| snapshot.apply(delta, now()).map(|()| snapshot).unwrap(),
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

/// Ids of the usual length, spread as UUIDs are.
fn id(number: usize) -> String {
    let hash = Sha256::digest(number.to_le_bytes());
    hash.iter().take(18).fold(String::new(), |mut id, byte| {
        write!(id, "{byte:02x}").unwrap();
        id
    })
}

fn claims(token: usize, parent: usize) -> Object {
    let text = format!(r#"{{"jti":"{}","parent_jti":"{}","sub":"s","iat":1}}"#, id(token), id(parent));
    Json::parse(text.as_bytes()).unwrap().into_object().unwrap()
}

fn entries(numbers: Range<usize>) -> Vec<u8> {
    let ids: Vec<_> = numbers.map(|number| format!(r#"{{"id":"{}","exp":1790003600}}"#, id(number))).collect();
    format!(r#"{{"version":1,"sequence":7,"issuedAt":1790000000,"ids":[{}]}}"#, ids.join(",")).into_bytes()
}

fn filter(count: usize) -> Vec<u8> {
    let records: BTreeSet<[u8; 5]> =
        (0..count).map(|number| *Sha256::digest(id(number)).first_chunk().unwrap()).collect();
    let length = u32::try_from(records.len()).unwrap().to_be_bytes();
    let records: Vec<_> = records.into_iter().flatten().collect();
    [b"GWREVOK1", &length[..], &records, br#"{"version":1,"sequence":7,"issuedAt":1790000000}"#].concat()
}

fn delta() -> Delta {
    let text = String::from_utf8(entries(0..10)).unwrap().replacen('{', r#"{"base":7,"#, 1);
    match Document::parse(text.into_bytes(), true).unwrap() {
        Document::Delta(delta) => delta,
        Document::Full(_) => panic!("a whole snapshot"),
    }
}

fn full(body: Vec<u8>) -> Snapshot {
    match Document::parse(body, true).unwrap() {
        Document::Full(snapshot) => snapshot,
        Document::Delta(_) => panic!("a delta"),
    }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

criterion_group!(benches, revocation);
criterion_main!(benches);
