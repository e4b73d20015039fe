use base64ct::{Base64UrlUnpadded, Encoding as _};
use p256::ecdsa::Signature;

use super::{Algorithm, Header, HeaderError, KeyError, MAX_KID_BYTES, VerifyError, VerifyingKey};
use crate::Json;

/// {"iss":"joe","exp":1300819380,"http://example.com/is_root":true} as RFC 7515 has it in appendix A.
const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
/// RFC 7515, appendix A.1.1.
const SECRET: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
/// RFC 7515, appendix A.2.1.
const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const RS256: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
/// RFC 7515, appendix A.3.1.
const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const ES256: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
/// RFC 8037, appendix A.2.
const ED25519: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// FIPS 186-4, appendix D.1.2.3.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn decode(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).unwrap()
}

fn rsa() -> VerifyingKey {
    VerifyingKey::rsa(&decode(MODULUS), &[1, 0, 1]).unwrap()
}

fn p256() -> VerifyingKey {
    VerifyingKey::p256(&decode(X), &decode(Y)).unwrap()
}

fn es256_input() -> Vec<u8> {
    format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}").into_bytes()
}

/// Verifies the token as it is and, to see that it counts, with one bit changed in its payload.
fn verify(key: &VerifyingKey, algorithm: Algorithm, header: &str, payload: &str, signature: &str) {
    let mut input = format!("{header}.{payload}").into_bytes();
    assert_eq!(key.verify(algorithm, &input, &decode(signature)), Ok(()));
    *input.last_mut().unwrap() ^= 1;
    assert_eq!(key.verify(algorithm, &input, &decode(signature)), Err(VerifyError::Mismatch));
}

#[test]
fn rfc_7515_appendix_a_1_hs256() {
    let key = VerifyingKey::secret(&decode(SECRET)).unwrap();
    let header = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9";
    verify(&key, Algorithm::Hs256, header, PAYLOAD, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

#[test]
fn rfc_7515_appendix_a_2_rs256() {
    verify(&rsa(), Algorithm::Rs256, "eyJhbGciOiJSUzI1NiJ9", PAYLOAD, RS256);
}

#[test]
fn rfc_7515_appendix_a_3_es256() {
    verify(&p256(), Algorithm::Es256, "eyJhbGciOiJFUzI1NiJ9", PAYLOAD, ES256);
}

#[test]
fn rfc_8037_appendix_a_4_eddsa() {
    let key = VerifyingKey::ed25519(&decode(ED25519)).unwrap();
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    verify(&key, Algorithm::EdDsa, "eyJhbGciOiJFZERTQSJ9", "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", signature);
}

#[test]
fn hs256_with_an_rsa_public_key() {
    // What the attack signs with: the public key, in one encoding or another, as if it were a secret.
    let input = format!("eyJhbGciOiJIUzI1NiJ9.{PAYLOAD}").into_bytes();
    for public in [decode(MODULUS), MODULUS.as_bytes().to_vec()] {
        let mut tag = <hmac::Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(&public).unwrap();
        hmac::Mac::update(&mut tag, &input);
        let tag = hmac::Mac::finalize(tag).into_bytes();
        assert_eq!(VerifyingKey::secret(&public).unwrap().verify(Algorithm::Hs256, &input, &tag), Ok(()));
        assert_eq!(rsa().verify(Algorithm::Hs256, &input, &tag), Err(VerifyError::Algorithm));
    }
}

#[test]
fn alg_is_one_of_the_keys_kind() {
    use Algorithm::{EdDsa, Es256, Es384, Hs256, Ps256, Rs256, Rs384, Rs512};
    for (key, of_kind) in [
        (rsa(), [Rs256, Rs384, Rs512, Ps256].as_slice()),
        (p256(), &[Es256]),
        (p384(), &[Es384]),
        (VerifyingKey::ed25519(&decode(ED25519)).unwrap(), &[EdDsa]),
        (VerifyingKey::secret(&decode(SECRET)).unwrap(), &[Hs256]),
    ] {
        for algorithm in Algorithm::ALL {
            let is_of_kind = of_kind.contains(&algorithm);
            assert_eq!(key.verifies(algorithm), is_of_kind, "{key:?} {algorithm:?}");
            let refused = key.verify(algorithm, b"", &[]).unwrap_err();
            assert_eq!(refused == VerifyError::Algorithm, !is_of_kind, "{key:?} {algorithm:?}");
            // A key held to one algorithm has no other.
            match key.clone().only(algorithm) {
                Some(only) => {
                    assert!(is_of_kind);
                    let verified: Vec<_> = Algorithm::ALL.into_iter().filter(|other| only.verifies(*other)).collect();
                    assert_eq!(verified, [algorithm]);
                }
                None => assert!(!is_of_kind),
            }
        }
    }
    let ps256 = rsa().only(Ps256).unwrap();
    let input = format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}");
    assert_eq!(ps256.verify(Rs256, input.as_bytes(), &decode(RS256)), Err(VerifyError::Algorithm));
}

/// The curve's generator as a key.
fn p384() -> VerifyingKey {
    let point = p384::ecdsa::VerifyingKey::from_affine(p384::AffinePoint::GENERATOR).unwrap().to_sec1_point(false);
    VerifyingKey::p384(point.x().unwrap(), point.y().unwrap()).unwrap()
}

#[test]
fn rsa_keys_are_2048_to_4096_bits_odd_and_of_exponent_65537() {
    let modulus = |bytes: usize, first: u8, last: u8| {
        let mut modulus = vec![0x55; bytes];
        (modulus[0], modulus[bytes - 1]) = (first, last);
        modulus
    };
    let read = |modulus: &[u8], exponent: &[u8]| VerifyingKey::rsa(modulus, exponent).map(|_| ());
    for bytes in [256, 257, 320, 384, 385, 512] {
        assert_eq!(read(&modulus(bytes, 0x80, 1), &[1, 0, 1]), Ok(()), "{bytes}");
        assert_eq!(read(&modulus(bytes, 0x80, 2), &[1, 0, 1]), Err(KeyError::EvenModulus), "{bytes}");
        assert_eq!(read(&modulus(bytes, 0x7f, 1), &[1, 0, 1]), Err(KeyError::ModulusLength), "{bytes}");
        assert_eq!(read(&modulus(bytes, 0, 1), &[1, 0, 1]), Err(KeyError::ModulusLength), "{bytes}");
    }
    for bytes in [1, 128, 255, 513, 1024] {
        assert_eq!(read(&modulus(bytes, 0x80, 1), &[1, 0, 1]), Err(KeyError::ModulusLength), "{bytes}");
    }
    assert_eq!(read(&[], &[1, 0, 1]), Err(KeyError::ModulusLength));
    for exponent in [&[][..], &[3], &[1], &[1, 0, 0], &[1, 0, 3], &[0, 1, 0, 1], &[1, 0, 1, 0]] {
        assert_eq!(read(&modulus(256, 0x80, 1), exponent), Err(KeyError::Exponent), "{exponent:?}");
    }
}

#[test]
fn rsa_signature_of_the_wrong_length_or_not_less_than_the_modulus() {
    let input = format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}").into_bytes();
    let signature = decode(RS256);
    let longer = [&[0], signature.as_slice()].concat();
    let modulus = decode(MODULUS);
    let mut more = modulus.clone();
    *more.last_mut().unwrap() += 2;
    let mut less = modulus.clone();
    *less.last_mut().unwrap() -= 1;
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        for malformed in [&[][..], &signature[1..], &signature[..255], &longer, &modulus, &more, &[0xff; 256]] {
            assert_eq!(rsa().verify(algorithm, &input, malformed), Err(VerifyError::Malformed), "{malformed:?}");
        }
        // In range, and no encoding of anything.
        for (base, what) in [(vec![0; 256], "0"), ([vec![0; 255], vec![1]].concat(), "1"), (less.clone(), "-1")] {
            assert_eq!(rsa().verify(algorithm, &input, &base), Err(VerifyError::Mismatch), "{what}");
        }
    }
}

#[test]
fn ecdsa_r_or_s_of_0_or_not_less_than_the_order() {
    let signature = decode(ES256);
    let (r, s) = signature.split_at(32);
    for (r, s) in
        [(&[0; 32][..], s), (r, &[0; 32]), (&P256_ORDER, s), (r, &P256_ORDER), (&[0; 32], &[0; 32]), (r, &[0xff; 32])]
    {
        let signature = [r, s].concat();
        assert_eq!(p256().verify(Algorithm::Es256, &es256_input(), &signature), Err(VerifyError::Malformed));
    }
    for length in [0, 1, 32, 63, 65, 96, 128] {
        let mut signature = signature.clone();
        signature.resize(length, 0);
        assert_eq!(p256().verify(Algorithm::Es256, &es256_input(), &signature), Err(VerifyError::Malformed));
    }
}

#[test]
fn ecdsa_has_two_values_of_s() {
    let (r, s) = Signature::from_slice(&decode(ES256)).unwrap().split_scalars();
    let other = Signature::from_scalars(r, -*s).unwrap();
    assert_ne!(other.to_bytes().as_slice(), decode(ES256));
    assert_eq!(p256().verify(Algorithm::Es256, &es256_input(), &other.to_bytes()), Ok(()));
}

#[test]
fn ecdsa_der_instead_of_raw() {
    let signature = Signature::from_slice(&decode(ES256)).unwrap().to_der();
    assert_eq!(p256().verify(Algorithm::Es256, &es256_input(), signature.as_bytes()), Err(VerifyError::Malformed));
}

#[test]
fn ec_points_are_on_the_curve() {
    let (x, y) = (decode(X), decode(Y));
    let mut off = y.clone();
    off[31] ^= 1;
    let refused: [(&[u8], &[u8]); 7] = [
        (&x, &off),
        (&y, &x),
        (&[0; 32], &[0; 32]),
        (&x[1..], &y),
        (&x, &y[..31]),
        (&[], &[]),
        (&[0xff; 32], &[0xff; 32]),
    ];
    for (x, y) in refused {
        assert_eq!(VerifyingKey::p256(x, y).map(|_| ()), Err(KeyError::Point), "{x:?} {y:?}");
    }
    // Coordinates in full length, 0 in front or not (RFC 7518, section 6.2.1.2).
    assert_eq!(VerifyingKey::p256(&[&[0], x.as_slice()].concat(), &y).map(|_| ()), Err(KeyError::Point));
    assert_eq!(VerifyingKey::p384(&x, &y).map(|_| ()), Err(KeyError::Point));
}

#[test]
fn non_canonical_ed25519() {
    // p is 2 to the power of 255 minus 19, so that 0 to 18 have a second encoding.
    let mut points = 0;
    for y in 2..19 {
        let mut canonical = [0; 32];
        canonical[0] = y;
        let mut second = [0xff; 32];
        (second[0], second[31]) = (0xed + y, 0x7f);
        if ed25519_dalek::VerifyingKey::from_bytes(&second).is_ok() {
            points += 1;
            assert!(VerifyingKey::ed25519(&canonical).is_ok(), "{y}");
        }
        assert_eq!(VerifyingKey::ed25519(&second).map(|_| ()), Err(KeyError::Ed25519), "{y}");
    }
    assert!(points > 5, "{points}");
}

#[test]
fn ed25519_keys_of_small_order_or_another_length() {
    // The neutral element and the point of order 2: what they verify was signed by nobody.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut order_2 = [0xff; 32];
    (order_2[0], order_2[31]) = (0xec, 0x7f);
    for key in [&neutral[..], &order_2, &[0; 32], &[], &[1; 31], &[1; 33]] {
        assert_eq!(VerifyingKey::ed25519(key).map(|_| ()), Err(KeyError::Ed25519), "{key:?}");
    }
}

#[test]
fn a_secret_has_32_bytes_and_is_not_shown() {
    assert_eq!(VerifyingKey::secret(&[7; 31]).map(|_| ()), Err(KeyError::ShortSecret));
    let secret = b"an example secret of 32 bytes ..";
    let shown = format!("{:?}", VerifyingKey::secret(secret).unwrap());
    assert!(!shown.contains("example") && !shown.contains("97"), "{shown}");
}

fn header(text: &str) -> Result<(Algorithm, Option<String>), HeaderError> {
    let object = Json::parse(text.as_bytes()).unwrap().into_object().unwrap();
    Header::read(&object).map(|header| (header.algorithm, header.kid.map(ToOwned::to_owned)))
}

#[test]
fn alg_none_and_unknown_algorithms() {
    for alg in [
        r#""none""#,
        r#""None""#,
        r#""""#,
        r#""RS1""#,
        r#""HS512""#,
        r#""ES512""#,
        r#""ES256K""#,
        r#""rs256""#,
        r#""RS256 ""#,
        r#""EDDSA""#,
        "null",
        "1",
        r#"["RS256"]"#,
        r#"{"RS256":1}"#,
    ] {
        assert_eq!(header(&format!(r#"{{"alg":{alg}}}"#)), Err(HeaderError::Algorithm), "{alg}");
    }
    assert_eq!(header("{}"), Err(HeaderError::Algorithm));
    // Case variants of a member are other members.
    assert_eq!(header(r#"{"ALG":"RS256"}"#), Err(HeaderError::Algorithm));
    for algorithm in Algorithm::ALL {
        assert_eq!(header(&format!(r#"{{"alg":"{}"}}"#, algorithm.name())), Ok((algorithm, None)));
    }
}

#[test]
fn crit_and_b64_are_refused() {
    for crit in [r#"["b64"]"#, r#"["exp"]"#, "[]", "null", "false", r#""exp""#] {
        assert_eq!(header(&format!(r#"{{"alg":"RS256","crit":{crit}}}"#)), Err(HeaderError::Critical), "{crit}");
    }
    for b64 in ["false", "true", "null", "0"] {
        assert_eq!(header(&format!(r#"{{"alg":"RS256","b64":{b64}}}"#)), Err(HeaderError::UnencodedPayload), "{b64}");
    }
    assert_eq!(header(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#), Err(HeaderError::Critical));
}

#[test]
fn jku_x5u_and_an_embedded_jwk_mean_nothing() {
    let text = r#"{"alg":"ES256","kid":"a","jku":"https://evil.example/keys","x5u":"https://evil.example/cert",
        "jwk":{"kty":"oct","k":"AA"},"x5c":["AA"],"typ":"JWT","cty":"JWT"}"#;
    assert_eq!(header(text), Ok((Algorithm::Es256, Some("a".to_owned()))));
}

#[test]
fn kid_with_odd_bytes() {
    let longest = "k".repeat(MAX_KID_BYTES);
    for kid in ["", "../../../../dev/null", "' OR 1=1 --", "\u{0}\r\n\u{1b}[2J", "\u{10ffff}\u{fffd}", "a,b", &longest]
    {
        let escaped = serde_json::to_string(kid).unwrap();
        assert_eq!(
            header(&format!(r#"{{"alg":"RS256","kid":{escaped}}}"#)),
            Ok((Algorithm::Rs256, Some(kid.to_owned()))),
            "{escaped}"
        );
    }
    for kid in [format!(r#""{longest}k""#), "7".to_owned(), "null".to_owned(), "[]".to_owned()] {
        assert_eq!(header(&format!(r#"{{"alg":"RS256","kid":{kid}}}"#)), Err(HeaderError::KeyId), "{kid}");
    }
}
