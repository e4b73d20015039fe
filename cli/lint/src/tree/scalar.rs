//! Plain scalars as Kubernetes resolves them: YAML 1.1 as go-yaml version 2 reads it.

use std::borrow::Cow;

use serde_json::Number;

use super::Value;

/// The value of an untagged plain scalar.
pub(super) fn resolve(text: Cow<'_, str>) -> Value<'_> {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        plain => match number(plain) {
            Some(number) => Value::Number(number),
            None => Value::String(text),
        },
    }
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let digits = text.replace('_', "");
    integer(&digits).or_else(|| {
        // Rust would also take `inf`, `nan` and `infinity`, which YAML spells with a leading dot.
        let plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
        if plain { digits.parse().ok().and_then(Number::from_f64) } else { None }
    })
}

fn integer(digits: &str) -> Option<Number> {
    let (negative, magnitude) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(digits)),
    };
    let (digits, radix) = match magnitude.as_bytes() {
        [b'0', b'x' | b'X', ..] => (magnitude.get(2..)?, 16),
        [b'0', b'b' | b'B', ..] => (magnitude.get(2..)?, 2),
        [b'0', b'o' | b'O', ..] => (magnitude.get(2..)?, 8),
        [b'0', _, ..] => (magnitude.get(1..)?, 8),
        _ => (magnitude, 10),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    if negative { 0i64.checked_sub_unsigned(value).map(Number::from) } else { Some(value.into()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Value, resolve};

    fn number(text: &str) -> Option<serde_json::Value> {
        match resolve(text.into()) {
            Value::Number(number) => Some(number.into()),
            _ => None,
        }
    }

    #[test]
    fn numbers_are_those_of_yaml_1_1() {
        assert_eq!(number("2000"), Some(json!(2000)));
        assert_eq!(number("-5"), Some(json!(-5)));
        assert_eq!(number("010"), Some(json!(8)));
        assert_eq!(number("0x10"), Some(json!(16)));
        assert_eq!(number("1_000"), Some(json!(1000)));
        assert_eq!(number("2.5"), Some(json!(2.5)));
        assert_eq!(number("1e3"), Some(json!(1000.0)));
        for text in ["2s", "v1", "1.2.3", "inf", "-", "+-5", "0x", "e3"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn words_are_booleans() {
        assert_eq!(resolve("yes".into()), Value::Bool(true));
        assert_eq!(resolve("off".into()), Value::Bool(false));
        assert_eq!(resolve("~".into()), Value::Null);
        assert_eq!(resolve("FAIL_OPEN".into()), Value::String("FAIL_OPEN".into()));
    }
}
