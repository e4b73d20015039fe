//! Tokens.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::Signer as _;
use gwauthz_policy::Config;
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::ecdsa::Signature;
use sha2::Sha256;

use crate::gateway::{ES256, Gateway, KEY, Key, NOW, claims, encode, issuer, verifying};

/// RFC 7515, appendix A.2.1: the modulus.
const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
/// The token there: RS256, of the issuer `joe`, for nobody.
const RS256: (&str, &str) = (
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
);

fn rsa_jwk(modulus: &str) -> String {
    format!(r#"{{"kty":"RSA","n":"{modulus}","e":"AQAB"}}"#)
}

/// A gateway that trusts the key of [`RS256`], with these settings of the issuer more.
fn rsa(more: &str) -> Gateway {
    let gateway = format!(
        r#"{{"bypassPaths":[],"issuers":[{{"issuer":"joe","audiences":["a"]{more},"jwks":{{"inline":{{"keys":[{}]}}}}}}]}}"#,
        rsa_jwk(MODULUS)
    );
    Gateway::new(&gateway)
}

fn hs256(secret: &[u8], header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let mut tag = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    tag.update(signed.as_bytes());
    format!("{signed}.{}", encode(tag.finalize().into_bytes()))
}

fn with_signature(signature: impl AsRef<[u8]>) -> String {
    let token = KEY.sign(ES256, &claims(""));
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", encode(signature))
}

fn signature() -> Vec<u8> {
    let token = KEY.sign(ES256, &claims(""));
    Base64UrlUnpadded::decode_vec(token.rsplit_once('.').unwrap().1).unwrap()
}

#[test]
fn alg_none() {
    let mut gateway = verifying();
    for alg in ["none", "None", "nOnE", "NONE", ""] {
        let header = format!(r#"{{"alg":"{alg}"}}"#);
        let signed = KEY.sign(&header, &claims(""));
        assert_eq!(gateway.bearer(&signed), "malformed_token", "{alg}");
        let (unsigned, _) = signed.rsplit_once('.').unwrap();
        for token in [format!("{unsigned}."), unsigned.to_owned()] {
            assert_eq!(gateway.bearer(&token), "malformed_token", "{alg}");
        }
    }
    assert_eq!(gateway.bearer(&KEY.sign("{}", &claims(""))), "malformed_token");
}

#[test]
fn hs256_with_an_rsa_public_key() {
    let public = Base64UrlUnpadded::decode_vec(MODULUS).unwrap();
    let claims = format!(r#"{{"iss":"joe","aud":"a","exp":{}}}"#, NOW + 300);
    for secret in [public.as_slice(), MODULUS.as_bytes(), rsa_jwk(MODULUS).as_bytes()] {
        let token = hs256(secret, r#"{"alg":"HS256"}"#, &claims);
        assert_eq!(rsa("").bearer(&token), "unsupported_algorithm");
        assert_eq!(rsa(r#","algorithms":["RS256"]"#).bearer(&token), "unsupported_algorithm");
    }
    // With a secret HS256 is what it should be.
    let config = r#"{"bypassPaths":[],"issuers":[{"issuer":"joe","audiences":["a"],"secret":{"env":"SECRET"}}]}"#;
    let token = hs256(b"an example secret of 32 bytes ..", r#"{"alg":"HS256"}"#, &claims);
    assert_eq!(Gateway::new(config).bearer(&token), "verified");
}

#[test]
fn alg_not_the_keys_alg_or_kty() {
    let mut gateway = verifying();
    for alg in ["RS256", "RS384", "RS512", "PS256", "ES384", "EdDSA"] {
        let token = KEY.sign(&format!(r#"{{"alg":"{alg}"}}"#), &claims(""));
        assert_eq!(gateway.bearer(&token), "unknown_key", "{alg}");
    }
    let held_to = |alg| format!(r#"{{"kty":"RSA","n":"{MODULUS}","e":"AQAB","alg":"{alg}"}}"#);
    let config = |key| issuer(&[key]).replace(r#""issuer":"i""#, r#""issuer":"joe""#);
    let token = format!("{}.{}", RS256.0, RS256.1);
    assert_eq!(Gateway::new(&config(held_to("RS256"))).bearer(&token), "expired_token", "the signature holds");
    assert_eq!(Gateway::new(&config(held_to("PS256"))).bearer(&token), "unknown_key");
    // A key for what its kind cannot do is none.
    for key in [held_to("ES256"), KEY.jwk(r#","alg":"ES384""#), KEY.jwk(r#","alg":"HS256""#)] {
        assert!(Config::from_slice(issuer(&[key]).as_bytes()).is_err());
    }
}

#[test]
fn crit() {
    for crit in [r#"["exp"]"#, r#"["b64"]"#, "[]", "null"] {
        let token = KEY.sign(&format!(r#"{{"alg":"ES256","crit":{crit}}}"#), &claims(""));
        assert_eq!(verifying().bearer(&token), "unsupported_algorithm", "{crit}");
    }
}

#[test]
fn b64_false() {
    for header in [r#"{"alg":"ES256","b64":false}"#, r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#] {
        assert_eq!(verifying().bearer(&KEY.sign(header, &claims(""))), "unsupported_algorithm");
    }
}

#[test]
fn jku_x5u_and_an_embedded_jwk_are_never_fetched() {
    let stranger = Key(9);
    let header = format!(
        r#"{{"alg":"ES256","jku":"https://evil.example/keys","x5u":"https://evil.example/cert","x5c":["AA"],"jwk":{}}}"#,
        stranger.jwk("")
    );
    let mut gateway = verifying();
    assert_eq!(gateway.bearer(&stranger.sign(&header, &claims(""))), "invalid_signature");
    // What they say does not matter to who has signed with the right key.
    assert_eq!(gateway.bearer(&KEY.sign(&header, &claims(""))), "verified");
    assert_eq!(gateway.tick(), []);
    // Nor where keys are fetched: from where the configuration says.
    let mut gateway = Gateway::new(REMOTE);
    assert_eq!(gateway.bearer(&stranger.sign(&header, &claims(""))), "wait");
    let fetches = gateway.tick();
    assert_eq!(fetches.len(), 1);
    assert_eq!(fetches[0].callout.cluster(), "keys");
    assert!(!fetches[0].callout.headers().iter().any(|(_, value)| value.contains("evil")));
}

const REMOTE: &str = r#"{"bypassPaths":[],"issuers":[{"issuer":"i","audiences":["a"],"jwks":{"cluster":"keys","authority":"keys.local"}}]}"#;

fn named(kid: &str, key: &Key) -> String {
    key.sign(&format!(r#"{{"alg":"ES256","kid":{}}}"#, serde_json::to_string(kid).unwrap()), &claims(""))
}

fn set(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

#[test]
fn an_unknown_kid_is_one_rate_limited_refetch() {
    let mut gateway = Gateway::new(REMOTE);
    let keys = set(&[KEY.jwk(r#","kid":"k""#)]);
    assert_eq!(gateway.serve(&keys), 1);
    assert_eq!(gateway.bearer(&named("k", &KEY)), "verified");
    gateway.set_clock(NOW + 10);
    for kid in 0..100 {
        assert_eq!(gateway.bearer(&named(&format!("unknown {kid}"), &KEY)), "wait");
    }
    assert_eq!(gateway.serve(&keys), 1);
    // That the fetch has not brought it is kept in mind.
    for second in 10..14 {
        gateway.set_clock(NOW + second);
        assert_eq!(gateway.bearer(&named("unknown 0", &KEY)), "unknown_key", "{second}");
        assert_eq!(gateway.serve(&keys), 0, "{second}");
    }
    gateway.set_clock(NOW + 15);
    assert_eq!(gateway.bearer(&named("unknown 0", &KEY)), "wait");
    assert_eq!(gateway.serve(set(&[KEY.jwk(r#","kid":"unknown 0""#)])), 1);
    assert_eq!(gateway.bearer(&named("unknown 0", &KEY)), "verified");
    // Where the configuration has the keys, there is nothing to wait for.
    let mut fixed = Gateway::new(&issuer(&[KEY.jwk(r#","kid":"k""#)]));
    assert_eq!(fixed.bearer(&named("unknown", &KEY)), "unknown_key");
}

#[test]
fn a_duplicate_kid() {
    // The first of a name counts, whichever issuer's mistake the second is.
    let mut gateway = Gateway::new(&issuer(&[KEY.jwk(r#","kid":"k""#), Key(9).jwk(r#","kid":"k""#)]));
    assert_eq!(gateway.bearer(&named("k", &KEY)), "verified");
    assert_eq!(gateway.bearer(&named("k", &Key(9))), "invalid_signature");
}

#[test]
fn a_kid_with_odd_bytes() {
    for kid in ["", "../../dev/null", "' OR 1=1 --", "\0\r\n\u{1b}[2J", "\u{10ffff}", "a,b", &"k".repeat(1024)] {
        let jwk = KEY.jwk(&format!(r#","kid":{}"#, serde_json::to_string(kid).unwrap()));
        assert_eq!(Gateway::new(&issuer(&[jwk])).bearer(&named(kid, &KEY)), "verified", "{kid:?}");
        assert_eq!(
            Gateway::new(&issuer(&[KEY.jwk(r#","kid":"other""#)])).bearer(&named(kid, &KEY)),
            "unknown_key",
            "{kid:?}"
        );
    }
    for kid in [&*format!("\"{}\"", "k".repeat(1025)), "7", "null", "[]", "{}"] {
        let token = KEY.sign(&format!(r#"{{"alg":"ES256","kid":{kid}}}"#), &claims(""));
        assert_eq!(verifying().bearer(&token), "unsupported_algorithm", "{kid}");
    }
}

fn with_times(times: &str) -> &'static str {
    verifying().bearer(&KEY.sign(ES256, &format!(r#"{{"iss":"i","aud":"a","jti":"t"{times}}}"#)))
}

#[test]
fn exp_as_a_float_a_string_negative_1e400_or_missing() {
    for (exp, expected) in [
        ("1700000300", "verified"),
        ("1700000000.5", "verified"),
        ("1.7000003e9", "verified"),
        ("1699999969.5", "expired_token"),
        ("0", "expired_token"),
        ("-1", "expired_token"),
        ("-1e300", "expired_token"),
        (r#""1700000300""#, "malformed_token"),
        ("1e400", "malformed_token"),
        ("-1e400", "malformed_token"),
        ("true", "malformed_token"),
        ("[1700000300]", "malformed_token"),
    ] {
        assert_eq!(with_times(&format!(r#","exp":{exp}"#)), expected, "{exp}");
    }
    assert_eq!(with_times(""), "missing_claim");
    assert_eq!(with_times(r#","exp":null"#), "malformed_token");
    // A time that no clock shows is a time like any other.
    assert_eq!(with_times(r#","exp":1e300"#), "verified");
}

#[test]
fn nbf_or_iat_in_the_future() {
    for claim in ["nbf", "iat"] {
        for (time, expected) in [
            (NOW - 10, "verified"),
            (NOW + 30, "verified"),
            (NOW + 31, "premature_token"),
            (u64::MAX, "premature_token"),
        ] {
            let outcome = with_times(&format!(r#","exp":{},"{claim}":{time}"#, NOW + 300));
            assert_eq!(outcome, expected, "{claim} {time}");
        }
        for time in [r#""1700000000""#, "1e400", "{}"] {
            let outcome = with_times(&format!(r#","exp":{},"{claim}":{time}"#, NOW + 300));
            assert_eq!(outcome, "malformed_token", "{claim} {time}");
        }
    }
}

#[test]
fn the_clock_stepping_back() {
    let mut gateway = verifying();
    let token = KEY.sign(ES256, &claims(&format!(r#","nbf":{NOW}"#)));
    // Its signature is verified once; its time counts each time.
    for (clock, expected) in [
        (NOW, "verified"),
        (NOW - 31, "premature_token"),
        (0, "premature_token"),
        (NOW, "verified"),
        (NOW + 330, "expired_token"),
        (NOW + 1, "verified"),
    ] {
        gateway.set_clock(clock);
        assert_eq!(gateway.bearer(&token), expected, "{clock}");
    }
    // Keys that were fetched in what is the future now are still there, and are still refreshed.
    let mut gateway = Gateway::new(REMOTE);
    let keys = set(&[KEY.jwk("")]);
    assert_eq!(gateway.serve(&keys), 1);
    gateway.set_clock(NOW - 3600);
    assert_eq!(gateway.bearer(&KEY.sign(ES256, &claims(""))), "verified");
    assert_eq!((gateway.serve(&keys), gateway.serve(&keys)), (1, 0));
}

#[test]
fn duplicate_json_keys() {
    for (header, claims) in [
        (r#"{"alg":"ES256","alg":"none"}"#, claims("")),
        (r#"{"alg":"none","alg":"ES256"}"#, claims("")),
        (ES256, claims(r#","exp":9999999999"#)),
        (ES256, claims(r#","\u0065xp":9999999999"#)),
        (ES256, claims(r#","iss":"i""#)),
        (ES256, claims(r#","a":1,"a":1"#)),
    ] {
        assert_eq!(verifying().bearer(&KEY.sign(header, &claims)), "malformed_token", "{header} {claims}");
    }
    // Deeper down a member that stands twice is none.
    let config = issuer(&[KEY.jwk("")]).replacen(
        '{',
        r#"{"tokens":{"rolesClaim":["realm","roles"]},"rules":[{"match":{},"require":{"anyRole":["ops"]}}],"#,
        1,
    );
    for (realm, expected) in [
        (r#"{"roles":["ops"]}"#, "verified"),
        (r#"{"roles":["ops"],"roles":["dev"]}"#, "requirement_not_met"),
        (r#"{"roles":["dev"],"roles":["ops"]}"#, "requirement_not_met"),
    ] {
        let token = KEY.sign(ES256, &claims(&format!(r#","realm":{realm}"#)));
        assert_eq!(Gateway::new(&config).bearer(&token), expected, "{realm}");
    }
}

#[test]
fn case_variants_of_json_keys() {
    for (header, claims, expected) in [
        (r#"{"ALG":"ES256"}"#, claims(""), "malformed_token"),
        (r#"{"alg":"ES256","ALG":"none","Alg":"HS256"}"#, claims(""), "verified"),
        (r#"{"alg":"ES256","CRIT":["exp"]}"#, claims(""), "verified"),
        (r#"{"alg":"es256"}"#, claims(""), "unsupported_algorithm"),
        (ES256, r#"{"iss":"i","aud":"a","EXP":9999999999}"#.to_owned(), "missing_claim"),
        (ES256, r#"{"iss":"i","aud":"a","exp":1,"Exp":9999999999}"#.to_owned(), "expired_token"),
        (ES256, r#"{"Iss":"i","aud":"a","exp":9999999999}"#.to_owned(), "unknown_issuer"),
        (ES256, r#"{"iss":"I","aud":"a","exp":9999999999}"#.to_owned(), "unknown_issuer"),
        (ES256, r#"{"iss":"i","aud":"A","AUD":"a","exp":9999999999}"#.to_owned(), "wrong_audience"),
    ] {
        assert_eq!(verifying().bearer(&KEY.sign(header, &claims)), expected, "{header} {claims}");
    }
}

#[test]
fn depth_bombs() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let bomb = format!("{}1{}", open.repeat(500), close.repeat(500));
        for (header, claims) in [
            (format!(r#"{{"alg":"ES256","a":{bomb}}}"#), claims("")),
            (ES256.to_owned(), claims(&format!(r#","a":{bomb}"#))),
            (ES256.to_owned(), open.repeat(1000)),
        ] {
            assert_eq!(verifying().bearer(&KEY.sign(&header, &claims)), "malformed_token");
        }
        // Neither a document of the network nor the configuration digs deeper.
        let mut gateway = Gateway::new(REMOTE);
        assert_eq!(gateway.serve(open.repeat(100_000)), 1);
        assert_eq!(gateway.bearer(&KEY.sign(ES256, &claims(""))), "wait");
        assert!(Config::from_slice(open.repeat(100_000).as_bytes()).is_err());
    }
}

#[test]
fn padded_or_non_canonical_base64url() {
    let valid = KEY.sign(ES256, &claims(""));
    let (signed, last) = valid.split_at(valid.len() - 1);
    // 64 bytes end in four bits that mean nothing, and have to be 0.
    let spare = match last {
        "A" => "B",
        "Q" => "R",
        "g" => "h",
        "w" => "x",
        other => panic!("not canonical: {other}"),
    };
    let segments: Vec<_> = valid.split('.').collect();
    for token in [
        format!("{signed}{spare}"),
        format!("{valid}="),
        format!("{valid}=="),
        format!("{}=.{}.{}", segments[0], segments[1], segments[2]),
        format!("{}.{}==.{}", segments[0], segments[1], segments[2]),
        format!("{}A.{}.{}", segments[0], segments[1], segments[2]),
        format!("{signed}+"),
        format!("{signed}/"),
        valid.replacen('.', "..", 1),
    ] {
        assert_eq!(verifying().bearer(&token), "malformed_token", "{token}");
    }
    for odd in ['\n', '\r', ' ', '\0'] {
        let outcome = verifying().bearer(&format!("{signed}{odd}{last}"));
        assert_eq!(outcome, "malformed_authorization", "{odd:?}");
    }
}

#[test]
fn sixty_kibibytes_of_dots() {
    let dots = ".".repeat(60 * 1024);
    assert_eq!(verifying().bearer(&dots), "token_too_large");
    let roomy = issuer(&[KEY.jwk("")]).replacen('{', r#"{"tokens":{"maxBytes":61440},"#, 1);
    for text in [dots, "a.".repeat(30 * 1024), "A".repeat(60 * 1024), format!("{}.AA.AA", "A".repeat(60 * 1024 - 6))] {
        assert_eq!(Gateway::new(&roomy).bearer(&text), "malformed_token");
    }
}

fn rs256(signature: &[u8]) -> &'static str {
    rsa("").bearer(&format!("{}.{}", RS256.0, encode(signature)))
}

#[test]
fn an_rsa_signature_of_the_wrong_length() {
    let signature = Base64UrlUnpadded::decode_vec(RS256.1).unwrap();
    // It holds: the token is refused for what it says.
    assert_eq!(rs256(&signature), "expired_token");
    let longer = [&[0], signature.as_slice()].concat();
    let twice = signature.repeat(2);
    for malformed in [&signature[1..], &signature[..255], &longer, &twice, &[1], &[0; 256], &vec![0xff; 4096]] {
        assert_eq!(rs256(malformed), "invalid_signature", "{}", malformed.len());
    }
}

#[test]
fn an_rsa_s_not_less_than_n() {
    let modulus = Base64UrlUnpadded::decode_vec(MODULUS).unwrap();
    let mut more = modulus.clone();
    *more.last_mut().unwrap() += 2;
    for signature in [modulus.as_slice(), &more, &[0xff; 256]] {
        assert_eq!(rs256(signature), "invalid_signature");
    }
}

#[test]
fn rsa_keys_under_2048_bits() {
    for bytes in [64, 128, 192, 255] {
        let modulus = encode([vec![0xff; bytes - 1], vec![1]].concat());
        let config = issuer(&[rsa_jwk(&modulus)]);
        let errors = Config::from_slice(config.as_bytes()).unwrap_err().to_string();
        assert!(errors.contains("2048"), "{errors}");
        // One that an issuer publishes beside another is left out.
        let mut gateway = Gateway::new(REMOTE);
        assert_eq!(gateway.serve(set(&[rsa_jwk(&modulus), KEY.jwk("")])), 1);
        assert_eq!(gateway.bearer(&KEY.sign(ES256, &claims(""))), "verified");
        let weak = format!("{}.{}.{}", encode(r#"{"alg":"RS256"}"#), encode(claims("")), encode(vec![0; bytes]));
        assert_eq!(gateway.bearer(&weak), "unknown_key");
    }
}

#[test]
fn an_ecdsa_r_or_s_of_0() {
    let signature = signature();
    assert_eq!(verifying().bearer(&with_signature(&signature)), "verified");
    let (r, s) = signature.split_at(32);
    for (r, s) in [(&[0; 32][..], s), (r, &[0; 32]), (&[0; 32], &[0; 32]), (&[0xff; 32], s), (r, &[0xff; 32])] {
        assert_eq!(verifying().bearer(&with_signature([r, s].concat())), "invalid_signature");
    }
}

#[test]
fn an_ecdsa_signature_in_der_instead_of_raw() {
    let der = Signature::from_slice(&signature()).unwrap().to_der();
    assert_eq!(verifying().bearer(&with_signature(der.as_bytes())), "invalid_signature");
}

/// The order of the group (RFC 8032, section 5.1), little endian.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn a_non_canonical_ed25519_signature() {
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, encode(key.verifying_key().as_bytes()));
    let signed = format!("{}.{}", encode(r#"{"alg":"EdDSA"}"#), encode(claims("")));
    let signature = key.sign(signed.as_bytes()).to_bytes();
    let outcome = |signature: &[u8]| {
        Gateway::new(&issuer(std::slice::from_ref(&jwk))).bearer(&format!("{signed}.{}", encode(signature)))
    };
    assert_eq!(outcome(&signature), "verified");
    // The same s, written with the order added: whoever has seen a token could make another one of it.
    let mut other = signature;
    let mut carry = 0;
    for (byte, order) in other[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert_eq!(outcome(&other), "invalid_signature");
}
