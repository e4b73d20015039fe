//! `issuers`: whose tokens the plugin verifies itself.

use std::time::Duration;

use crate::{
    Json,
    endpoint::Endpoint,
    issuer::{Issuer, JwksSource, KeySource},
    jwk::JwkSet,
    jws::Algorithm,
};

use super::{
    IssueKind, claims,
    endpoint::{AUTHORITY_KEY, NO_HOST, authority, cluster_key, path_key},
    keys::{Key, NON_EMPTY, Value, about},
    non_empty, path,
    reader::{Issues, Reader},
    values::{Refusal, list, string},
};

/// The usual bound of a clock's error (RFC 7519, section 4.1.4: "usually no more than a few minutes").
const DEFAULT_CLOCK_SKEW: Duration = Duration::from_secs(30);
/// Algorithms whose keys are public; with a shared secret everybody who verifies can sign.
const ALGORITHMS: [Algorithm; 7] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
];

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "issuer",
        value: Value::Text { pattern: NON_EMPTY },
        default: None,
        about: about("Required. Its name: `iss` of its tokens, to the letter."),
    },
    Key {
        name: "audiences",
        value: Value::List(&Value::Text { pattern: NON_EMPTY }),
        default: None,
        about: about("Required. Whom its tokens must be for: one of these must be among their `aud`."),
    },
    Key {
        name: "jwks",
        value: Value::Object(JWKS),
        default: None,
        about: about(
            "Required. Its public keys: `inline`, or fetched from a `cluster`. Until the first have come, requests wait for \
                them, as long as `timeout` says; then they are denied with 503.",
        ),
    },
    Key {
        name: "algorithms",
        value: Value::List(&Value::Word(&["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"])),
        default: None,
        about: about("What its tokens may be signed with. Default: whatever its keys are for."),
    },
    Key {
        name: "clockSkew",
        value: Value::Duration(Duration::ZERO..=Duration::from_secs(5 * 60)),
        default: Some(r#""30s""#),
        about: about("How far its clock and the gateway's may be apart."),
    },
    Key {
        name: "require",
        value: Value::List(&Value::Text { pattern: NON_EMPTY }),
        default: Some(r#"["exp"]"#),
        about: about("Claims that its tokens must have."),
    },
    Key {
        name: "claims",
        value: Value::Map(claims::KEYS),
        default: None,
        about: about("What must hold of its tokens' claims, by their names: `{token_type: {equals: child}}`."),
    },
    Key {
        name: "maxLifetime",
        value: Value::Duration(Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 60 * 60)),
        default: None,
        about: about(
            "The longest time from `iat` to `exp`; a token without one of them is denied then. Default: none.",
        ),
    },
];

const JWKS: &[Key] = &[
    Key {
        name: "inline",
        value: Value::Any,
        default: None,
        about: about(
            "A JWK Set (RFC 7517): `{keys: […]}`. Keys for encryption, private and unknown ones are left out.",
        ),
    },
    cluster_key("The Envoy cluster that serves the JWK Set; TLS is the cluster's business."),
    path_key(Some(r#""/.well-known/jwks.json""#), "Where in `cluster` it is."),
    AUTHORITY_KEY,
    Key {
        name: "refresh",
        value: Value::Duration(Duration::from_secs(10)..=Duration::from_secs(24 * 60 * 60)),
        default: Some(r#""5m""#),
        about: about(
            "How often it is fetched. A token with a key that is not in it has it fetched at once, at most every 5 s.",
        ),
    },
    Key {
        name: "staleFor",
        value: Value::Duration(Duration::ZERO..=Duration::from_secs(7 * 24 * 60 * 60)),
        default: Some(r#""1h""#),
        about: about("How long the last good one still counts once its refresh fails."),
    },
];

const DEFAULT_JWKS_PATH: &str = "/.well-known/jwks.json";
const DEFAULT_REFRESH: Duration = Duration::from_secs(5 * 60);
const DEFAULT_STALE_FOR: Duration = Duration::from_secs(60 * 60);

/// `timeout`: how long a fetch may take. `None` only where `issues` then holds an error.
pub(super) fn read(written: &[Reader<'_>], timeout: Duration, issues: &mut Issues) -> Vec<Issuer> {
    let mut issuers: Vec<Issuer> = Vec::new();
    for reader in written {
        match issuer(reader, timeout, issues) {
            Some(issuer) if issuers.iter().any(|other| other.name == issuer.name) => {
                reader.refuse("issuer", Refusal::not_allowed(&issuer.name, "each issuer once"), issues);
            }
            issuer => issuers.extend(issuer),
        }
    }
    issuers
}

fn issuer(reader: &Reader<'_>, timeout: Duration, issues: &mut Issues) -> Option<Issuer> {
    let name = reader.required("issuer", "the issuer's name", issues, non_empty);
    let audiences = reader.required("audiences", "whom tokens are for", issues, audiences);
    let keys = match reader.object("jwks", issues) {
        Some(jwks) => key_source(&jwks, timeout, issues),
        None => {
            reader.missing(&["jwks"], "the issuer's public keys", issues);
            None
        }
    };
    let algorithms = reader.optional("algorithms", issues, algorithms).unwrap_or_else(|| ALGORITHMS.to_vec());
    let clock_skew = reader.duration("clockSkew", issues).unwrap_or(DEFAULT_CLOCK_SKEW);
    let require = reader.optional("require", issues, names);
    let require = require.unwrap_or_else(|| vec!["exp".to_owned()]);
    let claims = claims::read(reader, "claims", issues);
    let max_lifetime = reader.duration("maxLifetime", issues);
    reader.finish(issues);
    let (name, audiences, keys) = (name?.to_owned(), audiences?, keys?);
    Some(Issuer { name, audiences, algorithms, keys, clock_skew, require, claims, max_lifetime })
}

/// `None` only where `issues` then holds an error.
fn key_source(jwks: &Reader<'_>, timeout: Duration, issues: &mut Issues) -> Option<KeySource> {
    let errors = issues.errors.len();
    let inline = jwks.optional("inline", issues, |json| {
        JwkSet::from_json(json.clone()).map_err(|error| Refusal::not_allowed(json.kind(), error.to_string()))
    });
    let cluster = jwks.optional("cluster", issues, non_empty);
    let path = jwks.optional("path", issues, path);
    let given = jwks.optional("authority", issues, authority);
    let refresh = jwks.duration("refresh", issues);
    let stale_for = jwks.duration("staleFor", issues);
    jwks.finish(issues);
    for left_out in inline.iter().flat_map(JwkSet::left_out) {
        let message = format!("keys[{}] is left out: {}", left_out.index, left_out.reason);
        jwks.warn(&["inline"], IssueKind::Unused { message }, issues);
    }
    match (inline, cluster) {
        (Some(set), None) if path.is_none() && given.is_none() && refresh.is_none() && stale_for.is_none() => {
            Some(KeySource::Inline(set))
        }
        (None, Some(cluster)) => {
            let path = path.unwrap_or(DEFAULT_JWKS_PATH);
            let Some(origin) = Endpoint::new(cluster, given, path) else {
                jwks.missing(&["authority"], NO_HOST, issues);
                return None;
            };
            Some(KeySource::Remote(JwksSource {
                origin,
                refresh: refresh.unwrap_or(DEFAULT_REFRESH),
                stale_for: stale_for.unwrap_or(DEFAULT_STALE_FOR),
                timeout,
            }))
        }
        _ => {
            if issues.errors.len() == errors {
                let allowed = "either `inline`, or `cluster` with what belongs to it";
                jwks.refuse_whole(Refusal::not_allowed("these keys", allowed), issues);
            }
            None
        }
    }
}

fn names(json: &Json) -> Result<Vec<String>, Refusal> {
    list(json, "a list of names", |item| non_empty(item).map(str::to_owned))
}

fn audiences(json: &Json) -> Result<Vec<String>, Refusal> {
    let names = names(json)?;
    if names.is_empty() { Err(Refusal::not_allowed("[]", "one name or more")) } else { Ok(names) }
}

fn algorithms(json: &Json) -> Result<Vec<Algorithm>, Refusal> {
    let algorithms = list(json, "a list of algorithms", |item| {
        let name = string(item)?;
        ALGORITHMS.into_iter().find(|algorithm| algorithm.name() == name).ok_or_else(|| {
            let names: Vec<_> = ALGORITHMS.iter().map(|algorithm| format!("`{}`", algorithm.name())).collect();
            Refusal::not_allowed(name, names.join(" or "))
        })
    })?;
    if algorithms.is_empty() { Err(Refusal::not_allowed("[]", "one algorithm or more")) } else { Ok(algorithms) }
}
