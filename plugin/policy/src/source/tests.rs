use super::{Found, TokenSource, find};
use crate::{Denial, HeaderMap, HeaderMutation, Request};

fn sources() -> [TokenSource; 4] {
    [
        TokenSource::bearer(),
        TokenSource::Header { name: "x-token".to_owned(), scheme: None },
        TokenSource::Cookie("session".to_owned()),
        TokenSource::Query("access_token".to_owned()),
    ]
}

fn found(of: &[(&str, &str)]) -> Result<String, Denial> {
    find(Request::new(&HeaderMap::new(of)), &sources())
        .map(|Found { text, .. }| String::from_utf8(text.to_vec()).unwrap())
}

/// What takes the token out, as `name: value`, or the name alone where the header goes.
fn removal(of: &[(&str, &str)]) -> String {
    let (headers, sources) = (HeaderMap::new(of), sources());
    let request = Request::new(&headers);
    match find(request, &sources).unwrap().source.removal(request) {
        HeaderMutation::Set { name, value } => format!("{name}: {}", String::from_utf8(value).unwrap()),
        HeaderMutation::Remove { name } => name,
    }
}

#[test]
fn a_token_is_found_in_each_place() {
    for place in [
        [(":path", "/"), ("authorization", "Bearer t.t.t")],
        [(":path", "/"), ("X-Token", "t.t.t")],
        [(":method", "GET"), ("cookie", "a=b; session=t.t.t;c=d")],
        [(":path", "/?a=b&access_token=t.t.t&c=d"), ("x-a", "b")],
        [(":path", "/?access%5Ftoken=t.t.t"), ("x-a", "b")],
    ] {
        assert_eq!(found(&place).as_deref(), Ok("t.t.t"), "{place:?}");
    }
    assert_eq!(
        found(&[(":path", "/?access_tokens=t&xaccess_token=t"), ("cookie", "sessions=t; Session=t")]),
        Err(Denial::MissingToken)
    );
}

#[test]
fn a_second_token_is_refused_wherever_it_stands() {
    for (place, denial) in [
        ([("authorization", "Bearer a"), ("authorization", "Bearer a")], Denial::MultipleAuthorizations),
        ([("authorization", "Bearer a"), ("x-token", "a")], Denial::MultipleTokens),
        ([(":path", "/?access_token=a"), ("cookie", "session=a")], Denial::MultipleTokens),
        ([(":path", "/?access_token=a&access_token=a"), ("x-a", "b")], Denial::MultipleAuthorizations),
        ([(":path", "/?access_token=a&%61ccess_token=b"), ("x-a", "b")], Denial::MultipleAuthorizations),
        ([("cookie", "session=a"), ("cookie", "session=b")], Denial::MultipleAuthorizations),
    ] {
        assert_eq!(found(&place), Err(denial), "{place:?}");
    }
}

#[test]
fn what_stands_in_a_place_must_be_a_token() {
    for (place, denial) in [
        (("authorization", "Basic dTpw"), Denial::MalformedAuthorization),
        (("authorization", "Bearer "), Denial::MalformedAuthorization),
        (("authorization", "Bearer a, Bearer a"), Denial::MalformedAuthorization),
        (("authorization", "Bearer a.b"), Denial::MalformedToken),
        (("x-token", "Bearer a"), Denial::MalformedToken),
        (("x-token", "a, a"), Denial::MalformedToken),
        (("x-token", ""), Denial::MalformedToken),
        (("cookie", "session="), Denial::MalformedToken),
        (("cookie", "session=\"a\""), Denial::MalformedToken),
        ((":path", "/?access_token"), Denial::MalformedToken),
        ((":path", "/?access_token=a%2eb"), Denial::MalformedToken),
        ((":path", "/?access_token=a?access_token=b"), Denial::MalformedToken),
    ] {
        let (headers, sources) = (HeaderMap::new(&[place, (":method", "GET")]), sources());
        let found = find(Request::new(&headers), &sources);
        assert_eq!(found.map_or_else(|denial| denial, |found| found.malformed()), denial, "{place:?}");
    }
}

/// Cross-site request forgery: browsers send cookies with what any page asks for.
#[test]
fn a_cookie_changes_something_only_from_a_page_of_the_same_host() {
    let post = |headers: &[(&str, &str)]| {
        found(&[&[(":method", "POST"), (":authority", "shop.example:8443"), ("cookie", "session=t")], headers].concat())
    };
    assert_eq!(post(&[("origin", "https://shop.example:8443")]).as_deref(), Ok("t"));
    for origin in ["https://evil.example", "https://shop.example", "null", "", "shop.example:8443", "https://"] {
        assert_eq!(post(&[("origin", origin)]), Err(Denial::CrossOrigin), "{origin}");
    }
    assert_eq!(post(&[]), Err(Denial::CrossOrigin));
    let twice = [("origin", "https://shop.example:8443"), ("origin", "https://evil.example")];
    assert_eq!(post(&twice), Err(Denial::CrossOrigin));
    assert_eq!(found(&[(":method", "get"), ("cookie", "session=t")]), Err(Denial::CrossOrigin));
}

#[test]
fn the_token_can_be_taken_out() {
    assert_eq!(removal(&[("authorization", "Bearer t")]), "authorization");
    assert_eq!(removal(&[(":method", "GET"), ("cookie", "session=t")]), "cookie");
    assert_eq!(removal(&[(":method", "GET"), ("cookie", "a=b; session=t"), ("cookie", "c=d")]), "cookie: a=b; c=d");
    assert_eq!(removal(&[(":path", "/x?access_token=t")]), ":path: /x");
    assert_eq!(removal(&[(":path", "/x?a=b&access%5ftoken=t&c")]), ":path: /x?a=b&c");
}
