//! Reading tokens, and what those of late say.

use crate::{Denial, fingerprint::Fingerprints, recent::Recent, source::Found};

use super::Token;

/// Reads tokens, each once while it keeps coming: clients send theirs with every request.
#[derive(Debug, Default)]
pub(crate) struct TokenReader {
    fingerprints: Fingerprints,
    /// By their last 16 bytes, which are the signature's: two hardly ever end alike.
    read: Recent<Token, BUCKETS>,
}

/// Five hundred tokens are kept: with [`LARGEST`], 2 MiB at most.
const BUCKETS: usize = 128;
/// The most that one may take, in bytes, to be kept.
const LARGEST: usize = 4096;

impl TokenReader {
    /// Reads what stands in a place for tokens.
    #[inline(never)]
    pub(crate) fn read(&mut self, found: &Found<'_, '_>, max_bytes: usize) -> Result<Token, Denial> {
        if found.text.len() > max_bytes {
            return Err(Denial::TokenTooLarge);
        }
        let end = found.text.last_chunk().map_or(0, |end| u128::from_ne_bytes(*end));
        if let Some(token) = self.read.get(end).filter(|token| is_same(token.text().as_bytes(), found.text)) {
            return Ok(token);
        }
        let text = str::from_utf8(found.text).ok();
        let token = text.and_then(|text| Token::parse(text, &self.fingerprints)).ok_or_else(|| found.malformed())?;
        if token.size() <= LARGEST {
            self.read.insert(end, token.clone());
        }
        Ok(token)
    }
}

/// Whether two texts are one, in a time that does not tell how far they are: one of them is a secret. No signed token is
/// shorter than a block, and such texts are not looked for.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let (Some(end), Some(other_end)) = (one.last_chunk(), other.last_chunk()) else { return false };
    let mut differences = difference(end, other_end);
    for (block, other_block) in one.as_chunks().0.iter().zip(other.as_chunks().0) {
        differences |= difference(block, other_block);
    }
    one.len() == other.len() && differences == 0
}

/// What is set in only one of two blocks; zero where they are one.
fn difference(one: &[u8; 32], other: &[u8; 32]) -> u128 {
    let number = |half: &[u8; 16]| u128::from_ne_bytes(*half);
    match (one.as_chunks().0, other.as_chunks().0) {
        ([a, b], [c, d]) => (number(a) ^ number(c)) | (number(b) ^ number(d)),
        _ => u128::MAX,
    }
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    use proptest::prelude::*;

    use super::{TokenReader, is_same};
    use crate::{
        Denial,
        source::{Found, TokenSource},
        token::Token,
    };

    const SOURCE: TokenSource = TokenSource::Query(String::new());

    fn token(reader: &mut TokenReader, text: &str, max_bytes: usize) -> Result<Token, Denial> {
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
    fn tokens_that_end_alike_are_told_apart() {
        let mut reader = TokenReader::default();
        let payloads = [1, 2, 1].map(|number| format!("{{\"a\":{number},\"b\":\"as many bytes as are looked for\"}}"));
        let texts = payloads.map(|payload| jwt(&payload));
        assert_eq!(texts[0].as_bytes().last_chunk::<16>(), texts[1].as_bytes().last_chunk());
        for text in &texts {
            assert_eq!(token(&mut reader, text, 1024).unwrap().text(), text);
        }
    }

    #[test]
    fn one_byte_tells_texts_apart() {
        for length in 32..100 {
            let text = vec![b'a'; length];
            assert!(is_same(&text, &text.clone()), "{length}");
            assert!(!is_same(&text, &text[1..]), "{length}");
            for place in 0..length {
                let mut other = text.clone();
                other[place] ^= 1;
                assert!(!is_same(&text, &other), "{place} of {length}");
            }
        }
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
