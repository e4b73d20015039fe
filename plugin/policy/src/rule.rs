//! Rules: which requests need a token, and what has to stand in it.
//!
//! An upstream may read a request otherwise than the gateway: another spelling of a path, a method in a header of its
//! own. Where a rule only may match, it opens nothing, but what it requires must be met, so that no spelling slips past a
//! stricter rule.

use std::{borrow::Cow, cell::OnceCell};

use crate::{
    Denial, PermitReason, Request,
    host::{self, HostPattern},
    path::{AmbiguousPaths, Path, PathPattern},
    requirement::Requirement,
};

/// The rules in their order; the first that matches decides, and where none does, a token is needed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rules {
    pub(crate) list: Vec<Rule>,
    /// What counts for a request that none of them matches.
    pub(crate) on_error: OnError,
}

/// What holds for some requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) conditions: Conditions,
    pub(crate) auth: Auth,
}

/// Which requests: those that fit every part. A part without a value fits any.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Conditions {
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) methods: Vec<String>,
    pub(crate) path: Option<PathPattern>,
}

/// What they need.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Auth {
    /// Nothing.
    None,
    /// A token.
    Required(Protection),
}

/// How a rule protects requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Protection {
    /// What the token has to meet.
    pub(crate) requirement: Requirement,
    /// What counts while the service is unavailable.
    pub(crate) on_error: OnError,
}

/// What becomes of a request with a verified token while the authorization service is unavailable, the strictest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OnError {
    #[default]
    Deny,
    /// It passes where the service has allowed it of late.
    StaleThenDeny,
    Allow,
}

/// Whether a request fits a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    No,
    /// It depends on who reads it.
    Maybe,
    Yes,
}

/// What the rules say about a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Ruling<'a> {
    /// It needs no token, for this reason.
    Open(PermitReason),
    /// It needs a token that meets all of these.
    Protected(Vec<&'a Requirement>, OnError),
}

/// What of a request rules look at beside its path, in normal form, once one does.
pub(crate) struct Target<'a> {
    request: Request<'a>,
    host: OnceCell<Option<Cow<'a, str>>>,
    method: OnceCell<Option<&'a [u8]>>,
}

/// Headers by which frameworks take another method than the request's own.
const METHOD_OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

impl Rules {
    /// Whether a request may be subject to this.
    pub(crate) fn have(&self, on_error: OnError) -> bool {
        let has = |rule: &Rule| matches!(&rule.auth, Auth::Required(protection) if protection.on_error == on_error);
        self.on_error == on_error || self.list.iter().any(has)
    }

    /// What holds for a request.
    ///
    /// A path that can be read in two ways is refused if that is asked for and any rule looks at paths.
    pub(crate) fn ruling(&self, target: &Target<'_>, ambiguous: AmbiguousPaths) -> Result<Ruling<'_>, Denial> {
        let looks_at_paths = self.list.iter().any(|rule| rule.conditions.path.is_some());
        let path = if looks_at_paths { Path::parse(target.request.path()) } else { Path::Absent };
        if path == Path::Ambiguous && ambiguous == AmbiguousPaths::Reject {
            return Err(Denial::AmbiguousPath);
        }
        let loose = path.loosened();
        let (mut requirements, mut on_error) = (Vec::new(), None);
        for rule in &self.list {
            let fit = rule.conditions.fit(&path, &loose, target);
            match (fit, &rule.auth) {
                (Fit::No, _) | (Fit::Maybe, Auth::None) => {}
                (Fit::Yes, Auth::None) if requirements.is_empty() => return Ok(Ruling::Open(PermitReason::Bypass)),
                // Who reads the request otherwise may find it under a rule before.
                (Fit::Yes, Auth::None) => {}
                (Fit::Maybe | Fit::Yes, Auth::Required(protection)) => {
                    requirements.push(&protection.requirement);
                    on_error = Some(protection.on_error.stricter(on_error));
                }
            }
            if fit == Fit::Yes {
                return Ok(Ruling::Protected(requirements, on_error.unwrap_or_default()));
            }
        }
        Ok(Ruling::Protected(requirements, self.on_error.stricter(on_error)))
    }
}

impl OnError {
    /// What counts where another rule may match too.
    fn stricter(self, other: Option<Self>) -> Self {
        other.map_or(self, |other| self.min(other))
    }
}

impl Conditions {
    /// `loose_path`: the path as the laxest upstream reads it.
    fn fit(&self, path: &Path<'_>, loose_path: &[u8], target: &Target<'_>) -> Fit {
        let path = self.path.as_ref().map_or(Fit::Yes, |pattern| match path {
            Path::Plain(path) => pattern.fit(path, loose_path),
            // What goes through CONNECT may be for any path.
            Path::Ambiguous | Path::Absent => Fit::Maybe,
        });
        if path == Fit::No { path } else { path.min(self.method_fit(target)).min(self.host_fit(target)) }
    }

    fn host_fit(&self, target: &Target<'_>) -> Fit {
        if self.hosts.is_empty() {
            return Fit::Yes;
        }
        match target.host() {
            None => Fit::Maybe,
            Some(host) if self.hosts.iter().any(|pattern| pattern.matches(host)) => Fit::Yes,
            Some(_) => Fit::No,
        }
    }

    /// Methods have case (RFC 9110, section 9.1), which some upstreams do not mind.
    fn method_fit(&self, target: &Target<'_>) -> Fit {
        if self.methods.is_empty() {
            return Fit::Yes;
        }
        let any =
            |same: fn(&[u8], &[u8]) -> bool, method| self.methods.iter().any(|name| same(name.as_bytes(), method));
        match target.method() {
            None => Fit::Maybe,
            Some(method) if any(|one, other| one == other, method) => Fit::Yes,
            Some(method) if any(<[u8]>::eq_ignore_ascii_case, method) => Fit::Maybe,
            Some(_) => Fit::No,
        }
    }

    /// Whether every request that fits `other` fits these too, so that a rule behind them with those is never reached.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let path = match (&self.path, &other.path) {
            (None, _) => true,
            (Some(wide), Some(narrow)) => wide.covers(narrow),
            (Some(_), None) => false,
        };
        path && covers_all(&self.hosts, &other.hosts, HostPattern::covers)
            && covers_all(&self.methods, &other.methods, |one, other| one == other)
    }
}

/// Whether each of `narrow` is covered; none means any.
fn covers_all<T>(wide: &[T], narrow: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|narrow| wide.iter().any(|wide| covers(wide, narrow))))
}

impl<'a> Target<'a> {
    pub(crate) fn new(request: Request<'a>) -> Self {
        Self { request, host: OnceCell::new(), method: OnceCell::new() }
    }

    /// `None` where it cannot be told.
    fn host(&self) -> Option<&str> {
        self.host.get_or_init(|| self.request.only(":authority").and_then(host::normal)).as_deref()
    }

    /// `None` where it cannot be told.
    fn method(&self) -> Option<&'a [u8]> {
        *self.method.get_or_init(|| {
            let overridden = METHOD_OVERRIDES.iter().any(|name| self.request.has(name));
            if overridden { None } else { self.request.only(":method") }
        })
    }

    /// Whether a browser asks, without credentials, if it may send a request of another origin's page (Fetch standard,
    /// section 3.3.2).
    pub(crate) fn is_preflight(&self) -> bool {
        let given = |name| self.request.only(name).is_some_and(|value| !value.is_empty());
        self.method() == Some(b"OPTIONS") && given("origin") && given("access-control-request-method")
    }
}

#[cfg(test)]
mod tests;
