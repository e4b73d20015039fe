//! What a rule has to say, in a form that every output can render.

use std::fmt;

use crate::{
    cvss::Severity,
    rules::Rule,
    source::{Location, Span},
};

/// A finding: a rule, a place, and what to do.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// The rule that was broken.
    pub rule: &'static Rule,
    /// The rule's severity, or the one that `gwauthz.toml` gives it.
    pub severity: Severity,
    /// What is wrong, as a lowercase fragment.
    pub message: String,
    /// Where, to the byte.
    pub primary: Label,
    /// Where the reason lies, in whatever document or file.
    pub secondary: Vec<Label>,
    /// The change to make.
    pub help: String,
    /// The same change as an edit, where it is one.
    pub fix: Option<Fix>,
}

/// A place and what is to be said about it.
#[derive(Clone, Debug)]
pub struct Label {
    /// The place.
    pub location: Location,
    /// A few words that go with it.
    pub text: String,
}

/// An edit that repairs a finding: the bytes of `span`, in the primary label's source, become `replacement`.
#[derive(Clone, Debug)]
pub struct Fix {
    /// Whether the edit can change what is allowed.
    pub safety: Safety,
    /// Which bytes.
    pub span: Span,
    /// The new text.
    pub replacement: String,
}

/// Whether a fix keeps what was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// What was meant stays in force.
    Safe,
    /// A person must judge: the edit may break what worked.
    Unsafe,
}

impl fmt::Display for Safety {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
        })
    }
}

/// What a rule returns: a diagnostic without what the registry knows.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) message: String,
    pub(crate) primary: Label,
    pub(crate) secondary: Vec<Label>,
    pub(crate) help: String,
    pub(crate) fix: Option<Fix>,
}

impl Finding {
    pub(crate) fn new(
        location: Location,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            message: message.into(),
            primary: Label { location, text: label.into() },
            secondary: Vec::new(),
            help: help.into(),
            fix: None,
        }
    }

    pub(crate) fn because(mut self, location: Location, label: impl Into<String>) -> Self {
        self.secondary.push(Label { location, text: label.into() });
        self
    }

    /// Repairs the finding by other text in place of the primary label's.
    pub(crate) fn replaced(mut self, safety: Safety, replacement: impl Into<String>) -> Self {
        let span = self.primary.location.span;
        self.fix = Some(Fix { safety, span, replacement: replacement.into() });
        self
    }
}

/// How many findings of one kind one file may have; beyond, they are counted.
const MAX_OF_A_KIND: usize = 1000;

/// At most so many findings as anyone reads; the last one then says how many more there are.
pub(crate) fn first_of(mut findings: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let mut first: Vec<Finding> = findings.by_ref().take(MAX_OF_A_KIND).collect();
    if let Some(mut next) = findings.next() {
        next.message = format!("{}; {} more in this file", next.message, findings.count());
        first.push(next);
    }
    first
}
