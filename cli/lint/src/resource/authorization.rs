//! RequestAuthentication and AuthorizationPolicy, `security.istio.io`.

use super::{Head, Placement};
use crate::tree::Node;

/// Says which tokens are valid; a request without any token passes it.
#[derive(Debug)]
pub(crate) struct RequestAuthentication<'a> {
    pub(crate) head: Head<'a>,
    pub(crate) placement: Placement<'a>,
}

/// Says which requests may pass.
#[derive(Debug)]
pub(crate) struct AuthorizationPolicy<'a> {
    pub(crate) placement: Placement<'a>,
    /// Whether it lets no request without a token through.
    pub(crate) requires_token: bool,
}

impl<'a> RequestAuthentication<'a> {
    /// `None` where it has no `jwtRules`: it then verifies nothing.
    pub(super) fn new(head: Head<'a>) -> Option<Self> {
        let rules = head.spec()?.get("jwtRules")?;
        (!rules.items().is_empty()).then(|| Self { head, placement: Placement::new(&head) })
    }
}

impl<'a> AuthorizationPolicy<'a> {
    pub(super) fn new(head: Head<'a>) -> Self {
        Self { placement: Placement::new(&head), requires_token: requires_token(&head) }
    }
}

/// A DENY of every request without a principal, or an ALLOW whose every rule asks for one: what no ALLOW policy of a
/// workload matches is refused (Istio, AuthorizationPolicy reference).
fn requires_token(head: &Head<'_>) -> bool {
    let Some(spec) = head.spec() else { return false };
    let rules = spec.get("rules").map_or(&[][..], Node::items);
    match spec.get("action").and_then(Node::text).map(|action| action.value) {
        None | Some("ALLOW") => !rules.is_empty() && rules.iter().all(rule_asks_for_principal),
        Some("DENY") => rules.iter().any(|rule| {
            sources(rule).any(|source| {
                source.get("notRequestPrincipals").is_some_and(|principals| {
                    principals.items().iter().any(|principal| principal.text().is_some_and(|text| text.value == "*"))
                })
            })
        }),
        Some(_) => false,
    }
}

fn rule_asks_for_principal(rule: &Node<'_>) -> bool {
    let mut sources = sources(rule).peekable();
    let by_source = sources.peek().is_some()
        && sources
            .all(|source| source.get("requestPrincipals").is_some_and(|principals| !principals.items().is_empty()));
    let by_claim = rule.get("when").map_or(&[][..], Node::items).iter().any(|condition| {
        let key = condition.get("key").and_then(Node::text).map_or("", |key| key.value);
        key.starts_with("request.auth.") && condition.get("values").is_some_and(|values| !values.items().is_empty())
    });
    by_source || by_claim
}

fn sources<'a>(rule: &'a Node<'a>) -> impl Iterator<Item = &'a Node<'a>> {
    rule.get("from").map_or(&[][..], Node::items).iter().filter_map(|from| from.get("source"))
}
