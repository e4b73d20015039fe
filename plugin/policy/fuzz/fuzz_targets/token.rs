//! Any bytes as a token: let through only if the issuer has signed it, for one of its audiences and in its time.
//!
//! An input with a bar in it is HEADER|CLAIMS, which the issuer signs (HS256); any other is the token itself.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use gwauthz_policy::{Config, Engine, Exchange, HeaderMap, Request, Step};
use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sha2::Sha256;

const SECRET: &str = "an example secret of 32 bytes ..";
const CONFIG: &str = r#"{"bypassPaths":[],"tokens":{"maxFailures":1000000},
    "issuers":[{"issuer":"i","audiences":["a"],"clockSkew":"0s","maxLifetime":"1h","secret":{"env":"SECRET"}}]}"#;
const NOW: u64 = 1_700_000_000;

fuzz_target!(|input: &[u8]| {
    let signed = input.iter().position(|byte| *byte == b'|').map(|bar| (&input[..bar], &input[bar + 1..]));
    let token = signed.map_or_else(|| input.to_vec(), |(header, claims)| sign(header, claims));
    let mut config = Config::from_slice(CONFIG.as_bytes()).expect("it is valid").config;
    config.fill_secrets(|_| Some(SECRET.to_owned())).expect("there is a secret");
    let mut engine = Engine::new(config);
    let headers = HeaderMap::new(&[("authorization", [b"Bearer ".as_slice(), &token].concat())]);
    let mut exchange = Exchange::new(1);
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    let step = exchange.handle_request(&mut engine, Request::new(&headers), now);
    assert_eq!(exchange.is_allowed(), matches!(step, Some(Step::Continue(_))));
    assert!(matches!(step, Some(Step::Continue(_) | Step::Deny(_))), "{step:?}");
    if exchange.is_allowed() {
        let (header, claims) = signed.expect("a token that nobody has signed");
        let header: Value = serde_json::from_slice(header).expect("JSON");
        let claims: Value = serde_json::from_slice(claims).expect("JSON");
        assert_eq!(header["alg"], "HS256");
        assert!(header.get("crit").is_none() && header.get("b64").is_none(), "{header}");
        assert_eq!(claims["iss"], "i");
        let is_for = |audience: &Value| audience == "a";
        assert!(
            is_for(&claims["aud"]) || claims["aud"].as_array().is_some_and(|all| all.iter().any(is_for)),
            "{claims}"
        );
        let (exp, iat) = (claims["exp"].as_f64().expect("a time"), claims["iat"].as_f64().expect("a time"));
        let now = NOW as f64;
        assert!(now < exp && iat <= now && exp - iat <= 3600.0, "{claims}");
        assert!(claims.get("nbf").is_none_or(|nbf| nbf.as_f64().expect("a time") <= now), "{claims}");
    }
});

fn sign(header: &[u8], claims: &[u8]) -> Vec<u8> {
    let signed = format!("{}.{}", Base64UrlUnpadded::encode_string(header), Base64UrlUnpadded::encode_string(claims));
    let mut tag = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    tag.update(signed.as_bytes());
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&tag.finalize().into_bytes())).into_bytes()
}
