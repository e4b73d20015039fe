//! The question to the authorization service, and what its reply means.

mod attempts;
mod breaker;
mod common;
mod retry;

use std::{
    borrow::Cow,
    fmt, iter,
    rc::Rc,
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};

use crate::{
    Denial, Request,
    endpoint::Endpoint,
    fingerprint::{Fingerprint, Fingerprints},
    permit::PermitReason,
    seal::Digest,
    token::Token,
};

pub(crate) use attempts::{Attempts, Health, News, Next, Persistence};
pub(crate) use breaker::{BreakerLimits, Change};
pub(crate) use retry::Retry;

/// The authorization service as the configuration describes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Upstream {
    /// Where it is asked, in this order; there is one at least.
    pub(crate) endpoints: Vec<Rc<Endpoint>>,
    pub(crate) token_header: Rc<str>,
    pub(crate) forward: Forward,
    pub(crate) persistence: Persistence,
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
pub(crate) const AUTHORIZATION: &str = "authorization";

impl Upstream {
    /// The question about `token`, which came with `request`; `path` is the request's where it is told without a token.
    #[inline(never)]
    pub(crate) fn question(&self, token: Token, request: Request<'_>, path: Option<&[u8]>) -> Result<Question, Denial> {
        let mut told = Vec::new();
        let Forward { method, path: tells_path, host, headers: names } = &self.forward;
        let mut tell = |name: Cow<'static, str>, value: &[u8]| {
            // The SDK sends text alone, and a header that is left out would change the answer.
            let text = str::from_utf8(value).ok().filter(|text| !text.contains(char::is_control));
            let value = text.ok_or(Denial::UnreadableHeader)?;
            told.push((name, value.to_owned().into()));
            Ok(())
        };
        if *method {
            tell("x-forwarded-method".into(), request.values(":method").next().unwrap_or_default())?;
        }
        if *tells_path {
            tell("x-forwarded-uri".into(), path.or_else(|| request.path()).unwrap_or_default())?;
        }
        if *host {
            tell("x-forwarded-host".into(), request.values(":authority").next().unwrap_or_default())?;
        }
        for name in names {
            request.values(name).try_for_each(|value| tell(name.clone().into(), value))?;
        }
        Ok(Question { token, token_header: Rc::clone(&self.token_header), told })
    }

    /// How long a request's callouts may take together.
    pub(crate) fn longest(&self) -> Duration {
        let Persistence { timeout, deadline, retry, .. } = &self.persistence;
        let attempts = retry.as_ref().map_or(1, |retry| retry.attempts);
        let endpoints = u32::try_from(self.endpoints.len()).unwrap_or(u32::MAX);
        deadline.unwrap_or_else(|| timeout.saturating_mul(attempts.saturating_mul(endpoints)))
    }

    /// Puts a question to an endpoint; `None` where there is no such endpoint.
    pub(crate) fn ask(&self, question: Question, endpoint: usize, timeout: Duration) -> Option<Callout> {
        let endpoint = Rc::clone(self.endpoints.get(endpoint)?);
        Some(Callout { endpoint, message: Message::Question(question), timeout })
    }
}

/// All that the service gets to know of a request.
///
/// Holds what the client has sent: not to be logged.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Question {
    token: Token,
    /// The name of the header that the token is sent in.
    token_header: Rc<str>,
    told: Vec<Header>,
}

impl Question {
    /// When what is asked about expires; `None` where it never does.
    pub(crate) fn expires(&self) -> Option<SystemTime> {
        self.token.expires()
    }

    /// Of all of it.
    pub(crate) fn fingerprint(&self, fingerprints: &Fingerprints) -> Fingerprint {
        let told = self.told.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        let token = self.token.fingerprint().to_ne_bytes();
        fingerprints.of(&mut iter::once(token.as_slice()).chain(told))
    }

    /// Likewise, for who does not share a key.
    pub(crate) fn digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        let told = self.told.iter().flat_map(|(name, value)| [name, value].map(|text| text.as_ref()));
        for part in iter::once(self.token.text()).chain(told) {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").finish_non_exhaustive()
    }
}

/// A header of a callout: its name, in lower case, and its value.
pub(crate) type Header = (Cow<'static, str>, Cow<'static, str>);

/// An HTTP request without a body that the caller is to send to a cluster.
///
/// Holds the client's token: not to be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Callout {
    pub(crate) endpoint: Rc<Endpoint>,
    pub(crate) message: Message,
    /// How long to wait for the whole reply.
    pub timeout: Duration,
}

/// What a callout says, wherever it is sent.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// A POST about a request.
    Question(Question),
    /// A GET with these headers.
    Fetch(Vec<Header>),
}

impl Callout {
    /// The Envoy cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.endpoint.cluster
    }

    /// Headers, names in lower case, pseudo-headers first.
    #[must_use]
    pub fn headers(&self) -> Vec<(&str, &str)> {
        let Endpoint { authority, path, .. } = &*self.endpoint;
        let to = |method| [(":method", method), (":path", path.as_str()), (":authority", authority.as_str())];
        let (mut headers, fields) = match &self.message {
            Message::Question(Question { token, token_header, told }) => {
                let value = if &**token_header == AUTHORIZATION { token.credentials() } else { token.text() };
                let [method, path, authority] = to("POST");
                (vec![method, path, authority, (&**token_header, value), ("content-length", "0")], told)
            }
            Message::Fetch(fields) => (to("GET").to_vec(), fields),
        };
        headers.extend(fields.iter().map(|(name, value)| (&**name, &**value)));
        headers
    }
}

impl fmt::Debug for Callout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callout")
            .field("cluster", &self.cluster())
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

/// The statuses that say of a service, or of the way to it, that it is not available.
const UNAVAILABLE: [u16; 3] = [502, 503, 504];

/// What came of a callout, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalloutResult {
    /// The service said 200.
    Allowed,
    /// It said 401.
    Rejected,
    /// It said 403.
    Revoked,
    /// It, or the gateway in its place, gave another status.
    NoVerdict,
    /// The stream was reset.
    Reset,
    /// The callout could not be sent.
    NotSent,
}

impl CalloutResult {
    /// Every result, in the order of their declaration.
    pub const ALL: [Self; 6] =
        [Self::Allowed, Self::Rejected, Self::Revoked, Self::NoVerdict, Self::Reset, Self::NotSent];

    /// Its stable name, for metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Rejected => "rejected",
            Self::Revoked => "revoked",
            Self::NoVerdict => "no_verdict",
            Self::Reset => "reset",
            Self::NotSent => "not_sent",
        }
    }
}

impl CalloutReply<'_> {
    /// Whether the service could not be asked, rather than say something that is no verdict: somebody else may know.
    ///
    /// Nothing that a client can easily make a service say, such as 400 and 500, is among it.
    pub(crate) fn is_unavailable(self) -> bool {
        self == Self::NotSent || self.is_one_of(&UNAVAILABLE)
    }

    /// Whether it is a reset, or one of these statuses.
    fn is_one_of(self, statuses: &[u16]) -> bool {
        match self {
            Self::Status([a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']) => {
                let digit = |byte: &u8| u16::from(byte.wrapping_sub(b'0'));
                statuses.contains(&(digit(a) * 100 + digit(b) * 10 + digit(c)))
            }
            Self::Status(_) | Self::NotSent => false,
            Self::Reset => true,
        }
    }

    /// What is counted. Nothing but 200 allows.
    #[must_use]
    pub fn result(self) -> CalloutResult {
        match self {
            Self::Status(b"200") => CalloutResult::Allowed,
            Self::Status(b"401") => CalloutResult::Rejected,
            Self::Status(b"403") => CalloutResult::Revoked,
            Self::Status(_) => CalloutResult::NoVerdict,
            Self::NotSent => CalloutResult::NotSent,
            Self::Reset => CalloutResult::Reset,
        }
    }

    /// The service's verdict.
    pub(crate) fn verdict(self) -> Result<PermitReason, Denial> {
        match self.result() {
            CalloutResult::Allowed => Ok(PermitReason::AuthorizedByService),
            CalloutResult::Rejected => Err(Denial::RejectedByService),
            CalloutResult::Revoked => Err(Denial::RevokedToken),
            CalloutResult::NoVerdict | CalloutResult::NotSent => Err(Denial::ServiceUnavailable),
            CalloutResult::Reset => Err(Denial::ServiceError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CalloutReply;

    #[test]
    fn a_service_is_unavailable_where_it_cannot_be_asked() {
        for (reply, expected) in [
            (CalloutReply::NotSent, true),
            (CalloutReply::Reset, true),
            (CalloutReply::Status(b"502"), true),
            (CalloutReply::Status(b"503"), true),
            (CalloutReply::Status(b"504"), true),
            (CalloutReply::Status(b"200"), false),
            (CalloutReply::Status(b"401"), false),
            (CalloutReply::Status(b"404"), false),
            (CalloutReply::Status(b"429"), false),
            (CalloutReply::Status(b"500"), false),
            (CalloutReply::Status(b"+503"), false),
            (CalloutReply::Status(b"\xff"), false),
            (CalloutReply::Status(b""), false),
        ] {
            assert_eq!(reply.is_unavailable(), expected, "{reply:?}");
        }
    }
}
