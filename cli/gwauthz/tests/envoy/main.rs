//! Envoy and the embedded host answer one table of requests alike: what gwauthz says on a laptop is what a gateway does.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why"
)]

mod chains;
mod connections;
mod denials;
mod embedded;
mod gateway;
mod grpc;
mod grpc_scenarios;
mod modules;
mod outcome;
mod plugin;
mod prometheus;
mod property_scenarios;
mod real;
mod request;
mod rust_guests;
mod scenarios;
mod services;
mod sharing;
mod surroundings;
mod table;
mod tcp;
mod traces;
mod trailers;

use serde_json::json;

use crate::{
    embedded::EmbeddedGateway,
    gateway::RealGateway,
    plugin::PLUGIN,
    real::listener,
    table::{Setup, TOKEN, rows, with_signature},
};

#[test]
fn the_embedded_host_answers_the_table() {
    let embedded = EmbeddedGateway::load(&PLUGIN);
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
    let embedded = EmbeddedGateway::load(&PLUGIN);
    let real = RealGateway::start(&PLUGIN);
    let differences = rows().into_iter().filter_map(|row| {
        let (embedded, real) = (embedded.answer(&row), real.answer(&row, false));
        (embedded != real).then(|| format!("{}: embedded {embedded:#?}\nEnvoy {real:#?}", row.name))
    });
    none(differences);
    assert!(!real.log().contains(TOKEN), "a token was logged: {}", real.log());
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_refuses_what_the_plugin_refuses() {
    let plugin_config = json!({"clutser": "authz"});
    let expected = "clutser: unknown key, did you mean `cluster`?";
    let embedded = EmbeddedGateway::load(&PLUGIN).refusal(&plugin_config);
    assert!(embedded.contains(expected), "{embedded}");
    let listener = listener("refused", &PLUGIN, &plugin_config, false);
    let real = real::refusal(listener);
    assert!(real.contains(&embedded), "embedded: {embedded}\nEnvoy: {real}");
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_answers_the_table_with_normalized_paths() {
    let real = RealGateway::start(&PLUGIN);
    let surprises = rows().into_iter().filter_map(|row| {
        let outcome = real.answer(&row, true);
        let expected = row.expected_on(true);
        (outcome.summary() != expected).then(|| format!("{}: expected {expected:?}, got {outcome:#?}", row.name))
    });
    none(surprises);
}

/// The plugin holds them all at once and has to give each the reply to its own callout, in whatever order they come.
#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_gives_each_of_many_requests_its_own_verdict() {
    let real = RealGateway::start(&PLUGIN);
    let verdicts = [("MjAw", 200), ("NDAz", 403), ("NTAw", 503)];
    let expected: Vec<_> = verdicts.into_iter().cycle().take(60).collect();
    let requests = expected.iter().map(|(spelled, _)| with_signature(spelled)).collect();
    let expected: Vec<_> = expected.iter().map(|(_, status)| *status).collect();
    assert_eq!(real.answer_at_once(Setup::Strict, requests), expected);
}

/// Fails with every row that is not as it should be, not with the first alone.
fn none(surprises: impl Iterator<Item = String>) {
    let surprises: Vec<_> = surprises.collect();
    assert!(surprises.is_empty(), "{} rows:\n{}", surprises.len(), surprises.join("\n"));
}
