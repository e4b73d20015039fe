//! Tokens: minted for scenarios with a key that everybody has, and for demonstrations with a key that nobody keeps.

use std::{sync::OnceLock, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use p256::{
    ecdsa::{Signature, SigningKey, signature::Signer as _},
    elliptic_curve::Generate as _,
};
use serde_json::{Map, Value, json};

use super::format::Token;

/// A key that signs tokens with ES256 (RFC 7518, section 3.4).
pub struct TokenKey(SigningKey);

/// A key could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a source of randomness to make a key from")]
pub struct KeyError;

/// The private key of RFC 7515, appendix A.3. It is published, so that nothing will ever trust it by mistake.
const PUBLISHED_KEY: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
/// How long a token is valid.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);

impl TokenKey {
    /// The key of every scenario: the one that RFC 7515 publishes in its appendix A.3. Signatures by it repeat (RFC 6979).
    ///
    /// # Errors
    /// None in fact: the key is a valid one.
    pub fn published() -> Result<Self, KeyError> {
        // Its public half is computed once: that takes longer than many a scenario.
        static KEY: OnceLock<Option<SigningKey>> = OnceLock::new();
        let key = KEY.get_or_init(|| SigningKey::from_slice(&URL_SAFE_NO_PAD.decode(PUBLISHED_KEY).ok()?).ok());
        key.clone().map(Self).ok_or(KeyError)
    }

    /// A fresh key.
    ///
    /// # Errors
    /// Fails where the machine has no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        SigningKey::try_generate().map(Self).map_err(|_| KeyError)
    }
}

impl Token {
    /// The token in the compact form (RFC 7515, section 7.1), issued while the clock shows `now`, the time since the Unix
    /// epoch. Times are whole seconds.
    #[must_use]
    pub fn mint(&self, now: Duration, key: &TokenKey) -> String {
        let seconds = |from_now: SignedDuration| {
            i64::try_from(now.as_secs()).unwrap_or(i64::MAX).saturating_add(from_now.as_secs())
        };
        let mut claims = Map::new();
        let issued = seconds(self.issued_in.unwrap_or_default());
        claims.insert("iss".to_owned(), "https://issuer.gwauthz.example".into());
        claims.insert("sub".to_owned(), "demo".into());
        claims.insert("aud".to_owned(), json!(["gwauthz-demo"]));
        claims.insert("iat".to_owned(), issued.into());
        claims.insert("exp".to_owned(), seconds(self.expires_in.unwrap_or(LIFETIME)).into());
        claims.insert("jti".to_owned(), format!("demo-{issued}").into());
        if let Some(not_before) = self.not_before_in {
            claims.insert("nbf".to_owned(), seconds(not_before).into());
        }
        lay_over(&mut claims, &self.claims);
        let mut header = Map::new();
        header.insert("alg".to_owned(), "ES256".into());
        header.insert("typ".to_owned(), "JWT".into());
        lay_over(&mut header, &self.header);

        let encode = |members: Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(members).to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature: Signature = key.0.sign(signed.as_bytes());
        let mut signature = signature.to_bytes();
        if self.forged
            && let Some(last) = signature.last_mut()
        {
            *last ^= 1;
        }
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Replaces members by those of an overlay; null takes one away (RFC 7396).
fn lay_over<'a>(members: &mut Map<String, Value>, overlay: impl IntoIterator<Item = (&'a String, &'a Value)>) {
    for (name, value) in overlay {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};
    use serde_json::{Value, json};

    use super::{Token, TokenKey};

    const NOW: Duration = Duration::from_secs(1_767_225_600);

    fn token(text: &str) -> Token {
        serde_saphyr::from_str(text).unwrap()
    }

    fn part(token: &str, number: usize) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
    }

    /// Whether the key of the RFC verifies a token.
    fn verifies(token: &str) -> bool {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        // The public half, as RFC 7515 has it in appendix A.3.
        let point = [
            vec![4],
            decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
            decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
        ];
        let key = VerifyingKey::from_sec1_bytes(&point.concat()).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        key.verify(signed.as_bytes(), &Signature::from_slice(&decode(signature)).unwrap()).is_ok()
    }

    #[test]
    fn a_token_repeats_and_verifies() {
        let key = TokenKey::published().unwrap();
        let minted = token("{}").mint(NOW, &key);
        assert!(verifies(&minted));
        assert_eq!(minted, token("{}").mint(NOW, &key));
        assert!(!verifies(&token("forged: true").mint(NOW, &key)));
        assert!(!verifies(&token("{}").mint(NOW, &TokenKey::generate().unwrap())));
    }

    #[test]
    fn claims_are_laid_over_and_null_takes_away() {
        let text =
            "{claims: {sub: alice, aud: null, tenant: {a: 1}}, expiresIn: -1s, notBeforeIn: 1m, header: {kid: a}}";
        let minted = token(text).mint(NOW, &TokenKey::published().unwrap());
        assert_eq!(part(&minted, 0), json!({"alg": "ES256", "typ": "JWT", "kid": "a"}));
        assert_eq!(
            part(&minted, 1),
            json!({
                "iss": "https://issuer.gwauthz.example", "sub": "alice", "tenant": {"a": 1}, "jti": "demo-1767225600",
                "iat": 1_767_225_600, "exp": 1_767_225_599, "nbf": 1_767_225_660,
            })
        );
    }
}
