//! `gwauthz test --probe`: what an authorization plugin must not do, tried on any module.

use std::{cell::Cell, rc::Rc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use gwauthz_host::{CallOutcome, Ending, Gateway, HttpCall, HttpRequest, HttpResponse, Outcome, Part, World};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    exit::Failure,
    request::{Bench, Minting, mint},
};

/// Something that an authorization plugin must not do, and did.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    probe: &'static str,
    /// The request that shows it; tokens are named, not shown.
    request: String,
    observed: String,
}

/// Requests, and what was observed of each.
type Found = Vec<(String, String)>;

/// One thing to try.
struct Probe {
    name: &'static str,
    run: fn(&Prober<'_>) -> Result<Found, Failure>,
}

const PROBES: &[Probe] = &[
    Probe { name: "tokenless", run: tokenless },
    Probe { name: "verdict-ignored", run: verdict_ignored },
    Probe { name: "fail-open", run: fail_open },
    Probe { name: "early-release", run: early_release },
    Probe { name: "duplicate-authorization", run: duplicate_authorization },
    Probe { name: "joined-authorization", run: joined_authorization },
    Probe { name: "no-answer", run: no_answer },
    Probe { name: "path-confusion", run: path_confusion },
    Probe { name: "odd-bytes", run: odd_bytes },
    Probe { name: "memory-growth", run: memory_growth },
];

/// How many distinct tokens the growth of memory is watched over.
const TOKENS: u32 = 100_000;
/// What a guest may grow by over the last nine tenths of them: an allocator's slack, not a map of tokens.
const MAX_GROWTH_BYTES: usize = 1024 * 1024;

/// Runs every probe; what was found, in their order.
pub(super) fn probe(bench: &Bench) -> Result<Vec<Finding>, Failure> {
    let prober = Prober { bench, token: mint(None, Minting::Once)?.to_string() };
    let mut findings = Vec::new();
    for probe in PROBES {
        let found = (probe.run)(&prober)?;
        findings.extend(found.into_iter().map(|(request, observed)| Finding { probe: probe.name, request, observed }));
    }
    Ok(findings)
}

/// For people.
pub(super) fn human(findings: &[Finding]) -> String {
    if findings.is_empty() {
        let names: Vec<_> = PROBES.iter().map(|probe| probe.name).collect();
        return format!("No findings: {}\n", names.join(", "));
    }
    let shown = |finding: &Finding| {
        format!("{}\n  request   {}\n  observed  {}\n", finding.probe, finding.request, finding.observed)
    };
    findings.iter().map(shown).collect::<Vec<_>>().join("\n")
}

/// `gwauthz.probe/v1`
pub(super) fn machine(findings: &[Finding]) -> Value {
    let names: Vec<_> = PROBES.iter().map(|probe| probe.name).collect();
    json!({"schema": "gwauthz.probe/v1", "probes": names, "findings": findings})
}

struct Prober<'a> {
    bench: &'a Bench,
    /// A demo token: it looks right, and the services below say whether it is.
    token: String,
}

/// Services that treat every callout alike, and count them.
struct Scripted {
    outcome: CallOutcome,
    calls: Rc<Cell<u32>>,
}

impl World for Scripted {
    fn call(&mut self, _call: &HttpCall) -> CallOutcome {
        self.calls.set(self.calls.get() + 1);
        self.outcome.clone()
    }
}

impl Prober<'_> {
    fn gateway(&self, outcome: CallOutcome) -> Result<(Gateway<Scripted>, Rc<Cell<u32>>), Failure> {
        let calls = Rc::new(Cell::new(0));
        Ok((self.bench.start(Scripted { outcome, calls: Rc::clone(&calls) }, false)?, calls))
    }

    /// What becomes of a request in a new gateway.
    fn send(&self, request: &HttpRequest, outcome: CallOutcome) -> Result<Outcome, Failure> {
        Ok(self.gateway(outcome)?.0.request(request))
    }

    fn with_token(&self, path: &str) -> HttpRequest {
        with_authorization(path, format!("Bearer {}", self.token))
    }

    /// The folders and paths that the configuration opens.
    fn bypasses(&self) -> Vec<String> {
        let config: Value = serde_json::from_str(self.bench.config()).unwrap_or_default();
        let listed = config.get("bypassPaths").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut paths: Vec<_> = listed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if paths.is_empty() {
            paths.push("/.well-known/acme-challenge/".to_owned());
        }
        paths
    }
}

fn get(path: &str) -> HttpRequest {
    HttpRequest::new("GET", "gateway.local", path.as_bytes())
}

fn with_authorization(path: &str, value: impl AsRef<[u8]>) -> HttpRequest {
    let mut request = get(path);
    request.headers.add("authorization", value);
    request
}

fn reply(status: u16) -> CallOutcome {
    CallOutcome::Reply { response: HttpResponse::new(status), delay: Duration::ZERO }
}

fn tokenless(prober: &Prober<'_>) -> Result<Found, Failure> {
    let mut found = Vec::new();
    for (what, request) in [
        ("without Authorization", get("/")),
        ("with `Authorization: Basic …`", with_authorization("/", "Basic dXNlcjpwYXNz")),
        ("with an unsigned token", with_authorization("/", "Bearer eyJhbGciOiJub25lIn0.eyJqdGkiOiJhIn0.")),
    ] {
        // Nobody vouches for it: a plugin that asks gets a no.
        if prober.send(&request, reply(401))?.is_allowed() {
            found.push((format!("GET / {what}"), "reaches the upstream".to_owned()));
        }
    }
    Ok(found)
}

fn verdict_ignored(prober: &Prober<'_>) -> Result<Found, Failure> {
    let mut found = Vec::new();
    for status in [401, 403] {
        let outcome = prober.send(&prober.with_token("/"), reply(status))?;
        if outcome.is_allowed() && !outcome.callouts.is_empty() {
            found.push((
                "GET / with a token".to_owned(),
                format!("reaches the upstream although the service said {status}"),
            ));
        }
    }
    Ok(found)
}

fn fail_open(prober: &Prober<'_>) -> Result<Found, Failure> {
    let mut found = Vec::new();
    for (what, outcome) in [
        ("answers 500", reply(500)),
        ("redirects with 302", reply(302)),
        ("does not reply in time (504)", CallOutcome::Timeout),
        ("refuses the connection (503)", CallOutcome::Refused),
        ("hangs up before its reply (503)", CallOutcome::Reset),
        ("hangs up in its reply (a reset)", CallOutcome::ResetMidway),
    ] {
        let outcome = prober.send(&prober.with_token("/"), outcome)?;
        let request = "GET / with a token".to_owned();
        match outcome.ending {
            _ if outcome.is_allowed() && !outcome.callouts.is_empty() => {
                found.push((request, format!("reaches the upstream although the service {what}")));
            }
            Ending::Hung => found.push((request, format!("hangs where the service {what}"))),
            Ending::Trapped(fault) => {
                found.push((request, format!("takes the plugin down where the service {what}: {fault}")))
            }
            _ => {}
        }
    }
    Ok(found)
}

/// A plugin that calls out and does not pause, or lets a body release the headers.
fn early_release(prober: &Prober<'_>) -> Result<Found, Failure> {
    let late = CallOutcome::Reply { response: HttpResponse::new(403), delay: Duration::from_secs(1) };
    let mut found = Vec::new();
    for body in [false, true] {
        let (mut gateway, calls) = prober.gateway(late.clone())?;
        let stream = gateway.open(0, prober.with_token("/").headers, !body);
        if body {
            gateway.receive(stream, Part::Data(b"body".to_vec()), true);
        }
        if calls.get() > 0 && gateway.close(stream).is_allowed() {
            let what = if body { "with a token and a body" } else { "with a token" };
            found.push((format!("GET / {what}"), "reaches the upstream before the service has replied".to_owned()));
        }
    }
    Ok(found)
}

fn duplicate_authorization(prober: &Prober<'_>) -> Result<Found, Failure> {
    let mut request = with_authorization("/", "Bearer another.token.here");
    request.headers.add("authorization", format!("Bearer {}", prober.token));
    let allowed = prober.send(&request, reply(200))?.is_allowed();
    let found = (
        "GET / with two Authorization headers, which Envoy joins with a comma".to_owned(),
        "is allowed by one of the two".to_owned(),
    );
    Ok(allowed.then_some(found).into_iter().collect())
}

/// A plugin that reads the first of several values, where the upstream may read another, or all of them.
fn joined_authorization(prober: &Prober<'_>) -> Result<Found, Failure> {
    let mut found = Vec::new();
    for other in ["Bearer another.token.here", "Basic dXNlcjpwYXNz", "another.token.here", ""] {
        for value in [format!("Bearer {}, {other}", prober.token), format!("{other},Bearer {}", prober.token)] {
            let outcome = prober.send(&with_authorization("/", &value), reply(200))?;
            if outcome.is_allowed() {
                let shown = value.replace(&prober.token, "…");
                found.push((
                    format!("GET / with `Authorization: {shown}`"),
                    "is allowed by the token, and the upstream gets the whole value".to_owned(),
                ));
            }
        }
    }
    Ok(found)
}

/// A request that the plugin holds for ever, or answers twice: Envoy's client then waits for the rest of the first answer.
fn no_answer(prober: &Prober<'_>) -> Result<Found, Failure> {
    let mut posted = prober.with_token("/");
    posted.headers.replace(b":method", b"POST");
    posted.body = b"body".to_vec();
    let mut found = Vec::new();
    for (what, request) in [
        ("GET / without a token", &get("/")),
        ("GET / with a token", &prober.with_token("/")),
        ("POST / with a token", &posted),
    ] {
        for status in [200, 401, 500] {
            if prober.send(request, reply(status))?.ending == Ending::Hung {
                found.push((what.to_owned(), format!("never gets an answer where the service says {status}")));
            }
        }
    }
    Ok(found)
}

/// Paths that a prefix match takes for open ones, and that lead elsewhere. Each goes without a token.
fn path_confusion(prober: &Prober<'_>) -> Result<Found, Failure> {
    let mut found = Vec::new();
    for open in prober.bypasses() {
        let folder = open.trim_end_matches('/');
        for path in [
            format!("{folder}x/admin"),
            format!("{folder}/../admin"),
            format!("{folder}/%2e%2e/admin"),
            format!("{folder}/..%2fadmin"),
            format!("{folder}/..%5cadmin"),
            format!("{folder}/..;/admin"),
            format!("{folder};/admin"),
            format!("{folder}/%252e%252e/admin"),
            format!("/{folder}/../admin"),
            format!("/admin?{open}"),
            format!("/admin?/..{open}"),
            format!("/admin/..{open}"),
        ] {
            let outcome = prober.send(&get(&path), reply(401))?;
            if outcome.is_allowed() {
                found.push((format!("GET {path} without a token"), format!("reaches the upstream by way of {open}")));
            }
        }
    }
    Ok(found)
}

fn odd_bytes(prober: &Prober<'_>) -> Result<Found, Failure> {
    let mut other = prober.with_token("/");
    other.headers.add("x-odd", b"caf\xe9 \xff");
    let long = "a".repeat(60 * 1024);
    let mut found = Vec::new();
    for (what, request) in [
        ("0xFF in the token", with_authorization("/", b"Bearer \xff\xfe.\xff.\xff")),
        ("0xFF in the scheme", with_authorization("/", b"\xff\xff\xff\xff\xff\xff ")),
        ("0xFF in another header", other),
        ("an empty Authorization", with_authorization("/", "")),
        ("60 KiB of dots for a token", with_authorization("/", format!("Bearer {}", ".".repeat(60 * 1024)))),
        ("a path of 60 KiB", prober.with_token(&format!("/{long}"))),
        ("a broken escape in the path", prober.with_token("/%zz%")),
        ("the method CONNECT", HttpRequest::new("CONNECT", "gateway.local", b"/")),
    ] {
        match prober.send(&request, reply(200))?.ending {
            Ending::Trapped(fault) => {
                found.push((format!("a request with {what}"), format!("takes the plugin down: {fault}")))
            }
            Ending::Hung => found.push((format!("a request with {what}"), "hangs".to_owned())),
            _ => {}
        }
    }
    Ok(found)
}

fn memory_growth(prober: &Prober<'_>) -> Result<Found, Failure> {
    let (mut gateway, _) = prober.gateway(reply(200))?;
    let (header, signature) = match prober.token.split('.').collect::<Vec<_>>().as_slice() {
        [header, _, signature] => ((*header).to_owned(), (*signature).to_owned()),
        _ => return Err(Failure::bug("a demo token has three segments")),
    };
    let mut early = 0;
    let mut last = 0;
    for number in 0..TOKENS {
        let payload = URL_SAFE_NO_PAD.encode(json!({"jti": number.to_string()}).to_string());
        let outcome = gateway.request(&with_authorization("/", format!("Bearer {header}.{payload}.{signature}")));
        last = outcome.memory_bytes;
        if number == TOKENS / 10 {
            early = last;
        }
    }
    let grown = last.saturating_sub(early);
    let found = (
        format!("{TOKENS} requests, each with a token of its own"),
        format!("the plugin's memory grows by {grown} bytes"),
    );
    Ok((grown > MAX_GROWTH_BYTES).then_some(found).into_iter().collect())
}
