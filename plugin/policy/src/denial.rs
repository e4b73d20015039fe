//! Why a request is denied, and what there is to say of it.

/// What a denial is, whoever hears of it.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) class: &'static Class,
    pub(crate) code: &'static str,
    pub(crate) response_code_details: &'static str,
    /// For people who use the client.
    pub(crate) detail: &'static str,
    /// `WWW-Authenticate` (RFC 6750, section 3).
    pub(crate) challenge: Option<&'static str>,
    /// Status and body as the plugin that this one replaces answers.
    pub(crate) seed: (u32, &'static str),
}

/// What all denials of one status have in common.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) status: u32,
    /// The status code of gRPC (its `doc/statuscodes.md`).
    pub(crate) grpc_status: u8,
    /// How a problem of this class begins, up to its detail (RFC 9457, section 3).
    pub(crate) problem: &'static str,
}

macro_rules! class {
    ($status:literal, $grpc_status:literal, $title:literal) => {
        Class {
            status: $status,
            grpc_status: $grpc_status,
            problem: concat!(
                "{\"type\":\"about:blank\",\"title\":\"",
                $title,
                "\",\"status\":",
                $status,
                ",\"detail\":\""
            ),
        }
    };
}

const BAD_REQUEST: Class = class!(400, 3, "Bad Request");
const UNAUTHORIZED: Class = class!(401, 16, "Unauthorized");
const FORBIDDEN: Class = class!(403, 7, "Forbidden");
const TOO_MANY_REQUESTS: Class = class!(429, 8, "Too Many Requests");
const UNAVAILABLE: Class = class!(503, 14, "Service Unavailable");

macro_rules! challenge {
    (none) => {
        None
    };
    // Without an error code where the client sent no credentials at all.
    (bare) => {
        Some("Bearer")
    };
    ($error:ident $description:literal) => {
        Some(concat!("Bearer error=\"", stringify!($error), "\", error_description=\"", $description, "\""))
    };
}

macro_rules! denials {
    ($(
        $(#[$about:meta])*
        $name:ident = $class:ident, $code:literal, ($($challenge:tt)+), $detail:literal, $seed_status:literal $seed:literal;
    )+) => {
        /// Why a request was denied. The empty state of every decision: whatever is not a permit is one of these.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Denial {
            $($(#[$about])* $name,)+
        }

        impl Denial {
            /// Every denial, for tables and tests.
            pub const ALL: [Self; [$(Self::$name),+].len()] = [$(Self::$name),+];

            pub(crate) fn facts(self) -> &'static Facts {
                match self {
                    $(Self::$name => &Facts {
                        class: &$class,
                        code: $code,
                        response_code_details: concat!("gwauthz_", $code),
                        detail: $detail,
                        challenge: challenge!($($challenge)+),
                        seed: ($seed_status, $seed),
                    },)+
                }
            }
        }
    };
}

// Texts have no character that JSON, or a quoted string of HTTP, escapes.
denials! {
    /// The path could be read in two ways, and a configured condition depends on it.
    AmbiguousPath = BAD_REQUEST, "ambiguous_path", (none),
        "the path can be read in more than one way", 400 "Bad Request: Ambiguous path\n";
    /// There is no token.
    MissingToken = UNAUTHORIZED, "missing_token", (bare),
        "a bearer token is required", 401 "Unauthorized: Missing Authorization header\n";
    /// The Authorization header is not `Bearer` and a token (RFC 6750, section 2.1).
    MalformedAuthorization = UNAUTHORIZED, "malformed_authorization",
        (invalid_request "expected the scheme Bearer and a token"),
        "the Authorization header is not a bearer token", 401 "Unauthorized: Invalid Authorization header format\n";
    /// There is more than one Authorization header, or whatever else one token is taken from.
    MultipleAuthorizations = BAD_REQUEST, "multiple_authorizations",
        (invalid_request "more than one Authorization header"),
        "more than one Authorization header", 401 "Unauthorized: Invalid Authorization header format\n";
    /// There are tokens in two places.
    MultipleTokens = BAD_REQUEST, "multiple_tokens", (invalid_request "tokens in more than one place"),
        "tokens in more than one place", 401 "Unauthorized: Invalid Authorization header format\n";
    /// The token is a cookie, and the request, which may change something, comes from another site's page.
    CrossOrigin = FORBIDDEN, "cross_origin", (none),
        "the cookie comes with a request of another origin", 403 "Forbidden: Cross-origin request\n";
    /// A header that the authorization service is to see is not UTF-8, or holds control characters.
    UnreadableHeader = BAD_REQUEST, "unreadable_header", (none),
        "a header that authorization depends on is not text", 400 "Bad Request: Unreadable header\n";
    /// The token is longer than `tokens.maxBytes`.
    TokenTooLarge = UNAUTHORIZED, "token_too_large", (invalid_token "too large"),
        "the token is too large", 401 "Unauthorized: Invalid JWT token\n";
    /// The token is not a signed JWT with an identifier (RFC 7519).
    MalformedToken = UNAUTHORIZED, "malformed_token", (invalid_token "not a signed JWT with an identifier"),
        "the token is not a signed JWT with an identifier", 401 "Unauthorized: Invalid JWT token\n";
    /// `exp` has passed.
    ExpiredToken = UNAUTHORIZED, "expired_token", (invalid_token "expired"),
        "the token has expired", 401 "Unauthorized: Invalid JWT token\n";
    /// `nbf` or `iat` has not come.
    PrematureToken = UNAUTHORIZED, "premature_token", (invalid_token "not valid yet"),
        "the token is not valid yet", 401 "Unauthorized: Invalid JWT token\n";
    /// `iss` is none of the trusted issuers.
    UnknownIssuer = UNAUTHORIZED, "unknown_issuer", (invalid_token "unknown issuer"),
        "the issuer of the token is not trusted", 401 "Unauthorized: Invalid JWT token\n";
    /// `alg` is not one that the issuer's tokens may be signed with, or the header asks for what is not supported.
    UnsupportedAlgorithm = UNAUTHORIZED, "unsupported_algorithm", (invalid_token "unsupported algorithm"),
        "the token is not signed as it has to be", 401 "Unauthorized: Invalid JWT token\n";
    /// None of the issuer's keys can have signed the token.
    UnknownKey = UNAUTHORIZED, "unknown_key", (invalid_token "unknown key"),
        "the key of the token is not known", 401 "Unauthorized: Invalid JWT token\n";
    /// The signature does not hold.
    InvalidSignature = UNAUTHORIZED, "invalid_signature", (invalid_token "invalid signature"),
        "the signature of the token does not hold", 401 "Unauthorized: Invalid JWT token\n";
    /// None of the issuer's audiences is among `aud`.
    WrongAudience = UNAUTHORIZED, "wrong_audience", (invalid_token "wrong audience"),
        "the token is for somebody else", 401 "Unauthorized: Invalid JWT token\n";
    /// A claim that the issuer's tokens must have is missing.
    MissingClaim = UNAUTHORIZED, "missing_claim", (invalid_token "missing claim"),
        "the token lacks a claim", 401 "Unauthorized: Invalid JWT token\n";
    /// A claim is not what those of the issuer's tokens must be.
    WrongClaim = UNAUTHORIZED, "wrong_claim", (invalid_token "wrong claim"),
        "a claim of the token is not what it has to be", 401 "Unauthorized: Invalid JWT token\n";
    /// The token is valid for longer than the issuer's tokens may be.
    LongLivedToken = UNAUTHORIZED, "long_lived_token", (invalid_token "valid for too long"),
        "the token is valid for too long", 401 "Unauthorized: Invalid JWT token\n";
    /// The authorization service said 401.
    RejectedByService = UNAUTHORIZED, "rejected_by_service", (invalid_token "rejected"),
        "the token was rejected", 401 "Unauthorized: Invalid JWT token\n";
    /// The authorization service said 403. A revoked token is an invalid one, whatever the status (RFC 6750, section 3.1).
    RevokedByService = FORBIDDEN, "revoked_token", (invalid_token "revoked"),
        "the token has been revoked", 403 "Forbidden: Token has been revoked\n";
    /// The token lacks a scope that a rule requires.
    InsufficientScope = FORBIDDEN, "insufficient_scope", (insufficient_scope "a scope is missing"),
        "the token lacks a scope that the request needs", 403 "Forbidden: Insufficient scope\n";
    /// The token lacks a role or a claim that a rule requires.
    RequirementNotMet = FORBIDDEN, "requirement_not_met", (none),
        "the token lacks what the request needs", 403 "Forbidden: Requirement not met\n";
    /// A claim that the upstream is to be told of cannot stand in a header.
    UnsuitableClaim = FORBIDDEN, "unsuitable_claim", (none),
        "a claim of the token cannot be handed on", 403 "Forbidden: Unsuitable claim\n";
    /// Too many tokens of this source address had signatures that do not hold.
    TooManyFailures = TOO_MANY_REQUESTS, "too_many_failures", (none),
        "too many tokens with invalid signatures", 429 "Too Many Requests\n";
    /// The issuer's keys could not be fetched yet, or are too old.
    KeysUnavailable = UNAVAILABLE, "keys_unavailable", (none),
        "authorization is not available at the moment", 503 "Authorization service unavailable\n";
    /// The authorization service could not be asked, or gave no verdict.
    ServiceUnavailable = UNAVAILABLE, "authorization_unavailable", (none),
        "authorization is not available at the moment", 503 "Authorization service unavailable\n";
    /// The callout was reset before the service had replied.
    ServiceError = UNAVAILABLE, "authorization_error", (none),
        "authorization is not available at the moment", 503 "Authorization service error\n";
    /// The gateway did not change the request as it was allowed, or gave nothing to decide by.
    GatewayFailure = UNAVAILABLE, "gateway_failure", (none),
        "authorization is not available at the moment", 503 "Authorization service error\n";
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
    /// The stable name of the denial, for clients, logs and metrics; never reused.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.facts().code
    }

    /// Envoy's response code details: `gwauthz_` and the code.
    #[must_use]
    pub fn response_code_details(self) -> &'static str {
        self.facts().response_code_details
    }
}
