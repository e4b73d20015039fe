//! Two workers of a real Envoy: what one has heard of a token, the other knows, where they share it.

use std::collections::BTreeMap;

use gwauthz_host::envoy::{Bootstrap, Envoy, Listener};
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
