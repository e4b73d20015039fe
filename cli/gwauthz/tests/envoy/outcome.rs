//! What became of a request, in a form in which two gateways can be compared.

use gwauthz_host::scenario::ENVOYS_OWN;

use crate::table::Expected;

/// Header names in lower case and values, bytes outside printable ASCII escaped.
pub(crate) type Headers = Vec<(String, String)>;

/// Everything of an answered request that Envoy and the embedded host have to agree on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: String,
    /// The headers and the body that the upstream got; `None` where the request was denied.
    pub(crate) forwarded: Option<(Headers, String)>,
    /// The headers of each callout.
    pub(crate) callouts: Vec<Headers>,
}

impl Outcome {
    /// What a person would look at first.
    pub(crate) fn summary(&self) -> Expected {
        // A status alone does not allow: only what reached the upstream did.
        let status = if self.forwarded.is_none() && self.status == 200 { 0 } else { self.status };
        Expected { status, asked: !self.callouts.is_empty() }
    }
}

/// The headers that are compared, sorted: the order of different headers has no meaning (RFC 9110, section 5.3).
pub(crate) fn compared(headers: impl IntoIterator<Item = (String, String)>) -> Headers {
    let mut headers: Headers = headers.into_iter().filter(|(name, _)| !ENVOYS_OWN.contains(&name.as_str())).collect();
    headers.sort();
    headers
}
