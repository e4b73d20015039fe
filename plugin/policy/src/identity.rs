//! Identity headers: what the upstream is told of the claims of a token, and what no client may say itself.

use crate::{Denial, HeaderMutation, Json, Object, Request};

/// The headers that are set, each from a claim: `headers.set` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity(pub(crate) Vec<FromClaim>);

/// A header, whose name is in lower case, and the claim that its value is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FromClaim {
    pub(crate) header: String,
    pub(crate) claim: String,
}

impl Identity {
    /// Takes these headers away from what the client has sent, in every spelling that an upstream may read as theirs.
    pub(crate) fn remove(&self, request: Request<'_>, mutations: &mut Vec<HeaderMutation>) {
        for FromClaim { header, .. } in &self.0 {
            let names = request.alike(header).map(|name| String::from_utf8_lossy(name).to_ascii_lowercase());
            mutations.extend(names.map(|name| HeaderMutation::Remove { name }));
        }
    }

    /// Sets the headers that these claims make. One that is absent or empty makes none.
    ///
    /// A claim that cannot stand in a header as it is denies: without it, an upstream might take the request for that of
    /// somebody else, or for one that may do more.
    #[inline(never)]
    pub(crate) fn set(&self, claims: &Object, mutations: &mut Vec<HeaderMutation>) -> Result<(), Denial> {
        for FromClaim { header, claim } in &self.0 {
            let value = claims.get(claim).map_or(Ok(String::new()), text)?;
            if !value.is_empty() {
                mutations.push(HeaderMutation::Set { name: header.clone(), value: value.into_bytes() });
            }
        }
        Ok(())
    }
}

/// A claim as text: of a list, its elements with commas between.
fn text(claim: &Json) -> Result<String, Denial> {
    let Json::Array(items) = claim else { return scalar(claim) };
    let mut text = String::new();
    for item in items {
        let item = scalar(item)?;
        // Nobody could tell it from two elements, or from none.
        if item.is_empty() || item.contains(',') {
            return Err(Denial::UnsuitableClaim);
        }
        if !text.is_empty() {
            text.push(',');
        }
        text += &item;
    }
    Ok(text)
}

/// A text without control characters, and without blanks at its ends, which a header does not keep (RFC 9110, section 5.5);
/// a whole number, true or false.
fn scalar(claim: &Json) -> Result<String, Denial> {
    match claim {
        Json::Null => Ok(String::new()),
        Json::String(text) if text.trim() == text && !text.contains(char::is_control) => Ok(text.clone()),
        Json::Number(number) if !number.is_f64() => Ok(number.to_string()),
        Json::Bool(flag) => Ok(flag.to_string()),
        Json::String(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => Err(Denial::UnsuitableClaim),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FromClaim, Identity};
    use crate::{Denial, HeaderMap, HeaderMutation, Json, Request};

    fn identity() -> Identity {
        Identity(vec![FromClaim { header: "x-user-id".to_owned(), claim: "sub".to_owned() }])
    }

    /// What the header is set to.
    fn value(claim: &str) -> Result<Option<String>, Denial> {
        let claims = Json::parse(format!("{{\"sub\":{claim}}}").as_bytes()).unwrap().into_object().unwrap();
        let mut headers = Vec::new();
        identity().set(&claims, &mut headers)?;
        Ok(headers.first().map(|header| match header {
            HeaderMutation::Set { name, value } if name == "x-user-id" => String::from_utf8(value.clone()).unwrap(),
            other => panic!("{other:?}"),
        }))
    }

    #[test]
    fn claims_become_text() {
        for (claim, expected) in [
            (r#""alice""#, Some("alice")),
            (r#""José, of the house""#, Some("José, of the house")),
            ("18446744073709551615", Some("18446744073709551615")),
            ("-7", Some("-7")),
            ("false", Some("false")),
            (r#"["a","b",3]"#, Some("a,b,3")),
            ("[]", None),
            ("null", None),
            (r#""""#, None),
        ] {
            assert_eq!(value(claim), Ok(expected.map(str::to_owned)), "{claim}");
        }
    }

    #[test]
    fn what_is_no_plain_text_denies() {
        for claim in [
            r#""a\r\nx-admin: true""#,
            r#""a\nb""#,
            r#""a\u0000""#,
            r#""a\u007f""#,
            r#""a\u0085b""#,
            r#"" admin""#,
            r#""admin\t""#,
            r#""\u00a0""#,
            "1.5",
            "{}",
            r#"["a,b"]"#,
            r#"["a",""]"#,
            r#"["a",null]"#,
            r#"[["a"]]"#,
        ] {
            assert_eq!(value(claim), Err(Denial::UnsuitableClaim), "{claim}");
        }
    }

    #[test]
    fn no_spelling_of_a_header_is_left_to_clients() {
        let spoofed = ["x-user-id", "X-User-ID", "x_user_id", "x-user_id"];
        let others = ["x-user", "x-user-ids", "xuser-id", "x.user.id", ":path"];
        let headers: Vec<_> = spoofed.iter().chain(&others).map(|name| (name, "root")).collect();
        let expected = ["x-user-id", "x-user-id", "x_user_id", "x-user_id"];
        let expected: Vec<_> = expected.map(|name| HeaderMutation::Remove { name: name.to_owned() }).into();
        let removed = |identity: &Identity| {
            let mut mutations = Vec::new();
            identity.remove(Request::new(&HeaderMap::new(&headers)), &mut mutations);
            mutations
        };
        assert_eq!(removed(&identity()), expected);
        let underscored = Identity(vec![FromClaim { header: "x_user_id".to_owned(), claim: "sub".to_owned() }]);
        assert_eq!(removed(&underscored), expected);
    }

    proptest! {
        #[test]
        fn no_claim_breaks_out_of_its_header(text in "[\\x00-\\xff\u{2028}]{0,12}") {
            let claim = serde_json::to_string(&text).unwrap();
            if let Ok(Some(value)) = value(&claim) {
                prop_assert_eq!(&value, &text);
                prop_assert!(value.bytes().all(|byte| byte >= 0x20 && byte != 0x7f));
            }
        }
    }
}
