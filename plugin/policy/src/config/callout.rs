//! `callout`: how the authorization service is asked.

use crate::{
    Json,
    callout::{Forward, Upstream},
};

use super::{
    keys::{Key, Value},
    non_empty,
    reader::{Issues, Reader, Refusal},
    tokens::{NAME, name},
};

/// How the service is asked, but for what stands at the top of the configuration.
#[derive(Default)]
pub(super) struct Callout<'a> {
    pub(super) authority: Option<&'a str>,
    pub(super) token_header: Option<String>,
    pub(super) forward: Forward,
}

/// What [`authority`] accepts.
pub(super) const AUTHORITY: &str = r"^[0-9A-Za-z\-._~:\[\]]+$";
/// What is missing where a cluster's name has no host.
pub(super) const NO_HOST: &str = "a host name, since none can be taken from `cluster`";

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "authority",
        value: Value::Text { pattern: AUTHORITY },
        default: None,
        about: "The `:authority` of the request to the service. Default: the host in the cluster's name; required where that \
                has none.",
    },
    Key {
        name: "tokenHeader",
        value: Value::Text { pattern: NAME },
        default: Some(r#""authorization""#),
        about: "The header that the service gets the token in: behind `Bearer` in `authorization`, alone in any other.",
    },
    Key {
        name: "forward",
        value: Value::Object(FORWARD),
        default: None,
        about: "What the service gets to know of the request.",
    },
];

const FORWARD: &[Key] = &[
    Key { name: "method", value: Value::Flag, default: Some("false"), about: "The method, as `x-forwarded-method`." },
    Key {
        name: "path",
        value: Value::Flag,
        default: Some("false"),
        about: "The path with its query, but without a token in it, as `x-forwarded-uri`.",
    },
    Key { name: "host", value: Value::Flag, default: Some("false"), about: "The host, as `x-forwarded-host`." },
    Key {
        name: "headers",
        value: Value::List(&Value::Text { pattern: NAME }),
        default: Some("[]"),
        about: "Headers, under their own names; a request with one of them that is not UTF-8, or holds control characters, is refused with 400.",
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

impl<'a> Callout<'a> {
    pub(super) fn read(callout: &Reader<'a>, issues: &mut Issues) -> Self {
        let authority = callout.optional("authority", issues, authority);
        let token_header = callout.optional("tokenHeader", issues, |json| match name(json)?.to_ascii_lowercase() {
            name if name != "authorization" && RESERVED.contains(&name.as_str()) => Err(reserved(&name)),
            name => Ok(name),
        });
        let mut forward = Forward::default();
        if let Some(reader) = callout.object("forward", issues) {
            let flag = |key, issues: &mut Issues| reader.flag(key, issues).unwrap_or(false);
            forward.method = flag("method", issues);
            forward.path = flag("path", issues);
            forward.host = flag("host", issues);
            forward.headers = reader.optional("headers", issues, headers).unwrap_or_default();
            if let Some(name) = token_header.as_ref().filter(|name| forward.headers.contains(name)) {
                reader.refuse("headers", reserved(name), issues);
            }
            reader.finish(issues);
        }
        callout.finish(issues);
        Self { authority, token_header, forward }
    }
}

pub(super) fn authority(json: &Json) -> Result<&str, Refusal> {
    let text = non_empty(json)?;
    if Upstream::is_authority(text) {
        Ok(text)
    } else {
        Err(Refusal::not_allowed(text, "a host name, with a port if need be"))
    }
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
