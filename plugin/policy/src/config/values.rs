//! Single values of the configuration: what they are, or why they are refused.

use std::{ops::RangeInclusive, time::Duration};

use crate::Json;

use super::{
    issue::{IssueKind, Segment},
    keys::LONGEST_LIST,
};

/// The longest part of a refused value that an error repeats, in characters.
const SHOWN: usize = 80;

/// Why a value is refused, and where below its key.
pub(super) struct Refusal {
    pub(super) below: Vec<Segment>,
    pub(super) kind: IssueKind,
}

impl Refusal {
    pub(super) fn wrong_type(expected: &'static str, found: &Json) -> Self {
        Self { below: Vec::new(), kind: IssueKind::WrongType { expected, found: found.kind() } }
    }

    pub(super) fn not_allowed(value: impl ToString, allowed: impl Into<String>) -> Self {
        let value = value.to_string();
        let mut shown: String = value.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        if value.chars().nth(SHOWN).is_some() {
            shown.push('…');
        }
        Self { below: Vec::new(), kind: IssueKind::NotAllowed { value: shown, allowed: allowed.into() } }
    }

    pub(super) fn length(found: usize) -> Self {
        Self::not_allowed(format!("{found} elements"), format!("1 to {LONGEST_LIST}"))
    }

    /// The same refusal, of what stands under a key.
    pub(super) fn below(mut self, key: &'static str) -> Self {
        self.below.insert(0, Segment::Key(key.to_owned()));
        self
    }

    /// The same refusal, of element `index` of a list.
    pub(super) fn at(mut self, index: usize) -> Self {
        self.below.insert(0, Segment::Index(index));
        self
    }
}

/// The elements of a list, each through `read`.
pub(super) fn list<'a, T>(
    json: &'a Json,
    expected: &'static str,
    read: impl Fn(&'a Json) -> Result<T, Refusal>,
) -> Result<Vec<T>, Refusal> {
    let Json::Array(items) = json else { return Err(Refusal::wrong_type(expected, json)) };
    items.iter().enumerate().map(|(index, item)| read(item).map_err(|refusal| refusal.at(index))).collect()
}

/// The elements of a list of one to [`LONGEST_LIST`].
pub(super) fn non_empty_list<'a, T>(
    json: &'a Json,
    expected: &'static str,
    read: impl Fn(&'a Json) -> Result<T, Refusal>,
) -> Result<Vec<T>, Refusal> {
    let items = list(json, expected, read)?;
    if (1..=LONGEST_LIST).contains(&items.len()) { Ok(items) } else { Err(Refusal::length(items.len())) }
}

/// A string.
pub(super) fn string(json: &Json) -> Result<&str, Refusal> {
    match json {
        Json::String(text) => Ok(text),
        other => Err(Refusal::wrong_type("a string", other)),
    }
}

/// A whole number from 0; `2000.0` is one too, since a protobuf `Struct` carries every number as a double. `None` for any
/// other number.
fn whole(json: &Json, expected: &'static str) -> Result<Option<u64>, Refusal> {
    let Json::Number(number) = json else { return Err(Refusal::wrong_type(expected, json)) };
    let integral =
        |value: f64| (value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value)).then_some(value);
    // The bounds above make the conversion exact.
    Ok(number.as_u64().or_else(|| number.as_f64().and_then(integral).map(|value| value as u64)))
}

/// A whole number of these bounds.
pub(super) fn whole_in(json: &Json, range: &RangeInclusive<u64>) -> Result<u64, Refusal> {
    match whole(json, "a whole number")? {
        Some(number) if range.contains(&number) => Ok(number),
        _ => {
            Err(Refusal::not_allowed(shown(json), format!("a whole number from {} to {}", range.start(), range.end())))
        }
    }
}

/// Milliseconds, or a text with a unit.
pub(super) fn duration(json: &Json, range: &RangeInclusive<Duration>) -> Result<Duration, Refusal> {
    let duration = match json {
        Json::String(text) => span(text),
        _ => whole(json, "milliseconds, or a text such as `2s` or `500ms`")?.map(Duration::from_millis),
    };
    duration.filter(|duration| range.contains(duration)).ok_or_else(|| {
        let (least, most) = (unit(*range.start()), unit(*range.end()));
        Refusal::not_allowed(
            shown(json),
            format!("milliseconds as a number, or a text such as `2s` or `500ms`; from {least} to {most}"),
        )
    })
}

/// A whole number with its unit: `ms`, `s`, `m` or `h`.
fn span(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let milliseconds = match text.strip_prefix(digits)? {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return None,
    };
    let amount: u64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    Some(Duration::from_millis(amount.checked_mul(milliseconds)?))
}

/// A span of time in the largest unit that shows it whole.
fn unit(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    [(60 * 60 * 1000, "h"), (1000, "s")]
        .into_iter()
        .find(|(unit, _)| milliseconds > 0 && milliseconds.is_multiple_of(*unit))
        .map_or_else(|| format!("{milliseconds} ms"), |(unit, name)| format!("{} {name}", milliseconds / unit))
}

/// A scalar as it stands in the text.
fn shown(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        other => other.kind().to_owned(),
    }
}
