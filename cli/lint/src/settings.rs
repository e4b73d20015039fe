//! `gwauthz.toml`: which rules apply, how severe they are, and which plugins are which.

use std::{collections::BTreeMap, ops::Range};

use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use crate::{
    cvss::Severity,
    rules::{Rule, find},
};

/// The `[lint]` table of `gwauthz.toml`; the default has no opinion.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    levels: BTreeMap<u16, Level>,
    plugins: Plugins,
}

/// Why a `gwauthz.toml` is refused, and where in its text.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct SettingsError {
    message: String,
    /// The bytes of the text that are wrong; the whole of it where no part can be named.
    pub span: Range<usize>,
    /// What to do next.
    pub help: String,
}

/// How far an unwanted finding is turned down, or a wanted one up.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Off,
    On,
    Low,
    Medium,
    High,
    Critical,
}

/// Repositories, without tag and digest; a `*` at the end stands for any rest.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plugins {
    #[serde(default)]
    ours: Vec<String>,
    #[serde(default)]
    auth: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    lint: Lint,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lint {
    #[serde(default)]
    rules: BTreeMap<Spanned<String>, Level>,
    #[serde(default)]
    plugins: Plugins,
}

impl Settings {
    /// Reads the text of a `gwauthz.toml`.
    ///
    /// # Errors
    /// What is not TOML, not a key or a value of the schema, or not a rule.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        let file: File = toml::from_str(text).map_err(|error| SettingsError {
            message: error.message().to_owned(),
            span: error.span().unwrap_or(0..text.len()),
            help: "`[lint.rules]` gives rules a level: off, on, low, medium, high, critical; `[lint.plugins]` lists the repositories of `ours` and of other `auth` plugins".into(),
        })?;
        let mut levels = BTreeMap::new();
        for (name, level) in file.lint.rules {
            let rule = find(name.as_ref()).map_err(|unknown| SettingsError {
                message: unknown.to_string(),
                span: name.span(),
                help: "`gwauthz explain` lists all rules".into(),
            })?;
            levels.insert(rule.code.0, level);
        }
        Ok(Self { levels, plugins: file.lint.plugins })
    }

    /// The severity of a rule's findings; `None` where it is off.
    pub(crate) fn severity(&self, rule: &Rule) -> Option<Severity> {
        match self.levels.get(&rule.code.0) {
            Some(Level::Off) => None,
            Some(Level::On) | None => Some(rule.vector.severity()),
            Some(Level::Low) => Some(Severity::Low),
            Some(Level::Medium) => Some(Severity::Medium),
            Some(Level::High) => Some(Severity::High),
            Some(Level::Critical) => Some(Severity::Critical),
        }
    }

    /// Whether a rule was asked for by name, whatever its persona.
    pub(crate) fn asks_for(&self, rule: &Rule) -> bool {
        self.levels.contains_key(&rule.code.0)
    }

    /// Whether a repository holds builds of this project's plugin.
    pub(crate) fn is_ours(&self, repository: &str) -> bool {
        self.plugins.ours.iter().any(|pattern| matches(pattern, repository))
    }

    /// Whether a repository holds a plugin that decides who may pass.
    pub(crate) fn is_auth(&self, repository: &str) -> bool {
        self.plugins.auth.iter().any(|pattern| matches(pattern, repository))
    }
}

fn matches(pattern: &str, repository: &str) -> bool {
    let pattern = pattern.strip_prefix("oci://").unwrap_or(pattern);
    match pattern.strip_suffix('*') {
        Some(start) => repository.starts_with(start),
        None => repository == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::{Settings, matches};
    use crate::{cvss::Severity, rules::find};

    #[test]
    fn a_rule_is_named_by_code_or_name() {
        let settings = Settings::from_toml("[lint.rules]\nGW101 = 'off'\nfail-open = 'critical'\n").unwrap();
        assert_eq!(settings.severity(find("unpinned-image").unwrap()), None);
        assert_eq!(settings.severity(find("GW201").unwrap()), Some(Severity::Critical));
    }

    #[test]
    fn mistakes_are_told_at_their_place() {
        let text = "[lint.rules]\nGW1O1 = 'off'\n";
        let error = Settings::from_toml(text).unwrap_err();
        assert_eq!(&text[error.span.clone()], "GW1O1");
        assert!(error.to_string().contains("did you mean GW101"), "{error}");

        let text = "[lint]\nrule = 1\n";
        let error = Settings::from_toml(text).unwrap_err();
        assert_eq!(&text[error.span.clone()], "rule", "{error}");

        assert!(Settings::from_toml("[lint.rules]\nGW101 = 'severe'\n").is_err());
        assert!(Settings::from_toml("[lint").is_err());
    }

    #[test]
    fn a_star_stands_for_the_rest() {
        assert!(matches("oci://ghcr.io/acme/*", "ghcr.io/acme/authz"));
        assert!(matches("ghcr.io/acme/authz", "ghcr.io/acme/authz"));
        assert!(!matches("ghcr.io/acme/authz", "ghcr.io/acme/authz-evil"));
    }
}
