//! Every key of the configuration: what the reader knows, and what the reference page and the JSON Schema say.

use std::{ops::RangeInclusive, time::Duration};

use super::{cache, callout, headers, issuers, observability, revocation, rules, secret, tokens};

/// A key of an object in the configuration.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value may be.
    pub value: Value,
    /// What counts where it is absent or null, as JSON; `None` where that is nothing, or needs words.
    pub default: Option<&'static str>,
    /// What it does, in Markdown.
    pub about: &'static str,
}

/// Documentation that the module in a gateway does without: it takes 10 KB there.
pub(super) const fn about(text: &'static str) -> &'static str {
    if cfg!(target_family = "wasm") { "" } else { text }
}

/// How many elements a list or a map may have that is looked through for each request.
pub const LONGEST_LIST: usize = 64;

/// What a value may be.
#[derive(Debug)]
pub enum Value {
    /// A string.
    Text {
        /// What it looks like, as a regular expression (ECMA-262) that every accepted value fits.
        pattern: &'static str,
    },
    /// One of these strings.
    Word(&'static [&'static str]),
    /// Milliseconds as a number, or a text such as `500ms` or `2s`.
    Duration(RangeInclusive<Duration>),
    /// A whole number.
    Whole(RangeInclusive<u64>),
    /// A number from 0 to 1.
    Fraction,
    /// `{env: NAME}`: what a variable of the VM's environment holds.
    Secret,
    /// True or false.
    Flag,
    /// Any object; what it is a standard says.
    Any,
    /// A text, a number, true or false.
    Scalar,
    /// A list.
    List(&'static Value),
    /// A list of one element to [`LONGEST_LIST`].
    NonEmpty(&'static Value),
    /// An object with these keys.
    Object(&'static [Key]),
    /// One text to [`LONGEST_LIST`] like [`Value::Text`], each by a name of the user's.
    Texts {
        /// What the names look like.
        names: &'static str,
        /// What the texts look like.
        pattern: &'static str,
    },
    /// One object to [`LONGEST_LIST`] with these keys, each by a name of the user's.
    Map(&'static [Key]),
}

/// What [`super::non_empty`] accepts.
pub(super) const NON_EMPTY: &str = r"^[^\x00-\x1f\x7f]+$";

/// What [`super::path`] accepts.
pub(super) const PATH: &str = r#"^/[!-"$-~]*$"#;

/// The keys of the configuration itself.
pub const ROOT: &[Key] = &[
    Key {
        name: "cluster",
        value: Value::Text { pattern: NON_EMPTY },
        default: None,
        about: about(
            "The Envoy cluster of the authorization service; Istio calls it \
                `outbound|8080||jwt-auth-service.default.svc.cluster.local`. Required but where there are `issuers`: then \
                signature and claims decide without it, and before it is asked.",
        ),
    },
    Key {
        name: "authorizeUrl",
        value: Value::Text { pattern: PATH },
        default: Some(r#""/authorize""#),
        about: about("The path at which the service is asked, with a query if need be. The host comes from `cluster`."),
    },
    Key {
        name: "timeout",
        value: Value::Duration(Duration::from_millis(1)..=Duration::from_secs(60)),
        default: Some("2000"),
        about: about(
            "How long the service may take for one callout. Then the request is denied with 503, unless `callout` says who \
                else is asked.",
        ),
    },
    Key {
        name: "bypassPaths",
        value: Value::List(&Value::Text { pattern: r"^(/[!-$&-.0-:<->@-\[\]-~]+)+/?$" }),
        default: Some(r#"["/.well-known/acme-challenge/"]"#),
        about: about(
            "Paths that need no token, and all below them: `/health` opens `/health` and `/health/live`, not `/healthcare`. \
                An empty list opens none; with `compat: seed` it means the default.",
        ),
    },
    Key {
        name: "compat",
        value: Value::Word(&["strict", "seed"]),
        default: Some(r#""strict""#),
        about: about(
            "`seed` answers with the status lines and bodies of the plugin that this one replaces, ignores unknown keys \
                (with a warning in the log) and reads keys without regard to case.",
        ),
    },
    Key {
        name: "mode",
        value: Value::Word(&["enforce", "shadow"]),
        default: Some(r#""enforce""#),
        about: about(
            "`shadow` tries a configuration out: **every request passes**, at once and as it came. What would have become of it is \
                counted (`gwauthz.shadow`) and audited, callouts are made behind it, those of 256 requests of a worker at a \
                time: others that need one count as `undecided`. A client's own headers are passed on too, those of `headers.set` and \
                tokens that an upstream should not see among them: whoever trusts them has to know.",
        ),
    },
    Key {
        name: "callout",
        value: Value::Object(callout::KEYS),
        default: None,
        about: about("How the service is asked."),
    },
    Key {
        name: "onError",
        value: Value::Word(&["deny", "allow", "staleThenDeny"]),
        default: Some(r#""deny""#),
        about: about(
            "What becomes of a request while no service can be asked: unreachable, reset, timed out, or answering 502, 503 or \
                504. `deny` answers it with 503. `allow` lets it through where one of the `issuers`, which it needs, has \
                signed its token and all else holds that the plugin verifies itself: whoever can overload the service, or \
                make it fail upon a request of theirs, then gets in with a token that it would not allow. \
                `staleThenDeny` lets it through likewise, but only what the service has allowed of late (`cache.staleFor`), and \
                tells the upstream nothing of it (`headers.set`). Where the service \
                is asked because a snapshot of `revocation` cannot tell, it is `deny` always.",
        ),
    },
    Key {
        name: "tokens",
        value: Value::Object(tokens::KEYS),
        default: None,
        about: about("What is taken for a token."),
    },
    Key {
        name: "headers",
        value: Value::Object(headers::KEYS),
        default: None,
        about: about("What is changed of a request that is let through."),
    },
    Key {
        name: "issuers",
        value: Value::List(&Value::Object(issuers::KEYS)),
        default: Some("[]"),
        about: about("Whose tokens the plugin verifies itself. A token of anybody else is denied."),
    },
    Key {
        name: "revocation",
        value: Value::Object(revocation::KEYS),
        default: None,
        about: about("How the plugin learns which tokens are revoked, without asking about each."),
    },
    Key {
        name: "cache",
        value: Value::Object(cache::KEYS),
        default: None,
        about: about(
            "What the authorization service is asked about once, for requests of which it is told the same: `callout.forward` \
                makes requests different by what it tells. That the service is unavailable is never kept.",
        ),
    },
    Key {
        name: "secrets",
        value: Value::Object(secret::KEYS),
        default: None,
        about: about(
            "What has to be kept secret: each names the variable of the VM's environment (`vmConfig.env`) that holds it.",
        ),
    },
    Key {
        name: "paths",
        value: Value::Object(&[Key {
            name: "ambiguous",
            value: Value::Word(&["reject", "neverMatch"]),
            default: None,
            about: about(
                "What becomes of a path that can be read in two ways (`%2f`, `..`, `;`, `//`) while `bypassPaths` or \
                    `rules` look at paths: `reject` answers it with 400; with `neverMatch` nothing that looks at paths opens \
                    it, and it has to meet what every rule requires that it may match. Default: `reject`; `neverMatch` with `compat: seed`.",
            ),
        }]),
        default: None,
        about: about("How paths are read."),
    },
    Key {
        name: "rules",
        value: Value::List(&Value::Object(rules::KEYS)),
        default: None,
        about: about(
            "Which requests need a token, and what has to stand in it. The first that matches decides, `bypassPaths` before \
                all; where none does, a token is needed. One that is never reached is refused, as is an unknown key in one \
                with `compat: seed`. At most 256.",
        ),
    },
    Key {
        name: "errors",
        value: Value::Object(&[Key {
            name: "format",
            value: Value::Word(&["problem+json", "rfc6750", "seed"]),
            default: None,
            about: about(
                "What a denied client gets beside the status: `problem+json` a bearer challenge (RFC 6750) and a problem as \
                    JSON (RFC 9457) with a stable `code`; `rfc6750` the challenge alone; `seed` the text of the plugin that \
                    this one replaces. Default: `problem+json`; `seed` with `compat: seed`. Clients of gRPC get a \
                    `grpc-status` and a `grpc-message` in each.",
            ),
        }]),
        default: None,
        about: about("What denied clients are told."),
    },
    Key {
        name: "preflight",
        value: Value::Word(&["deny", "allow"]),
        default: Some(r#""deny""#),
        about: about(
            "`allow` lets requests through by which browsers ask about others (CORS): `OPTIONS` with `Origin` and \
                `Access-Control-Request-Method`. They carry no token.",
        ),
    },
    Key {
        name: "observability",
        value: Value::Object(observability::KEYS),
        default: None,
        about: about("What is told of decisions."),
    },
];
