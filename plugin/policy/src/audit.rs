//! Audit: one line of JSON a decision, for who has to tell later why a request was let through or not.
//!
//! Nothing of the query, of the token or of other claims than those that name it stands there. Texts of clients are cut,
//! and have no control characters.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{Answer, Json, Object, Permit, Request, config::Secret, json};

/// What is audited: `observability` of the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Audit {
    pub(crate) decisions: Audited,
    /// How many of the requests that were let through are audited where only denials are: a part of one.
    pub(crate) sample_allow: f64,
    pub(crate) identifiers: Identifiers,
    /// Whether what is told of has not been done: `mode: shadow`.
    pub(crate) is_shadow: bool,
}

/// Which decisions are audited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Audited {
    #[default]
    None,
    Denials,
    All,
}

/// How the claims that name a token and its subject are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Identifiers {
    #[default]
    None,
    Plain,
    /// By their HMAC under this key, so that equal ones can be told, and who has the key can look for one.
    Hmac(Secret),
}

/// What of a request is told.
#[derive(Default)]
pub(crate) struct Record {
    method: String,
    host: String,
    path: String,
    request_id: String,
    /// Names of members, with the claims that they tell.
    identifiers: Vec<(&'static str, String)>,
}

/// Which requests that were let through are audited: one as soon as so many parts add up to it. No client can choose.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    parts: f64,
}

/// How a request ended.
pub(crate) enum Decision<'a> {
    Allowed(&'a Permit),
    Denied(&'a Answer),
}

/// The longest text of a client in a line, in bytes.
const LONGEST: usize = 256;
/// How much of an HMAC is told: half of it still is nobody else's (RFC 2104, section 5).
const HMAC_BYTES: usize = 16;
/// The members of a line, and the claims that they tell (RFC 7519, section 4.1).
const IDENTIFIERS: [(&str, &str); 3] = [("issuer", "iss"), ("subject", "sub"), ("tokenId", "jti")];

impl Audit {
    /// What is to be told of a request, if anything is.
    pub(crate) fn record(&self, request: Request<'_>) -> Option<Record> {
        if self.decisions == Audited::None {
            return None;
        }
        let text = |name| shortened(request.values(name).next().unwrap_or_default());
        let path = request.path().and_then(|path| path.split(|byte| matches!(byte, b'?' | b'#')).next());
        Some(Record {
            method: text(":method"),
            host: text(":authority"),
            path: shortened(path.unwrap_or_default()),
            request_id: text("x-request-id"),
            identifiers: Vec::new(),
        })
    }

    /// The line on a decision, if it is audited.
    pub(crate) fn line(
        &self,
        record: &Record,
        decision: &Decision<'_>,
        configuration: u64,
        sampler: &mut Sampler,
    ) -> Option<String> {
        let is_told = match (self.decisions, decision) {
            (Audited::None, _) => false,
            (Audited::All, _) | (Audited::Denials, Decision::Denied(_)) => true,
            (Audited::Denials, Decision::Allowed(_)) => sampler.takes(self.sample_allow),
        };
        if !is_told {
            return None;
        }
        let (name, reason) = match decision {
            Decision::Allowed(permit) => ("allow", permit.reason().code()),
            Decision::Denied(answer) => ("deny", answer.denial.code()),
        };
        let mut line = String::from("{");
        if self.is_shadow {
            member(&mut line, "mode", "shadow");
        }
        member(&mut line, "decision", name);
        member(&mut line, "reason", reason);
        for (name, text) in [
            ("method", &record.method),
            ("host", &record.host),
            ("path", &record.path),
            ("requestId", &record.request_id),
        ] {
            if !text.is_empty() {
                member(&mut line, name, text);
            }
        }
        for (name, claim) in &record.identifiers {
            self.identifiers.tell(name, claim, &mut line);
        }
        member(&mut line, "configuration", &configuration.to_string());
        line.push('}');
        Some(line)
    }
}

impl Identifiers {
    fn tell(&self, name: &str, claim: &str, line: &mut String) {
        match self {
            Self::None => {}
            Self::Plain => member(line, name, claim),
            Self::Hmac(secret) => {
                let Some(Ok(mac)) = secret.value().map(Hmac::<Sha256>::new_from_slice) else { return };
                let tag = mac.chain_update([name, ":", claim].concat()).finalize().into_bytes();
                let digits = tag.iter().take(HMAC_BYTES).flat_map(|byte| [byte >> 4, byte & 0xf]);
                let hex: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
                member(line, name, &hex);
            }
        }
    }
}

impl Record {
    /// The request has come with these claims.
    pub(crate) fn add_claims(&mut self, claims: &Object) {
        self.identifiers.clear();
        for (name, claim) in IDENTIFIERS {
            if let Some(Json::String(text)) = claims.get(claim) {
                self.identifiers.push((name, text.clone()));
            }
        }
    }
}

impl Sampler {
    fn takes(&mut self, part: f64) -> bool {
        self.parts += part;
        let is_whole = self.parts >= 1.0;
        if is_whole {
            self.parts -= 1.0;
        }
        is_whole
    }
}

/// It holds claims: not to be logged but as a line.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}

fn member(line: &mut String, name: &str, text: &str) {
    if line.len() > 1 {
        line.push(',');
    }
    *line += "\"";
    *line += name;
    *line += "\":\"";
    json::escape_into(text, line);
    line.push('"');
}

fn shortened(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..LONGEST).unwrap_or(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Audit, Audited, Decision, Identifiers, Record, Sampler};
    use crate::{
        Answer, Denial, HeaderMap, Json, Object, Permit, PermitReason, Request, answer::ErrorFormat, config::Secret,
    };

    fn claims(text: &str) -> Object {
        Json::parse(text.as_bytes()).unwrap().into_object().unwrap()
    }

    fn line(identifiers: Identifiers, record: &Record) -> String {
        let audit = Audit { decisions: Audited::Denials, identifiers, ..Audit::default() };
        let answer = Answer::new(Denial::ExpiredToken, &[], ErrorFormat::Problem, false);
        audit.line(record, &Decision::Denied(&answer), 7, &mut Sampler::default()).unwrap()
    }

    fn record(headers: &[(&str, &[u8])]) -> Record {
        let audit = Audit { decisions: Audited::All, ..Audit::default() };
        audit.record(Request::new(&HeaderMap::new(headers))).unwrap()
    }

    #[test]
    fn a_line_tells_what_was_decided_and_names_nobody_by_default() {
        let mut record = record(&[(":method", b"GET"), (":path", b"/a?token=x"), ("x-request-id", b"r\n1")]);
        record.add_claims(&claims(r#"{"sub":"alice","jti":7,"email":"a@b"}"#));
        assert_eq!(
            line(Identifiers::None, &record),
            r#"{"decision":"deny","reason":"expired_token","method":"GET","path":"/a","requestId":"r\u000a1","configuration":"7"}"#
        );
        assert!(line(Identifiers::Plain, &record).contains(r#""subject":"alice","configuration""#));
    }

    /// `printf subject:alice | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef`
    #[test]
    fn identifiers_are_hmaced_under_their_names() {
        let mut record = Record::default();
        record.add_claims(&claims(r#"{"sub":"alice","iss":"alice"}"#));
        let secret = Secret::of(b"0123456789abcdef0123456789abcdef");
        let line = line(Identifiers::Hmac(secret), &record);
        assert!(line.contains(r#""subject":"6a6e69b109c11b2f380efb4f4806b783""#), "{line}");
        assert!(!line.contains("alice"), "{line}");
    }

    #[test]
    fn so_many_of_the_allowed_are_told() {
        let audit = |decisions, sample_allow| {
            let audit = Audit { decisions, sample_allow, ..Audit::default() };
            let (permit, mut sampler) = (Permit::new(PermitReason::Bypass, Vec::new()), Sampler::default());
            let told = |_: &i32| audit.line(&Record::default(), &Decision::Allowed(&permit), 0, &mut sampler).is_some();
            (0..1000).filter(told).count()
        };
        for (decisions, part, expected) in [
            (Audited::All, 0.0, 1000),
            (Audited::Denials, 0.0, 0),
            (Audited::Denials, 0.25, 250),
            (Audited::Denials, 1.0, 1000),
            (Audited::None, 1.0, 0),
        ] {
            assert_eq!(audit(decisions, part), expected, "{decisions:?} {part}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_client_sends_is_one_short_line(
            path in prop::collection::vec(any::<u8>(), 0..600),
            sub in "\\PC{0,20}[\\x00-\\x9f\u{2028}]{0,4}",
        ) {
            let mut record = record(&[(":path", &path), (":authority", &path), ("x-request-id", &path)]);
            record.add_claims(&claims(&serde_json::json!({"sub": sub}).to_string()));
            let line = line(Identifiers::Plain, &record);
            prop_assert!(!line.contains(char::is_control) && line.len() < 8000);
            let Ok(Json::Object(members)) = Json::parse(line.as_bytes()) else { panic!("{line}") };
            prop_assert!(members.iter().any(|(name, value)| name == "subject" && *value == Json::String(sub.clone())));
        }
    }
}
