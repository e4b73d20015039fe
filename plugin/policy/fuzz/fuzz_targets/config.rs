//! Any bytes as the plugin's configuration: refused with reasons that a line of a log can carry, or accepted, and then
//! it does not open everything.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use gwauthz_policy::{Config, Engine, Exchange, HeaderMap, Request, Step};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    match Config::from_slice(text) {
        Ok(parsed) => {
            parsed.warnings.iter().for_each(assert_is_one_line);
            let bounds = Duration::from_millis(1)..=Duration::from_secs(60);
            assert!(parsed.config.timeout().is_none_or(|timeout| bounds.contains(&timeout)));
            // Neither below the root alone nor of a length that anybody opens.
            let headers = HeaderMap::new(&[(":path", "/%20".repeat(64))]);
            let mut engine = Engine::new(parsed.config);
            let step = Exchange::new(1).handle_request(&mut engine, Request::new(&headers), UNIX_EPOCH);
            assert!(matches!(step, Some(Step::Deny(_))), "everything needs no token: {step:?}");
        }
        Err(errors) => {
            assert!(!errors.issues().is_empty(), "refused without a reason");
            assert_is_one_line(&errors);
        }
    }
});

fn assert_is_one_line(text: &impl ToString) {
    let text = text.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
}
