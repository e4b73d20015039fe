//! A file of lines that is still being written.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// Where the reading of a growing file stands.
#[derive(Debug)]
pub(super) struct Tail {
    file: File,
    /// What follows the last whole line.
    rest: Vec<u8>,
}

impl Tail {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, rest: Vec::new() })
    }

    /// The whole lines since the last time.
    pub(super) fn lines(&mut self) -> io::Result<Vec<Vec<u8>>> {
        self.file.read_to_end(&mut self.rest)?;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let rest = self.rest.split_off(end + 1);
        let lines = std::mem::replace(&mut self.rest, rest);
        let lines = lines.split_inclusive(|byte| *byte == b'\n');
        Ok(lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line).to_vec()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::Tail;

    #[test]
    fn lines_are_read_once_they_are_whole() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut tail = Tail::open(file.path()).unwrap();
        assert!(tail.lines().unwrap().is_empty());
        file.write_all(b"one \n\nthr").unwrap();
        assert_eq!(tail.lines().unwrap(), [b"one ".to_vec(), Vec::new()]);
        file.write_all(b"ee\n").unwrap();
        assert_eq!(tail.lines().unwrap(), [b"three".to_vec()]);
    }
}
