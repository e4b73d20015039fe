//! The plugin's configuration: one typed schema for the plugin and the linter.

mod cache;
mod callout;
mod claims;
mod effective;
mod endpoint;
mod headers;
mod issue;
mod issuers;
mod keys;
mod observability;
mod reader;
mod resilience;
mod revocation;
mod rules;
mod schema;
mod secret;
mod tokens;
mod values;

use std::time::Duration;

use crate::{
    Json,
    answer::ErrorFormat,
    audit::{Audit, Identifiers},
    callout::Upstream,
    identity::Identity,
    issuer::{Issuer, KeySource},
    path::{AmbiguousPaths, PathPattern},
    rule::{OnError, Rules},
};

pub(crate) use cache::Cache;
pub use effective::Effective;
use headers::Headers;
pub use issue::{ConfigErrors, Issue, IssueKind, Segment};
pub use keys::{Key, LONGEST_LIST, ROOT as KEYS, Value};
use reader::{Issues, Reader};
pub use revocation::Revocation;
pub use schema::schema;
pub(crate) use secret::Secret;
pub(crate) use tokens::Tokens;
use values::{Refusal, list, string};

/// A configuration that has been checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) errors: ErrorFormat,
    /// The authorization service; without one the issuers' signatures decide.
    pub(crate) upstream: Option<Upstream>,
    /// How long a request may wait for a callout, or for what others wait for too.
    pub(crate) timeout: Duration,
    pub(crate) issuers: Vec<Issuer>,
    /// How revocations are learnt of.
    pub(crate) revocation: Revocation,
    pub(crate) cache: Cache,
    /// What is shared with other VMs is sealed with it.
    pub(crate) shared_data_key: Option<Secret>,
    /// `bypassPaths` in front.
    pub(crate) rules: Rules,
    pub(crate) ambiguous_paths: AmbiguousPaths,
    pub(crate) allow_preflight: bool,
    pub(crate) audit: Audit,
    /// [`Effective::number`].
    pub(crate) number: u64,
    /// [`Effective::digest`].
    pub(crate) digest: [u8; 32],
    pub(crate) tokens: Tokens,
    pub(crate) strip_token: bool,
    pub(crate) identity: Identity,
    /// Whether requests pass whatever is decided about them.
    pub(crate) is_shadow: bool,
}

/// A configuration and what it should be warned about.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The configuration.
    pub config: Config,
    /// What `compat: seed` lets pass although it is likely a mistake.
    pub warnings: Vec<Issue>,
    /// What is in force of it.
    pub effective: Effective,
}

/// Whose answers and whose leniency: `compat` in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compat {
    /// Problem details and bearer challenges; unknown keys are refused.
    Strict,
    /// The status lines, bodies and key matching of the plugin that this one replaces.
    Seed,
}

/// The authorization service's path where none is given.
const DEFAULT_AUTHORIZE_URL: &str = "/authorize";
/// What is never authorized where nothing is given: ACME challenges (RFC 8555, section 8.3).
const DEFAULT_BYPASS: &str = "/.well-known/acme-challenge/";
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(2000);

impl Config {
    /// Reads the JSON text that the gateway hands to the plugin.
    ///
    /// # Errors
    /// Every issue that refuses the configuration, each at its place.
    #[inline(never)]
    pub fn from_slice(text: &[u8]) -> Result<Parsed, ConfigErrors> {
        match Json::parse(text) {
            Ok(json) => Self::from_json(&json),
            Err(error) => {
                let kind = IssueKind::Syntax { message: error.to_string() };
                Err(ConfigErrors::new(vec![Issue { path: Vec::new(), kind }]))
            }
        }
    }

    /// Reads a configuration that is JSON already, such as `pluginConfig` of a manifest.
    ///
    /// # Errors
    /// Every issue that refuses the configuration, each at its place.
    pub fn from_json(json: &Json) -> Result<Parsed, ConfigErrors> {
        let mut issues = Issues::default();
        let config = read(json, &mut issues);
        match config {
            Some(mut config) if issues.errors.is_empty() => {
                let effective = Effective::new(json, compat(json));
                config.number = effective.number();
                config.digest = effective.digest;
                Ok(Parsed { config, warnings: issues.warnings, effective })
            }
            _ => Err(ConfigErrors::new(issues.errors)),
        }
    }

    /// Takes the secrets that the configuration names from the environment. Without this, what needs one is left out.
    ///
    /// # Errors
    /// A variable that there is not, or that is too short.
    #[inline(never)]
    pub fn fill_secrets(&mut self, environment: impl Fn(&str) -> Option<String>) -> Result<(), ConfigErrors> {
        let of_audit = match &mut self.audit.identifiers {
            Identifiers::Hmac(secret) => Some(secret),
            Identifiers::None | Identifiers::Plain => None,
        };
        let of_issuers = self.issuers.iter_mut().filter_map(|issuer| match &mut issuer.keys {
            KeySource::Secret(secret) => Some(secret),
            KeySource::Inline(_) | KeySource::Remote(_) => None,
        });
        let others = of_audit.into_iter().chain(&mut self.shared_data_key);
        others.chain(of_issuers).try_for_each(|secret| secret.fill(&environment))
    }

    /// How long a callout may take; `None` where there are none.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.upstream.as_ref().map(|_| self.timeout)
    }

    /// How revocations are learnt of.
    #[must_use]
    pub fn revocation(&self) -> &Revocation {
        &self.revocation
    }
}

/// `None` only where `issues` holds an error.
#[inline(never)]
fn read(json: &Json, issues: &mut Issues) -> Option<Config> {
    let compat = compat(json);
    let root = Reader::new(json, KEYS, Vec::new(), compat, issues);
    root.word("compat", COMPAT, issues);
    let cluster = root.optional("cluster", issues, non_empty);
    let path = root.optional("authorizeUrl", issues, path).unwrap_or(DEFAULT_AUTHORIZE_URL);
    let timeout = root.duration("timeout", issues).unwrap_or(DEFAULT_TIMEOUT);
    let bypass = root.optional("bypassPaths", issues, bypass_paths);
    let bypass = match (bypass, compat) {
        (Some(paths), Compat::Strict) => paths,
        (Some(paths), Compat::Seed) if !paths.is_empty() => paths,
        _ => PathPattern::prefix(DEFAULT_BYPASS).into_iter().collect(),
    };

    let nothing = Json::Object(Vec::new());
    let callout = match root.object("callout", issues) {
        Some(callout) => callout,
        None => Reader::new(&nothing, callout::KEYS, vec![Segment::Key("callout".to_owned())], compat, issues),
    };
    let upstream = callout::upstream(&callout::Top { cluster, path, timeout }, &callout, issues);
    let tokens: Tokens = root.object("tokens", issues).map(|tokens| Tokens::read(&tokens, issues)).unwrap_or_default();
    let headers = root.object("headers", issues);
    let headers =
        headers.map(|headers| Headers::read(&headers, &tokens, upstream.as_ref(), issues)).unwrap_or_default();
    let written = root.objects("issuers", issues).unwrap_or_default();
    let issuers = issuers::read(&written, timeout, issues);
    let revocation = revocation::read(&root, &written, cluster, issues);
    let errors_before = issues.errors.len();
    let shared_data_key = root.object("secrets", issues).map(Reader::strict).and_then(|secrets| {
        secrets.finish(issues);
        Secret::read(&secrets, "cache", issues)
    });
    let has_key = shared_data_key.is_some() || issues.errors.len() > errors_before;
    let cache = cache::read(&root, cluster, revocation.max_lag, has_key, issues);
    let mut ambiguous_paths = None;
    if let Some(paths) = root.object("paths", issues) {
        ambiguous_paths = paths.word(
            "ambiguous",
            &[("reject", AmbiguousPaths::Reject), ("neverMatch", AmbiguousPaths::NeverMatch)],
            issues,
        );
        paths.finish(issues);
    }
    let ambiguous_paths = ambiguous_paths.unwrap_or(match compat {
        Compat::Strict => AmbiguousPaths::Reject,
        Compat::Seed => AmbiguousPaths::NeverMatch,
    });

    let mut format = None;
    if let Some(errors) = root.object("errors", issues) {
        format = errors.word(
            "format",
            &[("problem+json", ErrorFormat::Problem), ("rfc6750", ErrorFormat::Challenge), ("seed", ErrorFormat::Seed)],
            issues,
        );
        errors.finish(issues);
    }
    let errors = format.unwrap_or(match compat {
        Compat::Strict => ErrorFormat::Problem,
        Compat::Seed => ErrorFormat::Seed,
    });

    let on_error = root.word("onError", rules::ON_ERROR, issues).unwrap_or_default();
    let rules = rules::read(&root, bypass, on_error, issues);
    check_on_error(&root, &rules, !written.is_empty(), cache.limits.stale.is_some(), issues);
    let allow_preflight = root.word("preflight", &[("deny", false), ("allow", true)], issues);

    let is_shadow = root.word("mode", &[("enforce", false), ("shadow", true)], issues).unwrap_or(false);
    let audit = root.object("observability", issues).map(|reader| observability::read(&reader, issues));
    let is_absent = cluster.is_none()
        && !issues
            .errors
            .iter()
            .any(|issue| matches!(issue.path.as_slice(), [Segment::Key(key)] if key.eq_ignore_ascii_case("cluster")));
    if is_absent && written.is_empty() {
        root.missing(&["cluster"], "the name of the authorization service's Envoy cluster", issues);
    }
    root.finish(issues);
    Some(Config {
        errors,
        upstream,
        timeout,
        issuers,
        revocation,
        cache,
        shared_data_key,
        rules,
        ambiguous_paths,
        allow_preflight: allow_preflight.unwrap_or(false),
        audit: Audit { is_shadow, ..audit.unwrap_or_default() },
        number: 0,
        digest: [0; 32],
        tokens,
        strip_token: headers.strip_token,
        identity: headers.identity,
        is_shadow,
    })
}

/// Refuses what may let requests pass without the service, and cannot: without issuers a forged token is as good as any.
fn check_on_error(root: &Reader<'_>, rules: &Rules, has_issuers: bool, stale_for: bool, issues: &mut Issues) {
    let has_stale = rules.have(OnError::StaleThenDeny);
    if stale_for && !has_stale {
        let refusal = Refusal::not_allowed("the time", "`onError: staleThenDeny`, which makes use of it");
        root.refuse("cache", refusal.below("staleFor"), issues);
    }
    for (word, on_error) in rules::ON_ERROR {
        let expected = match on_error {
            OnError::Deny => continue,
            _ if !rules.have(*on_error) => continue,
            _ if !has_issuers => {
                "`onError: deny` where there are no `issuers`: whoever overloads the service would get in with a forged token"
            }
            OnError::StaleThenDeny if !stale_for => "`cache.staleFor`, which says how late it may be",
            OnError::StaleThenDeny | OnError::Allow => continue,
        };
        let key = if rules.on_error == *on_error { "onError" } else { "rules" };
        root.refuse(key, Refusal::not_allowed(["onError: ", word].concat(), expected), issues);
    }
}

const COMPAT: &[(&str, Compat)] = &[("strict", Compat::Strict), ("seed", Compat::Seed)];

/// How to read all the other keys; anything but `seed`, mistakes included, is read strictly.
fn compat(json: &Json) -> Compat {
    let Json::Object(members) = json else { return Compat::Strict };
    let seed = |(key, value): &(String, Json)| key == "compat" && *value == Json::String("seed".into());
    if members.iter().any(seed) { Compat::Seed } else { Compat::Strict }
}

fn non_empty(json: &Json) -> Result<&str, Refusal> {
    match string(json)? {
        "" => Err(Refusal::not_allowed("", "a name")),
        text if text.bytes().any(|byte| byte.is_ascii_control()) => {
            Err(Refusal::not_allowed(text, "no control characters"))
        }
        text => Ok(text),
    }
}

fn path(json: &Json) -> Result<&str, Refusal> {
    let text = string(json)?;
    if text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        Ok(text)
    } else {
        Err(Refusal::not_allowed(
            text,
            "a path that starts with `/`, of visible ASCII characters; the host comes from `cluster`",
        ))
    }
}

fn bypass_paths(json: &Json) -> Result<Vec<PathPattern>, Refusal> {
    list(json, "a list of paths", |item| {
        let text = string(item)?;
        PathPattern::prefix(text).ok_or_else(|| {
            Refusal::not_allowed(
                text,
                "a path such as `/health` below the root, without `//`, `.` or `..` segments, `%`, `;`, `\\`, `?` or `#`: anything else opens more than it says",
            )
        })
    })
}

#[cfg(test)]
pub(crate) mod tests;
