//! What the plugin fetches on its own account, whoever has a request under way: JWK Sets of issuers.

use std::time::Duration;

use crate::Callout;

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
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchReply<'a> {
    /// Nothing: it could not be sent, or was reset.
    Failed,
    /// A reply; a body longer than [`Self::MAX_BODY_BYTES`] may be cut behind that.
    Reply {
        /// The value of `:status`.
        status: &'a [u8],
        /// The body.
        body: &'a [u8],
    },
}

impl FetchReply<'_> {
    /// How much of a body has to be read to tell that it is too long.
    pub const MAX_BODY_BYTES: usize = crate::jwk::MAX_SET_BYTES + 1;
}

/// Where something is fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) cluster: String,
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl Origin {
    /// Asks for it.
    pub(crate) fn get(&self, timeout: Duration) -> Callout {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![
            header(":method", "GET"),
            header(":path", &self.path),
            header(":authority", &self.authority),
            header("accept", "application/json"),
        ];
        Callout { cluster: self.cluster.clone(), headers, timeout }
    }
}
