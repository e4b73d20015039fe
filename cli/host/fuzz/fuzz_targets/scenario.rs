//! Any text as a scenario file: it is read, or refused at a place within it.
#![no_main]

use gwauthz_host::scenario::Scenario;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = Scenario::read(text) {
        assert!(text.get(error.range).is_some(), "{}", error.message);
    }
});
