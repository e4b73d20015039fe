//! The question to the authorization service, and what its reply means.

use std::time::Duration;

use crate::{Denial, permit::PermitReason, token::Token};

/// Where to ask: the authorization service as the configuration names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Upstream {
    cluster: String,
    authority: String,
    path: String,
    timeout: Duration,
}

impl Upstream {
    /// `None` where no authority is given and none can be taken from the cluster's name.
    pub(crate) fn new(cluster: &str, authority: Option<&str>, path: &str, timeout: Duration) -> Option<Self> {
        // Istio names a cluster direction|port|subset|host.
        let host = match cluster.split('|').collect::<Vec<_>>().as_slice() {
            [_, _, _, host] => host,
            _ => cluster,
        };
        let authority = authority.or_else(|| Self::is_authority(host).then_some(host))?;
        Some(Self { cluster: cluster.to_owned(), authority: authority.to_owned(), path: path.to_owned(), timeout })
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether `text` can stand in `:authority` (RFC 3986, section 3.2, without user information).
    pub(crate) fn is_authority(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte))
    }

    /// Asks about `token`.
    pub(crate) fn ask(&self, token: &Token<'_>) -> Callout {
        Callout {
            cluster: self.cluster.clone(),
            headers: vec![
                (":method", "POST".to_owned()),
                (":path", self.path.clone()),
                (":authority", self.authority.clone()),
                ("authorization", format!("Bearer {}", token.text())),
                ("content-length", "0".to_owned()),
            ],
            timeout: self.timeout,
        }
    }
}

/// An HTTP request without a body that the caller is to send to a cluster.
///
/// Holds the client's token: not to be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Callout {
    /// The Envoy cluster.
    pub cluster: String,
    /// Headers, pseudo-headers first.
    pub headers: Vec<(&'static str, String)>,
    /// How long to wait for the whole reply.
    pub timeout: Duration,
}

impl std::fmt::Debug for Callout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callout")
            .field("cluster", &self.cluster)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// What came back from a callout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalloutReply<'a> {
    /// The callout could not be sent.
    NotSent,
    /// The stream was reset: a reply without headers.
    Reset,
    /// The value of `:status`, whoever set it: Envoy answers 504 for a time-out and 503 for a refused connection.
    Status(&'a [u8]),
}

impl CalloutReply<'_> {
    /// The service's verdict. Nothing but 200 allows.
    pub(crate) fn verdict(self) -> Result<PermitReason, Denial> {
        match self {
            Self::Status(b"200") => Ok(PermitReason::AuthorizedByService),
            Self::Status(b"401") => Err(Denial::RejectedByService),
            Self::Status(b"403") => Err(Denial::RevokedByService),
            Self::Status(_) | Self::NotSent => Err(Denial::ServiceUnavailable),
            Self::Reset => Err(Denial::ServiceError),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Upstream;

    fn authority(cluster: &str, given: Option<&str>) -> Option<String> {
        Upstream::new(cluster, given, "/authorize", Duration::from_secs(1)).map(|upstream| upstream.authority)
    }

    #[test]
    fn the_authority_is_the_host_of_the_cluster_also_with_a_subset() {
        assert_eq!(
            authority("outbound|8080||jwt.default.svc.cluster.local", None).as_deref(),
            Some("jwt.default.svc.cluster.local")
        );
        assert_eq!(
            authority("outbound|8080|v1|jwt.default.svc.cluster.local", None).as_deref(),
            Some("jwt.default.svc.cluster.local")
        );
        assert_eq!(authority("authz_cluster", None).as_deref(), Some("authz_cluster"));
        assert_eq!(authority("httproute/default/x/rule/0", None), None);
        assert_eq!(authority("httproute/default/x/rule/0", Some("authz:8080")).as_deref(), Some("authz:8080"));
        assert_eq!(authority("outbound|8080|jwt", None), None);
    }
}
