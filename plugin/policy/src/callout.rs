//! The question to the authorization service, and what its reply means.

use std::time::Duration;

use crate::{Denial, Request, permit::PermitReason, token::Token};

/// Where to ask: the authorization service as the configuration names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Upstream {
    cluster: String,
    authority: String,
    path: String,
    timeout: Duration,
    token_header: String,
    forward: Forward,
}

/// What the authorization service gets to know of the request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Forward {
    pub(crate) method: bool,
    pub(crate) path: bool,
    pub(crate) host: bool,
    /// Names in lower case.
    pub(crate) headers: Vec<String>,
}

/// Where a token is sent if nothing else is said.
const AUTHORIZATION: &str = "authorization";

impl Upstream {
    /// `None` where no authority is given and none can be taken from the cluster's name.
    pub(crate) fn new(cluster: &str, authority: Option<&str>, path: &str, timeout: Duration) -> Option<Self> {
        let authority = authority.or(Self::host_of(cluster))?;
        Some(Self {
            cluster: cluster.to_owned(),
            authority: authority.to_owned(),
            path: path.to_owned(),
            timeout,
            token_header: AUTHORIZATION.to_owned(),
            forward: Forward::default(),
        })
    }

    /// The same service, which gets the token in this header and this of the request.
    pub(crate) fn told(self, token_header: Option<String>, forward: Forward) -> Self {
        Self { token_header: token_header.unwrap_or(self.token_header), forward, ..self }
    }

    /// The host in a cluster's name; Istio calls it direction|port|subset|host.
    pub(crate) fn host_of(cluster: &str) -> Option<&str> {
        let host = match cluster.split('|').collect::<Vec<_>>().as_slice() {
            [_, _, _, host] => host,
            _ => cluster,
        };
        Self::is_authority(host).then_some(host)
    }

    /// Whether `text` can stand in `:authority` (RFC 3986, section 3.2, without user information).
    pub(crate) fn is_authority(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte))
    }

    /// Asks about `token`, which came with `request`; `path` is the request's without a token.
    pub(crate) fn ask(&self, token: &Token<'_>, request: Request<'_>, path: &[u8]) -> Result<Callout, Denial> {
        let credentials = match self.token_header.as_str() {
            AUTHORIZATION => format!("Bearer {}", token.text()),
            _ => token.text().to_owned(),
        };
        let mut headers = vec![
            (":method".to_owned(), "POST".to_owned()),
            (":path".to_owned(), self.path.clone()),
            (":authority".to_owned(), self.authority.clone()),
            (self.token_header.clone(), credentials),
            ("content-length".to_owned(), "0".to_owned()),
        ];
        let Forward { method, path: tells_path, host, headers: names } = &self.forward;
        let mut tell = |name: &str, value: &[u8]| {
            // The SDK sends text alone, and a header that is left out would change the answer.
            let text = str::from_utf8(value).ok().filter(|text| !text.contains(char::is_control));
            let value = text.ok_or(Denial::UnreadableHeader)?;
            headers.push((name.to_owned(), value.to_owned()));
            Ok(())
        };
        for (told, name, value) in [
            (*method, "x-forwarded-method", request.values(":method").next()),
            (*tells_path, "x-forwarded-uri", Some(path)),
            (*host, "x-forwarded-host", request.values(":authority").next()),
        ] {
            if told {
                tell(name, value.unwrap_or_default())?;
            }
        }
        for name in names {
            request.values(name).try_for_each(|value| tell(name, value))?;
        }
        Ok(Callout { cluster: self.cluster.clone(), headers, timeout: self.timeout })
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
    pub headers: Vec<(String, String)>,
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
