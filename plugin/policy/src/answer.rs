//! What a denied client is told: problem details (RFC 9457) with a bearer challenge (RFC 6750, section 3), that alone, or
//! the status lines and bodies of the plugin that this one replaces. Clients of gRPC get its status.

use std::borrow::Cow;

use crate::{Denial, denial::Facts};

/// A response that the gateway sends in the upstream's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u32,
    /// The status code for a client of gRPC, to whom Envoy gives it in the place of `status`, with `body` as the message.
    pub grpc_status: u8,
    /// Headers, names in lower case.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body.
    pub body: Cow<'static, str>,
    /// Why the request was denied.
    pub denial: Denial,
}

/// How long a client should wait before it asks again while the authorization service or an issuer is away, or too much
/// has failed.
const RETRY_AFTER_SECONDS: &str = "5";

/// What answers look like: `errors.format` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorFormat {
    /// A challenge, and a problem as JSON.
    Problem,
    /// A challenge alone.
    Challenge,
    /// The status lines and bodies of the plugin that this one replaces.
    Seed,
}

impl Answer {
    /// `scopes`: those that the request needs, for a token that lacks one. `to_grpc`: the client speaks gRPC.
    pub(crate) fn new(denial: Denial, scopes: &[String], format: ErrorFormat, to_grpc: bool) -> Self {
        let Facts { class, code, detail, challenge, seed, .. } = denial.facts();
        let answer = |status, headers, body| Self { status, grpc_status: class.grpc_status, headers, body, denial };
        if format == ErrorFormat::Seed {
            let (status, body) = *seed;
            return answer(status, Vec::new(), body.into());
        }
        let mut headers = Vec::with_capacity(2);
        let body = match format {
            // The message of a gRPC status is for people.
            _ if to_grpc => Cow::Borrowed(*detail),
            ErrorFormat::Problem => {
                headers.push(("content-type", "application/problem+json".into()));
                [class.problem, detail, "\",\"code\":\"", code, "\"}\n"].concat().into()
            }
            ErrorFormat::Challenge | ErrorFormat::Seed => Cow::default(),
        };
        headers.extend(challenge.map(|challenge| ("www-authenticate", with_scopes(challenge, denial, scopes))));
        if matches!(class.status, 429 | 503) {
            headers.push(("retry-after", RETRY_AFTER_SECONDS.into()));
        }
        answer(class.status, headers, body)
    }

    /// The answer to a request that the gateway gives no configuration, headers or time for.
    #[must_use]
    pub fn gateway_failure() -> Self {
        Self::new(Denial::GatewayFailure, &[], ErrorFormat::Problem, false)
    }
}

/// The challenge, which tells the scopes that are needed where one is missing.
fn with_scopes(challenge: &'static str, denial: Denial, scopes: &[String]) -> Cow<'static, str> {
    if denial != Denial::InsufficientScope || scopes.is_empty() {
        return challenge.into();
    }
    // Scopes hold no character that a quoted string escapes (RFC 6749, section 3.3).
    [challenge, ", scope=\"", &scopes.join(" "), "\""].concat().into()
}

#[cfg(test)]
mod tests {
    use super::{Answer, ErrorFormat};
    use crate::{Denial, Json};

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
            let answer = Answer::new(denial, &[], ErrorFormat::Seed, false);
            assert_eq!((answer.status, answer.body.as_ref()), (status, body));
        }
    }

    #[test]
    fn strict_answers_are_problem_details_with_a_challenge_on_401() {
        for denial in Denial::ALL {
            let answer = Answer::new(denial, &[], ErrorFormat::Problem, false);
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
            let answer = Answer::new(denial, &scopes, ErrorFormat::Problem, false);
            let (_, challenge) = answer.headers.iter().find(|(key, _)| *key == "www-authenticate").unwrap();
            assert_eq!(challenge.ends_with(", scope=\"read write:all\""), expected, "{challenge}");
        }
        assert!(Answer::new(Denial::InsufficientScope, &scopes, ErrorFormat::Seed, false).headers.is_empty());
    }

    #[test]
    fn a_challenge_may_be_all() {
        let answer = Answer::new(Denial::ExpiredToken, &[], ErrorFormat::Challenge, false);
        let challenge = r#"Bearer error="invalid_token", error_description="expired""#;
        assert_eq!(
            (answer.status, answer.headers.as_slice()),
            (401, [("www-authenticate", challenge.into())].as_slice())
        );
        assert_eq!(answer.body, "");
    }

    #[test]
    fn clients_of_grpc_get_its_status_and_a_message() {
        for denial in Denial::ALL {
            let statuses = [(400, 3), (401, 16), (403, 7), (429, 8), (503, 14)];
            for format in [ErrorFormat::Problem, ErrorFormat::Challenge] {
                let answer = Answer::new(denial, &[], format, true);
                assert!(statuses.contains(&(answer.status, answer.grpc_status)), "{denial:?}");
                assert_eq!(answer.body, denial.facts().detail);
                assert!(answer.headers.iter().all(|(name, _)| *name != "content-type"));
            }
            let seed = |to_grpc| Answer::new(denial, &[], ErrorFormat::Seed, to_grpc);
            assert_eq!(seed(true), seed(false));
        }
    }

    #[test]
    fn codes_are_unique() {
        let codes: std::collections::BTreeSet<_> = Denial::ALL.iter().map(|denial| denial.code()).collect();
        assert_eq!(codes.len(), Denial::ALL.len());
    }
}
