//! `observability`: what is told of decisions.

use crate::audit::{Audit, Audited, Identifiers};

use super::{
    keys::{Key, Value, about},
    reader::{Issues, Reader},
    secret::Secret,
};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "audit",
        value: Value::Word(&["none", "denials", "all"]),
        default: Some(r#""none""#),
        about: about(
            "Which decisions the gateway's log tells, each as a line `gwauthz audit: {…}` of JSON at the level `warn`: \
                decision, reason, method, host, path without its query, request id, and the number of the configuration. With \
                `mode: shadow` it has a member `mode`, and tells what the decision would have been.",
        ),
    },
    Key {
        name: "sampleAllow",
        value: Value::Fraction,
        default: Some("0"),
        about: about(
            "How many of the requests that are let through are told too with `audit: denials`: `0.01` is every hundredth of a \
                VM.",
        ),
    },
    Key {
        name: "identifiers",
        value: Value::Word(&["none", "hmac", "plain"]),
        default: None,
        about: about(
            "How `iss`, `sub` and `jti` of the token are told, be it verified or not: not at all, in clear, or as the first \
                16 bytes of HMAC-SHA-256 over `issuer:`, `subject:` or `tokenId:` and the claim. Default: `hmac` where there is \
                an `hmacKey`, else `none`.",
        ),
    },
    Key {
        name: "hmacKey",
        value: Value::Secret,
        default: None,
        about: about(
            "The key for `identifiers: hmac`: the variable of the VM's environment (`vmConfig.env`) that holds it, 32 bytes or \
                more.",
        ),
    },
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    None,
    Hmac,
    Plain,
}

#[inline(never)]
pub(super) fn read(reader: &Reader<'_>, issues: &mut Issues) -> Audit {
    let errors = issues.errors.len();
    let words = [("none", Audited::None), ("denials", Audited::Denials), ("all", Audited::All)];
    let decisions = reader.word("audit", &words, issues).unwrap_or_default();
    let sample_allow = reader.fraction("sampleAllow", issues).unwrap_or_default();
    let words = [("none", Told::None), ("hmac", Told::Hmac), ("plain", Told::Plain)];
    let told = reader.word("identifiers", &words, issues);
    let key = Secret::read(reader, "hmacKey", issues);
    reader.finish(issues);
    let identifiers = match (told, key) {
        (Some(Told::Hmac) | None, Some(key)) => Identifiers::Hmac(key),
        (Some(Told::Plain), _) => Identifiers::Plain,
        (Some(Told::Hmac), None) => {
            if issues.errors.len() == errors {
                reader.missing(&["hmacKey"], "`{env: NAME}`, for `identifiers: hmac`", issues);
            }
            Identifiers::None
        }
        (Some(Told::None) | None, _) => Identifiers::None,
    };
    Audit { decisions, sample_allow, identifiers, is_shadow: false }
}
