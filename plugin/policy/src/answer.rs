//! What a denied client is told: problem details (RFC 9457) with a bearer challenge (RFC 6750, section 3), or, with
//! `compat: seed`, the status lines and bodies of the plugin that this one replaces.

use std::borrow::Cow;

use crate::{Denial, config::Compat};

/// A response that the gateway sends in the upstream's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u32,
    /// Headers, names in lower case.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body; ends in a newline.
    pub body: String,
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
}

fn problem(denial: Denial, scopes: &[String]) -> Answer {
    let (status, title) = match denial {
        Denial::AmbiguousPath | Denial::MultipleAuthorizations | Denial::MultipleTokens | Denial::UnreadableHeader => {
            (400, "Bad Request")
        }
        Denial::MissingToken
        | Denial::MalformedAuthorization
        | Denial::TokenTooLarge
        | Denial::MalformedToken
        | Denial::ExpiredToken
        | Denial::PrematureToken
        | Denial::UnknownIssuer
        | Denial::UnsupportedAlgorithm
        | Denial::UnknownKey
        | Denial::InvalidSignature
        | Denial::WrongAudience
        | Denial::MissingClaim
        | Denial::WrongClaim
        | Denial::LongLivedToken
        | Denial::RejectedByService => (401, "Unauthorized"),
        Denial::RevokedByService | Denial::CrossOrigin | Denial::InsufficientScope | Denial::RequirementNotMet => {
            (403, "Forbidden")
        }
        Denial::TooManyFailures => (429, "Too Many Requests"),
        Denial::KeysUnavailable | Denial::ServiceUnavailable | Denial::ServiceError => (503, "Service Unavailable"),
    };
    let detail = match denial {
        Denial::AmbiguousPath => "the path can be read in more than one way",
        Denial::MissingToken => "a bearer token is required",
        Denial::MalformedAuthorization => "the Authorization header is not a bearer token",
        Denial::MultipleAuthorizations => "more than one Authorization header",
        Denial::MultipleTokens => "tokens in more than one place",
        Denial::CrossOrigin => "the cookie comes with a request of another origin",
        Denial::UnreadableHeader => "a header that authorization depends on is not text",
        Denial::TokenTooLarge => "the token is too large",
        Denial::MalformedToken => "the token is not a signed JWT with an identifier",
        Denial::ExpiredToken => "the token has expired",
        Denial::PrematureToken => "the token is not valid yet",
        Denial::UnknownIssuer => "the issuer of the token is not trusted",
        Denial::UnsupportedAlgorithm => "the token is not signed as it has to be",
        Denial::UnknownKey => "the key of the token is not known",
        Denial::InvalidSignature => "the signature of the token does not hold",
        Denial::WrongAudience => "the token is for somebody else",
        Denial::MissingClaim => "the token lacks a claim",
        Denial::WrongClaim => "a claim of the token is not what it has to be",
        Denial::LongLivedToken => "the token is valid for too long",
        Denial::RejectedByService => "the token was rejected",
        Denial::RevokedByService => "the token has been revoked",
        Denial::InsufficientScope => "the token lacks a scope that the request needs",
        Denial::RequirementNotMet => "the token lacks what the request needs",
        Denial::TooManyFailures => "too many tokens with invalid signatures",
        Denial::KeysUnavailable | Denial::ServiceUnavailable | Denial::ServiceError => {
            "authorization is not available at the moment"
        }
    };
    let code = denial.code();
    let mut headers = vec![("content-type", Cow::Borrowed("application/problem+json"))];
    let mut challenge = challenge(denial);
    if let (Denial::InsufficientScope, Some(challenge), false) = (denial, &mut challenge, scopes.is_empty()) {
        // Scopes hold no character that a quoted string escapes (RFC 6749, section 3.3).
        challenge.push_str(&format!(", scope=\"{}\"", scopes.join(" ")));
    }
    headers.extend(challenge.map(|challenge| ("www-authenticate", challenge.into())));
    if matches!(status, 429 | 503) {
        headers.push(("retry-after", RETRY_AFTER_SECONDS.into()));
    }
    // Every part is a constant of ours without characters that JSON escapes.
    let body = format!(
        "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{status},\"detail\":\"{detail}\",\"code\":\"{code}\"}}\n"
    );
    Answer { status, headers, body, denial }
}

/// The `WWW-Authenticate` value; without an error code where the client sent no credentials at all.
fn challenge(denial: Denial) -> Option<String> {
    const INVALID_REQUEST: &str = "invalid_request";
    const INVALID_TOKEN: &str = "invalid_token";
    let (error, description) = match denial {
        Denial::MissingToken => return Some("Bearer".to_owned()),
        Denial::MalformedAuthorization => (INVALID_REQUEST, "expected the scheme Bearer and a token"),
        Denial::MultipleAuthorizations => (INVALID_REQUEST, "more than one Authorization header"),
        Denial::MultipleTokens => (INVALID_REQUEST, "tokens in more than one place"),
        Denial::TokenTooLarge => (INVALID_TOKEN, "too large"),
        Denial::MalformedToken => (INVALID_TOKEN, "not a signed JWT with an identifier"),
        Denial::ExpiredToken => (INVALID_TOKEN, "expired"),
        Denial::PrematureToken => (INVALID_TOKEN, "not valid yet"),
        Denial::UnknownIssuer => (INVALID_TOKEN, "unknown issuer"),
        Denial::UnsupportedAlgorithm => (INVALID_TOKEN, "unsupported algorithm"),
        Denial::UnknownKey => (INVALID_TOKEN, "unknown key"),
        Denial::InvalidSignature => (INVALID_TOKEN, "invalid signature"),
        Denial::WrongAudience => (INVALID_TOKEN, "wrong audience"),
        Denial::MissingClaim => (INVALID_TOKEN, "missing claim"),
        Denial::WrongClaim => (INVALID_TOKEN, "wrong claim"),
        Denial::LongLivedToken => (INVALID_TOKEN, "valid for too long"),
        Denial::RejectedByService => (INVALID_TOKEN, "rejected"),
        // RFC 6750, section 3.1: a revoked token is an invalid one, whatever the status.
        Denial::RevokedByService => (INVALID_TOKEN, "revoked"),
        Denial::InsufficientScope => ("insufficient_scope", "a scope is missing"),
        Denial::AmbiguousPath
        | Denial::CrossOrigin
        | Denial::UnreadableHeader
        | Denial::RequirementNotMet
        | Denial::TooManyFailures
        | Denial::KeysUnavailable
        | Denial::ServiceUnavailable
        | Denial::ServiceError => return None,
    };
    Some(format!("Bearer error=\"{error}\", error_description=\"{description}\""))
}

fn seed(denial: Denial) -> Answer {
    let (status, body) = match denial {
        Denial::AmbiguousPath => (400, "Bad Request: Ambiguous path\n"),
        Denial::UnreadableHeader => (400, "Bad Request: Unreadable header\n"),
        Denial::MissingToken => (401, "Unauthorized: Missing Authorization header\n"),
        Denial::MalformedAuthorization | Denial::MultipleAuthorizations | Denial::MultipleTokens => {
            (401, "Unauthorized: Invalid Authorization header format\n")
        }
        Denial::TokenTooLarge
        | Denial::MalformedToken
        | Denial::ExpiredToken
        | Denial::PrematureToken
        | Denial::UnknownIssuer
        | Denial::UnsupportedAlgorithm
        | Denial::UnknownKey
        | Denial::InvalidSignature
        | Denial::WrongAudience
        | Denial::MissingClaim
        | Denial::WrongClaim
        | Denial::LongLivedToken
        | Denial::RejectedByService => (401, "Unauthorized: Invalid JWT token\n"),
        Denial::CrossOrigin => (403, "Forbidden: Cross-origin request\n"),
        Denial::InsufficientScope => (403, "Forbidden: Insufficient scope\n"),
        Denial::RequirementNotMet => (403, "Forbidden: Requirement not met\n"),
        Denial::RevokedByService => (403, "Forbidden: Token has been revoked\n"),
        Denial::TooManyFailures => (429, "Too Many Requests\n"),
        Denial::KeysUnavailable | Denial::ServiceUnavailable => (503, "Authorization service unavailable\n"),
        Denial::ServiceError => (503, "Authorization service error\n"),
    };
    Answer { status, headers: Vec::new(), body: body.to_owned(), denial }
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
            assert_eq!((answer.status, answer.body.as_str()), (status, body));
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
