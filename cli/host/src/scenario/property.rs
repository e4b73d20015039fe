//! Properties in a scenario file: their paths, and their values with the types that plugins get.

use serde_json::Value;

use crate::attributes::AttributeValue;

/// A path as plugins write it, its segments with NUL between them; `None` where it is none. In a file, dots stand between
/// them, and a segment that has some stands in brackets and quotes, as in CEL.
pub(super) fn path(text: &str) -> Option<Vec<u8>> {
    let mut segments = Vec::new();
    let mut rest = text;
    loop {
        let (name, behind) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
        segments.push(name);
        rest = behind;
        while let Some(quoted) = rest.strip_prefix("['") {
            let (name, behind) = quoted.split_once("']")?;
            segments.push(name);
            rest = behind;
        }
        if rest.is_empty() {
            break;
        }
        rest = rest.strip_prefix('.')?;
    }
    let sound = segments.iter().all(|name| !name.is_empty() && !name.contains('\0'));
    sound.then(|| segments.join("\0").into_bytes())
}

/// The value that a plugin gets; `None` where it gets none: null, or an integer that has no place in 64 bits.
pub(super) fn value(value: &Value) -> Option<AttributeValue> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(truth) => AttributeValue::Boolean(*truth),
        Value::Number(number) if number.is_f64() => AttributeValue::Double(number.as_f64()?),
        Value::Number(number) => AttributeValue::Integer(number.as_i64()?),
        Value::String(text) => text.as_str().into(),
        Value::Array(list) => AttributeValue::List(list.iter().map(self::value).collect::<Option<_>>()?),
        Value::Object(members) => {
            let member = |(name, member): (&String, &Value)| Some((name.clone().into_bytes(), self::value(member)?));
            AttributeValue::Map(members.iter().map(member).collect::<Option<_>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_path_has_segments() {
        for (text, expected) in [
            ("plugin_name", Some("plugin_name")),
            ("xds.node.id", Some("xds\0node\0id")),
            ("metadata.filter_metadata['a.b'].c", Some("metadata\0filter_metadata\0a.b\0c")),
            ("a['b']['c']", Some("a\0b\0c")),
            ("", None),
            ("a..b", None),
            ("a.", None),
            ("a[0]", None),
            ("a['']", None),
            ("a['b", None),
            ("a['b']c", None),
            ("a\0b", None),
        ] {
            assert_eq!(path(text), expected.map(|path| path.as_bytes().to_vec()), "{text:?}");
        }
    }
}
