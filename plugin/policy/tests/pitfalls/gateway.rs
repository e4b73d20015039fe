//! A gateway with the engine in it, and tokens for it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use gwauthz_policy::{CalloutReply, Config, Engine, Exchange, Fetch, FetchReply, HeaderMap, Request, Step};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};

/// When everything happens, unless a test says otherwise.
pub(crate) const NOW: u64 = 1_700_000_000;

pub(crate) struct Gateway {
    engine: Engine,
    now: SystemTime,
    streams: u32,
}

/// A request under way.
pub(crate) struct Held {
    pub(crate) exchange: Exchange,
    pub(crate) step: Step,
}

impl Gateway {
    pub(crate) fn new(config: &str) -> Self {
        let mut parsed = Config::from_slice(config.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"));
        parsed.config.fill_secrets(|_| Some("an example secret of 32 bytes ..".to_owned())).unwrap();
        Self { engine: Engine::new(parsed.config), now: at(NOW), streams: 0 }
    }

    pub(crate) fn set_clock(&mut self, seconds: u64) {
        self.now = at(seconds);
    }

    /// What becomes of a request, and the request.
    pub(crate) fn open(&mut self, headers: &[(&str, &[u8])]) -> Held {
        self.streams += 1;
        let source = || b"192.0.2.1".to_vec();
        let mut exchange = Exchange::new(self.streams);
        let headers = HeaderMap::new(headers);
        let request = Request::new(&headers).with_source(&source);
        let step = exchange.handle_request(&mut self.engine, request, self.now).unwrap();
        Held { exchange, step }
    }

    /// What the request does next, once the service has replied.
    pub(crate) fn reply(&mut self, held: &mut Held, reply: CalloutReply<'_>) -> Option<Step> {
        held.exchange.handle_callout_reply(&mut self.engine, reply, self.now)
    }

    /// What the headers arriving once more lead to.
    pub(crate) fn again(&mut self, held: &mut Held) -> Option<Step> {
        held.exchange.handle_request(&mut self.engine, Request::new(&HeaderMap::default()), self.now)
    }

    /// The name of what becomes of a request.
    pub(crate) fn outcome(&mut self, headers: &[(&str, &[u8])]) -> &'static str {
        let Held { mut exchange, step } = self.open(headers);
        assert_eq!(exchange.is_allowed(), matches!(step, Step::Continue(_)));
        exchange.handle_end(&mut self.engine);
        name(&step)
    }

    /// The same of a GET request for `/` with this token.
    pub(crate) fn bearer(&mut self, token: &str) -> &'static str {
        let credentials = format!("Bearer {token}");
        self.outcome(&[(":method", b"GET"), (":path", b"/"), ("authorization", credentials.as_bytes())])
    }

    /// The same, of which the service says `status` where it is asked.
    pub(crate) fn answered(&mut self, headers: &[(&str, &[u8])], status: &[u8]) -> &'static str {
        let mut held = self.open(headers);
        let step = self.reply(&mut held, CalloutReply::Status(status));
        name(step.as_ref().unwrap_or(&held.step))
    }

    /// What is to be fetched now.
    pub(crate) fn tick(&mut self) -> Vec<Fetch> {
        self.engine.handle_tick(self.now)
    }

    /// Ticks, and has every fetch answered with this; gives how many there were.
    pub(crate) fn serve(&mut self, body: impl AsRef<[u8]>) -> usize {
        let fetches = self.tick();
        for fetch in &fetches {
            let reply = FetchReply { status: b"200", etag: None, body: body.as_ref().to_vec() };
            self.engine.handle_fetch_reply(fetch.id, Some(reply), self.now);
        }
        fetches.len()
    }

    pub(crate) fn shown(&self) -> String {
        format!("{:?}", self.engine)
    }
}

pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(crate) fn name(step: &Step) -> &'static str {
    match step {
        Step::Continue(permit) => permit.reason().code(),
        Step::Deny(answer) => answer.denial.code(),
        Step::Callout(_) => "callout",
        Step::Wait => "wait",
    }
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// An issuer's key for ES256.
pub(crate) struct Key(pub(crate) u8);

impl Key {
    fn signing(&self) -> SigningKey {
        SigningKey::from_slice(&[self.0; 32]).unwrap()
    }

    /// As a JWK, with these members more.
    pub(crate) fn jwk(&self, more: &str) -> String {
        let point = self.signing().verifying_key().to_sec1_point(false);
        let (x, y) = (encode(point.x().unwrap()), encode(point.y().unwrap()));
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"{more}}}"#)
    }

    /// A token with this header and these claims, both JSON or what is to be taken for it.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature: Signature = self.signing().sign(signed.as_bytes());
        format!("{signed}.{}", encode(signature.to_bytes()))
    }
}

pub(crate) const KEY: Key = Key(7);
pub(crate) const ES256: &str = r#"{"alg":"ES256"}"#;

/// Claims of a token that is valid now, with these members more.
pub(crate) fn claims(more: &str) -> String {
    format!(r#"{{"iss":"i","aud":"a","jti":"t","exp":{}{more}}}"#, NOW + 300)
}

/// A configuration with one issuer, whose keys are these.
pub(crate) fn issuer(keys: &[String]) -> String {
    format!(
        r#"{{"bypassPaths":[],"issuers":[{{"issuer":"i","audiences":["a"],"jwks":{{"inline":{{"keys":[{}]}}}}}}]}}"#,
        keys.join(",")
    )
}

/// A gateway that trusts [`KEY`].
pub(crate) fn verifying() -> Gateway {
    let mut gateway = Gateway::new(&issuer(&[KEY.jwk("")]));
    // What is refused in a test would otherwise have been let through.
    assert_eq!(gateway.bearer(&KEY.sign(ES256, &claims(""))), "verified");
    gateway
}
