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
    secret::Secret,
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
            "Its public keys, required unless there is a `secret`: `inline`, or fetched from a `cluster`. Until the first have come, requests wait for \
                them, as long as `timeout` says; then they are denied with 503.",
        ),
    },
    Key {
        name: "secret",
        value: Value::Secret,
        default: None,
        about: about(
            "Instead of `jwks`: what its tokens are signed with (HS256), 32 bytes or more: `{env: NAME}`, a variable of the VM's \
                environment (`vmConfig.env`). Whoever can verify them with it can sign them too.",
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

#[inline(never)]
fn issuer(reader: &Reader<'_>, timeout: Duration, issues: &mut Issues) -> Option<Issuer> {
    let name = reader.required("issuer", "the issuer's name", issues, non_empty);
    let audiences = reader.required("audiences", "whom tokens are for", issues, audiences);
    let errors = issues.errors.len();
    let (jwks, secret) = (reader.object("jwks", issues), Secret::read(reader, "secret", issues));
    let algorithms = reader.optional("algorithms", issues, algorithms);
    let (keys, all) = match (jwks, secret) {
        (Some(jwks), None) => (key_source(&jwks, timeout, issues), ALGORITHMS.to_vec()),
        (None, Some(secret)) if algorithms.is_none() => (Some(KeySource::Secret(secret)), vec![Algorithm::Hs256]),
        (None, None) => {
            if issues.errors.len() == errors {
                reader.missing(&["jwks"], "the issuer's public keys, or a `secret`", issues);
            }
            (None, Vec::new())
        }
        (_, Some(_)) => {
            let allowed = "it alone, without `jwks` and `algorithms`: it is for HS256";
            reader.refuse("secret", Refusal::not_allowed("the object", allowed), issues);
            (None, Vec::new())
        }
    };
    let algorithms = algorithms.unwrap_or(all);
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
                origin: origin.into(),
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

#[cfg(test)]
mod tests {
    use crate::Config;

    #[test]
    fn a_secret_stands_alone_and_is_named_only() {
        let issuer = |more: &str| {
            let text = format!(r#"{{"issuers":[{{"issuer":"i","audiences":["a"]{more}}}]}}"#);
            Config::from_slice(text.as_bytes()).map(|_| ()).map_err(|errors| errors.to_string())
        };
        assert_eq!(issuer(r#","secret":{"env":"A"}"#), Ok(()));
        for (more, issue) in [
            ("", "issuers[0].jwks: required"),
            (r#","secret":"0123456789abcdef0123456789abcdef""#, "issuers[0].secret: expected `{env: NAME}`"),
            (r#","secret":{"env":"A"},"algorithms":["RS256"]"#, "issuers[0].secret: `the object` is not allowed"),
            (
                r#","secret":{"env":"A"},"jwks":{"cluster":"c"}"#,
                "issuers[0].secret: `the object` is not allowed: expected it alone",
            ),
        ] {
            let errors = issuer(more).unwrap_err();
            assert!(errors.starts_with(issue), "{more}: {errors}");
            assert!(!errors.contains("0123456789abcdef"), "{errors}");
        }
    }
}
