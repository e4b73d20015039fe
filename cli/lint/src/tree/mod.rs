//! YAML as a tree in which every key and value knows its bytes.

mod parse;
mod scalar;

use std::borrow::Cow;

use gwauthz_policy::Json;
use serde_json::Number;

use crate::source::{Span, Spanned};

pub(crate) use parse::{Document, Parsed, SyntaxErrorKind, parse};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node<'s> {
    pub(crate) span: Span,
    pub(crate) value: Value<'s>,
}

/// A value as Kubernetes reads it: the types of JSON, scalars resolved as YAML 1.1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'s> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'s, str>),
    Sequence(Vec<Node<'s>>),
    Mapping(Vec<Entry<'s>>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry<'s> {
    pub(crate) key: Spanned<Cow<'s, str>>,
    pub(crate) value: Node<'s>,
}

impl Entry<'_> {
    /// The value's bytes, or the key's where the value has none.
    pub(crate) fn label(&self) -> Span {
        if self.value.span.is_empty() { self.key.span } else { self.value.span }
    }
}

impl<'s> Node<'s> {
    /// The entries of a mapping; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry<'s>] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; none for anything else.
    pub(crate) fn items(&self) -> &[Node<'s>] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The entry of `key`. Where a key stands twice the last one counts, as it does for Kubernetes' decoder.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry<'s>> {
        self.entries().iter().rev().find(|entry| entry.key.value == key)
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Node<'s>> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<Spanned<&str>> {
        match &self.value {
            Value::String(text) => Some(Spanned { value: text, span: self.span }),
            _ => None,
        }
    }

    /// Whether this is an object.
    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self.value, Value::Mapping(_))
    }

    /// What kind of value this is, with its article, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "an object",
        }
    }

    /// The same value as JSON: order and duplicates kept, places lost.
    pub(crate) fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => Json::Number(number.clone()),
            Value::String(text) => Json::String(text.to_string()),
            Value::Sequence(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Value::Mapping(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.key.value.to_string(), entry.value.to_json())).collect())
            }
        }
    }

    /// What a copy of this node costs, in nodes and in pieces of 64 bytes of text; `None` beyond `limit`.
    fn size_within(&self, limit: usize) -> Option<usize> {
        let add = |sum: usize, child: &Node<'s>| Some(sum + child.size_within(limit.checked_sub(sum)?)?);
        let size = match &self.value {
            Value::String(text) => Some(1 + text.len() / 64),
            Value::Sequence(items) => items.iter().try_fold(1, add),
            Value::Mapping(entries) => {
                entries.iter().try_fold(1, |sum, entry| add(sum + entry.key.value.len() / 64, &entry.value))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(1),
        };
        size.filter(|size| *size <= limit)
    }
}
