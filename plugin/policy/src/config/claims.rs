//! Conditions on the claims of tokens.

use crate::{
    Json,
    requirement::{Condition, exact},
};

use super::{
    keys::{Key, Value, about},
    reader::{Issues, Reader},
    values::{Refusal, non_empty_list},
};

/// The keys of a condition on a claim.
pub(super) const KEYS: &[Key] = &[
    Key {
        name: "equals",
        value: Value::Scalar,
        default: None,
        about: about(
            "The claim is this, or a list that holds it. Numbers of 2^53 and more equal none: issuers write those as texts.",
        ),
    },
    Key {
        name: "oneOf",
        value: Value::NonEmpty(&Value::Scalar),
        default: None,
        about: about("The claim is one of these, or a list that holds one."),
    },
    Key {
        name: "exists",
        value: Value::Flag,
        default: None,
        about: about("The claim is there, or it is not. One that is null is not."),
    },
];

/// The conditions under `key`, by the claim's name.
pub(super) fn read(of: &Reader<'_>, key: &'static str, issues: &mut Issues) -> Vec<(String, Condition)> {
    let claims = of.named(key, issues).into_iter().flatten();
    claims.filter_map(|(name, claim)| Some((name.to_owned(), condition(&claim, issues)?))).collect()
}

/// `None` only where `issues` then holds an error.
fn condition(claim: &Reader<'_>, issues: &mut Issues) -> Option<Condition> {
    let errors = issues.errors.len();
    let equals = claim.optional("equals", issues, scalar);
    let one_of = claim.optional("oneOf", issues, |json| non_empty_list(json, "a list of texts and numbers", scalar));
    let exists = claim.flag("exists", issues);
    claim.finish(issues);
    match (equals, one_of, exists) {
        (Some(value), None, None) => Some(Condition::OneOf(vec![value])),
        (None, Some(values), None) => Some(Condition::OneOf(values)),
        (None, None, Some(exists)) => Some(Condition::Exists(exists)),
        _ => {
            if issues.errors.len() == errors {
                let expected = "one of `equals`, `oneOf` and `exists`";
                claim.refuse_whole(Refusal::not_allowed("the condition", expected), issues);
            }
            None
        }
    }
}

fn scalar(json: &Json) -> Result<Json, Refusal> {
    match json {
        Json::Number(number) if exact(number).is_none() => {
            Err(Refusal::not_allowed(number, "a number below 2^53, which every reader takes for the same"))
        }
        Json::String(_) | Json::Number(_) | Json::Bool(_) => Ok(json.clone()),
        other => Err(Refusal::wrong_type("a text, a number, true or false", other)),
    }
}
