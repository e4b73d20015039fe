//! Where tokens are taken from: `tokens.sources` of the configuration.

use crate::{Denial, HeaderMutation, Request, header_map::is_same};

/// A place in a request that a token may stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// A header, whose name is in lower case, with an authentication scheme before the token (RFC 9110, section 11.4), or
    /// with the token alone.
    Header { name: String, scheme: Option<String> },
    /// A cookie (RFC 6265).
    Cookie(String),
    /// A parameter of the query, as HTML forms write them.
    Query(String),
}

/// What stands in a place for tokens; whether it is one is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<'s, 'r> {
    pub(crate) source: &'s TokenSource,
    pub(crate) text: &'r [u8],
}

/// The only token of a request. One in two places, or twice in one, is refused: who looks at the other one decides
/// otherwise (RFC 6750, section 2).
#[inline(never)]
pub(crate) fn find<'s, 'r>(request: Request<'r>, sources: &'s [TokenSource]) -> Result<Found<'s, 'r>, Denial> {
    let mut found: Option<Found<'s, 'r>> = None;
    for source in sources {
        source.each(request, |text| match found.replace(Found { source, text: text? }) {
            Some(other) if other.source == source => Err(Denial::MultipleAuthorizations),
            Some(_) => Err(Denial::MultipleTokens),
            None => Ok(()),
        })?;
    }
    let found = found.ok_or(Denial::MissingToken)?;
    match found.source {
        TokenSource::Cookie(_) if !is_from_here(request) => Err(Denial::CrossOrigin),
        _ => Ok(found),
    }
}

impl Found<'_, '_> {
    /// What it is denied for where it is no token.
    pub(crate) fn malformed(&self) -> Denial {
        match self.source {
            TokenSource::Header { scheme: Some(_), .. } if !is_token68(self.text) => Denial::MalformedAuthorization,
            TokenSource::Header { .. } | TokenSource::Cookie(_) | TokenSource::Query(_) => Denial::MalformedToken,
        }
    }
}

impl TokenSource {
    /// Bearer tokens of the Authorization header (RFC 6750, section 2.1).
    pub(crate) fn bearer() -> Self {
        Self::Header { name: "authorization".to_owned(), scheme: Some("Bearer".to_owned()) }
    }

    /// Takes every token that stands in this place, or what is wrong with what stands there.
    fn each<'r>(
        &self,
        request: Request<'r>,
        take: impl FnMut(Result<&'r [u8], Denial>) -> Result<(), Denial>,
    ) -> Result<(), Denial> {
        match self {
            Self::Header { name, scheme: Some(scheme) } => request
                .values(name)
                .map(|value| credentials(value, scheme).ok_or(Denial::MalformedAuthorization))
                .try_for_each(take),
            Self::Header { name, scheme: None } => request.values(name).map(plain).try_for_each(take),
            Self::Cookie(name) => cookies(request)
                .filter_map(|pair| split_once(pair, b'='))
                .filter(|(key, _)| *key == name.as_bytes())
                .map(|(_, value)| plain(value))
                .try_for_each(take),
            Self::Query(name) => parameters(request)
                .filter(|parameter| is_called(parameter, name))
                .map(|parameter| plain(split_once(parameter, b'=').map_or(&[], |(_, value)| value)))
                .try_for_each(take),
        }
    }

    /// What takes the token out of the request.
    pub(crate) fn removal(&self, request: Request<'_>) -> HeaderMutation {
        match self {
            Self::Header { name, .. } => HeaderMutation::Remove { name: name.clone() },
            Self::Cookie(name) => {
                let others: Vec<_> = cookies(request)
                    .filter(|pair| split_once(pair, b'=').is_none_or(|(key, _)| key != name.as_bytes()))
                    .collect();
                let name = "cookie".to_owned();
                if others.is_empty() {
                    HeaderMutation::Remove { name }
                } else {
                    HeaderMutation::Set { name, value: others.join(b"; ".as_slice()) }
                }
            }
            Self::Query(name) => {
                let path = request.path().unwrap_or_default();
                let mut value = split_once(path, b'?').map_or(path, |(path, _)| path).to_vec();
                let others = parameters(request).filter(|parameter| !is_called(parameter, name));
                for (position, parameter) in others.enumerate() {
                    value.push(if position == 0 { b'?' } else { b'&' });
                    value.extend_from_slice(parameter);
                }
                HeaderMutation::Set { name: ":path".to_owned(), value }
            }
        }
    }
}

/// The cookies of a request, each `name=value`.
fn cookies(request: Request<'_>) -> impl Iterator<Item = &[u8]> {
    request.values("cookie").flat_map(|value| value.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii)
}

/// The parameters of the query, each `name=value` as it stands.
fn parameters(request: Request<'_>) -> impl Iterator<Item = &[u8]> {
    let query = request.path().and_then(|path| split_once(path, b'?')).map(|(_, query)| query);
    query.into_iter().flat_map(|query| query.split(|byte| *byte == b'&'))
}

/// Whether a parameter has this name, however it is encoded: the upstream may read it decoded.
fn is_called(parameter: &[u8], name: &str) -> bool {
    let written = split_once(parameter, b'=').map_or(parameter, |(name, _)| name);
    let mut rest = written.iter().copied();
    let mut expected = name.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |digit: Option<u8>| digit.and_then(|digit| char::from(digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else { return false };
                // Two hexadecimal digits are a byte.
                u8::try_from(high * 16 + low).unwrap_or_default()
            }
            byte => byte,
        };
        if expected.next() != Some(byte) {
            return false;
        }
    }
    expected.next().is_none()
}

/// The credentials behind a scheme, which has no case and one space or more behind it (RFC 9110, section 11.4).
fn credentials<'a>(value: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    let (written, rest) = value.split_at_checked(scheme.len())?;
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = rest.get(spaces..)?;
    (is_same(written, scheme.as_bytes()) && spaces > 0 && !token.is_empty()).then_some(token)
}

/// A token that stands alone.
fn plain(value: &[u8]) -> Result<&[u8], Denial> {
    if value.is_empty() { Err(Denial::MalformedToken) } else { Ok(value) }
}

/// Characters of `token68` (RFC 9110, section 11.2).
fn is_token68(token: &[u8]) -> bool {
    let is_one = |byte: &u8| matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    token.iter().all(is_one)
}

/// Whether a browser has sent the request from a page of the same host, or a request that is not to change anything
/// (RFC 9110, section 9.2.1). Browsers send cookies with requests of any page.
fn is_from_here(request: Request<'_>) -> bool {
    let is_safe = |method: &[u8]| [b"GET".as_slice(), b"HEAD", b"OPTIONS", b"TRACE"].contains(&method);
    if request.values(":method").next().is_some_and(is_safe) {
        return true;
    }
    let host = request.values(":authority").next();
    let mut origins = request.values("origin");
    let (Some(host), Some(origin), None) = (host, origins.next(), origins.next()) else { return false };
    let of_scheme = |scheme: &str| origin.strip_prefix(scheme.as_bytes());
    let named = of_scheme("https://").or_else(|| of_scheme("http://"));
    !host.is_empty() && named.is_some_and(|named| named.eq_ignore_ascii_case(host))
}

/// What stands before the first separator, and behind it.
pub(crate) fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let (before, after) = text.split_at_checked(text.iter().position(|byte| *byte == separator)?)?;
    Some((before, after.get(1..)?))
}

#[cfg(test)]
mod tests;
