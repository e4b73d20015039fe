//! A gateway that hands over odd bytes, and answers oddly.

use std::{collections::BTreeMap, time::Duration};

use gwauthz_host::{
    CallOutcome, Ending, Faults, Gateway, GatewayConfig, HttpCall, Outcome, Plugin, RefusalAt, StartError, Status,
    TraceLine, World,
};
use serde_json::json;

use crate::{
    configs::EVERYWHERE,
    corpus::{PUBLISHED, issuer, valid, with_token},
    gateway::{Headers, MODULE, Services, compare, config, request, start},
};

#[test]
fn any_byte_in_any_header() {
    let services = Services::default();
    let mut gateway = start(EVERYWHERE.as_bytes(), services.clone()).unwrap();
    let headers: Headers = [
        (":method", "POST"),
        (":path", "/orders?a=b"),
        (":authority", "h"),
        ("authorization", "Bearer eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhIn0.c2ln"),
        ("cookie", "a=b; c=d"),
        ("origin", "https://h"),
        ("access-control-request-method", "PUT"),
        ("content-type", "application/grpc"),
        ("x-other", "1"),
        ("x-user-id", "root"),
        ("x-http-method-override", "GET"),
    ]
    .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
    .into();
    assert!(compare(&mut gateway, EVERYWHERE, &headers, &services));
    let mut denied = 0;
    for (number, byte) in (0..headers.len()).flat_map(|number| (0..=255).map(move |byte| (number, byte))) {
        let mut odd = headers.clone();
        odd[number].1.push(byte);
        denied += usize::from(!compare(&mut gateway, EVERYWHERE, &odd, &services));
        odd[number].1 = vec![byte];
        denied += usize::from(!compare(&mut gateway, EVERYWHERE, &odd, &services));
    }
    assert!(denied > 500, "{denied}");
}

/// A configuration under which the plugin makes every call that it makes of a host, and requests for it: each with
/// whether it may pass.
fn everything() -> (String, Services, Vec<Headers>) {
    let more = r#","cluster":"authz","bypassPaths":["/health"],"headers":{"set":{"x-user-id":"sub","x-a":"jti"},"stripToken":true},
        "observability":{"audit":"all"},"secrets":{"cache":{"env":"CACHE_KEY"}},
        "cache":{"allowTtl":"5s","denyTtl":"5s","shared":true,"coalesce":true},
        "revocation":{"snapshot":{"cluster":"revocations","authority":"h","maxStale":"24h"},"claims":["parent_jti"]}"#;
    let configuration =
        issuer(r#"{"cluster":"keys","authority":"keys"}"#, more).replacen(r#""bypassPaths":[],"#, "", 1);
    let services = Services {
        keys: format!(r#"{{"keys":[{PUBLISHED}]}}"#).into_bytes(),
        revocations: br#"{"version":1,"sequence":1,"issuedAt":1790000000,"ids":[{"id":"revoked"}]}"#.to_vec(),
        ..Services::default()
    };
    let spoofing = |mut headers: Headers| {
        headers.extend([("x-user-id", "root"), ("x_a", "b")].map(|(name, value)| (name.to_owned(), value.into())));
        headers
    };
    let requests = vec![
        spoofing(with_token(&valid(json!({"parent_jti": "a"})))),
        with_token(&valid(json!({"parent_jti": "revoked"}))),
        // The snapshot cannot tell, and the service is asked.
        spoofing(with_token(&valid(json!({})))),
        vec![(":path".to_owned(), b"/orders".to_vec())],
        spoofing(vec![(":path".to_owned(), b"/health".to_vec())]),
        with_token(b"a.b.c"),
        // Asked about already.
        spoofing(with_token(&valid(json!({})))),
    ];
    (configuration, services, requests)
}

fn plugin(configuration: &str) -> Plugin {
    let environment = [("CACHE_KEY".to_owned(), "0123456789abcdef0123456789abcdef".to_owned())].into();
    Plugin { environment, ..Plugin::new(&MODULE, configuration) }
}

/// Runs all of [`everything`], with a call that is not done; gives what became of it.
fn run(faults: Faults) -> Result<(Vec<Outcome>, Vec<TraceLine>), StartError> {
    let (configuration, services, requests) = everything();
    let config = GatewayConfig { faults, trace: true, ..config() };
    let mut gateway = Gateway::start([plugin(&configuration)], config, services)?;
    let outcomes = requests.iter().map(|headers| gateway.request(&request(headers))).collect();
    Ok((outcomes, gateway.take_trace()))
}

/// Statuses that a gateway may give, beside OK, where the SDK makes the call: it panics at any other.
const OF_THE_SDK: [(&str, &[Status]); 10] = [
    ("proxy_continue_stream", &[]),
    ("proxy_get_buffer_bytes", &[Status::NotFound]),
    ("proxy_get_current_time_nanoseconds", &[]),
    ("proxy_get_header_map_pairs", &[]),
    ("proxy_get_header_map_value", &[Status::NotFound]),
    ("proxy_get_property", &[Status::NotFound, Status::SerializationFailure, Status::InternalFailure]),
    ("proxy_http_call", &[Status::BadArgument, Status::InternalFailure]),
    ("proxy_log", &[]),
    // Of a context that there is.
    ("proxy_set_effective_context", &[]),
    ("proxy_set_tick_period_milliseconds", &[]),
];

/// What the SDK makes of most statuses is a panic. Where a gateway may give one, the plugin goes on: it denies, or does
/// without. No status whatsoever lets a request pass that would not have passed.
#[test]
fn odd_statuses_of_host_calls() {
    let (usual, trace) = run(Faults::default()).unwrap();
    let calls = trace.iter().filter_map(|line| line.call.strip_prefix("[vm->host] env.")?.split('(').next());
    let mut functions = BTreeMap::new();
    calls.for_each(|name| *functions.entry(name.to_owned()).or_insert(0) += 1);
    for function in [
        "proxy_send_local_response",
        "proxy_replace_header_map_value",
        "proxy_remove_header_map_value",
        "proxy_get_shared_data",
        "proxy_set_shared_data",
    ] {
        assert!(functions.contains_key(function), "{functions:?}");
    }
    const STATUSES: [Status; 9] = [
        Status::NotFound,
        Status::BadArgument,
        Status::SerializationFailure,
        Status::ParseFailure,
        Status::InvalidMemoryAccess,
        Status::Empty,
        Status::CasMismatch,
        Status::InternalFailure,
        Status::Unimplemented,
    ];
    for (function, calls) in functions {
        let given = OF_THE_SDK.iter().find(|(name, _)| *name == function).map(|(_, given)| *given);
        for (call, status) in (1..=calls).flat_map(|call| STATUSES.map(|status| (call, status))) {
            let told = format!("{status:?} of call {call} of {function}");
            let refusal = Some(RefusalAt { function: function.clone(), call, status });
            let may_trap = given.is_some_and(|given| !given.contains(&status));
            let outcomes = match run(Faults { refusal, ..Faults::default() }) {
                Ok((outcomes, _)) => outcomes,
                Err(StartError::Refused(_)) => continue,
                Err(error) => {
                    assert!(may_trap, "{told}: {error}");
                    continue;
                }
            };
            for (outcome, usual) in outcomes.iter().zip(&usual) {
                assert!(usual.is_allowed() || !outcome.is_allowed(), "{told}: {outcome:?}");
                assert!(may_trap || !matches!(outcome.ending, Ending::Trapped(_)), "{told}: {:?}", outcome.ending);
                // What was not changed as it should have been has not passed.
                if let Some(forwarded) = &outcome.forwarded {
                    let user = forwarded.headers.first(b"x-user-id");
                    assert!(
                        user != Some(b"root") && forwarded.headers.first(b"x_a").is_none(),
                        "{told}: {forwarded:?}"
                    );
                }
            }
        }
    }
}

/// What it has asked for goes on without it; the VM is there for the others.
#[test]
fn a_client_leaves_at_any_moment() {
    let (configuration, services, requests) = everything();
    let (mut left, mut served) = (0, 0);
    for moment in 0..12 {
        let world = Slow(services.clone());
        let mut gateway = Gateway::start([plugin(&configuration)], config(), world).unwrap();
        let open = |gateway: &mut Gateway<Slow>| -> Vec<_> {
            requests.iter().map(|headers| gateway.open(0, request(headers).headers, true)).collect()
        };
        let leaving = open(&mut gateway);
        let staying = open(&mut gateway);
        gateway.run_until(gateway.now() + Duration::from_millis(moment));
        for stream in leaving {
            left += usize::from(!gateway.has_ended(stream));
            gateway.leave(stream);
            gateway.close(stream);
        }
        gateway.run_until(gateway.now() + Duration::from_secs(1));
        for (number, stream) in staying.into_iter().enumerate() {
            let outcome = gateway.close(stream);
            served += usize::from(outcome.is_allowed());
            assert_eq!(outcome.is_allowed(), [0, 2, 4, 6].contains(&number), "{moment} {number}: {outcome:?}");
        }
    }
    assert!(left > 10 && served == 48, "{left} {served}");
}

/// The services, which take some time.
struct Slow(Services);

impl World for Slow {
    fn call(&mut self, call: &HttpCall) -> CallOutcome {
        match self.0.call(call) {
            CallOutcome::Reply { response, .. } => CallOutcome::Reply { response, delay: Duration::from_millis(3) },
            other => other,
        }
    }
}

/// Whoever acts for a request that has waited, acts for nobody afterwards.
#[test]
fn the_effective_context_is_restored() {
    let (configuration, services, requests) = everything();
    let config = GatewayConfig { trace: true, ..config() };
    let mut gateway = Gateway::start([plugin(&configuration)], config, services).unwrap();
    let streams: Vec<_> = requests.iter().map(|headers| gateway.open(0, request(headers).headers, true)).collect();
    gateway.run_until(gateway.now() + Duration::from_secs(1));
    assert!(streams.into_iter().any(|stream| gateway.close(stream).is_allowed()));
    let (mut context, mut acted) = (None, 0);
    for TraceLine { call, .. } in gateway.take_trace() {
        if let Some(now) = call.strip_prefix("[vm->host] env.proxy_set_effective_context(") {
            context = now.strip_suffix(')').map(|number| number.parse::<u32>().unwrap());
            acted += usize::from(context != Some(1));
        } else if call.starts_with("[host<-vm] proxy_on_tick")
            || call.starts_with("[host<-vm] proxy_on_http_call_response")
        {
            assert!(matches!(context, None | Some(1)) || call.contains("response"), "{context:?} at {call}");
            context = None;
        }
    }
    assert!(acted > 1, "{acted}");
}

/// The services, of which one sends more than anybody asked for.
struct Huge {
    services: Services,
    cluster: &'static str,
}

const HUGE: usize = 30 * 1024 * 1024;

impl World for Huge {
    fn call(&mut self, call: &HttpCall) -> CallOutcome {
        let mut outcome = self.services.call(call);
        if let (CallOutcome::Reply { response, .. }, true) = (&mut outcome, call.upstream == self.cluster) {
            response.body.resize(HUGE, b' ');
        }
        outcome
    }
}

#[test]
fn a_huge_body_of_the_service() {
    let (configuration, services, requests) = everything();
    // What the authorization service says beside its status is not looked at; documents have bounds.
    for (cluster, allowed) in [("nobody", true), ("authz", true), ("keys", false), ("revocations", false)] {
        let world = Huge { services: services.clone(), cluster };
        let mut gateway = Gateway::start([plugin(&configuration)], config(), world).unwrap();
        let outcome = gateway.request(&request(&requests[2]));
        assert!(!matches!(outcome.ending, Ending::Trapped(_)), "{cluster}: {:?}", outcome.ending);
        assert_eq!(outcome.is_allowed(), allowed, "{cluster}");
        assert!(outcome.memory_bytes < HUGE, "{cluster}: {}", outcome.memory_bytes);
    }
}
