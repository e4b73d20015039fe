//! Any sequence of what can happen to a gateway, with a guest and services that do anything: nobody panics, and it ends.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/scripted/mod.rs"]
mod scripted;

fuzz_target!(|bytes: &[u8]| scripted::play(bytes));
