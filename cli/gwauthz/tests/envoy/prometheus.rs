//! The plugin's metrics as an operator's Prometheus reads them from Envoy.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    plugin::PLUGIN,
    real::{RealEnvoy, listener},
    request::Request,
    services::{RecordingService, Reply},
    table::{AUTHORIZATION_CLUSTER, TOKEN},
};

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_shows_the_plugins_metrics_to_prometheus_by_their_documented_names() {
    let authorization = RecordingService::start(Reply::Status(200));
    let upstream = RecordingService::start(Reply::Status(200));
    let clusters = [(AUTHORIZATION_CLUSTER, authorization.address()), ("upstream", upstream.address())];
    let plugin = listener("metrics", &PLUGIN, &json!({"cluster": AUTHORIZATION_CLUSTER}), false);
    let envoy = RealEnvoy::start(vec![plugin], &clusters);

    let send = |request: Request| request.send(envoy.listener("metrics")).expect("an answer").status();
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!([send(Request::get("/")), send(Request::get("/"))], [401, 401]);
    assert_eq!(send(Request::get("/").header("authorization", &bearer)), 200);
    authorization.reply_with(Reply::Status(403));
    assert_eq!(send(Request::get("/").header("authorization", &bearer)), 403);

    let text = envoy.0.admin().prometheus().expect("statistics");
    let samples = parse(&text);
    let value = |name: &str| samples.get(name).copied();
    for (name, expected) in [
        ("gwauthz_denied_missing_token", 2.0),
        ("gwauthz_denied_revoked_token", 1.0),
        ("gwauthz_allowed_authorized_by_service", 1.0),
        ("gwauthz_callouts_allowed", 1.0),
        ("gwauthz_callouts_revoked", 1.0),
    ] {
        assert_eq!(value(name), Some(expected), "{name} in {samples:?}");
    }
    // Envoy takes histograms over from its workers every 5 s.
    wait_for(|| {
        let text = envoy.0.admin().prometheus().expect("statistics");
        parse(&text).get("gwauthz_callout_milliseconds_count") == Some(&2.0)
    });
    // A number for the configuration, whatever it is.
    assert!(value("gwauthz_configuration").is_some_and(|number| number > 0.0), "{samples:?}");
    for (name, kind) in [
        ("gwauthz_denied_missing_token", "counter"),
        ("gwauthz_callout_milliseconds", "histogram"),
        ("gwauthz_configuration", "gauge"),
    ] {
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name} is no {kind}");
    }
}

/// Fails where it does not come true within 20 s.
fn wait_for(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "two callouts were measured");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The plugin's samples without labels, by name.
fn parse(text: &str) -> BTreeMap<&str, f64> {
    text.lines().filter(|line| line.starts_with("gwauthz_")).filter_map(sample).collect()
}

fn sample(line: &str) -> Option<(&str, f64)> {
    let (name, value) = line.rsplit_once(' ')?;
    Some((name.strip_suffix("{}")?, value.parse().ok()?))
}
