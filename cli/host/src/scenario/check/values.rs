//! Comparing headers, bodies and texts.

use serde_json::Value;

use super::{
    super::{content::message_bytes, fields::HeaderFields, place::Place},
    Findings,
};
use crate::{headers::HeaderMap, logs::LogLine};

impl Findings<'_> {
    pub(super) fn equal<T: AsRef<str> + ?Sized>(
        &mut self,
        what: &str,
        expected: Option<&T>,
        found: &str,
        place: &Place,
    ) {
        if let Some(expected) = expected.map(AsRef::as_ref)
            && expected != found
        {
            self.fail(what, expected, found, place);
        }
    }

    /// Whether as many were found as are expected; `lines` tells them, each in one.
    pub(super) fn as_many(
        &mut self,
        what: &str,
        expected: usize,
        found: usize,
        lines: impl FnOnce() -> Vec<String>,
        place: &Place,
    ) -> bool {
        if expected != found {
            let none = || "none".to_owned();
            let wanted = if expected == 0 { none() } else { expected.to_string() };
            self.fail(what, wanted, if found == 0 { none() } else { lines().join("\n") }, place);
        }
        expected == found
    }

    /// Bytes that are expected as text, under a key, or in base64, or not at all; `None`: there are none to find.
    pub(super) fn bytes(
        &mut self,
        what: &str,
        (key, text): (&str, Option<&str>),
        base64: Option<&str>,
        found: Option<&[u8]>,
        place: &Place,
    ) {
        if let Some(expected) = message_bytes(text, base64)
            && found != Some(&expected)
        {
            let key = if text.is_some() { key } else { "base64" };
            self.fail(what, escaped(&expected), found.map_or_else(|| "absent".to_owned(), escaped), &place.key(key));
        }
    }

    /// Each of these names with exactly these values, and none of those.
    pub(super) fn headers(
        &mut self,
        whose: &str,
        expected: &HeaderFields,
        absent: &[String],
        found: &HeaderMap,
        place: &Place,
    ) {
        let [present_place, absent_place] = [place.key("headers"), place.key("headersAbsent")];
        self.fields(("header", whose), (expected, &present_place), (absent, &absent_place), found);
    }

    /// The same of fields of any `kind`, each with where they are expected.
    pub(super) fn fields(
        &mut self,
        (kind, whose): (&str, &str),
        (expected, place): (&HeaderFields, &Place),
        (absent, absent_place): (&[String], &Place),
        found: &HeaderMap,
    ) {
        for (name, values) in expected.iter() {
            let seen = values_of(found, name);
            if seen != values {
                self.fail(&format!("{kind} {name} of {whose}"), listed(values), listed(&seen), &place.key(name));
            }
        }
        for (number, name) in absent.iter().enumerate() {
            let seen = values_of(found, name);
            if !seen.is_empty() {
                let what = format!("{kind} {name} of {whose}");
                self.fail(&what, "absent", listed(&seen), &absent_place.item(number));
            }
        }
    }

    pub(super) fn trailers(&mut self, whose: &str, expected: &HeaderFields, found: &HeaderMap, place: &Place) {
        for (name, values) in expected.iter() {
            let seen = values_of(found, name);
            if seen != values {
                let what = format!("trailer {name} of {whose}");
                self.fail(&what, listed(values), listed(&seen), &place.key("trailers").key(name));
            }
        }
    }

    /// Members that a JSON body has; objects within are compared alike, lists whole.
    pub(super) fn json(&mut self, whose: &str, expected: &Value, body: &[u8], place: &Place) {
        let what = format!("JSON body of {whose}");
        match serde_json::from_slice(body) {
            Ok(found) => self.members(&what, expected, &found, place),
            Err(_) => self.fail(&what, expected.to_string(), String::from_utf8_lossy(body), place),
        }
    }

    fn members(&mut self, what: &str, expected: &Value, found: &Value, place: &Place) {
        match (expected, found) {
            (Value::Object(members), Value::Object(seen)) => {
                for (name, value) in members {
                    let what = format!("{name} in the {what}");
                    match seen.get(name) {
                        Some(seen) => self.members(&what, value, seen, &place.key(name)),
                        None => self.fail(&what, value.to_string(), "absent", &place.key(name)),
                    }
                }
            }
            _ if expected == found => {}
            _ => self.fail(what, expected.to_string(), found.to_string(), place),
        }
    }

    pub(super) fn logs(
        &mut self,
        when: &str,
        (contain, lack): (&[String], &[String]),
        lines: &[LogLine],
        place: &Place,
    ) {
        for (number, text) in contain.iter().enumerate() {
            if !lines.iter().any(|line| line.message.contains(text)) {
                let all: Vec<_> = lines.iter().map(|line| line.message.as_str()).collect();
                let found = if all.is_empty() { "no line at all".to_owned() } else { all.join("\n") };
                let place = place.key("logsContain").item(number);
                self.fail(&format!("the log {when}"), format!("a line with {text}"), found, &place);
            }
        }
        for (number, text) in lack.iter().enumerate() {
            if let Some(line) = lines.iter().find(|line| line.message.contains(text)) {
                let place = place.key("logsLack").item(number);
                self.fail(&format!("the log {when}"), format!("no line with {text}"), line.message.clone(), &place);
            }
        }
    }
}

/// Bytes as text, what is not ASCII escaped.
pub(super) fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Every value of a header.
pub(super) fn values_of(headers: &HeaderMap, name: &str) -> Vec<String> {
    let named = headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
    named.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

/// The first value of a header, as text; empty where there is none.
pub(super) fn text_of(headers: &HeaderMap, name: &str) -> String {
    headers.first(name.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}

fn listed(values: &[String]) -> String {
    if values.is_empty() { "absent".to_owned() } else { values.join(" | ") }
}
