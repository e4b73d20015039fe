//! `tokens`: where a token may stand, and how long it may be.

use crate::{Json, source::TokenSource};

use super::{
    keys::{Key, Value, about},
    non_empty,
    reader::{Issues, Reader},
    values::{Refusal, non_empty_list, string},
};

/// What is taken for a token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tokens {
    pub(crate) sources: Vec<TokenSource>,
    pub(crate) max_bytes: usize,
    /// How many verifications may fail in a minute for one source address.
    pub(crate) max_failures: u32,
    /// The names that lead to the roles in the claims.
    pub(crate) roles_claim: Vec<String>,
}

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "sources",
        value: Value::List(&Value::Object(SOURCE)),
        default: Some(r#"[{"header": "authorization", "scheme": "Bearer"}]"#),
        about: about("Where a token may stand. One in two places, or twice in one, is refused with 400."),
    },
    Key {
        name: "maxBytes",
        // Envoy refuses requests with more than 60 KiB of headers by default (`max_request_headers_kb`).
        value: Value::Whole(1..=60 * 1024),
        default: Some("8192"),
        about: about("The longest token, in bytes; a longer one is denied without being read."),
    },
    Key {
        name: "maxFailures",
        value: Value::Whole(1..=1_000_000),
        default: Some("60"),
        about: about(
            "With `issuers`: how many tokens a minute from one source address may have a signature that does not hold. Then \
                the gateway answers that address 429 for the rest of the minute, but for tokens that it has verified before. \
                The address is the one that Envoy takes for the client's (`xff_num_trusted_hops`): behind a proxy that \
                hides it, all clients share one.",
        ),
    },
    Key {
        name: "rolesClaim",
        value: Value::NonEmpty(&Value::Text { pattern: "." }),
        default: Some(r#"["roles"]"#),
        about: about(
            "The names that lead to the roles in a token's claims; for Keycloak `[\"realm_access\", \"roles\"]`.",
        ),
    },
];

/// What [`name`] accepts.
pub(super) const NAME: &str = r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$";

/// The keys of a place that a token may stand in.
const SOURCE: &[Key] = &[
    Key { name: "header", value: Value::Text { pattern: NAME }, default: None, about: about("A header.") },
    Key {
        name: "scheme",
        value: Value::Text { pattern: NAME },
        default: None,
        about: about(
            "The authentication scheme before the token in `header`, without regard to case. Default: `Bearer` for \
                `authorization`, none for other headers.",
        ),
    },
    Key {
        name: "cookie",
        value: Value::Text { pattern: NAME },
        default: None,
        about: about(
            "A cookie. A request whose method is not GET, HEAD, OPTIONS or TRACE then needs an `Origin` with the host that \
                it is for.",
        ),
    },
    Key {
        name: "query",
        value: Value::Text { pattern: r"^[\-._~0-9A-Za-z]+$" },
        default: None,
        about: about("A parameter of the query. It is taken out of the path that the upstream gets."),
    },
];

impl Default for Tokens {
    fn default() -> Self {
        Self {
            sources: vec![TokenSource::bearer()],
            max_bytes: 8 * 1024,
            max_failures: 60,
            roles_claim: vec!["roles".to_owned()],
        }
    }
}

impl Tokens {
    #[inline(never)]
    pub(super) fn read(tokens: &Reader<'_>, issues: &mut Issues) -> Self {
        let default = Self::default();
        let sources = tokens.objects("sources", issues).map(|written| {
            if written.is_empty() {
                tokens.refuse("sources", Refusal::not_allowed("[]", "one place or more"), issues);
            }
            let mut sources = Vec::new();
            for source in &written {
                match source_of(source, issues) {
                    Some(known) if sources.contains(&known) => {
                        source.refuse_whole(Refusal::not_allowed("the same place again", "each place once"), issues);
                    }
                    read => sources.extend(read),
                }
            }
            sources
        });
        let max_bytes = tokens.whole("maxBytes", issues).and_then(|bytes| usize::try_from(bytes).ok());
        let max_failures = tokens.whole("maxFailures", issues).and_then(|failures| u32::try_from(failures).ok());
        let roles_claim =
            tokens.optional("rolesClaim", issues, |json| non_empty_list(json, "a list of names", non_empty));
        tokens.finish(issues);
        Self {
            sources: sources.unwrap_or(default.sources),
            max_bytes: max_bytes.unwrap_or(default.max_bytes),
            max_failures: max_failures.unwrap_or(default.max_failures),
            roles_claim: roles_claim
                .map_or(default.roles_claim, |names| names.into_iter().map(str::to_owned).collect()),
        }
    }
}

/// `None` only where `issues` then holds an error.
fn source_of(source: &Reader<'_>, issues: &mut Issues) -> Option<TokenSource> {
    let errors = issues.errors.len();
    let header = source.optional("header", issues, header_name);
    let scheme = source.optional("scheme", issues, name);
    let cookie = source.optional("cookie", issues, name);
    let query = source.optional("query", issues, parameter_name);
    source.finish(issues);
    let read = match (header, scheme, cookie, query) {
        (Some(header), scheme, None, None) => {
            let bearer = header.eq_ignore_ascii_case("authorization").then_some("Bearer");
            let scheme = scheme.or(bearer).map(str::to_owned);
            Some(TokenSource::Header { name: header.to_ascii_lowercase(), scheme })
        }
        (None, None, Some(cookie), None) => Some(TokenSource::Cookie(cookie.to_owned())),
        (None, None, None, Some(query)) => Some(TokenSource::Query(query.to_owned())),
        _ => None,
    };
    if read.is_none() && issues.errors.len() == errors {
        let expected = "one of `header` (with a `scheme` or without), `cookie` and `query`";
        source.refuse_whole(Refusal::not_allowed("the place", expected), issues);
    }
    read
}

/// A token of RFC 9110, section 5.6.2: names of headers, schemes and cookies.
pub(super) fn name(json: &Json) -> Result<&str, Refusal> {
    named(string(json)?)
}

/// Likewise, of a text.
pub(super) fn named(text: &str) -> Result<&str, Refusal> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_token) {
        Ok(text)
    } else {
        Err(Refusal::not_allowed(text, "a name of letters, digits and `-`, without spaces"))
    }
}

fn header_name(json: &Json) -> Result<&str, Refusal> {
    match name(json)? {
        name if name.eq_ignore_ascii_case("cookie") => Err(Refusal::not_allowed(name, "`cookie: NAME`")),
        name => Ok(name),
    }
}

/// A name that is written in a query as it is (RFC 3986, section 2.3).
fn parameter_name(json: &Json) -> Result<&str, Refusal> {
    let text = string(json)?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
        Ok(text)
    } else {
        Err(Refusal::not_allowed(text, "a name of letters, digits, `-`, `.`, `_` and `~`"))
    }
}
