//! What a rule requires of the claims of a token.

use crate::{Denial, Json, Object};

/// What has to stand in a token; without parts, nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Requirement {
    /// All of these (RFC 6749, section 3.3).
    pub(crate) scopes: Vec<String>,
    /// One of these, if there are any.
    pub(crate) any_role: Vec<String>,
    /// All of these, by the claim's name.
    pub(crate) claims: Vec<(String, Condition)>,
}

/// A condition on one claim. A claim that is null counts as absent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// It is one of these texts, numbers or booleans, or a list that holds one.
    OneOf(Vec<Json>),
    /// It is there, or it is not.
    Exists(bool),
}

/// From here on not every whole number has a double of its own (RFC 8259, section 6).
const INEXACT: f64 = 9_007_199_254_740_992.0;

impl Requirement {
    /// Refuses claims that do not meet it. `roles_claim`: the names that lead to the roles.
    pub(crate) fn check(&self, claims: &Object, roles_claim: &[String]) -> Result<(), Denial> {
        let granted = scopes(claims);
        if !self.scopes.iter().all(|scope| granted.contains(&scope.as_str())) {
            return Err(Denial::InsufficientScope);
        }
        let held = roles(claims, roles_claim);
        let has_role = self.any_role.is_empty() || self.any_role.iter().any(|role| held.contains(&role.as_str()));
        if has_role && all_hold(&self.claims, claims) { Ok(()) } else { Err(Denial::RequirementNotMet) }
    }
}

/// Whether every condition holds, each on the claim of its name.
pub(crate) fn all_hold(conditions: &[(String, Condition)], claims: &Object) -> bool {
    conditions.iter().all(|(name, condition)| condition.holds(claims.get(name)))
}

impl Condition {
    fn holds(&self, claim: Option<&Json>) -> bool {
        let claim = claim.filter(|claim| **claim != Json::Null);
        match self {
            Self::Exists(expected) => claim.is_some() == *expected,
            Self::OneOf(allowed) => {
                let is_allowed = |value: &Json| allowed.iter().any(|allowed| is_same(allowed, value));
                match claim {
                    Some(Json::Array(items)) => items.iter().any(is_allowed),
                    Some(value) => is_allowed(value),
                    None => false,
                }
            }
        }
    }
}

/// A number that a double holds exactly.
pub(crate) fn exact(number: &serde_json::Number) -> Option<f64> {
    number.as_f64().filter(|value| value.abs() < INEXACT)
}

/// Gateways hand numbers on as doubles: `1` and `1.0` are the same.
fn is_same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => exact(one).is_some() && exact(one) == exact(other),
        _ => one == other,
    }
}

/// The scopes of a token: the claim `scope` (RFC 8693, section 4.2), or `scp` where that is absent. Separated by spaces,
/// or as a list.
fn scopes(claims: &Object) -> Vec<&str> {
    match claims.get("scope").or_else(|| claims.get("scp")) {
        Some(Json::String(text)) => text.split(' ').collect(),
        claim => texts(claim),
    }
}

/// The roles at the end of `path`: a list, or one.
fn roles<'a>(claims: &'a Object, path: &[String]) -> Vec<&'a str> {
    let Some((name, path)) = path.split_first() else { return Vec::new() };
    let step = |found: &'a Json, name: &String| match found {
        Json::Object(members) => member(members, name),
        _ => None,
    };
    texts(claims.get(name).and_then(|found| path.iter().try_fold(found, step)))
}

/// A text, or those in a list.
fn texts(claim: Option<&Json>) -> Vec<&str> {
    let items = match claim {
        Some(Json::Array(items)) => items.as_slice(),
        claim => claim.map(std::slice::from_ref).unwrap_or_default(),
    };
    items.iter().filter_map(|item| if let Json::String(text) = item { Some(text.as_str()) } else { None }).collect()
}

/// The only member called `name`: who reads the other of two decides otherwise.
fn member<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    let mut called = members.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
    called.next().filter(|_| called.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::{Condition, Requirement};
    use crate::{Denial, Json};

    fn requirement(scopes: &[&str], roles: &[&str], claims: Vec<(&str, Condition)>) -> Requirement {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let claims = claims.into_iter().map(|(name, condition)| (name.to_owned(), condition)).collect();
        Requirement { scopes: owned(scopes), any_role: owned(roles), claims }
    }

    fn check(requirement: &Requirement, roles_claim: &[&str], claims: &str) -> Result<(), Denial> {
        let claims = Json::parse(claims.as_bytes()).unwrap().into_object().unwrap();
        let path: Vec<_> = roles_claim.iter().map(|name| (*name).to_owned()).collect();
        requirement.check(&claims, &path)
    }

    #[test]
    fn all_scopes_are_needed_wherever_issuers_write_them() {
        let needed = requirement(&["read", "write"], &[], Vec::new());
        for claims in [
            r#"{"scope":"write other read"}"#,
            r#"{"scp":["read","write"]}"#,
            r#"{"scp":"read write"}"#,
            r#"{"scope":["read","write"]}"#,
        ] {
            assert_eq!(check(&needed, &["roles"], claims), Ok(()), "{claims}");
        }
        for claims in [
            "{}",
            r#"{"scope":"read"}"#,
            r#"{"scope":"read  writer"}"#,
            r#"{"scope":"read\twrite"}"#,
            r#"{"scope":"READ WRITE"}"#,
            r#"{"scope":["read write"]}"#,
            r#"{"scope":null,"scp":["read","write"]}"#,
            r#"{"scope":"read","scp":["write"]}"#,
            r#"{"scope":{"read":1,"write":1}}"#,
        ] {
            assert_eq!(check(&needed, &["roles"], claims), Err(Denial::InsufficientScope), "{claims}");
        }
    }

    #[test]
    fn one_role_is_enough_where_the_configuration_looks_for_it() {
        let needed = requirement(&[], &["admin", "ops"], Vec::new());
        for (path, claims, expected) in [
            (["roles"].as_slice(), r#"{"roles":["dev","ops"]}"#, true),
            (&["roles"], r#"{"roles":"admin"}"#, true),
            (&["roles"], r#"{"roles":"admin ops"}"#, false),
            (&["roles"], r#"{"roles":[["admin"]]}"#, false),
            (&["roles"], r#"{"realm_access":{"roles":["admin"]}}"#, false),
            (&["realm_access", "roles"], r#"{"realm_access":{"roles":["admin"]}}"#, true),
            (&["realm_access", "roles"], r#"{"realm_access":{"roles":["admin"],"roles":["admin"]}}"#, false),
            (&["realm_access", "roles"], r#"{"realm_access":["roles","admin"]}"#, false),
            (&[], r#"{"roles":["admin"]}"#, false),
        ] {
            let expected = if expected { Ok(()) } else { Err(Denial::RequirementNotMet) };
            assert_eq!(check(&needed, path, claims), expected, "{claims}");
        }
    }

    #[test]
    fn a_claim_is_compared_by_type_and_value() {
        let values = |text: &str| match Json::parse(text.as_bytes()).unwrap() {
            Json::Array(values) => Condition::OneOf(values),
            other => panic!("{other:?}"),
        };
        let one_of = || values(r#"["acme", 7, true]"#);
        for (condition, claim, expected) in [
            (one_of(), r#""acme""#, true),
            (one_of(), r#"["x", "acme"]"#, true),
            (one_of(), "7.0", true),
            (one_of(), "true", true),
            (one_of(), r#""ACME""#, false),
            (one_of(), r#""7""#, false),
            (one_of(), r#""true""#, false),
            (one_of(), r#"[["acme"]]"#, false),
            (one_of(), r#"{"acme": 7}"#, false),
            (one_of(), "null", false),
            (one_of(), "[]", false),
            (values("[9007199254740992]"), "9007199254740993", false),
            (Condition::Exists(true), "false", true),
            (Condition::Exists(true), "null", false),
            (Condition::Exists(false), "null", true),
            (Condition::Exists(false), "0", false),
        ] {
            let needed = requirement(&[], &[], vec![("tenant", condition)]);
            let met = check(&needed, &[], &format!(r#"{{"tenant":{claim}}}"#)).is_ok();
            assert_eq!(met, expected, "{needed:?} {claim}");
        }
        assert!(check(&requirement(&[], &[], vec![("tenant", one_of())]), &[], "{}").is_err());
        assert!(check(&requirement(&[], &[], vec![("tenant", Condition::Exists(false))]), &[], "{}").is_ok());
    }
}
