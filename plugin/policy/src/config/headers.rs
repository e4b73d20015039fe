//! `headers`: what is changed of a request that is let through.

use crate::{
    callout::Upstream,
    header_map::is_alike,
    identity::{FromClaim, Identity},
    source::TokenSource,
};

use super::{
    Tokens,
    callout::RESERVED,
    keys::{Key, NON_EMPTY, Value, about},
    non_empty,
    reader::{Issues, Reader},
    tokens::{NAME, named},
    values::Refusal,
};

/// What is changed of a request.
#[derive(Default)]
pub(super) struct Headers {
    pub(super) identity: Identity,
    pub(super) strip_token: bool,
}

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "set",
        value: Value::Texts { names: NAME, pattern: NON_EMPTY },
        default: None,
        about: about(
            "Headers that tell the upstream of the token, each with the claim that its value is taken from: \
                `{x-user-id: sub}`. They are set once the token is verified, or the service has allowed it; what a client sends \
                under these names, with `_` for `-` too, is taken away from every request. A claim that is absent or empty sets \
                none. Of a list, the elements are set with commas between. What is no such text (control characters, blanks at \
                an end, a comma in an element, an object, a fraction) is denied with 403.",
        ),
    },
    Key {
        name: "stripToken",
        value: Value::Flag,
        default: Some("false"),
        about: about("The upstream does not get the token. One from the query it never gets, since paths are logged."),
    },
];

impl Headers {
    /// `tokens` and `upstream` read headers of clients, which none that is set can be.
    #[inline(never)]
    pub(super) fn read(
        headers: &Reader<'_>,
        tokens: &Tokens,
        upstream: Option<&Upstream>,
        issues: &mut Issues,
    ) -> Self {
        let of_token = tokens.sources.iter().filter_map(|source| match source {
            TokenSource::Header { name, .. } => Some(name.as_str()),
            TokenSource::Cookie(_) | TokenSource::Query(_) => None,
        });
        let forwarded = upstream.into_iter().flat_map(|upstream| upstream.forward.headers.iter().map(String::as_str));
        let taken: Vec<_> = RESERVED.into_iter().chain(["cookie"]).chain(of_token).chain(forwarded).collect();
        let set = headers.texts("set", issues, |name, claim| {
            let header = named(name)?.to_ascii_lowercase();
            if taken.iter().any(|other| is_alike(other.as_bytes(), header.as_bytes())) {
                return Err(Refusal::not_allowed(name, "a header that nothing else is read from"));
            }
            Ok(FromClaim { header, claim: non_empty(claim)?.to_owned() })
        });
        for (position, FromClaim { header, .. }) in set.iter().enumerate() {
            if set.iter().skip(position + 1).any(|other| is_alike(other.header.as_bytes(), header.as_bytes())) {
                headers.refuse("set", Refusal::not_allowed(header, "each header once, be it with `_` or `-`"), issues);
            }
        }
        let strip_token = headers.flag("stripToken", issues).unwrap_or(false);
        headers.finish(issues);
        Self { identity: Identity(set), strip_token }
    }
}
