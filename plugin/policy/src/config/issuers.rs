//! `issuers`: whose tokens the plugin verifies itself.

use std::time::Duration;

use crate::{Json, issuer::Issuer, jwk::JwkSet, jws::Algorithm};

use super::{
    IssueKind, claims,
    keys::{Key, NON_EMPTY, Value},
    non_empty,
    reader::{Issues, Reader, Refusal, list, string},
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
        about: "Required. Its name: `iss` of its tokens, to the letter.",
    },
    Key {
        name: "audiences",
        value: Value::List(&Value::Text { pattern: NON_EMPTY }),
        default: None,
        about: "Required. Whom its tokens must be for: one of these must be among their `aud`.",
    },
    Key {
        name: "jwks",
        value: Value::Object(&[Key {
            name: "inline",
            value: Value::Any,
            default: None,
            about: "A JWK Set (RFC 7517): `{keys: […]}`. Keys for encryption, private and unknown ones are left out.",
        }]),
        default: None,
        about: "Required. Its public keys.",
    },
    Key {
        name: "algorithms",
        value: Value::List(&Value::Word(&["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"])),
        default: None,
        about: "What its tokens may be signed with. Default: whatever its keys are for.",
    },
    Key {
        name: "clockSkew",
        value: Value::Duration(Duration::ZERO..=Duration::from_secs(5 * 60)),
        default: Some(r#""30s""#),
        about: "How far its clock and the gateway's may be apart.",
    },
    Key {
        name: "require",
        value: Value::List(&Value::Text { pattern: NON_EMPTY }),
        default: Some(r#"["exp"]"#),
        about: "Claims that its tokens must have.",
    },
    Key {
        name: "claims",
        value: Value::Map(claims::KEYS),
        default: None,
        about: "What must hold of its tokens' claims, by their names: `{token_type: {equals: child}}`.",
    },
    Key {
        name: "maxLifetime",
        value: Value::Duration(Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 60 * 60)),
        default: None,
        about: "The longest time from `iat` to `exp`; a token without one of them is denied then. Default: none.",
    },
];

/// `None` only where `issues` then holds an error.
pub(super) fn read(written: &[Reader<'_>], issues: &mut Issues) -> Vec<Issuer> {
    let mut issuers: Vec<Issuer> = Vec::new();
    for reader in written {
        match issuer(reader, issues) {
            Some(issuer) if issuers.iter().any(|other| other.name == issuer.name) => {
                reader.refuse("issuer", Refusal::not_allowed(&issuer.name, "each issuer once"), issues);
            }
            issuer => issuers.extend(issuer),
        }
    }
    issuers
}

fn issuer(reader: &Reader<'_>, issues: &mut Issues) -> Option<Issuer> {
    let name = reader.required("issuer", "the issuer's name", issues, non_empty);
    let audiences = reader.required("audiences", "whom tokens are for", issues, audiences);
    let keys = match reader.object("jwks", issues) {
        Some(jwks) => {
            let keys = jwks.required("inline", "a JWK Set", issues, |json| {
                JwkSet::from_json(json.clone()).map_err(|error| Refusal::not_allowed(json.kind(), error.to_string()))
            });
            jwks.finish(issues);
            keys
        }
        None => {
            reader.missing(&["jwks"], "the issuer's public keys", issues);
            None
        }
    };
    for left_out in keys.iter().flat_map(JwkSet::left_out) {
        let message = format!("keys[{}] is left out: {}", left_out.index, left_out.reason);
        reader.warn(&["jwks", "inline"], IssueKind::Unused { message }, issues);
    }
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
