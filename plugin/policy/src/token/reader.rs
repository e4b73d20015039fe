//! Reading tokens, and what those of late say.

use std::{iter, rc::Rc};

use crate::{Denial, fingerprint::Fingerprints, recent::Recent, source::Found};

use super::{Content, Token};

/// Reads tokens, each once while it keeps coming: clients send theirs with every request.
#[derive(Debug, Default)]
pub(crate) struct TokenReader {
    fingerprints: Fingerprints,
    read: Recent<Rc<Content>, BUCKETS>,
}

/// A thousand tokens are kept: with [`LARGEST`], 4 MiB at most.
const BUCKETS: usize = 256;
/// The most that what one says may take, in bytes, to be kept.
const LARGEST: usize = 4096;

impl TokenReader {
    /// Reads what stands in a place for tokens.
    #[inline(never)]
    pub(crate) fn read<'r>(&mut self, found: &Found<'_, 'r>, max_bytes: usize) -> Result<Token<'r>, Denial> {
        if found.text.len() > max_bytes {
            return Err(Denial::TokenTooLarge);
        }
        let text = str::from_utf8(found.text).map_err(|_| found.malformed())?;
        let fingerprint = self.fingerprints.of(&mut iter::once(text.as_bytes()));
        let content = match self.read.get(&fingerprint) {
            Some(content) => content,
            None => {
                let content = Rc::new(Content::parse(text).ok_or_else(|| found.malformed())?);
                if content.size() <= LARGEST {
                    self.read.insert(fingerprint, Rc::clone(&content));
                }
                content
            }
        };
        Ok(Token { text, fingerprint, content })
    }
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    use proptest::prelude::*;

    use super::TokenReader;
    use crate::{
        Denial,
        source::{Found, TokenSource},
        token::Token,
    };

    const SOURCE: TokenSource = TokenSource::Query(String::new());

    fn token<'a>(reader: &mut TokenReader, text: &'a str, max_bytes: usize) -> Result<Token<'a>, Denial> {
        reader.read(&Found { source: &SOURCE, text: text.as_bytes() }, max_bytes)
    }

    fn jwt(payload: &str) -> String {
        let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        [r#"{"alg":"ES256"}"#, payload, "signature"].map(encode).join(".")
    }

    /// What a reader makes of a token: its claims.
    fn read(reader: &mut TokenReader, text: &str) -> Result<String, Denial> {
        token(reader, text, 1 << 20).map(|token| format!("{:?}", token.claims()))
    }

    #[test]
    fn a_token_is_read_once() {
        let mut reader = TokenReader::default();
        let (text, other) = (jwt(r#"{"a":1}"#), jwt(r#"{"a":2}"#));
        let [first, second, third] = [&text, &text, &other].map(|text| token(&mut reader, text, 1024).unwrap());
        assert!(std::ptr::eq(first.claims(), second.claims()));
        assert!(!std::ptr::eq(first.claims(), third.claims()));
        assert_eq!(first.fingerprint(), second.fingerprint());
        assert!(token(&mut reader, &text, 10).is_err(), "the bound holds for what is known too");
    }

    #[test]
    fn what_is_large_is_not_kept() {
        let mut reader = TokenReader::default();
        for (elements, is_kept) in [(10, true), (10_000, false)] {
            let text = jwt(&format!("{{\"a\":[{}0]}}", "0,".repeat(elements)));
            let [first, second] = [(); 2].map(|()| token(&mut reader, &text, 1 << 20).unwrap());
            assert_eq!(std::ptr::eq(first.claims(), second.claims()), is_kept, "{elements}");
        }
    }

    proptest! {
        /// What a reader has read before changes nothing.
        #[test]
        fn readers_agree(payloads in prop::collection::vec("\\{(\"[ab]\":[01],?){0,2}\\}", 1..20), places in prop::collection::vec(any::<prop::sample::Index>(), 1..40)) {
            let mut reader = TokenReader::default();
            for place in places {
                let token = jwt(place.get::<String>(&payloads));
                prop_assert_eq!(read(&mut reader, &token), read(&mut TokenReader::default(), &token));
            }
        }
    }
}
