//! What a denied client is told: problem details (RFC 9457) with a bearer challenge (RFC 6750, section 3), or, with
//! `compat: seed`, the status lines and bodies of the plugin that this one replaces.

use std::borrow::Cow;

use crate::{Denial, config::Compat, denial::Facts};

/// A response that the gateway sends in the upstream's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u32,
    /// Headers, names in lower case.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body; ends in a newline.
    pub body: Cow<'static, str>,
    /// Why the request was denied.
    pub denial: Denial,
}

/// How long a client should wait before it asks again while the authorization service or an issuer is away, or too much
/// has failed.
const RETRY_AFTER_SECONDS: &str = "5";

impl Answer {
    /// `scopes`: those that the request needs, for a token that lacks one.
    pub(crate) fn new(denial: Denial, scopes: &[String], compat: Compat) -> Self {
        match compat {
            Compat::Strict => problem(denial, scopes),
            Compat::Seed => seed(denial),
        }
    }

    /// The answer to a request that the gateway gives no configuration, headers or time for.
    #[must_use]
    pub fn gateway_failure() -> Self {
        problem(Denial::GatewayFailure, &[])
    }
}

/// Problem details, and the challenge.
fn problem(denial: Denial, scopes: &[String]) -> Answer {
    let Facts { class, code, detail, challenge, .. } = denial.facts();
    let mut headers = vec![("content-type", Cow::Borrowed("application/problem+json"))];
    headers.extend(challenge.map(|challenge| ("www-authenticate", with_scopes(challenge, denial, scopes))));
    if matches!(class.status, 429 | 503) {
        headers.push(("retry-after", RETRY_AFTER_SECONDS.into()));
    }
    let body = [class.problem, detail, "\",\"code\":\"", code, "\"}\n"].concat();
    Answer { status: class.status, headers, body: body.into(), denial }
}

/// The challenge, which tells the scopes that are needed where one is missing.
fn with_scopes(challenge: &'static str, denial: Denial, scopes: &[String]) -> Cow<'static, str> {
    if denial != Denial::InsufficientScope || scopes.is_empty() {
        return challenge.into();
    }
    // Scopes hold no character that a quoted string escapes (RFC 6749, section 3.3).
    [challenge, ", scope=\"", &scopes.join(" "), "\""].concat().into()
}

fn seed(denial: Denial) -> Answer {
    let (status, body) = denial.facts().seed;
    Answer { status, headers: Vec::new(), body: body.into(), denial }
}

#[cfg(test)]
mod tests {
    use super::Answer;
    use crate::{Denial, Json, config::Compat};

    /// The contract of the plugin that this one replaces, byte for byte.
    #[test]
    fn seed_answers_are_the_original_ones() {
        for (denial, status, body) in [
            (Denial::MissingToken, 401, "Unauthorized: Missing Authorization header\n"),
            (Denial::MalformedAuthorization, 401, "Unauthorized: Invalid Authorization header format\n"),
            (Denial::MalformedToken, 401, "Unauthorized: Invalid JWT token\n"),
            (Denial::RejectedByService, 401, "Unauthorized: Invalid JWT token\n"),
            (Denial::RevokedByService, 403, "Forbidden: Token has been revoked\n"),
            (Denial::ServiceUnavailable, 503, "Authorization service unavailable\n"),
            (Denial::ServiceError, 503, "Authorization service error\n"),
        ] {
            let answer = Answer::new(denial, &[], Compat::Seed);
            assert_eq!((answer.status, answer.body.as_ref()), (status, body));
        }
    }

    #[test]
    fn strict_answers_are_problem_details_with_a_challenge_on_401() {
        for denial in Denial::ALL {
            let answer = Answer::new(denial, &[], Compat::Strict);
            let Json::Object(members) = Json::parse(answer.body.as_bytes()).unwrap() else { panic!("not an object") };
            let member = |name: &str| members.iter().find(|(key, _)| key == name).unwrap().1.clone();
            assert_eq!(member("status"), Json::Number(answer.status.into()));
            assert_eq!(member("code"), Json::String(denial.code().into()));
            assert!(answer.body.ends_with("}\n"));
            let has = |name: &str| answer.headers.iter().any(|(key, _)| *key == name);
            assert!(answer.status != 401 || has("www-authenticate"), "{denial:?}");
            assert_eq!(matches!(answer.status, 429 | 503), has("retry-after"), "{denial:?}");
        }
    }

    #[test]
    fn a_client_is_told_which_scopes_the_request_needs() {
        let scopes = ["read".to_owned(), "write:all".to_owned()];
        for (denial, expected) in [(Denial::InsufficientScope, true), (Denial::RevokedByService, false)] {
            let answer = Answer::new(denial, &scopes, Compat::Strict);
            let (_, challenge) = answer.headers.iter().find(|(key, _)| *key == "www-authenticate").unwrap();
            assert_eq!(challenge.ends_with(", scope=\"read write:all\""), expected, "{challenge}");
        }
        assert!(Answer::new(Denial::InsufficientScope, &scopes, Compat::Seed).headers.is_empty());
    }

    #[test]
    fn codes_are_unique() {
        let codes: std::collections::BTreeSet<_> = Denial::ALL.iter().map(|denial| denial.code()).collect();
        assert_eq!(codes.len(), Denial::ALL.len());
    }
}
