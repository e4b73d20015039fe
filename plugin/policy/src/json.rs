//! Text as JSON writes it.

/// Writes `text` as it stands between quotation marks (RFC 8259, section 7), control characters of Unicode escaped too, so
/// that a line of it is one line for whoever reads the log.
pub(crate) fn escape_into(text: &str, into: &mut String) {
    // Most text has nothing to escape.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        *into += text;
        return;
    }
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                into.push('\\');
                into.push(c);
            }
            // All of them have four digits, those that separate lines and paragraphs too.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                *into += "\\u";
                let digits = [12, 8, 4, 0].map(|shift| char::from_digit(u32::from(c) >> shift & 0xf, 16));
                into.extend(digits.into_iter().flatten());
            }
            c => into.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(text in "\\PC*|[\\x00-\\x9f\u{2028}\"\\\\]{0,12}") {
            let mut written = String::new();
            super::escape_into(&text, &mut written);
            prop_assert!(!written.contains(char::is_control));
            let read: String = serde_json::from_str(&format!("\"{written}\"")).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
