//! The token: what must hold before anybody is asked about it.
//!
//! Without issuers the signature is the authorization service's business. What no service could accept (no signature,
//! no identifier, past its time) is refused here, so that it costs no callout.

mod reader;

use std::{
    fmt, iter,
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gwauthz_jose::base64url;

use crate::{
    Denial, Json, Object,
    fingerprint::{Fingerprint, Fingerprints},
};

pub(crate) use reader::TokenReader;

/// A token of the right form; its signature has not been verified.
///
/// As secret as what it gives access to: not to be logged.
#[derive(Clone)]
pub(crate) struct Token(Rc<Content>);

struct Content {
    /// As they stand behind `Authorization:` (RFC 6750, section 2.1): the scheme, and the token.
    credentials: String,
    fingerprint: Fingerprint,
    header: Object,
    claims: Object,
    has_identifier: bool,
    expires: NumericDate,
    starts: NumericDate,
    issued: NumericDate,
}

const SCHEME: &str = "Bearer ";

/// Seconds since the epoch, with a fraction if need be (RFC 7519, section 2); `None` where the token does not say.
type NumericDate = Result<Option<f64>, Denial>;

fn numeric_date(claims: &Object, claim: &str) -> NumericDate {
    match claims.get(claim) {
        None => Ok(None),
        Some(Json::Number(number)) => number.as_f64().map(Some).ok_or(Denial::MalformedToken),
        Some(_) => Err(Denial::MalformedToken),
    }
}

impl Token {
    /// Reads a signed JWS in compact form (RFC 7515, section 7.1) over a claims set; `None` for anything else.
    fn parse(text: &str, fingerprints: &Fingerprints) -> Option<Self> {
        let mut segments = text.split('.');
        let (header, payload, signature) = (segments.next()?, segments.next()?, segments.next()?);
        if segments.next().is_some() || base64url::decode(signature)?.is_empty() {
            return None;
        }
        let (header, claims) = (object(header)?, object(payload)?);
        let signed = matches!(header.get("alg"), Some(Json::String(alg)) if !alg.is_empty() && !alg.eq_ignore_ascii_case("none"));
        let [expires, starts, issued] = ["exp", "nbf", "iat"].map(|claim| numeric_date(&claims, claim));
        let has_identifier = matches!(claims.get("jti"), Some(Json::String(id)) if !id.is_empty());
        signed.then(|| {
            let fingerprint = fingerprints.of(&mut iter::once(text.as_bytes()));
            let credentials = [SCHEME, text].concat();
            Self(Rc::new(Content { credentials, fingerprint, header, claims, has_identifier, expires, starts, issued }))
        })
    }

    /// How much memory it takes, in bytes.
    fn size(&self) -> usize {
        let Content { credentials, header, claims, .. } = &*self.0;
        size_of::<Content>() + credentials.capacity() + header.heap_size() + claims.heap_size()
    }

    /// The JOSE header.
    pub(crate) fn header(&self) -> &Object {
        &self.0.header
    }

    /// What is signed (RFC 7515, section 5.2), and the signature.
    pub(crate) fn signed(&self) -> (&[u8], Vec<u8>) {
        let (signed, signature) = self.text().rsplit_once('.').unwrap_or_default();
        (signed.as_bytes(), base64url::decode(signature).unwrap_or_default())
    }

    /// Of the whole token.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// A claim that is a string.
    pub(crate) fn text_claim(&self, name: &str) -> Option<&str> {
        match self.claims().get(name) {
            Some(Json::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether the token says something by this name.
    pub(crate) fn has_claim(&self, name: &str) -> bool {
        self.claims().get(name).is_some_and(|value| *value != Json::Null)
    }

    /// Whom the token is for (RFC 7519, section 4.1.3): one or several.
    pub(crate) fn audiences(&self) -> impl Iterator<Item = &str> {
        let audiences = match self.claims().get("aud") {
            Some(Json::Array(audiences)) => audiences.as_slice(),
            Some(audience) => std::slice::from_ref(audience),
            None => &[],
        };
        audiences.iter().filter_map(|audience| match audience {
            Json::String(audience) => Some(audience.as_str()),
            _ => None,
        })
    }

    /// When it expires; `None` where it does not say, or never does.
    pub(crate) fn expires(&self) -> Option<SystemTime> {
        let seconds = self.0.expires.ok().flatten()?;
        UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
    }

    /// Seconds from `iat` to `exp`; `None` where one of them is missing.
    pub(crate) fn lifetime(&self) -> Result<Option<f64>, Denial> {
        Ok(self.0.expires?.zip(self.0.issued?).map(|(expires, issued)| expires - issued))
    }

    /// Refuses a token without an identifier, which the authorization service has to have.
    pub(crate) fn check_identifier(&self) -> Result<(), Denial> {
        if self.0.has_identifier { Ok(()) } else { Err(Denial::MalformedToken) }
    }

    /// Refuses a token outside its time (RFC 7519, sections 4.1.4 and 4.1.5), where it states one.
    ///
    /// `skew`: how far the clocks of the gateway and of the issuer may be apart.
    pub(crate) fn check_time(&self, now: SystemTime, skew: Duration) -> Result<(), Denial> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let skew = skew.as_secs_f64();
        if self.0.expires?.is_some_and(|expires| now >= expires + skew) {
            return Err(Denial::ExpiredToken);
        }
        if self.0.starts?.is_some_and(|starts| now + skew < starts) {
            return Err(Denial::PrematureToken);
        }
        Ok(())
    }

    /// Refuses a token that is issued in the future (RFC 7519, section 4.1.6), where it states when.
    pub(crate) fn check_issued(&self, now: SystemTime, skew: Duration) -> Result<(), Denial> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default() + skew;
        match self.0.issued? {
            Some(issued) if now.as_secs_f64() < issued => Err(Denial::PrematureToken),
            _ => Ok(()),
        }
    }

    /// The token as it arrived: base64url and dots only.
    pub(crate) fn text(&self) -> &str {
        self.credentials().get(SCHEME.len()..).unwrap_or_default()
    }

    /// The token behind its scheme.
    pub(crate) fn credentials(&self) -> &str {
        &self.0.credentials
    }

    /// What it says; without issuers nobody has verified it before the authorization service does.
    pub(crate) fn claims(&self) -> &Object {
        &self.0.claims
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Token {}

/// A base64url-encoded JSON object whose members are unique (RFC 7515, section 4).
fn object(segment: &str) -> Option<Object> {
    let text = base64url::decode(segment)?;
    Json::parse(&text).ok()?.into_object().ok()
}

#[cfg(test)]
mod tests;
