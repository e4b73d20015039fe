//! From the text of a scenario file to a scenario, or to what is wrong with it.

use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_saphyr::{Budget, Error, Location, Options};

use super::{
    content,
    format::Scenario,
    place::{Place, byte_range},
};

/// A scenario file is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScenarioError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
    /// Where in the text, in bytes; within it.
    pub range: Range<usize>,
}

/// The largest scenario file, in bytes.
pub const MAX_SCENARIO_BYTES: usize = 1024 * 1024;
/// How deep a file may be nested: far beyond any sensible configuration, and far within any stack.
const MAX_DEPTH: usize = 48;
/// How many values a file may have, those that its aliases repeat included.
const MAX_NODES: usize = 100_000;

const SEE_SCHEMA: &str = "`gwauthz schema scenario` says what can stand here";

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// The first thing that is wrong with it, at its place: text that is not YAML, a key or a value that no scenario has,
    /// something that cannot be, more than 1 MiB.
    pub fn read(text: &str) -> Result<Self, ScenarioError> {
        if text.len() > MAX_SCENARIO_BYTES {
            return Err(ScenarioError {
                message: format!("the file has {} bytes", text.len()),
                help: format!("expected at most {MAX_SCENARIO_BYTES} bytes: make several scenarios of it"),
                range: 0..0,
            });
        }
        let mut scenario: Self = parse(text)?;
        scenario.places = parse(text)?;
        match content::check(&scenario) {
            Ok(()) => Ok(scenario),
            Err(impossible) => {
                let range = within(text, scenario.range_of(&impossible.place));
                Err(ScenarioError { message: impossible.message, help: impossible.help, range })
            }
        }
    }

    /// Where something stands in the file, in bytes; where it is not there, what it would stand in.
    #[must_use]
    pub fn range_of(&self, place: &Place) -> Range<usize> {
        self.places.range(place)
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ScenarioError> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let error = error.without_snippet();
        let range = error.location().map(|location| located(text, &location)).unwrap_or_default();
        let (message, help) = explained(error);
        ScenarioError { message, help, range: within(text, range) }
    })
}

fn options() -> Options {
    let budget: Option<Budget> = serde_saphyr::budget! { max_depth: MAX_DEPTH, max_nodes: MAX_NODES };
    let alias_limits = serde_saphyr::alias_limits! { max_total_replayed_events: MAX_NODES };
    // `no` and `off` are words in a header as anywhere.
    serde_saphyr::options! { budget: budget, alias_limits: alias_limits, strict_booleans: true, with_snippet: false }
}

/// The bytes that a location covers. The scanner's own errors have a line and a column alone.
fn located(text: &str, location: &Location) -> Range<usize> {
    if location.span().byte_offset().is_some() {
        return byte_range(location);
    }
    let number = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let start: usize = text.split_inclusive('\n').take(number(location.line())).map(str::len).sum();
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let column: usize = line.chars().take(number(location.column())).map(char::len_utf8).sum();
    let at = start.saturating_add(column);
    at..at.saturating_add(1)
}

/// What is wrong, and what to do.
fn explained(error: &Error) -> (String, String) {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            (format!("there is no key `{}` here", shown(field)), one_of(field, expected))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            (format!("`{}` is none of what can stand here", shown(variant)), one_of(variant, expected))
        }
        Error::SerdeMissingField { field, .. } => {
            (format!("the key `{field}` is missing"), format!("add `{field}: …`"))
        }
        Error::SerdeInvalidType { unexpected, expected, .. } => {
            (format!("expected {expected}, found {}", shown(unexpected)), quoting(unexpected).to_owned())
        }
        Error::Unexpected { expected, .. } => {
            let expected = match *expected {
                "string scalar" => "a text",
                "sequence start" => "a list",
                "mapping start" => "a map",
                other => other,
            };
            (format!("expected {expected}"), SEE_SCHEMA.to_owned())
        }
        Error::DuplicateMappingKey { key, .. } => (
            format!("the key `{}` stands here twice", shown(key.as_deref().unwrap_or_default())),
            "keep one of them".to_owned(),
        ),
        Error::MultipleDocuments { .. } => {
            ("a second document begins".to_owned(), "put each scenario into a file of its own".to_owned())
        }
        Error::Eof { .. } => ("there is nothing".to_owned(), "begin with `name: …`".to_owned()),
        Error::ExpectedMappingEndAfterEnumVariantValue { .. } => {
            ("a second key stands where there can be one alone".to_owned(), "begin a new item with `- `".to_owned())
        }
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => {
            ("a list stands where a word or a map is expected".to_owned(), SEE_SCHEMA.to_owned())
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => too_much(),
        Error::AliasError { error, .. } => explained(error),
        other => {
            let text = other.to_string();
            let line = text.lines().next().unwrap_or_default();
            let message = line.rsplit_once(" at line ").map_or(line, |(message, _)| message);
            // The scanner has a bound of its own on brackets, and no name for it.
            if message.contains("recursion limit") {
                return too_much();
            }
            if message.contains("duration") {
                return ("this is no span of time".to_owned(), "write it as `20ms`, `5s` or `1h 30m`".to_owned());
            }
            (shown(message.trim_start_matches("error: ")), SEE_SCHEMA.to_owned())
        }
    }
}

fn too_much() -> (String, String) {
    (
        "the file is too deep, or its aliases make too much of it".to_owned(),
        format!("expected at most {MAX_DEPTH} levels and {MAX_NODES} values, those that aliases repeat included"),
    )
}

/// The near miss, and everything that there is.
fn one_of(word: &str, known: &[&'static str]) -> String {
    // The distance costs the product of the lengths: nothing that long is a misspelling of anything.
    let near = known
        .iter()
        .filter(|_| word.len() <= 64)
        .map(|known| (strsim::osa_distance(&word.to_ascii_lowercase(), &known.to_ascii_lowercase()), known))
        .filter(|(distance, known)| *distance <= known.len().min(word.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance);
    let list = known.join(", ");
    match near {
        Some((_, near)) => format!("did you mean `{near}`? expected one of {list}"),
        None => format!("expected one of {list}"),
    }
}

fn quoting(unexpected: &str) -> &'static str {
    if unexpected.starts_with("boolean") || unexpected.starts_with("integer") || unexpected.starts_with("floating") {
        "put the value into quotes where it is meant as text"
    } else {
        SEE_SCHEMA
    }
}

/// Text of the file as a message repeats it: short, without control characters.
fn shown(text: &str) -> String {
    const SHOWN: usize = 160;
    let mut short: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}

/// A range that can be cut out of the text.
fn within(text: &str, range: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(range.start);
    start..text.ceil_char_boundary(range.end.max(start)).min(text.len())
}

#[cfg(test)]
mod tests;
