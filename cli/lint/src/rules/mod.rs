//! The registry. A rule is one file with a `RULE` and a `check`, and one line in [`RULES`].

mod authentication;
mod chain;
mod config;
mod supply_chain;
mod yaml;

use std::fmt;

use crate::{context::Context, cvss::Vector, diagnostic::Finding, spelling};

/// What a rule looks for, why, and how bad it is.
#[derive(Debug)]
pub struct Rule {
    /// Its number, never reused.
    pub code: Code,
    /// Its name, which says the defect; never reused either.
    pub name: &'static str,
    /// The defect in one line.
    pub summary: &'static str,
    /// Why it is one.
    pub why: &'static str,
    /// What an attacker gains.
    pub gain: &'static str,
    /// Where this can be looked up.
    pub source: &'static str,
    /// How bad it is.
    pub vector: Vector,
    /// Who wants to hear of it.
    pub persona: Persona,
    /// How often it is right.
    pub confidence: Confidence,
    /// A manifest that breaks the rule.
    pub bad: &'static str,
    /// The same manifest, put right.
    pub good: &'static str,
    pub(crate) check: Check,
}

type Check = fn(&Context<'_>) -> Vec<Finding>;

/// The number of a rule; displayed as `GW` and three digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub(crate) u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GW{:03}", self.0)
    }
}

/// Who reads the report; each hears what the ones before hear, and more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Persona {
    /// Someone who deploys: defects only.
    #[default]
    Regular,
    /// Someone who wants it explicit and tidy, too.
    Pedantic,
    /// Someone who looks for reasons to refuse it.
    Auditor,
}

impl fmt::Display for Persona {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regular => "regular",
            Self::Pedantic => "pedantic",
            Self::Auditor => "auditor",
        })
    }
}

/// How sure a finding is, given that the input may not be the whole deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// What is missing may stand in a file that was not given.
    Medium,
    /// The manifest alone shows it.
    High,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// All rules, by code.
pub static RULES: &[&Rule] = &[
    &supply_chain::unpinned_image::RULE,
    &supply_chain::latest_tag::RULE,
    &supply_chain::untagged_image::RULE,
    &supply_chain::prerelease_tag::RULE,
    &supply_chain::http_module_url::RULE,
    &supply_chain::remote_without_sha256::RULE,
    &supply_chain::url_silently_discarded::RULE,
    &chain::fail_open::RULE,
    &chain::implicit_fail_strategy::RULE,
    &chain::jwt_plugin_before_authn::RULE,
    &chain::phase_unset_or_stats::RULE,
    &chain::gateway_match_server::RULE,
    &config::wildcard_cluster::RULE,
    &config::cluster_grammar::RULE,
    &config::timeout_out_of_range::RULE,
    &config::required_config::RULE,
    &config::hardcoded_authorize_url::RULE,
    &config::unknown_key::RULE,
    &config::bypass_everything::RULE,
    &config::bypass_path_confusion::RULE,
    &config::shadow_mode::RULE,
    &authentication::no_request_authentication::RULE,
    &authentication::tokenless_accepted::RULE,
    &yaml::duplicate_key::RULE,
    &yaml::syntax::RULE,
    &yaml::unused_suppression::RULE,
    &yaml::refused_by_istio::RULE,
];

/// What a document that cannot be read breaks.
pub(crate) static SYNTAX: &Rule = &yaml::syntax::RULE;
/// What can only be known when every other rule has run.
pub(crate) static UNUSED_SUPPRESSION: &Rule = &yaml::unused_suppression::RULE;

/// A text that is neither the code nor the name of a rule.
#[derive(Debug)]
pub struct UnknownRule {
    given: String,
    /// The rule whose code or name is spelled almost so.
    pub nearest: Option<&'static Rule>,
}

impl fmt::Display for UnknownRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a rule", spelling::shown(&self.given))?;
        match self.nearest {
            Some(rule) => write!(f, ", did you mean {} `{}`?", rule.code, rule.name),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownRule {}

/// The rule with this code or name, in any case of letters.
///
/// # Errors
/// There is none; the error knows the nearest.
pub fn find(code_or_name: &str) -> Result<&'static Rule, UnknownRule> {
    let named = |text: &str| {
        let rule = RULES.iter().find(|rule| text == rule.name || text.eq_ignore_ascii_case(&rule.code.to_string()));
        rule.copied()
    };
    named(&code_or_name.to_ascii_lowercase()).ok_or_else(|| {
        let codes: Vec<String> = RULES.iter().map(|rule| rule.code.to_string()).collect();
        let names = RULES.iter().map(|rule| rule.name);
        let nearest = spelling::nearest(code_or_name, codes.iter().map(String::as_str).chain(names)).and_then(named);
        UnknownRule { given: code_or_name.to_owned(), nearest }
    })
}

/// The two fixtures of a rule, by their folder's name: what `explain` shows is what the tests run.
macro_rules! fixture {
    ($folder:literal, $file:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/lint/", $folder, "/", $file, ".yaml"))
    };
}
use fixture;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{RULES, find};

    #[test]
    fn codes_and_names_are_unique_and_in_order() {
        assert!(RULES.is_sorted_by(|a, b| a.code < b.code));
        assert_eq!(RULES.iter().map(|rule| rule.name).collect::<HashSet<_>>().len(), RULES.len());
    }

    #[test]
    fn rules_are_found_by_code_and_name() {
        assert_eq!(find("gw203").unwrap().name, "jwt-plugin-before-authn");
        assert_eq!(find("jwt-plugin-before-authn").unwrap().code.to_string(), "GW203");
        assert_eq!(
            find("fail-opne").unwrap_err().to_string(),
            "`fail-opne` is not a rule, did you mean GW201 `fail-open`?"
        );
        assert_eq!(find("quux").unwrap_err().to_string(), "`quux` is not a rule");
    }
}
