//! `callout`: how the authorization service is asked.

use std::time::Duration;

use crate::{
    Json,
    callout::{AUTHORIZATION, Forward, Upstream},
    endpoint::Endpoint,
};

use super::{
    endpoint::{AUTHORITY_KEY, NO_HOST, authority},
    keys::{Key, Value, about},
    reader::{Issues, Reader},
    resilience,
    tokens::{NAME, name},
    values::Refusal,
};

pub(super) const KEYS: &[Key] = &[
    AUTHORITY_KEY,
    Key {
        name: "tokenHeader",
        value: Value::Text { pattern: NAME },
        default: Some(r#""authorization""#),
        about: about(
            "The header that the service gets the token in: behind `Bearer` in `authorization`, alone in any other.",
        ),
    },
    Key {
        name: "forward",
        value: Value::Object(FORWARD),
        default: None,
        about: about("What the service gets to know of the request."),
    },
    Key {
        name: "fallbacks",
        value: Value::List(&Value::Object(resilience::FALLBACK)),
        default: Some("[]"),
        about: about(
            "Where else to ask, in this order, while `cluster` is unavailable: not reached, reset, timed out, or answering \
                502, 503 or 504. At most 8.",
        ),
    },
    Key {
        name: "retry",
        value: Value::Object(resilience::RETRY),
        default: None,
        about: about(
            "Ask the same service again before the next one; `{}` turns it on. Default: nobody is asked twice.",
        ),
    },
    Key {
        name: "deadline",
        value: Value::Duration(Duration::from_millis(1)..=Duration::from_secs(5 * 60)),
        default: None,
        about: about(
            "How long all callouts of one request may take, with the waits between them: the last one gets what is left. \
                Default: as long as they take, `timeout` each.",
        ),
    },
    Key {
        name: "breaker",
        value: Value::Object(resilience::BREAKER),
        default: None,
        about: about(
            "Do not ask a service that is unavailable, but the next one, or deny with 503 at once; `{}` turns it on. Each \
                service has its own, which is that of all workers of the gateway where there is a key to seal it with \
                (`secrets.cache`); else each worker learns for itself. Default: it is asked all the same.",
        ),
    },
];

const FORWARD: &[Key] = &[
    Key {
        name: "method",
        value: Value::Flag,
        default: Some("false"),
        about: about("The method, as `x-forwarded-method`."),
    },
    Key {
        name: "path",
        value: Value::Flag,
        default: Some("false"),
        about: about("The path with its query, but without a token in it, as `x-forwarded-uri`."),
    },
    Key { name: "host", value: Value::Flag, default: Some("false"), about: about("The host, as `x-forwarded-host`.") },
    Key {
        name: "headers",
        value: Value::List(&Value::Text { pattern: NAME }),
        default: Some("[]"),
        about: about(
            "Headers, under their own names; a request with one of them that is not UTF-8, or holds control characters, is refused with 400.",
        ),
    },
];

/// Headers that are the callout's own, or a connection's (RFC 9110, section 7.6.1).
pub(super) const RESERVED: [&str; 12] = [
    "authorization",
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-uri",
];

/// What stands at the top of the configuration.
pub(super) struct Top<'a> {
    pub(super) cluster: Option<&'a str>,
    pub(super) path: &'a str,
    pub(super) timeout: Duration,
}

/// The service; `None` without a cluster, or where `issues` then holds an error.
#[inline(never)]
pub(super) fn upstream(top: &Top<'_>, callout: &Reader<'_>, issues: &mut Issues) -> Option<Upstream> {
    let authority = callout.optional("authority", issues, authority);
    let first = top.cluster.and_then(|cluster| {
        let endpoint = Endpoint::new(cluster, authority, top.path);
        if endpoint.is_none() {
            callout.missing(&["authority"], NO_HOST, issues);
        }
        endpoint
    });
    let token_header = callout.optional("tokenHeader", issues, |json| match name(json)?.to_ascii_lowercase() {
        name if name != AUTHORIZATION && RESERVED.contains(&name.as_str()) => Err(reserved(&name)),
        name => Ok(name),
    });
    let token_header = token_header.unwrap_or_else(|| AUTHORIZATION.to_owned());
    let mut forward = Forward::default();
    if let Some(reader) = callout.object("forward", issues) {
        let flag = |key, issues: &mut Issues| reader.flag(key, issues).unwrap_or(false);
        forward.method = flag("method", issues);
        forward.path = flag("path", issues);
        forward.host = flag("host", issues);
        forward.headers = reader.optional("headers", issues, headers).unwrap_or_default();
        if forward.headers.contains(&token_header) {
            reader.refuse("headers", reserved(&token_header), issues);
        }
        reader.finish(issues);
    }
    let endpoints = resilience::endpoints(first, top, callout, issues);
    let persistence = resilience::persistence(top.timeout, callout, issues);
    callout.finish(issues);
    (!endpoints.is_empty()).then_some(Upstream { endpoints, token_header: token_header.into(), forward, persistence })
}

fn headers(json: &Json) -> Result<Vec<String>, Refusal> {
    let Json::Array(items) = json else { return Err(Refusal::wrong_type("a list of headers", json)) };
    let mut names = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let name = name(item).map_err(|refusal| refusal.at(index))?.to_ascii_lowercase();
        if RESERVED.contains(&name.as_str()) {
            return Err(reserved(&name).at(index));
        }
        if names.contains(&name) {
            return Err(Refusal::not_allowed(name, "each header once").at(index));
        }
        names.push(name);
    }
    Ok(names)
}

fn reserved(name: &str) -> Refusal {
    Refusal::not_allowed(name, "a header that is not the callout's own")
}
