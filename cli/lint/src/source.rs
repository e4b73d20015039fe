//! The text of a manifest and the places in it.

use thiserror::Error;

/// The largest file that is read, in bytes; it also keeps every offset within 32 bits.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024 * 1024;

/// How far apart, in bytes, the counts of characters are kept that make a column cheap on a line of any length.
const CHECKPOINT: usize = 4096;

/// A range of bytes in one source: `start` is in it, `end` is the first byte after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset of the byte after the last.
    pub end: u32,
}

impl Span {
    pub(crate) fn new(start: u32, end: u32) -> Self {
        Self { start, end: end.max(start) }
    }

    /// The number of bytes.
    #[must_use]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether this is a place between two bytes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The range to slice the source's bytes with.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands in its source.
    pub span: Span,
}

/// One of the sources of a run, by its place in [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

impl SourceId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A place in one of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Which source.
    pub source: SourceId,
    /// Where in it.
    pub span: Span,
}

/// A line and a column, both from 1; the column counts Unicode code points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// A file that is too large to be a manifest.
#[derive(Debug, Error)]
#[error("expected at most {MAX_SOURCE_BYTES} bytes, found {size}; split the file, or leave it out")]
pub struct TooLarge {
    size: usize,
}

/// The text of one file, with an index of its lines.
#[derive(Debug)]
pub struct Source {
    name: String,
    text: String,
    /// Where bytes stood that are not UTF-8; the text has a NUL for each.
    invalid: Vec<u32>,
    lines: Vec<u32>,
    /// Code points before each multiple of [`CHECKPOINT`].
    checkpoints: Vec<u32>,
}

impl Source {
    /// Takes the bytes of a file. Invalid UTF-8 is kept as an error at its place, for the parser to find.
    ///
    /// # Errors
    /// More than [`MAX_SOURCE_BYTES`].
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, TooLarge> {
        if bytes.len() > MAX_SOURCE_BYTES {
            return Err(TooLarge { size: bytes.len() });
        }
        let (text, invalid) = decode(bytes);
        let lines = std::iter::once(0)
            .chain(text.bytes().zip(1..).filter(|(byte, _)| *byte == b'\n').map(|(_, next)| next))
            .collect();
        let checkpoints = text
            .as_bytes()
            .chunks(CHECKPOINT)
            .scan(0, |before, chunk| Some(std::mem::replace(before, *before + code_points(chunk))))
            .collect();
        Ok(Self { name: name.into(), text, invalid, lines, checkpoints })
    }

    /// The file's name as the user gave it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text; as many bytes as the file has, with a NUL for each that is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text at `span`; empty where it lies outside.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// The line and column of a byte offset; in constant time.
    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.line_start(line);
        Position { line, column: (self.code_points_before(offset) - self.code_points_before(start)) as usize + 1 }
    }

    /// Where a line starts, counted from 1; the end of the text for a line after the last.
    #[must_use]
    pub fn line_start(&self, line: usize) -> u32 {
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(end)
    }

    /// The number of lines.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// Whether the byte at `offset` was not UTF-8.
    pub(crate) fn is_invalid_at(&self, offset: u32) -> bool {
        self.invalid.binary_search(&offset).is_ok()
    }

    fn code_points_before(&self, offset: u32) -> u32 {
        let block = offset as usize / CHECKPOINT;
        let rest = self.text.as_bytes().get(block * CHECKPOINT..offset as usize).unwrap_or_default();
        self.checkpoints.get(block).copied().unwrap_or_default() + code_points(rest)
    }
}

/// The sources of one run, in the order in which they were given.
#[derive(Debug, Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds a source and gives its name within the run.
    pub fn add(&mut self, source: Source) -> SourceId {
        let id = SourceId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(source);
        id
    }

    /// The source that `add` gave this id.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.0.get(id.index())
    }

    /// All sources, in order.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        (0..).map(SourceId).zip(&self.0)
    }
}

/// UTF-8 with a NUL, which YAML refuses, for every byte that is not; and where these bytes stood.
fn decode(bytes: Vec<u8>) -> (String, Vec<u32>) {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return (text, Vec::new()),
        Err(error) => error.into_bytes(),
    };
    let mut text = String::with_capacity(bytes.len());
    let mut invalid = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for _ in chunk.invalid() {
            invalid.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
            text.push('\0');
        }
    }
    (text, invalid)
}

fn code_points(bytes: &[u8]) -> u32 {
    let continuations = bytes.iter().filter(|byte| (**byte & 0xC0) == 0x80).count();
    u32::try_from(bytes.len() - continuations).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{CHECKPOINT, Position, Source};

    #[test]
    fn positions_count_code_points() {
        let source = Source::new("a.yaml", "ä: 1\nb: ü x\n".into()).unwrap();
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(2), Position { line: 1, column: 2 });
        assert_eq!(source.position(12), Position { line: 2, column: 6 });
        assert_eq!(source.position(14), Position { line: 3, column: 1 });
    }

    #[test]
    fn columns_are_right_beyond_a_checkpoint() {
        let text = format!("{}x", "é".repeat(CHECKPOINT));
        let source = Source::new("a.yaml", text.clone().into_bytes()).unwrap();
        assert_eq!(
            source.position(u32::try_from(text.len()).unwrap() - 1),
            Position { line: 1, column: CHECKPOINT + 1 }
        );
    }

    #[test]
    fn invalid_bytes_keep_every_offset() {
        let source = Source::new("a.yaml", b"a: \xff\xfe\nb: 1".to_vec()).unwrap();
        assert_eq!(source.text(), "a: \0\0\nb: 1");
        assert!(source.is_invalid_at(3) && source.is_invalid_at(4) && !source.is_invalid_at(5));
    }
}
