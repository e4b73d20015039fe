//! Any request with any replies in any order: answered at most once, and allowed by a 200, by a rule that opens its
//! path, or as a preflight request only.
//!
//! An input is a script, so that a person can write one. Its first byte chooses the configuration; each line behind it
//! is an event: `> ` headers arrive · `< STATUS` the service replies · `reset` · `unsent` · `token HEADER|CLAIMS` adds
//! a bearer token of this JSON · `NAME VALUE` adds a header.
#![no_main]

#[path = "../configs.rs"]
mod configs;
#[path = "../readings.rs"]
mod readings;

use std::time::{Duration, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use gwauthz_policy::{
    CalloutReply, Config, Engine, Exchange, HeaderMap, HeaderMutation, Permit, PermitReason, Request, Step,
};
use libfuzzer_sys::fuzz_target;

use configs::{CONFIGS, EVERYWHERE};

/// What has happened to the request so far.
#[derive(Debug, PartialEq)]
enum Fate {
    Open,
    Asked,
    Allowed,
    Denied,
}

fuzz_target!(|script: &[u8]| {
    let Some((choice, script)) = script.split_first() else { return };
    let (config, bypassed) = CONFIGS[usize::from(*choice) % CONFIGS.len()];
    let mut engine = Engine::new(Config::from_slice(config.as_bytes()).expect("the configurations are valid").config);
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);

    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    let mut exchange = Exchange::new(1);
    let mut fate = Fate::Open;
    for line in script.split(|byte| *byte == b'\n') {
        let (word, rest) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let step = match word {
            b">" => exchange.handle_request(&mut engine, Request::new(&HeaderMap::new(&headers)), now),
            b"<" => exchange.handle_callout_reply(&mut engine, CalloutReply::Status(rest), now),
            b"reset" => exchange.handle_callout_reply(&mut engine, CalloutReply::Reset, now),
            b"unsent" => exchange.handle_callout_reply(&mut engine, CalloutReply::NotSent, now),
            b"token" => {
                headers.push(("authorization".to_owned(), token(rest)));
                continue;
            }
            name => {
                headers.push((String::from_utf8_lossy(name).into_owned(), rest.to_vec()));
                continue;
            }
        };
        fate = match step {
            None => fate,
            Some(Step::Wait) => panic!("nothing to wait for"),
            Some(Step::Callout(callout)) => {
                assert_eq!(fate, Fate::Open, "asked a second time");
                let is_text = |text: &str| !text.contains(char::is_control);
                assert_eq!(callout.headers().iter().find(|(_, value)| !is_text(value)), None, "no text");
                Fate::Asked
            }
            Some(Step::Continue(permit)) => {
                match (word, permit.reason()) {
                    (b">", PermitReason::Bypass) => {
                        let path = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(":path"));
                        readings::assert_lies_below(bypassed, path.map_or(&[], |(_, value)| value));
                    }
                    (b">", PermitReason::Preflight) => assert_asks(config, &headers),
                    (b"<", PermitReason::AuthorizedByService) => {
                        assert_eq!(rest, b"200");
                        assert_eq!(fate, Fate::Asked, "allowed without a question");
                    }
                    (_, reason) => panic!("allowed by something else: {reason:?}"),
                }
                if config == EVERYWHERE {
                    assert_speaks_for_itself(&permit, &headers);
                }
                Fate::Allowed
            }
            Some(Step::Deny(answer)) => {
                assert!(matches!(fate, Fate::Open | Fate::Asked), "answered a second time");
                assert!((400..=503).contains(&answer.status), "{answer:?}");
                Fate::Denied
            }
        };
        assert_eq!(exchange.is_allowed(), fate == Fate::Allowed);
    }
});

/// `Bearer` and a token whose first two segments hold the JSON of `parts`, split at a bar.
fn token(parts: &[u8]) -> Vec<u8> {
    let mut parts = parts.splitn(2, |byte| *byte == b'|').map(Base64UrlUnpadded::encode_string);
    let (header, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!("Bearer {header}.{claims}.c2ln").into_bytes()
}

/// The configuration allows preflight requests, and this is one.
fn assert_asks(config: &str, headers: &[(String, Vec<u8>)]) {
    assert!(config.contains(r#""preflight":"allow""#), "preflight requests are not allowed");
    for name in [":method", "origin", "access-control-request-method"] {
        let mut values = headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let value = values.next().expect("a preflight request has it");
        assert!(!value.is_empty() && values.next().is_none(), "{name} is not one value");
        assert!(name != ":method" || value == b"OPTIONS", "{value:?} is no OPTIONS");
    }
}

/// Nothing that the client says of itself is left, and nothing that is said of it breaks out of its header.
fn assert_speaks_for_itself(permit: &Permit, headers: &[(String, Vec<u8>)]) {
    let is_identity = |name: &str| ["x-user-id", "x-groups"].contains(&name.replace('_', "-").as_str());
    for (name, _) in headers {
        let name = name.to_ascii_lowercase();
        let removal = HeaderMutation::Remove { name: name.clone() };
        assert!(!is_identity(&name) || permit.mutations().contains(&removal), "{name} is left");
    }
    for mutation in permit.mutations() {
        if let HeaderMutation::Set { name, value } = mutation
            && is_identity(name)
        {
            assert_eq!(permit.reason(), PermitReason::AuthorizedByService);
            assert!(!value.is_empty() && value.iter().all(|byte| *byte >= b' ' && *byte != 0x7f), "{value:?}");
        }
    }
}
