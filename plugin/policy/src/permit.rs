//! The right to pass, which only the engine can make.

/// Proof that the engine has allowed a request.
///
/// ```compile_fail
/// let forged = gwauthz_policy::Permit { reason: gwauthz_policy::PermitReason::Bypass };
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    reason: PermitReason,
}

/// Why a request was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermitReason {
    /// The authorization service said 200.
    AuthorizedByService,
    /// The path is one of `bypassPaths`.
    Bypass,
}

impl Permit {
    pub(crate) fn new(reason: PermitReason) -> Self {
        Self { reason }
    }

    /// Why the request was allowed.
    #[must_use]
    pub fn reason(&self) -> PermitReason {
        self.reason
    }
}

impl PermitReason {
    /// The stable name of the reason, for logs and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::AuthorizedByService => "authorized_by_service",
            Self::Bypass => "bypass",
        }
    }
}
