//! `# gwauthz: ignore[GW203] reason`: a finding that someone has looked at and accepts.
//!
//! Behind a value it is for that line; on a line of its own for the line below, and above a document for all of it.

use std::{cell::Cell, collections::HashMap};

use crate::{
    rules::{Code, Rule, UnknownRule, find},
    source::{Source, Span},
    tree::{Document, Parsed},
};

const MARK: &str = "gwauthz: ignore";
/// How many of them one file may have.
const MAX_SUPPRESSIONS: usize = 10_000;

/// The suppressions of one file.
#[derive(Debug, Default)]
pub(crate) struct Suppressions {
    active: HashMap<(Code, Target), Suppression>,
    /// Comments that silence nothing.
    pub(crate) invalid: Vec<(Span, InvalidSuppression)>,
}

#[derive(Debug)]
struct Suppression {
    comment: Span,
    used: Cell<bool>,
}

/// What a comment silences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Target {
    /// A line, from 1.
    Line(usize),
    /// A document, from 0.
    Document(usize),
}

/// Why a comment silences nothing.
#[derive(Debug)]
pub(crate) enum InvalidSuppression {
    NoCode,
    NoReason,
    Unknown(UnknownRule),
    TooMany,
}

impl Suppressions {
    pub(crate) fn new(source: &Source, parsed: &Parsed<'_>) -> Self {
        let mut suppressions = Self::default();
        // From the last comment to the first, so that a block of comments finds the line below it in one pass.
        let mut left = MAX_SUPPRESSIONS;
        let mut below: Option<(usize, Target)> = None;
        for comment in parsed.comments.iter().rev() {
            let line = source.position(comment.start).line;
            let before = source.slice(Span::new(source.line_start(line), comment.start));
            let target = if !before.trim().is_empty() {
                Target::Line(line)
            } else {
                let target = match below {
                    Some((next, target)) if next == line + 1 => target,
                    _ => target_at(source, &parsed.documents, line + 1),
                };
                below = Some((line, target));
                target
            };
            let text = source.slice(*comment).trim_start_matches('#').trim();
            if let Some(rest) = text.strip_prefix(MARK) {
                left -= 1;
                if left == 0 {
                    suppressions.invalid.push((*comment, InvalidSuppression::TooMany));
                    break;
                }
                suppressions.add(*comment, rest, target);
            }
        }
        suppressions
    }

    fn add(&mut self, comment: Span, rest: &str, target: Target) {
        let Some((codes, reason)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
            self.invalid.push((comment, InvalidSuppression::NoCode));
            return;
        };
        if reason.trim().is_empty() {
            self.invalid.push((comment, InvalidSuppression::NoReason));
            return;
        }
        for code in codes.split(',') {
            match find(code.trim()) {
                Ok(rule) => {
                    let suppression = Suppression { comment, used: Cell::new(false) };
                    self.active.insert((rule.code, target), suppression);
                }
                Err(unknown) => self.invalid.push((comment, InvalidSuppression::Unknown(unknown))),
            }
        }
    }

    /// Whether a comment silences this rule at this place; it then counts as used.
    pub(crate) fn silence(&self, rule: &Rule, source: &Source, documents: &[Document<'_>], offset: u32) -> bool {
        if self.active.is_empty() {
            return false;
        }
        let document = documents.partition_point(|document| document.root.span.start <= offset);
        let targets = [Some(Target::Line(source.position(offset).line)), document.checked_sub(1).map(Target::Document)];
        let mut silenced = false;
        for target in targets.into_iter().flatten() {
            if let Some(suppression) = self.active.get(&(rule.code, target)) {
                suppression.used.set(true);
                silenced = true;
            }
        }
        silenced
    }

    /// The comments that silenced nothing, in order; those of rules that did not run have no say in it.
    pub(crate) fn unused(&self, ran: impl Fn(Code) -> bool) -> Vec<(Span, Code)> {
        let mut unused: Vec<_> = self
            .active
            .iter()
            .filter(|((code, _), suppression)| !suppression.used.get() && ran(*code))
            .map(|((code, _), suppression)| (suppression.comment, *code))
            .collect();
        unused.sort_unstable();
        unused
    }
}

/// The document that starts on this line, or below its `---`; else the line.
fn target_at(source: &Source, documents: &[Document<'_>], line: usize) -> Target {
    let start = source.line_start(line);
    let end = source.line_start(line + 1);
    let is_separator = source.slice(Span::new(start, end)).starts_with("---");
    let next = documents.partition_point(|document| document.root.span.start < start);
    match documents.get(next) {
        Some(document) if is_separator || document.root.span.start < end => Target::Document(next),
        _ => Target::Line(line),
    }
}
