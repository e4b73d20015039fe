//! The requests that Envoy and the embedded host have to answer alike, and the answers that a person would expect.

use serde_json::{Value, json};

use crate::{request::Request, services::Reply};

/// An Istio cluster name: the callout's authority is its host.
pub(crate) const AUTHORIZATION_CLUSTER: &str = "outbound|8080||authz.default.svc.cluster.local";
/// A cluster whose only endpoint refuses connections.
pub(crate) const REFUSING_CLUSTER: &str = "refusing";

/// A plugin configuration; in Envoy each has a listener of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    Strict,
    Seed,
    /// Waits for the service only briefly.
    Hasty,
    /// No path is open, so that no path is ambiguous.
    NothingOpen,
    /// Asks a service that nothing listens for.
    Refused,
    /// Asks a cluster that the gateway does not have.
    UnknownCluster,
}

impl Setup {
    pub(crate) const ALL: [Self; 6] =
        [Self::Strict, Self::Seed, Self::Hasty, Self::NothingOpen, Self::Refused, Self::UnknownCluster];

    pub(crate) fn plugin_config(self) -> Value {
        let cluster = match self {
            Self::Refused => REFUSING_CLUSTER,
            Self::UnknownCluster => "nowhere",
            _ => AUTHORIZATION_CLUSTER,
        };
        json!({
            "cluster": cluster,
            "authorizeUrl": "/authorize",
            "timeout": if self == Self::Hasty { 150 } else { 5000 },
            "bypassPaths": if self == Self::NothingOpen { json!([]) } else { json!(["/public/", "/health"]) },
            "compat": if self == Self::Seed { "seed" } else { "strict" },
        })
    }
}

/// A request, the world that it meets, and what has to come of it.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) setup: Setup,
    pub(crate) authorization: Reply,
    pub(crate) request: Request,
    expected: Expected,
    /// Where a gateway that normalises paths (Istio's default) comes to another answer.
    expected_normalized: Option<Expected>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The status that the client gets; 200 is the upstream's.
    pub(crate) status: u16,
    /// Whether the authorization service was asked.
    pub(crate) asked: bool,
}

const ALLOWED: Expected = Expected { status: 200, asked: true };
const BYPASSED: Expected = Expected { status: 200, asked: false };

const fn denied(status: u16) -> Expected {
    Expected { status, asked: false }
}

const fn denied_after_asking(status: u16) -> Expected {
    Expected { status, asked: true }
}

/// `{"alg":"ES256"}`, `{"jti":"a-token"}` and what stands for a signature: that is the authorization service's business.
pub(crate) const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhLXRva2VuIn0.YSBzaWduYXR1cmU";

fn with_token(path: &str) -> Request {
    Request::get(path).header("authorization", format!("Bearer {TOKEN}"))
}

/// A request whose token has this signature.
pub(crate) fn with_signature(signature: &str) -> Request {
    let (signed, _) = TOKEN.rsplit_once('.').expect("a token of three segments");
    Request::get("/").header("authorization", format!("Bearer {signed}.{signature}"))
}

fn with_authorization(value: impl AsRef<[u8]>) -> Request {
    Request::get("/").header("authorization", value)
}

impl Row {
    /// What is expected of a gateway that normalises paths, or does not, before the plugin sees them.
    pub(crate) fn expected_on(&self, normalized: bool) -> Expected {
        self.expected_normalized.filter(|_| normalized).unwrap_or(self.expected)
    }

    fn new(name: &'static str, request: Request, expected: Expected) -> Self {
        let (setup, authorization) = (Setup::Strict, Reply::Status(200));
        Self { name, setup, authorization, request, expected, expected_normalized: None }
    }

    fn under(self, setup: Setup) -> Self {
        Self { setup, ..self }
    }

    fn service(self, authorization: Reply) -> Self {
        Self { authorization, ..self }
    }

    fn normalized(self, expected: Expected) -> Self {
        Self { expected_normalized: Some(expected), ..self }
    }
}

/// Every row.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(verdicts());
    rows.extend(credentials());
    rows.extend(tokens());
    rows.extend(paths());
    rows.extend(seed());
    rows
}

fn verdicts() -> impl Iterator<Item = Row> {
    let row = |name, reply, expected| Row::new(name, with_token("/orders?page=2"), expected).service(reply);
    [
        row("valid", Reply::Status(200), ALLOWED),
        row("rejected", Reply::Status(401), denied_after_asking(401)),
        row("revoked", Reply::Status(403), denied_after_asking(403)),
        row("service fails", Reply::Status(500), denied_after_asking(503)),
        row("service redirects", Reply::Status(302), denied_after_asking(503)),
        row("service says 204, which is not 200", Reply::Status(204), denied_after_asking(503)),
        row("service hangs up", Reply::HangUp, denied_after_asking(503)),
        row("service hangs up in mid-reply", Reply::HangUpMidway, denied_after_asking(503)),
        row("service stays silent", Reply::Never, denied_after_asking(503)).under(Setup::Hasty),
        row("service refuses connections", Reply::Status(200), denied(503)).under(Setup::Refused),
        row("cluster unknown", Reply::Status(200), denied(503)).under(Setup::UnknownCluster),
        Row::new("POST", with_token("/orders").posting("{\"item\":1}"), ALLOWED),
        Row::new("POST, revoked", with_token("/orders").posting("{}"), denied_after_asking(403))
            .service(Reply::Status(403)),
        Row::new("POST without a token", Request::get("/orders").posting("{}"), denied(401)),
        Row::new("HEAD", with_token("/orders").method("HEAD"), ALLOWED),
        Row::new("PURGE, an extension method", with_token("/orders").posting("").method("PURGE"), ALLOWED),
    ]
    .into_iter()
}

fn credentials() -> impl Iterator<Item = Row> {
    let row = |name, value: &str, expected| Row::new(name, with_authorization(value), expected);
    let scheme = |scheme: &str| format!("{scheme} {TOKEN}");
    [
        Row::new("missing", Request::get("/"), denied(401)),
        Row::new("missing, HEAD", Request::get("/").method("HEAD"), denied(401)),
        row("empty", "", denied(401)),
        row("scheme alone", "Bearer", denied(401)),
        row("Basic", "Basic dXNlcjpwYXNz", denied(401)),
        row("lower-case scheme", &scheme("bearer"), ALLOWED),
        row("upper-case scheme", &scheme("BEARER"), ALLOWED),
        row("two spaces", &format!("Bearer  {TOKEN}"), ALLOWED),
        row("tab instead of a space", &format!("Bearer\t{TOKEN}"), denied(401)),
        row("no space", &format!("Bearer{TOKEN}"), denied(401)),
        row("two tokens in one header", &format!("Bearer {TOKEN}, Bearer {TOKEN}"), denied(401)),
        // Envoy joins some headers with a comma before any filter sees them, and drops empty ones; this is one of them.
        Row::new("two headers", with_token("/").header("authorization", scheme("Bearer")), denied(401)),
        Row::new("two headers, one empty", with_token("/").header("authorization", ""), ALLOWED),
        Row::new("two headers, other case", with_token("/").header("Authorization", "Basic dTpw"), denied(401)),
        Row::new("0xFF in the token", with_authorization(b"Bearer \xff\xfe.\xff.\xff"), denied(401)),
        Row::new("control character in another header", with_token("/").header("x-odd", b"a\x01b"), denied(400)),
        Row::new("0xFF in another header", with_token("/").header("x-odd", b"caf\xe9 \xff"), ALLOWED),
        Row::new(
            "CORS preflight",
            Request::get("/")
                .method("OPTIONS")
                .header("origin", "https://app.example.com")
                .header("access-control-request-method", "GET"),
            denied(401),
        ),
        Row::new("path named in a header", Request::get("/").header("x-envoy-original-path", "/public/x"), denied(401)),
    ]
    .into_iter()
}

fn tokens() -> impl Iterator<Item = Row> {
    let row = |name, token: &str| Row::new(name, with_authorization(format!("Bearer {token}")), denied(401));
    [
        row("not a JWT", "opaque"),
        row("two segments", "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhLXRva2VuIn0"),
        row("four segments", &format!("{TOKEN}.AA")),
        row("empty segments", ".."),
        row("payload not base64url", "eyJhbGciOiJFUzI1NiJ9.!!.YSBzaWduYXR1cmU"),
        row("payload padded", "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhIn0=.YSBzaWduYXR1cmU"),
        row("no jti", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSJ9.YSBzaWduYXR1cmU"),
        row("two jti", "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhIiwianRpIjoiYiJ9.YSBzaWduYXR1cmU"),
        row("expired", "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhLXRva2VuIiwiZXhwIjoxfQ.YSBzaWduYXR1cmU"),
        row("alg none", "eyJhbGciOiJub25lIn0.eyJqdGkiOiJhLXRva2VuIn0.YSBzaWduYXR1cmU"),
        row("no signature", "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhLXRva2VuIn0."),
        row("oversized", &format!("{TOKEN}{}", "A".repeat(9000))),
        row("40 KiB of dots", &".".repeat(40 << 10)),
    ]
    .into_iter()
}

fn paths() -> impl Iterator<Item = Row> {
    let row = |name, path: &str, expected| Row::new(name, Request::get(path), expected);
    [
        row("bypass", "/public/logo.svg", BYPASSED),
        row("bypass with a query", "/public/?next=/../admin", BYPASSED),
        row("bypass, encoded letter", "/publi%63/logo.svg", BYPASSED),
        row("bypass, whole segment", "/health", BYPASSED),
        row("bypass in the query only", "/admin?/public/", denied(401)),
        row("prefix of a segment", "/healthcare", denied(401)),
        row("folder without its slash", "/public", denied(401)),
        row("other case", "/PUBLIC/x", denied(401)),
        row("absolute form", "http://elsewhere.example.com/public/logo.svg", BYPASSED),
        row("absolute form, elsewhere", "http://elsewhere.example.com/admin?/public/", denied(401)),
        row("climbs out", "/public/../admin", denied(400)).normalized(denied(401)),
        row("climbs out, encoded dots", "/public/%2e%2e/admin", denied(400)).normalized(denied(401)),
        row("climbs out, encoded slash", "/public/..%2fadmin", denied(400)),
        row("climbs out, backslash", r"/public/..\admin", denied(400)).normalized(denied(401)),
        row("climbs out, encoded backslash", "/public/..%5cadmin", denied(400)),
        row("climbs out, path parameter", "/public/..;/admin", denied(400)).normalized(denied(401)),
        row("climbs out, encoded twice", "/public/%252e%252e/admin", denied(400)),
        row("dot segment", "/public/./x", denied(400)).normalized(BYPASSED),
        row("empty segment", "//public/x", denied(400)),
        row("empty segment inside", "/public//x", denied(400)),
        row("path parameter", "/public;x/y", denied(400)),
        row("broken escape", "/public/%zz", denied(400)),
        row("encoded NUL", "/public/%00", denied(400)),
        row("fragment", "/public/#/x", denied(400)),
        row("raw byte", "/public/\u{e9}", denied(400)),
        Row::new("an ambiguous path is refused whatever the token", with_token("/a%2fb"), denied(400)),
        Row::new("nothing open: no path is ambiguous", with_token("/a%2fb"), ALLOWED).under(Setup::NothingOpen),
        row("nothing open: a token all the same", "/public/x", denied(401)).under(Setup::NothingOpen),
    ]
    .into_iter()
}

fn seed() -> impl Iterator<Item = Row> {
    let row = |name, request: Request, expected| Row::new(name, request, expected).under(Setup::Seed);
    [
        row("seed: missing", Request::get("/"), denied(401)),
        row("seed: not Bearer", with_authorization("Basic dXNlcjpwYXNz"), denied(401)),
        row("seed: not a JWT", with_authorization("Bearer opaque"), denied(401)),
        row("seed: valid", with_token("/"), ALLOWED),
        row("seed: rejected", with_token("/"), denied_after_asking(401)).service(Reply::Status(401)),
        row("seed: revoked", with_token("/"), denied_after_asking(403)).service(Reply::Status(403)),
        row("seed: service fails", with_token("/"), denied_after_asking(503)).service(Reply::Status(500)),
        row("seed: service hangs up", with_token("/"), denied_after_asking(503)).service(Reply::HangUp),
        row("seed: service hangs up in mid-reply", with_token("/"), denied_after_asking(503))
            .service(Reply::HangUpMidway),
        row("seed: bypass", Request::get("/public/x"), BYPASSED),
        row("seed: the hole is closed", Request::get("/healthcare"), denied(401)),
    ]
    .into_iter()
}
