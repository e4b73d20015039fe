//! What the plugin fetches on its own account, whoever has a request under way.

use std::{rc::Rc, time::Duration};

use crate::{Callout, callout::Message, endpoint::Endpoint, jwk, revocation};

/// Something to be fetched now; the reply goes to [`crate::Engine::handle_fetch_reply`].
#[derive(Debug, PartialEq, Eq)]
pub struct Fetch {
    /// What it is.
    pub id: FetchId,
    /// The request for it.
    pub callout: Callout,
}

/// What is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FetchId {
    /// The JWK Set of the issuer at this place of the configuration.
    Keys(usize),
    /// The snapshot of revoked tokens.
    Revocations,
}

impl FetchId {
    /// How much of a body has to be read: whole, or enough to tell that it is too long.
    #[must_use]
    pub fn max_body_bytes(self) -> usize {
        match self {
            Self::Keys(_) => jwk::MAX_SET_BYTES + 1,
            Self::Revocations => revocation::MAX_BYTES + 1,
        }
    }
}

/// A reply to a fetch.
#[derive(Clone)]
pub struct FetchReply<'a> {
    /// The value of `:status`, whoever set it.
    pub status: &'a [u8],
    /// The value of `etag` (RFC 9110, section 8.8.3).
    pub etag: Option<&'a [u8]>,
    /// The body; one longer than [`FetchId::max_body_bytes`] may be cut behind that.
    pub body: Vec<u8>,
}

impl Endpoint {
    /// Asks for what there is, in one of these media types (RFC 9110, section 12.5.1), unless it still has this `etag`
    /// (section 13.1.2).
    pub(crate) fn get(self: Rc<Self>, accept: &'static str, etag: Option<String>, timeout: Duration) -> Callout {
        let mut fields = vec![("accept".into(), accept.into())];
        fields.extend(etag.map(|etag| ("if-none-match".into(), etag.into())));
        Callout { endpoint: self, message: Message::Fetch(fields), timeout }
    }
}
