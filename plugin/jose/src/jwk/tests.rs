use base64ct::{Base64UrlUnpadded, Encoding as _};

use super::{JwkError, JwkSet, JwkSetError, LeftOut, MAX_CANDIDATES, MAX_KEYS, MAX_SET_BYTES};
use crate::{
    NotAnObject,
    jws::{Algorithm, KeyError, MAX_KID_BYTES},
};

/// RFC 7638, section 3.1.
const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
/// RFC 7515, appendix A.3.1.
const EC: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
/// RFC 8037, appendix A.2.
const OKP: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

fn rsa() -> String {
    format!(r#""kty":"RSA","e":"AQAB","n":"{N}""#)
}

/// A set of keys, each given by its members.
fn set(keys: &[&str]) -> Result<JwkSet, JwkSetError> {
    let keys: Vec<_> = keys.iter().map(|members| format!("{{{members}}}")).collect();
    JwkSet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes())
}

/// Why a key is left out of a set, whose other key stays.
fn reason(members: &str) -> JwkError {
    let set = set(&[members, OKP]).unwrap();
    assert_eq!(set.keys().len(), 1, "{members}");
    assert_eq!(set.left_out().len(), 1, "{members}");
    set.left_out()[0].reason
}

fn kids(set: &JwkSet, algorithm: Algorithm, kid: Option<&str>) -> Vec<String> {
    set.candidates(algorithm, kid).map(|key| key.kid().unwrap_or("-").to_owned()).collect()
}

#[test]
fn keys_of_every_kind() {
    let p384 = r#""kty":"EC","crv":"P-384","x":"qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3","y":"NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f""#;
    let set = set(&[&rsa(), EC, p384, OKP]).unwrap();
    assert_eq!(set.left_out(), []);
    let verified: Vec<Vec<_>> = set
        .keys()
        .iter()
        .map(|key| Algorithm::ALL.into_iter().filter(|a| key.key().verifies(*a)).map(Algorithm::name).collect())
        .collect();
    assert_eq!(verified, [vec!["RS256", "RS384", "RS512", "PS256"], vec!["ES256"], vec!["ES384"], vec!["EdDSA"]]);
}

#[test]
fn rfc_7638_section_3_1_and_rfc_8037_appendix_a_3_thumbprints() {
    let set = set(&[&rsa(), &format!(r#"{OKP},"kid":"named""#)]).unwrap();
    let thumbprints: Vec<_> = set.keys().iter().map(|key| Base64UrlUnpadded::encode_string(key.thumbprint())).collect();
    assert_eq!(
        thumbprints,
        ["NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]
    );
}

#[test]
fn private_and_symmetric_keys_are_left_out() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(reason(&format!(r#"{EC},"{member}":"AQ""#)), JwkError::Private(member));
        assert_eq!(reason(&format!(r#"{},"{member}":null"#, rsa())), JwkError::Private(member));
    }
    assert_eq!(
        reason(r#""kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T""#),
        JwkError::Private("k")
    );
    assert_eq!(reason(r#""kty":"oct","alg":"HS256""#), JwkError::KeyType);
}

#[test]
fn alg_is_the_keys() {
    let named = set(&[&format!(r#"{},"alg":"PS256""#, rsa())]).unwrap();
    assert!(named.keys()[0].key().verifies(Algorithm::Ps256));
    assert!(!named.keys()[0].key().verifies(Algorithm::Rs256));
    for alg in ["HS256", "ES384", "RS256", "none", "es256", "ES512", "ECDH-ES", ""] {
        assert_eq!(reason(&format!(r#"{EC},"alg":"{alg}""#)), JwkError::Algorithm, "{alg}");
    }
    assert_eq!(reason(&format!(r#"{},"alg":"HS256""#, rsa())), JwkError::Algorithm);
    assert_eq!(reason(&format!(r#"{EC},"alg":null"#)), JwkError::NotAString("alg"));
}

#[test]
fn use_and_key_ops_are_for_verifying() {
    for purpose in [r#""use":"sig""#, r#""key_ops":["verify"]"#, r#""use":"sig","key_ops":["sign","verify"]"#] {
        assert!(set(&[&format!("{EC},{purpose}")]).is_ok(), "{purpose}");
    }
    assert_eq!(reason(&format!(r#"{EC},"use":"enc""#)), JwkError::Use);
    assert_eq!(reason(&format!(r#"{EC},"use":"SIG""#)), JwkError::Use);
    assert_eq!(reason(&format!(r#"{EC},"use":["sig"]"#)), JwkError::NotAString("use"));
    for operations in [r#"["sign"]"#, "[]", r#"["verify","verify"]"#, r#"["verify",1]"#, r#""verify""#, "null"] {
        assert_eq!(reason(&format!(r#"{EC},"key_ops":{operations}"#)), JwkError::Operations, "{operations}");
    }
    assert_eq!(reason(&format!(r#"{EC},"use":"sig","key_ops":["encrypt"]"#)), JwkError::Operations);
}

#[test]
fn kinds_and_curves() {
    assert_eq!(reason(r#""kty":"AKP""#), JwkError::KeyType);
    assert_eq!(reason(r#""kty":"rsa""#), JwkError::KeyType);
    assert_eq!(reason(r#""KTY":"RSA""#), JwkError::NotAString("kty"));
    assert_eq!(reason(&EC.replace("P-256", "P-521")), JwkError::Curve);
    assert_eq!(reason(&EC.replace("P-256", "secp256k1")), JwkError::Curve);
    assert_eq!(reason(&OKP.replace("Ed25519", "Ed448")), JwkError::Curve);
    assert_eq!(reason(&OKP.replace("Ed25519", "X25519")), JwkError::Curve);
    // A key of another curve or kind is not this one's.
    assert_eq!(reason(&EC.replace("P-256", "P-384")), JwkError::Key(KeyError::Point));
    assert_eq!(reason(&EC.replace("\"EC\"", "\"RSA\"")), JwkError::NotAString("n"));
    assert_eq!(reason(&rsa().replace("AQAB", "Aw")), JwkError::Key(KeyError::Exponent));
}

#[test]
fn rsa_keys_under_2048_bits() {
    let modulus = Base64UrlUnpadded::encode_string(&[0xff; 128]);
    assert_eq!(reason(&format!(r#""kty":"RSA","e":"AQAB","n":"{modulus}""#)), JwkError::Key(KeyError::ModulusLength));
}

#[test]
fn padded_or_non_canonical_base64url() {
    // 65537 is AQAB; with leading zeros, padded, in another alphabet, with bits that nobody reads.
    for e in ["AQAB=", "AQAB====", "AQ AB", "AQAB\\n"] {
        assert_eq!(reason(&rsa().replace("AQAB", e)), JwkError::Encoding("e"), "{e}");
    }
    assert_eq!(reason(&rsa().replace("AQAB", "AAEAAQ")), JwkError::Key(KeyError::Exponent));
    let last = |members: &str, end: &str| format!("{}{end}\"", &members[..members.len() - 2]);
    // The last of 43 characters has two bits too many.
    assert_eq!(reason(&last(OKP, "p")), JwkError::Encoding("x"));
    assert_eq!(reason(&last(OKP, "o=")), JwkError::Encoding("x"));
    assert_eq!(reason(&OKP.replace('_', "/")), JwkError::Encoding("x"));
}

#[test]
fn a_kid_is_a_string_with_a_bound() {
    let kid = |kid: &str| format!(r#"{EC},"kid":{kid}"#);
    let longest = "k".repeat(MAX_KID_BYTES);
    assert_eq!(set(&[&kid(&format!("\"{longest}\""))]).unwrap().keys()[0].kid(), Some(longest.as_str()));
    assert_eq!(reason(&kid(&format!("\"{longest}k\""))), JwkError::LongKeyId);
    assert_eq!(reason(&kid("7")), JwkError::NotAString("kid"));
    let odd = set(&[&kid(r#""\u0000\r\n' \ud83d\ude00""#)]).unwrap();
    assert_eq!(kids(&odd, Algorithm::Es256, Some("\0\r\n' \u{1f600}")).len(), 1);
}

#[test]
fn duplicate_kids() {
    let named = |members: &str| format!(r#"{members},"kid":"a""#);
    let rs256 = format!(r#"{},"alg":"RS256""#, rsa());
    let ps256 = format!(r#"{},"alg":"PS256""#, rsa());
    let set = set(&[&named(EC), &named(OKP), &named(&rs256), &named(&ps256), &named(&rsa()), &named(EC)]).unwrap();
    let duplicate = |index| LeftOut { index, reason: JwkError::DuplicateKeyId };
    assert_eq!(set.left_out(), [duplicate(4), duplicate(5)]);
    for algorithm in Algorithm::ALL {
        assert!(kids(&set, algorithm, Some("a")).len() <= 1, "{algorithm:?}");
    }
}

#[test]
fn candidates_are_the_named_key_then_those_without_a_name() {
    let named = |kid: &str| format!(r#"{EC},"kid":"{kid}""#);
    let set = set(&[EC, &named("a"), &named("b"), OKP]).unwrap();
    assert_eq!(kids(&set, Algorithm::Es256, Some("b")), ["b", "-"]);
    assert_eq!(kids(&set, Algorithm::Es256, None), ["-", "a", "b"]);
    assert_eq!(kids(&set, Algorithm::EdDsa, Some("a")), ["-"]);
    assert!(kids(&set, Algorithm::Hs256, Some("a")).is_empty());
}

#[test]
fn an_unknown_kid_has_no_candidates() {
    let set = set(&[&format!(r#"{EC},"kid":"a""#)]).unwrap();
    for kid in ["b", "A", "", "a "] {
        assert!(kids(&set, Algorithm::Es256, Some(kid)).is_empty(), "{kid:?}");
    }
}

#[test]
fn a_token_without_a_kid_is_tried_with_a_few_keys() {
    let keys = vec![EC; MAX_KEYS];
    assert_eq!(set(&keys).unwrap().candidates(Algorithm::Es256, None).count(), MAX_CANDIDATES);
}

#[test]
fn a_set_has_bounds() {
    assert!(matches!(set(&[EC; MAX_KEYS + 1]), Err(JwkSetError::TooManyKeys)));
    let text = format!(r#"{{"keys":[{{{EC}}}]}}"#);
    let padded = format!("{text}{}", " ".repeat(MAX_SET_BYTES - text.len()));
    assert!(JwkSet::parse(padded.as_bytes()).is_ok());
    assert!(matches!(JwkSet::parse(format!("{padded} ").as_bytes()), Err(JwkSetError::TooLong)));
}

#[test]
fn a_depth_bomb_is_not_a_set() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let text = format!(r#"{{"keys":[{{{EC},"x":{}1{}}}]}}"#, open.repeat(10_000), close.repeat(10_000));
        assert!(matches!(JwkSet::parse(text.as_bytes()), Err(JwkSetError::Syntax(_))));
    }
}

#[test]
fn duplicate_json_keys() {
    assert_eq!(reason(&format!(r#"{EC},"kid":"a","kid":"b""#)), JwkError::NotAnObject(NotAnObject::DuplicateMember));
    assert_eq!(
        reason(&format!(r#"{EC},"k\u0069d":"a","kid":"a""#)),
        JwkError::NotAnObject(NotAnObject::DuplicateMember)
    );
    let twice = format!(r#"{{"keys":[{{{EC}}}],"keys":[]}}"#);
    assert_eq!(JwkSet::parse(twice.as_bytes()).unwrap_err(), JwkSetError::NotAnObject(NotAnObject::DuplicateMember));
}

#[test]
fn what_is_not_a_set() {
    let refused = |text: &str| JwkSet::parse(text.as_bytes()).unwrap_err();
    assert_eq!(refused("[]"), JwkSetError::NotAnObject(NotAnObject::OtherKind("a list")));
    for text in ["{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"Keys":[]}"#, &format!("{{{EC}}}")] {
        assert_eq!(refused(text), JwkSetError::NoKeys, "{text}");
    }
    for text in ["", "{", "{} {}", "<html>", r#"{"keys":[1e400]}"#] {
        assert!(matches!(refused(text), JwkSetError::Syntax(_)), "{text}");
    }
    assert!(JwkSet::parse(&[0xff, 0xfe]).is_err());
}

#[test]
fn a_set_without_a_usable_key_says_why() {
    assert_eq!(set(&[]).unwrap_err(), JwkSetError::NoUsableKey(Vec::new()));
    let error = set(&[r#""kty":"oct","k":"AA""#, "\"kty\":1"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the JWK Set has no usable key: keys[0]: holds a private key or a secret (`k`), publish public keys only"
    );
    let JwkSetError::NoUsableKey(left_out) = error else { panic!("{error}") };
    assert_eq!(left_out[1], LeftOut { index: 1, reason: JwkError::NotAString("kty") });
    let not_an_object = JwkSet::parse(br#"{"keys":["a"]}"#).unwrap_err();
    assert_eq!(not_an_object.to_string(), "the JWK Set has no usable key: keys[0]: expected an object, found a string");
}

#[test]
fn unknown_members_mean_nothing() {
    let text =
        format!(r#"{{"issuer":"x","keys":[{{{EC},"x5c":["AA"],"x5t":7,"x5u":"https://evil.example","Kid":1}}]}}"#);
    assert_eq!(JwkSet::parse(text.as_bytes()).unwrap().left_out(), []);
}
