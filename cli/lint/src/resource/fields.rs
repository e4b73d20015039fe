//! Reads an object field by field and notes whatever the API server would refuse, at its place.

use crate::{
    source::{Span, Spanned},
    spelling,
    tree::{Entry, Node, Value},
};

/// Something that the API server or istiod refuses.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// How many unknown fields of one object are reported each: looking for near misses costs far more than all else.
const MAX_UNKNOWN: usize = 100;

/// An object while its fields are read; `path` is its own, for messages.
pub(super) struct Fields<'a> {
    node: &'a Node<'a>,
    path: String,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Starts on a node, which must be an object.
    pub(super) fn new(node: &'a Node<'a>, span: Span, path: String, violations: &mut Vec<Violation>) -> Self {
        if !matches!(node.value, Value::Mapping(_)) {
            violations.push(wrong_type(span, &path, "an object", node));
        }
        Self { node, path, known: Vec::new() }
    }

    pub(super) fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    /// The field `key`, whatever its type.
    pub(super) fn any(&mut self, key: &'static str) -> Option<&'a Entry<'a>> {
        self.known.push(key);
        self.node.entry(key)
    }

    pub(super) fn object(&mut self, key: &'static str, violations: &mut Vec<Violation>) -> Option<Fields<'a>> {
        let field = self.any(key)?;
        Some(Fields::new(&field.value, field.label(), self.path(key), violations))
    }

    /// The objects of a list, each with its place.
    pub(super) fn objects(
        &mut self,
        key: &'static str,
        most: usize,
        violations: &mut Vec<Violation>,
    ) -> Vec<(Span, Fields<'a>)> {
        let Some(field) = self.any(key) else { return Vec::new() };
        let path = self.path(key);
        let Value::Sequence(items) = &field.value.value else {
            violations.push(wrong_type(field.label(), &path, "a list", &field.value));
            return Vec::new();
        };
        if items.len() > most {
            violations.push(Violation {
                span: field.label(),
                message: format!("`{path}` has {} items, at most {most} are allowed", items.len()),
                help: "remove what is not needed".into(),
            });
        }
        let object = |(index, item): (usize, &'a Node<'a>)| {
            (item.span, Fields::new(item, item.span, format!("{path}[{index}]"), violations))
        };
        items.iter().enumerate().map(object).collect()
    }

    /// A string of `least` to `most` characters.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        least: usize,
        most: usize,
        violations: &mut Vec<Violation>,
    ) -> Option<Spanned<&'a str>> {
        let field = self.any(key)?;
        let path = self.path(key);
        let Value::String(text) = &field.value.value else {
            violations.push(wrong_type(field.label(), &path, "a string", &field.value));
            return None;
        };
        let length = text.chars().count();
        if (least..=most).contains(&length) {
            return Some(Spanned { value: text, span: field.label() });
        }
        let (message, help) = if length < least {
            (format!("`{path}` is empty"), format!("give `{path}` a value"))
        } else {
            (format!("`{path}` has {length} characters, at most {most} are allowed"), "shorten it".to_owned())
        };
        violations.push(Violation { span: field.label(), message, help });
        None
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
        violations: &mut Vec<Violation>,
    ) -> Option<Spanned<T>> {
        let text = self.text(key, 0, usize::MAX, violations)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(Spanned { value: *value, span: text.span });
        }
        let allowed = || words.iter().map(|(word, _)| *word).filter(|word| !word.starts_with("UN"));
        let help = match spelling::nearest(text.value, allowed()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("use one of {}", allowed().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("`{}` is not a value of `{}`", spelling::shown(text.value), self.path(key));
        violations.push(Violation { span: text.span, message, help });
        None
    }

    /// A whole number within a range.
    pub(super) fn whole(
        &mut self,
        key: &'static str,
        least: i64,
        most: i64,
        violations: &mut Vec<Violation>,
    ) -> Option<i64> {
        let field = self.any(key)?;
        let path = self.path(key);
        let Value::Number(number) = &field.value.value else {
            violations.push(wrong_type(field.label(), &path, "a whole number", &field.value));
            return None;
        };
        let value = number.as_i64().filter(|value| (least..=most).contains(value));
        if value.is_none() {
            violations.push(Violation {
                span: field.label(),
                message: format!("`{path}` is {number}"),
                help: format!("use a whole number from {least} to {most}"),
            });
        }
        value
    }

    pub(super) fn require(&self, key: &'static str, span: Span, violations: &mut Vec<Violation>) {
        if matches!(self.node.value, Value::Mapping(_)) && self.node.entry(key).is_none() {
            violations.push(Violation {
                span,
                message: format!("`{}` is missing, and it is required", self.path(key)),
                help: format!("add `{key}`"),
            });
        }
    }

    /// Reports the fields that nobody has read: the API server drops them, or refuses them with strict validation.
    pub(super) fn finish(self, violations: &mut Vec<Violation>) {
        let unknown = |entry: &&'a Entry<'a>| self.known.iter().all(|known| *known != entry.key.value);
        let mut unknown = self.node.entries().iter().filter(unknown);
        for entry in unknown.by_ref().take(MAX_UNKNOWN) {
            let key = entry.key.value.as_ref();
            let help = match spelling::nearest(key, self.known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("remove it; `{}` has {}", self.path, self.known.join(", ")),
            };
            let message = format!("`{}` has no field `{}`: it has no effect", self.path, spelling::shown(key));
            violations.push(Violation { span: entry.key.span, message, help });
        }
        if let Some(entry) = unknown.next() {
            violations.push(Violation {
                span: entry.key.span,
                message: format!("`{}` has {} more fields that it does not have", self.path, unknown.count() + 1),
                help: "remove them".into(),
            });
        }
    }
}

fn wrong_type(span: Span, path: &str, expected: &str, found: &Node<'_>) -> Violation {
    Violation {
        span,
        message: format!("`{path}` is {}, expected {expected}", found.kind()),
        help: format!("give `{path}` {expected}"),
    }
}
