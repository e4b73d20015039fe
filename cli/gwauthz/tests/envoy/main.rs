//! Envoy and the embedded host answer one table of requests alike: what gwauthz says on a laptop is what a gateway does.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why"
)]

mod gateway;
mod http;
mod process;
mod service;
mod table;

use crate::{gateway::RealGateway, table::rows};

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_answers_the_table_as_a_person_would_expect() {
    let gateway = RealGateway::start();
    let mut surprises = Vec::new();
    for (row, normalized) in rows().iter().flat_map(|row| [(row, false), (row, true)]) {
        let expected = row.expected_on(normalized);
        let outcome = gateway.answer(row, normalized);
        if outcome.summary() != expected {
            surprises.push(format!("{} (normalized: {normalized}): expected {expected:?}, got {outcome:#?}", row.name));
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}
