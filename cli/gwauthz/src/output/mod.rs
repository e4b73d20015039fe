//! One file an output format: pure functions from a result to text.

pub(crate) mod github;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod sarif;

use clap::ValueEnum;
use serde::Serialize;

use crate::exit::Failure;

/// How a result is printed, where a command knows two ways.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// For programs; the `schema` key names the layout.
    Json,
}

/// `value` as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map(|text| text + "\n").map_err(Failure::bug)
}
