//! The token: what must hold before anybody is asked about it.
//!
//! Without issuers the signature is the authorization service's business. What no service could accept (no signature,
//! no identifier, past its time) is refused here, so that it costs no callout.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding as _};

use crate::{
    Denial, Json,
    json::{Members, member},
};

/// How far the clocks of the gateway and of the issuer may be apart (RFC 7519, section 4.1.4: "usually no more than a
/// few minutes").
const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// A token of the right form; its signature has not been verified.
pub(crate) struct Token<'a> {
    text: &'a str,
    claims: Vec<(String, Json)>,
}

impl<'a> Token<'a> {
    /// Reads what stands in a place for tokens.
    pub(crate) fn read(text: &'a [u8], max_bytes: usize) -> Result<Self, Denial> {
        if text.len() > max_bytes {
            return Err(Denial::TokenTooLarge);
        }
        Self::parse(text).ok_or(Denial::MalformedToken)
    }

    /// A JWS in compact form (RFC 7515, section 7.1) over a claims set with an identifier; `None` for anything else.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut segments = text.split('.');
        let (header, payload, signature) = (segments.next()?, segments.next()?, segments.next()?);
        if segments.next().is_some() || Base64UrlUnpadded::decode_vec(signature).ok()?.is_empty() {
            return None;
        }
        let header = object(header)?;
        let signed = matches!(member(&header, "alg"), Some(Json::String(alg)) if !alg.is_empty() && !alg.eq_ignore_ascii_case("none"));
        let claims = object(payload)?;
        let identified = matches!(member(&claims, "jti"), Some(Json::String(id)) if !id.is_empty());
        (signed && identified).then_some(Self { text, claims })
    }

    /// Refuses a token outside its time (RFC 7519, sections 4.1.4 and 4.1.5), where it states one.
    pub(crate) fn check_time(&self, now: SystemTime) -> Result<(), Denial> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let skew = CLOCK_SKEW.as_secs_f64();
        if self.numeric_date("exp")?.is_some_and(|expires| now >= expires + skew) {
            return Err(Denial::ExpiredToken);
        }
        if self.numeric_date("nbf")?.is_some_and(|starts| now + skew < starts) {
            return Err(Denial::PrematureToken);
        }
        Ok(())
    }

    /// The token as it arrived: base64url and dots only.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// What it says; without issuers nobody has verified it before the authorization service does.
    pub(crate) fn claims(&self) -> &Members {
        &self.claims
    }

    /// Seconds since the epoch, with a fraction if need be (RFC 7519, section 2).
    fn numeric_date(&self, claim: &str) -> Result<Option<f64>, Denial> {
        match member(&self.claims, claim) {
            None => Ok(None),
            Some(Json::Number(number)) => number.as_f64().map(Some).ok_or(Denial::MalformedToken),
            Some(_) => Err(Denial::MalformedToken),
        }
    }
}

/// A base64url-encoded JSON object whose members are unique (RFC 7515, section 4).
fn object(segment: &str) -> Option<Vec<(String, Json)>> {
    let text = Base64UrlUnpadded::decode_vec(segment).ok()?;
    let Json::Object(members) = Json::parse(&text).ok()? else { return None };
    let mut names: Vec<_> = members.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    let unique = names.windows(2).all(|pair| pair.first() != pair.last());
    unique.then_some(members)
}

#[cfg(test)]
mod tests;
