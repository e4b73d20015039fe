//! Any text as `gwauthz.toml`: a refusal points into the text, on the bounds of characters.
#![no_main]

use gwauthz_lint::Settings;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = Settings::from_toml(text) {
        assert!(text.get(error.span.clone()).is_some(), "{:?}", error.span);
        assert!(!error.to_string().is_empty() && !error.help.is_empty());
    }
});
