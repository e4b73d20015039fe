//! Two workers of a real Envoy: what one has heard of a token, of a service that is away, or of revoked tokens, the other
//! knows, where they share it.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gwauthz_host::{
    envoy::{Bootstrap, Envoy, Listener},
    scenario::{Token, TokenKey},
};
use serde_json::{Value, json};

use crate::{
    plugin::PLUGIN,
    real::{RealEnvoy, cluster, listener, program},
    request::Request,
    services::{RecordingService, Reply},
    surroundings::configured,
    table::TOKEN,
};

/// Connections of their own, so that none of the workers goes without for all of them: one in 2^63 runs.
const REQUESTS: usize = 64;

fn sharing(name: &str, plugin_config: &Value) -> Listener {
    let mut listener = listener(name, &PLUGIN, plugin_config, false);
    let secret = ("CACHE_KEY".to_owned(), "0123456789abcdef0123456789abcdef".to_owned());
    listener.chain[0].environment = BTreeMap::from([secret]);
    listener
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn workers_of_envoy_share_what_they_have_heard() {
    let (authorization, upstream) =
        (RecordingService::start(Reply::Status(200)), RecordingService::start(Reply::Status(200)));
    let config = |shared| {
        let secrets = json!({"cache": {"env": "CACHE_KEY"}});
        json!({"cluster": "authz", "secrets": secrets, "cache": {"allowTtl": "1h", "denyTtl": "1h", "shared": shared}})
    };
    let bootstrap = Bootstrap {
        workers: 2,
        listeners: vec![sharing("apart", &config(false)), sharing("together", &config(true))],
        clusters: vec![cluster("authz", authorization.address()), cluster("upstream", upstream.address())],
        surroundings: configured(),
    };
    let envoy = RealEnvoy(Envoy::start(&program(), &bootstrap).unwrap_or_else(|error| panic!("{error}")));
    let bearer = format!("Bearer {TOKEN}");
    for (name, callouts) in [("apart", 2), ("together", 1)] {
        for (status, token) in [(200, bearer.clone()), (403, format!("{bearer}A"))] {
            authorization.reply_with(Reply::Status(status));
            for _ in 0..REQUESTS {
                let request = Request::get("/orders").header("authorization", &token);
                assert_eq!(request.send(envoy.listener(name)).expect("an answer").status(), status);
            }
            assert_eq!(authorization.take_seen().len(), callouts, "{name}, {status}");
        }
    }
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn workers_of_envoy_leave_a_service_alone_together() {
    let (authorization, upstream) =
        (RecordingService::start(Reply::Status(503)), RecordingService::start(Reply::Status(200)));
    let breaker = json!({"breaker": {"failures": 3, "openFor": "10m"}});
    let apart = json!({"cluster": "authz", "callout": breaker});
    let together = json!({"cluster": "authz", "callout": breaker, "secrets": {"cache": {"env": "CACHE_KEY"}}});
    let bootstrap = Bootstrap {
        workers: 2,
        listeners: vec![sharing("apart", &apart), sharing("together", &together)],
        clusters: vec![cluster("authz", authorization.address()), cluster("upstream", upstream.address())],
        surroundings: configured(),
    };
    let envoy = RealEnvoy(Envoy::start(&program(), &bootstrap).unwrap_or_else(|error| panic!("{error}")));
    for (name, callouts) in [("apart", 6), ("together", 3)] {
        for _ in 0..REQUESTS {
            let request = Request::get("/orders").header("authorization", format!("Bearer {TOKEN}"));
            assert_eq!(request.send(envoy.listener(name)).expect("an answer").status(), 503);
        }
        assert_eq!(authorization.take_seen().len(), callouts, "{name}");
    }
}

/// As old as its arrival.
const SNAPSHOT: &str = r#"{"version":1,"sequence":1,"issuedAt":9007199254,"ids":[{"id":"gone"}]}"#;

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn one_worker_of_envoy_fetches_for_all() {
    const SECONDS: usize = 6;
    let [apart, together] = [0; 2].map(|_| RecordingService::start(Reply::Text(SNAPSHOT)));
    let upstream = RecordingService::start(Reply::Status(200));
    let key = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let config = |service: &str, more: Value| {
        let jwks = json!({"inline": {"keys": [key]}});
        let issuer = json!({"issuer": "https://issuer.gwauthz.example", "audiences": ["gwauthz-demo"], "jwks": jwks});
        let snapshot = json!({"cluster": service, "authority": "revocations", "every": "1s"});
        json!({"issuers": [issuer], "revocation": {"snapshot": snapshot}, "secrets": more})
    };
    let bootstrap = Bootstrap {
        workers: 2,
        listeners: vec![
            sharing("apart", &config("fetched-apart", json!({}))),
            sharing("together", &config("fetched-together", json!({"cache": {"env": "CACHE_KEY"}}))),
        ],
        clusters: vec![
            cluster("fetched-apart", apart.address()),
            cluster("fetched-together", together.address()),
            cluster("upstream", upstream.address()),
        ],
        surroundings: configured(),
    };
    let envoy = RealEnvoy(Envoy::start(&program(), &bootstrap).unwrap_or_else(|error| panic!("{error}")));
    thread::sleep(Duration::from_secs(SECONDS as u64));
    let (each, one) = (apart.take_seen().len(), together.take_seen().len());
    assert!(each >= 2 * (SECONDS - 1), "{each} of two workers at least");
    assert!((SECONDS - 2..=SECONDS + 3).contains(&one), "{one} of all together");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    let bearer = |id: &str| {
        let token = Token { claims: BTreeMap::from([("jti".to_owned(), id.into())]), ..Token::default() };
        format!("Bearer {}", token.mint(now, &TokenKey::published().expect("a key")))
    };
    for (id, status) in [("gone", 403), ("here", 200)] {
        for _ in 0..REQUESTS {
            let request = Request::get("/orders").header("authorization", bearer(id));
            assert_eq!(request.send(envoy.listener("together")).expect("an answer").status(), status, "{id}");
        }
    }
}
