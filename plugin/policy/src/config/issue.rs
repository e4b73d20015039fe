//! What can be wrong with a configuration, and where.

use std::fmt;

/// Something wrong with a configuration, at a place in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Issue {
    /// Where: the keys and indices that lead to the value; empty for the whole configuration.
    pub path: Vec<Segment>,
    /// What is wrong.
    pub kind: IssueKind,
}

/// One step into a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A member of an object, as written.
    Key(String),
    /// An element of a list, from 0.
    Index(usize),
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq)]
pub enum IssueKind {
    /// The text is not JSON.
    Syntax {
        /// The parser's words.
        message: String,
    },
    /// A key that the schema does not have.
    UnknownKey {
        /// A known key that is spelled almost so.
        nearest: Option<&'static str>,
    },
    /// A key that stands twice in one object.
    DuplicateKey,
    /// A required key is missing; the path names it.
    Missing {
        /// What its value would be.
        expected: &'static str,
    },
    /// A value of the wrong type.
    WrongType {
        /// What the schema has there.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// A value of the right type that is not allowed.
    NotAllowed {
        /// The value, shortened.
        value: String,
        /// What is allowed, and why where it helps.
        allowed: String,
    },
    /// A part of the value is not used: only a warning.
    Unused {
        /// Which, and why.
        message: String,
    },
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.path.iter().enumerate() {
            match segment {
                Segment::Key(key) if position == 0 => write!(f, "{}", key.escape_debug())?,
                Segment::Key(key) => write!(f, ".{}", key.escape_debug())?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        if !self.path.is_empty() {
            f.write_str(": ")?;
        }
        self.kind.fmt(f)
    }
}

impl fmt::Display for IssueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { message } => write!(f, "not JSON: {message}"),
            Self::UnknownKey { nearest: Some(nearest) } => write!(f, "unknown key, did you mean `{nearest}`?"),
            Self::UnknownKey { nearest: None } => f.write_str("unknown key"),
            Self::DuplicateKey => f.write_str("the key stands twice, keep one"),
            Self::Missing { expected } => write!(f, "required: expected {expected}"),
            Self::WrongType { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::Unused { message } => f.write_str(message),
            Self::NotAllowed { value, allowed } => write!(f, "`{value}` is not allowed: expected {allowed}"),
        }
    }
}

/// Everything that is wrong with a refused configuration; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigErrors(Vec<Issue>);

impl ConfigErrors {
    pub(super) fn new(issues: Vec<Issue>) -> Self {
        Self(issues)
    }

    /// The issues in the order of the schema.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, issue) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            issue.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
