//! What HTTP messages of a scenario cannot be.

use super::{
    super::{fields::HeaderFields, format::Reply, moment, place::Place},
    Checked, check_duration, no,
};

/// Headers that the host makes of other keys; a contradiction would hang a real client.
const MADE: [(&str, &str); 4] = [
    ("host", "write `host: …` beside `headers`"),
    ("content-length", "it follows from `body`"),
    ("transfer-encoding", "it follows from `chunks` and `trailers`"),
    ("connection", "the host says how long connections live"),
];

pub(super) fn check_reply(reply: &Reply, place: &Place) -> Checked {
    // Statuses below are interim: no response is complete with one.
    if !(200..=599).contains(&reply.status) {
        return no(&place.key("status"), "no reply has this status", "expected 200 to 599");
    }
    check_fields(&reply.headers, &place.key("headers"))?;
    check_fields(&reply.trailers, &place.key("trailers"))?;
    if reply.body.is_some() && reply.json.is_some() {
        return no(&place.key("json"), "the body stands here and in `body`", "keep one of them");
    }
    let has_body = reply.body.as_ref().is_some_and(|body| !body.is_empty()) || reply.json.is_some();
    if has_body && matches!(reply.status, 204 | 304) {
        let key = if reply.json.is_some() { "json" } else { "body" };
        return no(&place.key(key), "a reply of this status has no body (RFC 9110, section 6.4.1)", "leave it out");
    }
    if let Some(json) = &reply.json
        && let Some(place) = moment::first_malformed(json, &place.key("json"))
    {
        return no(&place, "this is no time", "write it alone and with a span, such as `{$unixTime: -5s}`");
    }
    check_duration(reply.delay, &place.key("delay"))
}

pub(super) fn check_method(method: &str, place: &Place) -> Checked {
    if is_token(method) { Ok(()) } else { no(place, "no request has this method", "name one such as GET") }
}

/// A part of the request line. What else is wrong with it is for the gateway to find.
pub(super) fn check_target(text: Option<&str>, place: &Place) -> Checked {
    match text {
        Some("") => no(place, "a request cannot leave it empty", "leave the key out for the default"),
        Some(text) if text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') => {
            no(place, "no request line can carry spaces and control characters", "percent-encode them")
        }
        _ => Ok(()),
    }
}

pub(super) fn check_fields(fields: &HeaderFields, place: &Place) -> Checked {
    for (name, values) in fields.iter() {
        let here = place.key(name);
        if name.starts_with(':') {
            return no(&here, "pseudo-headers are made of other keys", "write `method`, `path`, `host` or `status`");
        }
        if let Some((_, help)) = MADE.iter().find(|(made, _)| name.eq_ignore_ascii_case(made)) {
            return no(&here, format!("`{name}` is not for a scenario to set"), *help);
        }
        check_name(name, &here)?;
        for (number, value) in values.iter().enumerate() {
            let here = if values.len() == 1 { here.clone() } else { here.item(number) };
            check_value(value, &here)?;
        }
    }
    Ok(())
}

/// RFC 9110, section 5.1.
pub(super) fn check_name(name: &str, place: &Place) -> Checked {
    if is_token(name) {
        Ok(())
    } else {
        no(place, "no header has this name", "expected letters, digits and any of !#$%&'*+-.^_`|~")
    }
}

/// RFC 9110, section 5.5. Other control characters can be sent, and gateways refuse them.
fn check_value(value: &str, place: &Place) -> Checked {
    if value.bytes().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n')) {
        return no(place, "no header can carry line breaks and NUL", "leave them out");
    }
    if value.trim_matches([' ', '\t']) != value {
        return no(place, "spaces around a header's value are not part of it", "leave them out");
    }
    Ok(())
}

fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(token)
}
