//! Envoy and the embedded host answer one table of requests alike: what gwauthz says on a laptop is what a gateway does.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why"
)]

mod embedded;
mod gateway;
mod http;
mod outcome;
mod plugin;
mod process;
mod service;
mod table;

use crate::{embedded::EmbeddedGateway, gateway::RealGateway, outcome::Outcome, plugin::plugin, table::rows};

#[test]
fn the_embedded_host_answers_the_table() {
    let embedded = EmbeddedGateway::load(&plugin());
    let surprises = rows().into_iter().filter_map(|row| {
        let outcome = embedded.answer(&row);
        let expected = row.expected_on(false);
        (outcome.summary() != expected).then(|| format!("{}: expected {expected:?}, got {outcome:#?}", row.name))
    });
    none(surprises);
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_answers_the_table_as_the_embedded_host_does() {
    let plugin = plugin();
    let embedded = EmbeddedGateway::load(&plugin);
    let real = RealGateway::start(&plugin);
    let differences = rows().into_iter().filter_map(|row| {
        let (embedded, real) = (embedded.answer(&row), real.answer(&row, false));
        (embedded != real).then(|| format!("{}: embedded {embedded:#?}\nEnvoy {real:#?}", row.name))
    });
    none(differences);
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_answers_the_table_with_normalized_paths() {
    let real = RealGateway::start(&plugin());
    let surprises = rows().into_iter().filter_map(|row| {
        let outcome: Outcome = real.answer(&row, true);
        let expected = row.expected_on(true);
        (outcome.summary() != expected).then(|| format!("{}: expected {expected:?}, got {outcome:#?}", row.name))
    });
    none(surprises);
}

/// Fails with every row that is not as it should be, not with the first alone.
fn none(surprises: impl Iterator<Item = String>) {
    let surprises: Vec<_> = surprises.collect();
    assert!(surprises.is_empty(), "{} rows:\n{}", surprises.len(), surprises.join("\n"));
}
