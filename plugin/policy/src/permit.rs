//! The right to pass, which only the engine can make.

use std::fmt;

/// Proof that the engine has allowed a request.
///
/// ```compile_fail
/// let forged = gwauthz_policy::Permit { reason: gwauthz_policy::PermitReason::Bypass, mutations: Vec::new() };
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    reason: PermitReason,
    mutations: Vec<HeaderMutation>,
}

/// A change of the request before it goes on to the upstream.
///
/// May hold the client's path: not to be logged.
#[derive(Clone, PartialEq, Eq)]
pub enum HeaderMutation {
    /// The header has this value alone.
    Set {
        /// Its name, in lower case.
        name: String,
        /// Its value.
        value: Vec<u8>,
    },
    /// There is no such header.
    Remove {
        /// Its name, in lower case.
        name: String,
    },
}

/// Why a request was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermitReason {
    /// A trusted issuer has signed the token, and there is no authorization service.
    Verified,
    /// The authorization service said 200.
    AuthorizedByService,
    /// A rule says that it needs no token, or the path is one of `bypassPaths`.
    Bypass,
    /// A browser asks whether it may send a request (CORS), and `preflight` allows that.
    Preflight,
    /// A trusted issuer has signed the token, and the authorization service, which is unavailable, has allowed it of late.
    Stale,
    /// A trusted issuer has signed the token, and the authorization service, which is unavailable, may be done without.
    FailOpen,
    /// `mode: shadow`: every request passes as it came, whatever is decided about it.
    Shadow,
}

impl Permit {
    pub(crate) fn new(reason: PermitReason, mutations: Vec<HeaderMutation>) -> Self {
        Self { reason, mutations }
    }

    /// Why the request was allowed.
    #[must_use]
    pub fn reason(&self) -> PermitReason {
        self.reason
    }

    /// What is to be changed of the request, in this order.
    #[must_use]
    pub fn mutations(&self) -> &[HeaderMutation] {
        &self.mutations
    }
}

impl HeaderMutation {
    /// The path that the request then has, where that is what changes.
    pub(crate) fn path(&self) -> Option<&[u8]> {
        match self {
            Self::Set { name, value } if name == ":path" => Some(value),
            Self::Set { .. } | Self::Remove { .. } => None,
        }
    }
}

impl fmt::Debug for HeaderMutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match self {
            Self::Set { name, .. } => ("Set", name),
            Self::Remove { name } => ("Remove", name),
        };
        f.debug_struct(kind).field("name", name).finish_non_exhaustive()
    }
}

impl PermitReason {
    /// Every reason, in the order of their declaration.
    pub const ALL: [Self; 7] = [
        Self::Verified,
        Self::AuthorizedByService,
        Self::Bypass,
        Self::Preflight,
        Self::Stale,
        Self::FailOpen,
        Self::Shadow,
    ];

    /// Whether the claims of the request's token have been vouched for: by its signature, or by the service.
    pub(crate) fn vouches_for_claims(self) -> bool {
        match self {
            Self::Verified | Self::AuthorizedByService => true,
            // The issuer has, but it is not known whether the service still would.
            Self::Bypass | Self::Preflight | Self::Stale | Self::FailOpen | Self::Shadow => false,
        }
    }

    /// The stable name of the reason, for logs and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::AuthorizedByService => "authorized_by_service",
            Self::Bypass => "bypass",
            Self::Preflight => "preflight",
            Self::Stale => "stale",
            Self::FailOpen => "fail_open",
            Self::Shadow => "shadow",
        }
    }
}
