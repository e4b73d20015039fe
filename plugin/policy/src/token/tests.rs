use std::time::{Duration, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding as _};

use super::TokenReader;
use crate::{
    Denial, HeaderMap, Request,
    source::{self, Found, TokenSource},
};

fn jwt(header: &str, payload: &str) -> String {
    let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    format!("{}.{}.{}", encode(header), encode(payload), encode("signature"))
}

fn valid() -> String {
    jwt(r#"{"alg":"ES256"}"#, r#"{"jti":"a"}"#)
}

fn read(values: &[&[u8]]) -> Result<(), Denial> {
    let headers: Vec<_> = values.iter().map(|value| ("authorization", value)).collect();
    let (headers, sources) = (HeaderMap::new(&headers), [TokenSource::bearer()]);
    let found = source::find(Request::new(&headers), &sources)?;
    TokenReader::default().read(&found, 1024)?.check_identifier()
}

fn at(payload: &str, seconds: u64) -> Result<(), Denial> {
    let token = jwt(r#"{"alg":"ES256"}"#, payload);
    let found = Found { source: &TokenSource::bearer(), text: token.as_bytes() };
    TokenReader::default()
        .read(&found, 1024)?
        .check_time(UNIX_EPOCH + Duration::from_secs(seconds), Duration::from_secs(30))
}

#[test]
fn the_scheme_has_no_case_and_one_space_or_more() {
    for scheme in ["Bearer ", "bearer ", "BEARER   "] {
        assert_eq!(read(&[format!("{scheme}{}", valid()).as_bytes()]), Ok(()));
    }
    for scheme in ["Bearer", "Bearer\t", "Basic ", "", " Bearer ", "Bearer \t"] {
        assert_eq!(
            read(&[format!("{scheme}{}", valid()).as_bytes()]),
            Err(Denial::MalformedAuthorization),
            "{scheme:?}"
        );
    }
}

#[test]
fn one_header_with_one_token() {
    let value = format!("Bearer {}", valid());
    assert_eq!(read(&[]), Err(Denial::MissingToken));
    assert_eq!(read(&[value.as_bytes(), value.as_bytes()]), Err(Denial::MultipleAuthorizations));
    assert_eq!(read(&[format!("{value}, {value}").as_bytes()]), Err(Denial::MalformedAuthorization));
    assert_eq!(read(&[format!("{value}\u{ff}").as_bytes()]), Err(Denial::MalformedAuthorization));
    assert_eq!(read(&[b"\xff\xff\xff\xff\xff\xff\xff"]), Err(Denial::MalformedAuthorization));
}

#[test]
fn a_token_has_a_bound() {
    assert_eq!(read(&[format!("Bearer {}", "a".repeat(1025)).as_bytes()]), Err(Denial::TokenTooLarge));
    assert_eq!(read(&[format!("Bearer {}", ".".repeat(1024)).as_bytes()]), Err(Denial::MalformedToken));
}

#[test]
fn what_no_service_could_accept_is_no_token() {
    let header = r#"{"alg":"ES256"}"#;
    let claims = r#"{"jti":"a"}"#;
    let unsigned = jwt(header, claims).rsplit_once('.').unwrap().0.to_owned();
    for token in [
        unsigned.clone(),
        format!("{unsigned}."),
        format!("{}.x", jwt(header, claims)),
        format!("{}=", jwt(header, claims)),
        jwt(r#"{"alg":"none"}"#, claims),
        jwt(r#"{"alg":"nOnE"}"#, claims),
        jwt(r#"{"alg":1}"#, claims),
        jwt("{}", claims),
        jwt(r#"{"alg":"ES256","alg":"none"}"#, claims),
        jwt(header, r#"{"jti":"a","jti":"b"}"#),
        jwt(header, r#"{"jti":""}"#),
        jwt(header, r#"{"jti":7}"#),
        jwt(header, "{}"),
        jwt(header, "[]"),
        jwt(header, "not json"),
        jwt(header, &"[".repeat(500)),
        jwt(header, "{\"jti\":\"a\"} x"),
    ] {
        assert_eq!(read(&[format!("Bearer {token}").as_bytes()]), Err(Denial::MalformedToken), "{token}");
    }
}

#[test]
fn a_token_has_its_time_and_thirty_seconds_of_skew() {
    assert_eq!(at(r#"{"jti":"a","exp":1000}"#, 1029), Ok(()));
    assert_eq!(at(r#"{"jti":"a","exp":1000}"#, 1030), Err(Denial::ExpiredToken));
    assert_eq!(at(r#"{"jti":"a","exp":1000.5}"#, 1030), Ok(()));
    assert_eq!(at(r#"{"jti":"a","exp":-1}"#, 1000), Err(Denial::ExpiredToken));
    assert_eq!(at(r#"{"jti":"a","nbf":1000}"#, 970), Ok(()));
    assert_eq!(at(r#"{"jti":"a","nbf":1000}"#, 969), Err(Denial::PrematureToken));
    for payload in [
        r#"{"jti":"a","exp":"1000"}"#,
        r#"{"jti":"a","exp":null}"#,
        r#"{"jti":"a","exp":1e400}"#,
        r#"{"jti":"a","nbf":[]}"#,
    ] {
        assert_eq!(at(payload, 0), Err(Denial::MalformedToken), "{payload}");
    }
}
