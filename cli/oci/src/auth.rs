//! How a registry asks for authorization, and what it is answered (distribution specification, "Authorization"; the
//! Docker registry's token protocol; RFC 9110, section 11).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_auth::{ChallengeParser, parser::Error as ParseError};
use reqwest::{
    Url,
    blocking::{Client, RequestBuilder},
    header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::Credentials;

/// What the registry wants to see.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    /// A token of the service at `realm`.
    Bearer {
        realm: Url,
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads `WWW-Authenticate`; a token is preferred where the registry takes either.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut basic = None;
        for value in headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()) {
            let challenges: Result<Vec<_>, ParseError<'_>> = ChallengeParser::new(value).collect();
            for challenge in challenges.unwrap_or_default() {
                let parameter = |name: &str| {
                    let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.to_unescaped())
                };
                if challenge.scheme.eq_ignore_ascii_case("bearer") {
                    if let Some(realm) = parameter("realm").and_then(|realm| Url::parse(&realm).ok()) {
                        return Some(Self::Bearer { realm, service: parameter("service") });
                    }
                } else if challenge.scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                }
            }
        }
        basic
    }
}

/// The `Authorization` that HTTP Basic wants (RFC 7617).
pub(crate) fn basic(username: &str, password: &str) -> Option<HeaderValue> {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    secret_header(&format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

/// The request for a token that opens `scope`. Without credentials it asks for what anybody may do.
pub(crate) fn token_request(
    http: &Client,
    realm: &Url,
    service: Option<&str>,
    scope: &str,
    credentials: Option<&Credentials>,
) -> RequestBuilder {
    let mut parameters = vec![("scope", scope)];
    parameters.extend(service.map(|service| ("service", service)));
    match credentials {
        Some(Credentials::IdentityToken(token)) => {
            parameters.extend([("grant_type", "refresh_token"), ("client_id", "gwauthz"), ("refresh_token", token)]);
            http.post(realm.clone()).form(&parameters)
        }
        Some(Credentials::Password { username, password }) => {
            http.get(realm.clone()).query(&parameters).basic_auth(username, Some(password.as_str()))
        }
        None => http.get(realm.clone()).query(&parameters),
    }
}

/// The `Authorization` that the answer of a token service stands for: `token`, or `access_token` as OAuth 2.0 calls it.
pub(crate) fn bearer(answer: &[u8]) -> Option<HeaderValue> {
    #[derive(Deserialize)]
    struct Answer {
        token: Option<String>,
        access_token: Option<String>,
    }
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty())?;
    secret_header(&format!("Bearer {}", *Zeroizing::new(token)))
}

/// A header that no log of the HTTP client shows.
fn secret_header(value: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(value).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

    use super::{Challenge, bearer};

    fn challenge(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::from_headers(&headers)
    }

    #[test]
    fn reads_what_registries_send() {
        let token = r#"Bearer realm="https://auth.example/token",service="registry.example""#;
        let expected = Some(Challenge::Bearer {
            realm: "https://auth.example/token".parse().unwrap(),
            service: Some("registry.example".to_owned()),
        });
        assert_eq!(challenge(&[token]), expected);
        assert_eq!(challenge(&[r#"Basic realm="x""#, token]), expected);
        assert_eq!(challenge(&[r#"Basic realm="x""#]), Some(Challenge::Basic));
        for useless in ["Negotiate", r#"Bearer realm="/relative""#, "Bearer", "=,=,"] {
            assert_eq!(challenge(&[useless]), None, "{useless}");
        }
    }

    #[test]
    fn takes_tokens_under_both_names_and_nothing_that_breaks_a_header() {
        assert_eq!(bearer(br#"{"token": "a.b"}"#).unwrap(), "Bearer a.b");
        assert_eq!(bearer(br#"{"access_token": "c"}"#).unwrap(), "Bearer c");
        for answer in ["{}", r#"{"token": ""}"#, r#"{"token": "a\r\nHost: evil"}"#, "not json"] {
            assert!(bearer(answer.as_bytes()).is_none(), "{answer}");
        }
    }
}
