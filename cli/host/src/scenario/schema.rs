//! The JSON Schema of scenario files, for editors.

use schemars::{Schema, schema_for, transform::RecursiveTransform};

use super::format::Scenario;

/// The JSON Schema (draft 2020-12) of a scenario file.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = schema_for!(Scenario);
    // Spans of time are written `5s` here; the format `duration` (RFC 3339, appendix A) would have `PT5S` alone.
    let mut spans = RecursiveTransform(|schema: &mut Schema| {
        if schema.get("format").is_some_and(|format| format == "duration") {
            schema.remove("format");
            schema.insert("pattern".to_owned(), SPAN.into());
        }
    });
    schemars::transform::Transform::transform(&mut spans, &mut schema);
    schema.insert("title".to_owned(), "gwauthz scenario".into());
    schema
}

/// Any number with any unit: what exactly is a span of time the reader says.
const SPAN: &str = "^-?[0-9]+(\\.[0-9]+)? ?[a-zµ]+( ?[0-9]+(\\.[0-9]+)? ?[a-zµ]+)*$|^-?P";

#[cfg(test)]
mod tests {
    use super::schema;

    #[test]
    fn spans_of_time_are_written_as_the_files_have_them() {
        let schema = schema();
        let wait = schema.pointer("/$defs/Step/oneOf").map(ToString::to_string).unwrap();
        assert!(wait.contains("\"pattern\":\"^-?[0-9]+"), "{wait}");
        assert!(!schema.as_value().to_string().contains("\"format\":\"duration\""));
    }
}
