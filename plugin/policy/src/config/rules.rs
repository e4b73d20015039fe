//! `rules`: which requests need a token, and what has to stand in it.

use crate::{
    Json,
    host::HostPattern,
    path::PathPattern,
    requirement::Requirement,
    rule::{Auth, Conditions, OnError, Protection, Rule, Rules},
};

use super::{
    claims,
    keys::{Key, Value, about},
    non_empty,
    reader::{Issues, Reader},
    values::{Refusal, non_empty_list, string},
};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "match",
        value: Value::Object(MATCH),
        default: None,
        about: about(
            "Which requests: those that fit every part. Default: all. A request that may fit, depending on who reads it, is \
                not opened, and has to meet what the rule requires: one without a readable host, with an \
                `X-HTTP-Method-Override`, or whose method or path differs in case, by a slash at the end or by an escape.",
        ),
    },
    Key {
        name: "auth",
        value: Value::Word(&["required", "none"]),
        default: Some(r#""required""#),
        about: about("Whether they need a token. `none` needs a `match`."),
    },
    Key {
        name: "require",
        value: Value::Object(REQUIRE),
        default: None,
        about: about(
            "What has to stand in the token, all of it. It is looked at once the service has allowed the token; what it \
                lacks is answered with 403.",
        ),
    },
    Key {
        name: "onError",
        value: Value::Word(&["deny", "allow", "staleThenDeny"]),
        default: None,
        about: about(
            "As `onError` at the top, for these. Of rules that may match a request the strictest counts. Default: what is said \
                there.",
        ),
    },
];

/// What `onError` may be.
pub(super) const ON_ERROR: &[(&str, OnError)] =
    &[("deny", OnError::Deny), ("allow", OnError::Allow), ("staleThenDeny", OnError::StaleThenDeny)];

const MATCH: &[Key] = &[
    Key {
        name: "hosts",
        value: Value::NonEmpty(&Value::Text { pattern: r"^(\*\.)?[\-_.0-9A-Za-z]+$" }),
        default: None,
        about: about(
            "Hosts without a port, one of which it is; `*.example.com` stands for all below `example.com`, not for itself.",
        ),
    },
    Key {
        name: "methods",
        value: Value::NonEmpty(&Value::Text { pattern: r"^[\-A-Z]+$" }),
        default: None,
        about: about("Methods, one of which it is. `GET` does not stand for `HEAD`."),
    },
    Key { name: "path", value: Value::Object(PATH), default: None, about: about("The path, without its query.") },
];

const PATH: &[Key] = &[
    Key {
        name: "exact",
        value: Value::Text { pattern: r"^(/[!-$&-)+-.0-:<->@-\[\]-z|~]*)+$" },
        default: None,
        about: about("This path."),
    },
    Key {
        name: "prefix",
        value: Value::Text { pattern: r"^(/[!-$&-)+-.0-:<->@-\[\]-z|~]+)+/?$" },
        default: None,
        about: about("This path and all below it, as in `bypassPaths`."),
    },
    Key {
        name: "template",
        value: Value::Text { pattern: r"^(/[!-$&-)+-.0-:<->@-\[\]-~]*)+$" },
        default: None,
        about: about("Paths such as `/users/{id}/orders`, where `{id}` stands for any one segment."),
    },
];

const REQUIRE: &[Key] = &[
    Key {
        name: "scopes",
        value: Value::NonEmpty(&Value::Text { pattern: r"^[!#-\[\]-~]+$" }),
        default: None,
        about: about("Scopes, all of which it has: in `scope`, or in `scp` where that is absent."),
    },
    Key {
        name: "anyRole",
        value: Value::NonEmpty(&Value::Text { pattern: "." }),
        default: None,
        about: about("Roles, one of which it has, in `tokens.rolesClaim`."),
    },
    Key { name: "claims", value: Value::Map(claims::KEYS), default: None, about: about("Claims, by their names.") },
];

/// How many rules there may be: each is looked at for each request.
const MOST_RULES: usize = 256;

/// The rules behind those of `bypassPaths`; `on_error` counts where one says nothing of it.
#[inline(never)]
pub(super) fn read(root: &Reader<'_>, bypass: Vec<PathPattern>, on_error: OnError, issues: &mut Issues) -> Rules {
    let open = |path| Rule { conditions: Conditions { path: Some(path), ..Conditions::default() }, auth: Auth::None };
    let mut rules: Vec<_> = bypass.into_iter().map(open).collect();
    let errors = issues.errors.len();
    // The plugin that `compat: seed` is lenient for has no rules.
    let readers: Vec<_> = root.objects("rules", issues).into_iter().flatten().map(Reader::strict).collect();
    if readers.len() > MOST_RULES {
        root.refuse(
            "rules",
            Refusal::not_allowed(format!("{} rules", readers.len()), format!("at most {MOST_RULES}")),
            issues,
        );
        return Rules { list: rules, on_error };
    }
    let bypassed = rules.len();
    rules.extend(readers.iter().map(|reader| rule(reader, on_error, issues)));
    // A rule with a mistake may match less than what could be read of it.
    if issues.errors.len() == errors {
        for (index, reader) in readers.iter().enumerate() {
            refuse_unreachable(reader, &rules, bypassed, index, issues);
        }
    }
    Rules { list: rules, on_error }
}

/// Refuses the rule at `index` where one before it matches all that it does.
fn refuse_unreachable(reader: &Reader<'_>, rules: &[Rule], bypassed: usize, index: usize, issues: &mut Issues) {
    let mut before = rules.iter().take(bypassed + index);
    let Some(rule) = rules.get(bypassed + index) else { return };
    let Some(first) = before.position(|earlier| earlier.conditions.covers(&rule.conditions)) else { return };
    let expected = match first.checked_sub(bypassed) {
        Some(earlier) => format!("a place before `rules[{earlier}]`, which matches all that it does"),
        None => "another path: `bypassPaths` opens all that it matches".to_owned(),
    };
    reader.refuse_whole(Refusal::not_allowed("the rule", expected), issues);
}

#[inline(never)]
fn rule(rule: &Reader<'_>, otherwise: OnError, issues: &mut Issues) -> Rule {
    let errors = issues.errors.len();
    let conditions = rule.object("match", issues).map(|part| conditions(&part, issues)).unwrap_or_default();
    let open = rule.word("auth", &[("required", false), ("none", true)], issues).unwrap_or(false);
    let requirement = rule.object("require", issues).map(|part| requirement(&part, issues));
    let on_error = rule.word("onError", ON_ERROR, issues);
    rule.finish(issues);
    if open && on_error.is_some() {
        let expected = "`auth: required`: without a token nobody is asked";
        rule.refuse("onError", Refusal::not_allowed("a word", expected), issues);
    }
    if open && requirement.is_some() {
        let expected = "`auth: required`: without a token there is nothing to look at";
        rule.refuse("require", Refusal::not_allowed("a requirement", expected), issues);
    }
    if open && conditions == Conditions::default() && issues.errors.len() == errors {
        rule.missing(&["match"], "a host, a method or a path: without one everything is open", issues);
    }
    let (requirement, on_error) = (requirement.unwrap_or_default(), on_error.unwrap_or(otherwise));
    let auth = if open { Auth::None } else { Auth::Required(Protection { requirement, on_error }) };
    Rule { conditions, auth }
}

fn conditions(part: &Reader<'_>, issues: &mut Issues) -> Conditions {
    let hosts = part.optional("hosts", issues, |json| non_empty_list(json, "a list of hosts", host));
    let methods = part.optional("methods", issues, |json| non_empty_list(json, "a list of methods", method));
    let path = part.object("path", issues).and_then(|path| pattern(&path, issues));
    part.finish(issues);
    Conditions { hosts: hosts.unwrap_or_default(), methods: methods.unwrap_or_default(), path }
}

/// `None` only where `issues` then holds an error.
fn pattern(path: &Reader<'_>, issues: &mut Issues) -> Option<PathPattern> {
    let errors = issues.errors.len();
    let exact = path.optional("exact", issues, |json| plain_path(json, PathPattern::exact, "a path such as `/health`"));
    let prefix = path.optional("prefix", issues, |json| {
        plain_path(json, PathPattern::prefix, "a path below the root, such as `/health`, for it and all below it")
    });
    let template = path.optional("template", issues, |json| {
        let expected = "a path with `{name}` for a segment, such as `/users/{id}`";
        path_of(json, "*", PathPattern::template, expected)
    });
    path.finish(issues);
    let pattern = match (exact, prefix, template) {
        (Some(pattern), None, None) | (None, Some(pattern), None) | (None, None, Some(pattern)) => Some(pattern),
        _ => None,
    };
    if pattern.is_none() && issues.errors.len() == errors {
        let expected = "one of `exact`, `prefix` and `template`";
        path.refuse_whole(Refusal::not_allowed("the path", expected), issues);
    }
    pattern
}

/// Braces and `*` stand in no path that anybody means: whoever writes them means many paths.
fn plain_path(json: &Json, new: fn(&str) -> Option<PathPattern>, expected: &str) -> Result<PathPattern, Refusal> {
    path_of(json, "*{}", new, expected)
}

fn path_of(
    json: &Json,
    unlike: &str,
    new: fn(&str) -> Option<PathPattern>,
    expected: &str,
) -> Result<PathPattern, Refusal> {
    let text = string(json)?;
    new(text).filter(|_| !text.contains(|c| unlike.contains(c))).ok_or_else(|| {
        Refusal::not_allowed(
            text,
            format!("{expected}, without `//`, `.` or `..` segments, `%`, `;`, `\\`, `?`, `#` or `*`"),
        )
    })
}

fn host(json: &Json) -> Result<HostPattern, Refusal> {
    let text = string(json)?;
    HostPattern::new(text).ok_or_else(|| {
        Refusal::not_allowed(text, "a host such as `api.example.com`, without a port, or `*.example.com`")
    })
}

fn method(json: &Json) -> Result<String, Refusal> {
    match string(json)? {
        text if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') => {
            Ok(text.to_owned())
        }
        text => Err(Refusal::not_allowed(text, "a method such as `GET`: methods have case")),
    }
}

fn requirement(part: &Reader<'_>, issues: &mut Issues) -> Requirement {
    let errors = issues.errors.len();
    let scopes = part.optional("scopes", issues, |json| non_empty_list(json, "a list of scopes", scope));
    let any_role = part.optional("anyRole", issues, |json| non_empty_list(json, "a list of roles", non_empty));
    let claims = claims::read(part, "claims", issues);
    part.finish(issues);
    let owned = |texts: Option<Vec<&str>>| texts.into_iter().flatten().map(str::to_owned).collect();
    let requirement = Requirement { scopes: owned(scopes), any_role: owned(any_role), claims };
    if requirement == Requirement::default() && issues.errors.len() == errors {
        part.refuse_whole(Refusal::not_allowed("nothing", "`scopes`, `anyRole` or `claims`"), issues);
    }
    requirement
}

/// A scope (RFC 6749, section 3.3).
fn scope(json: &Json) -> Result<&str, Refusal> {
    let text = string(json)?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte)) {
        Ok(text)
    } else {
        Err(Refusal::not_allowed(text, "one scope, of visible ASCII characters without `\"` and `\\`"))
    }
}

#[cfg(test)]
mod tests;
