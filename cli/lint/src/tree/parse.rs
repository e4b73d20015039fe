//! From the parser's events to trees, in time and memory bounded by the size of the text.

use std::{borrow::Cow, collections::HashMap, collections::HashSet};

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, Span as EventSpan, Tag, options};
use thiserror::Error;

use super::{Entry, Node, Value, scalar::resolve};
use crate::source::{Source, Span, Spanned};

/// Nodes that the aliases of one document may add: far above any manifest, far below a bomb.
const MAX_ALIAS_NODES: usize = 10_000;
/// The same for a whole file of many documents.
const MAX_ALIAS_NODES_OF_FILE: usize = 100 * MAX_ALIAS_NODES;
/// How deep collections may nest; the Kubernetes API itself goes no deeper than tens.
const MAX_DEPTH: usize = 128;

/// What one file holds: the documents that could be read, and why the others could not.
#[derive(Debug, Default)]
pub(crate) struct Parsed<'s> {
    pub(crate) documents: Vec<Document<'s>>,
    pub(crate) errors: Vec<SyntaxError>,
    /// Each from its `#` on, in order.
    pub(crate) comments: Vec<Span>,
}

/// One document of a file; documents without content are left out.
#[derive(Debug)]
pub(crate) struct Document<'s> {
    pub(crate) root: Node<'s>,
    /// Keys that stand twice in one mapping: where first, and where again.
    pub(crate) duplicates: Vec<(Span, Spanned<Cow<'s, str>>)>,
}

/// Why a document could not be read.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) span: Span,
    pub(crate) kind: SyntaxErrorKind,
}

/// The classes of [`SyntaxError`].
#[derive(Debug, Error)]
pub(crate) enum SyntaxErrorKind {
    #[error("this byte is not UTF-8")]
    NotUtf8,
    #[error("template text is not YAML")]
    Template,
    #[error("{0}")]
    Yaml(ErrorKind),
    #[error("a mapping key must be a text, a number or a boolean, not a collection")]
    CollectionAsKey,
    #[error("a merge key `<<` must name a mapping or a list of mappings")]
    Merge,
    #[error("aliases repeat more than {MAX_ALIAS_NODES} nodes in this document, or a hundred times that in the file")]
    AliasBomb,
    #[error("this alias stands inside the node that it names")]
    RecursiveAlias,
}

/// Parses every document of a source; an error ends its document, and the next one is still read.
pub(crate) fn parse(source: &Source) -> Parsed<'_> {
    let options: Options = options! {
        block_nesting_limit: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
        max_buffered_comment_events: usize::MAX,
    };
    let mut events = Parser::new_from_str_with_options(source.text(), options);
    let mut parsed = Parsed::default();
    let mut builder = Builder { aliases_left_in_file: MAX_ALIAS_NODES_OF_FILE, ..Builder::default() };
    while let Some(event) = events.next_event() {
        let failed = match event {
            Ok((event, span)) => builder.handle(event, bytes_of(&span), &mut parsed).err(),
            Err(error) => {
                let at = offset(error.marker().byte_offset());
                Some(SyntaxError { span: character_at(source, at), kind: SyntaxErrorKind::Yaml(error.kind().clone()) })
            }
        };
        if let Some(error) = failed {
            parsed.errors.push(explain(source, error));
            builder.abandon();
            // Looking for the next document fails on a flood of comments only, which our options allow.
            if !events.proceed_next_document().unwrap_or(false) {
                break;
            }
        }
    }
    parsed
}

/// Names the cause behind the parser's words where it is one of the usual two.
fn explain(source: &Source, error: SyntaxError) -> SyntaxError {
    let SyntaxError { span, kind } = error;
    let line = source.line_start(source.position(span.start).line) as usize;
    let until = source.text().as_bytes().get(line..).unwrap_or_default();
    let until = until.get(..span.start as usize + 2 - line).unwrap_or(until);
    let template = until.windows(2).any(|pair| pair == b"{{");
    let kind = match kind {
        SyntaxErrorKind::Yaml(_) if source.is_invalid_at(span.start) => SyntaxErrorKind::NotUtf8,
        SyntaxErrorKind::Yaml(_) | SyntaxErrorKind::CollectionAsKey if template => SyntaxErrorKind::Template,
        kind => kind,
    };
    SyntaxError { span, kind }
}

/// A place of one character, or between two where a line ends.
fn character_at(source: &Source, offset: u32) -> Span {
    let next = source.text().get(offset as usize..).and_then(|rest| rest.chars().next());
    let width = next.filter(|next| !matches!(next, '\n' | '\r')).map_or(0, char::len_utf8);
    Span::new(offset, offset + u32::try_from(width).unwrap_or_default())
}

fn bytes_of(span: &EventSpan) -> Span {
    Span::new(offset(span.start.byte_offset()), offset(span.end.byte_offset()))
}

/// The parser knows every byte offset of a text; sources are too small for an offset not to fit.
fn offset(byte_offset: Option<usize>) -> u32 {
    byte_offset.and_then(|offset| u32::try_from(offset).ok()).unwrap_or_default()
}

#[derive(Default)]
struct Builder<'s> {
    open: Vec<Open<'s>>,
    duplicates: Vec<(Span, Spanned<Cow<'s, str>>)>,
    anchors: HashMap<usize, Node<'s>>,
    aliases_left: usize,
    aliases_left_in_file: usize,
}

/// A collection that has begun and not ended.
struct Open<'s> {
    start: u32,
    anchor: usize,
    items: Items<'s>,
}

enum Items<'s> {
    Sequence(Vec<Node<'s>>),
    Mapping { entries: Vec<Entry<'s>>, key: Option<Key<'s>>, merges: Vec<Node<'s>> },
}

/// A key whose value has not ended yet.
enum Key<'s> {
    Named(Spanned<Cow<'s, str>>),
    /// `<<`, unquoted.
    Merge,
}

impl<'s> Builder<'s> {
    fn handle(&mut self, event: Event<'s>, span: Span, parsed: &mut Parsed<'s>) -> Result<(), SyntaxError> {
        match event {
            Event::DocumentStart(..) => self.abandon(),
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(text, style, anchor, tag.as_deref(), span, parsed)?
            }
            Event::SequenceStart(_, anchor, _) => self.begin(span, anchor, Items::Sequence(Vec::new()))?,
            Event::MappingStart(_, anchor, _) => {
                self.begin(span, anchor, Items::Mapping { entries: Vec::new(), key: None, merges: Vec::new() })?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span, parsed)?,
            Event::Alias(anchor) => {
                let node = self.repeat(anchor, span)?;
                self.complete(node, 0, parsed)?;
            }
            Event::Comment(..) => parsed.comments.push(span),
            _ => {}
        }
        Ok(())
    }

    fn abandon(&mut self) {
        self.open.clear();
        self.duplicates.clear();
        self.anchors.clear();
        self.aliases_left = MAX_ALIAS_NODES;
    }

    fn begin(&mut self, span: Span, anchor: usize, items: Items<'s>) -> Result<(), SyntaxError> {
        if let Some(Open { items: Items::Mapping { key: None, .. }, .. }) = self.open.last() {
            return Err(SyntaxError { span, kind: SyntaxErrorKind::CollectionAsKey });
        }
        self.open.push(Open { start: span.start, anchor, items });
        Ok(())
    }

    fn end(&mut self, span: Span, parsed: &mut Parsed<'s>) -> Result<(), SyntaxError> {
        let Some(Open { start, anchor, items }) = self.open.pop() else { return Ok(()) };
        let (value, last) = match items {
            Items::Sequence(items) => {
                let last = items.last().map(|item| item.span.end);
                (Value::Sequence(items), last)
            }
            Items::Mapping { mut entries, merges, .. } => {
                let last = entries.last().map(|entry| entry.label().end);
                self.find_duplicates(&entries);
                self.merge(&mut entries, merges)?;
                (Value::Mapping(entries), last)
            }
        };
        // A block collection ends, for the parser, where the next token starts; for people, with its last value.
        let end = if span.is_empty() { last.unwrap_or(span.end) } else { span.end };
        self.complete(Node { span: Span::new(start, end), value }, anchor, parsed)
    }

    fn scalar(
        &mut self,
        text: Cow<'s, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
        parsed: &mut Parsed<'s>,
    ) -> Result<(), SyntaxError> {
        if let Some(Open { items: Items::Mapping { key: key @ None, .. }, .. }) = self.open.last_mut() {
            let merge = text == "<<" && style == ScalarStyle::Plain;
            *key = Some(if merge { Key::Merge } else { Key::Named(Spanned { value: text, span }) });
            return Ok(());
        }
        let string = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        let value = if style == ScalarStyle::Plain && !string { resolve(text) } else { Value::String(text) };
        self.complete(Node { span, value }, anchor, parsed)
    }

    /// Puts a finished node where it belongs.
    fn complete(&mut self, node: Node<'s>, anchor: usize, parsed: &mut Parsed<'s>) -> Result<(), SyntaxError> {
        if anchor != 0 {
            self.charge(&node, node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            if node.value != Value::Null {
                parsed.documents.push(Document { root: node, duplicates: std::mem::take(&mut self.duplicates) });
            }
            return Ok(());
        };
        match &mut parent.items {
            Items::Sequence(items) => items.push(node),
            Items::Mapping { entries, key, merges } => match key.take() {
                Some(Key::Merge) => merges.push(node),
                Some(Key::Named(key)) => entries.push(Entry { key, value: node }),
                None => match node.value {
                    Value::String(value) => *key = Some(Key::Named(Spanned { value, span: node.span })),
                    _ => return Err(SyntaxError { span: node.span, kind: SyntaxErrorKind::CollectionAsKey }),
                },
            },
        }
        Ok(())
    }

    fn repeat(&mut self, anchor: usize, span: Span) -> Result<Node<'s>, SyntaxError> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(SyntaxError { span, kind: SyntaxErrorKind::RecursiveAlias });
        };
        self.charge(&node, span)?;
        Ok(node)
    }

    fn charge(&mut self, node: &Node<'s>, span: Span) -> Result<(), SyntaxError> {
        let left = self.aliases_left.min(self.aliases_left_in_file);
        let size = node.size_within(left).ok_or(SyntaxError { span, kind: SyntaxErrorKind::AliasBomb })?;
        self.aliases_left -= size;
        self.aliases_left_in_file -= size;
        Ok(())
    }

    fn find_duplicates(&mut self, entries: &[Entry<'s>]) {
        if let [] | [_] = entries {
            return;
        }
        let mut seen: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
        for Entry { key, .. } in entries {
            if let Some(first) = seen.get(key.value.as_ref()) {
                self.duplicates.push((*first, key.clone()));
            } else {
                seen.insert(&key.value, key.span);
            }
        }
    }

    /// Merges as YAML 1.1 does: a key of the mapping itself wins, then an earlier merge over a later one.
    fn merge(&mut self, entries: &mut Vec<Entry<'s>>, merges: Vec<Node<'s>>) -> Result<(), SyntaxError> {
        if merges.is_empty() {
            return Ok(());
        }
        let mut seen: HashSet<Cow<'s, str>> = entries.iter().map(|entry| entry.key.value.clone()).collect();
        for merged in merges {
            let mappings = match merged.value {
                Value::Sequence(items) => items,
                value => vec![Node { span: merged.span, value }],
            };
            for mapping in mappings {
                let Value::Mapping(more) = mapping.value else {
                    return Err(SyntaxError { span: mapping.span, kind: SyntaxErrorKind::Merge });
                };
                entries.extend(more.into_iter().filter(|entry| seen.insert(entry.key.value.clone())));
            }
        }
        Ok(())
    }
}
