//! Why a request is denied.

/// Why a request was denied. The empty state of every decision: whatever is not a permit is one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The path could be read in two ways, and a configured condition depends on it.
    AmbiguousPath,
    /// There is no token.
    MissingToken,
    /// The Authorization header is not `Bearer` and a token (RFC 6750, section 2.1).
    MalformedAuthorization,
    /// There is more than one Authorization header, or whatever else one token is taken from.
    MultipleAuthorizations,
    /// There are tokens in two places.
    MultipleTokens,
    /// The token is a cookie, and the request, which may change something, comes from another site's page.
    CrossOrigin,
    /// A header that the authorization service is to see is not UTF-8, or holds control characters.
    UnreadableHeader,
    /// The token is longer than `tokens.maxBytes`.
    TokenTooLarge,
    /// The token is not a signed JWT with an identifier (RFC 7519).
    MalformedToken,
    /// `exp` has passed.
    ExpiredToken,
    /// `nbf` or `iat` has not come.
    PrematureToken,
    /// `iss` is none of the trusted issuers.
    UnknownIssuer,
    /// `alg` is not one that the issuer's tokens may be signed with, or the header asks for what is not supported.
    UnsupportedAlgorithm,
    /// None of the issuer's keys can have signed the token.
    UnknownKey,
    /// The signature does not hold.
    InvalidSignature,
    /// None of the issuer's audiences is among `aud`.
    WrongAudience,
    /// A claim that the issuer's tokens must have is missing.
    MissingClaim,
    /// A claim is not what those of the issuer's tokens must be.
    WrongClaim,
    /// The token is valid for longer than the issuer's tokens may be.
    LongLivedToken,
    /// The authorization service said 401.
    RejectedByService,
    /// The authorization service said 403.
    RevokedByService,
    /// The token lacks a scope that a rule requires.
    InsufficientScope,
    /// The token lacks a role or a claim that a rule requires.
    RequirementNotMet,
    /// Too many tokens of this source address had signatures that do not hold.
    TooManyFailures,
    /// The issuer's keys could not be fetched yet, or are too old.
    KeysUnavailable,
    /// The authorization service could not be asked, or gave no verdict.
    ServiceUnavailable,
    /// The callout was reset before the service had replied.
    ServiceError,
}

/// Why a request is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It stays.
    Lasting(Denial),
    /// What takes it away may be on its way. Who cannot wait denies the request for this.
    Passing(Denial),
}

impl From<Denial> for Obstacle {
    fn from(denial: Denial) -> Self {
        Self::Lasting(denial)
    }
}

impl Denial {
    /// Every denial, for tables and tests.
    pub const ALL: [Self; 27] = [
        Self::AmbiguousPath,
        Self::MissingToken,
        Self::MalformedAuthorization,
        Self::MultipleAuthorizations,
        Self::MultipleTokens,
        Self::CrossOrigin,
        Self::UnreadableHeader,
        Self::TokenTooLarge,
        Self::MalformedToken,
        Self::ExpiredToken,
        Self::PrematureToken,
        Self::UnknownIssuer,
        Self::UnsupportedAlgorithm,
        Self::UnknownKey,
        Self::InvalidSignature,
        Self::WrongAudience,
        Self::MissingClaim,
        Self::WrongClaim,
        Self::LongLivedToken,
        Self::RejectedByService,
        Self::RevokedByService,
        Self::InsufficientScope,
        Self::RequirementNotMet,
        Self::TooManyFailures,
        Self::KeysUnavailable,
        Self::ServiceUnavailable,
        Self::ServiceError,
    ];

    /// The stable name of the denial, for clients, logs and metrics; never reused.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::AmbiguousPath => "ambiguous_path",
            Self::MissingToken => "missing_token",
            Self::MalformedAuthorization => "malformed_authorization",
            Self::MultipleAuthorizations => "multiple_authorizations",
            Self::MultipleTokens => "multiple_tokens",
            Self::CrossOrigin => "cross_origin",
            Self::UnreadableHeader => "unreadable_header",
            Self::TokenTooLarge => "token_too_large",
            Self::MalformedToken => "malformed_token",
            Self::ExpiredToken => "expired_token",
            Self::PrematureToken => "premature_token",
            Self::UnknownIssuer => "unknown_issuer",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::InvalidSignature => "invalid_signature",
            Self::WrongAudience => "wrong_audience",
            Self::MissingClaim => "missing_claim",
            Self::WrongClaim => "wrong_claim",
            Self::LongLivedToken => "long_lived_token",
            Self::RejectedByService => "rejected_by_service",
            Self::RevokedByService => "revoked_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::RequirementNotMet => "requirement_not_met",
            Self::TooManyFailures => "too_many_failures",
            Self::KeysUnavailable => "keys_unavailable",
            Self::ServiceUnavailable => "authorization_unavailable",
            Self::ServiceError => "authorization_error",
        }
    }
}
