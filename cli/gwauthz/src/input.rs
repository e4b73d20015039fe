//! Files that users name, read whole and bounded.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use zeroize::Zeroizing;

use crate::exit::Failure;

/// Reads `path`, of at most `limit` bytes; `what` says what it should be, such as "the module". Wiped from memory when
/// dropped, since some files are secrets.
pub(crate) fn read(what: &str, path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error: &io::Error| Failure::io(&format!("read {what}"), path, error);
    let file = File::open(path).map_err(|error| failed(&error))?;
    let bytes = read_bounded(file, limit).map_err(|error| failed(&error))?;
    bytes.ok_or_else(|| {
        Failure::wrong(
            format!("{} is too large for {what}: expected at most {limit} bytes", path.display()),
            "name another file",
        )
    })
}

/// Reads `path` as text: see [`read`].
pub(crate) fn read_text(what: &str, path: &Path, limit: u64) -> Result<Zeroizing<String>, Failure> {
    let bytes = read(what, path, limit)?;
    match str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Failure::wrong(format!("{} is not text: expected {what}", path.display()), "name another file")),
    }
}

/// Reads a secret of one line from `source`, without the end of the line.
pub(crate) fn read_secret(what: &str, source: impl io::Read) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let secret = read_bounded(source, MAX_SECRET_BYTES)
        .map_err(|error| Failure::io("read", Path::new(what), &error))?
        .ok_or_else(|| Failure::wrong(format!("{what} is longer than {MAX_SECRET_BYTES} bytes"), "shorten it"))?;
    let line = secret.strip_suffix(b"\n").unwrap_or(&secret);
    Ok(Zeroizing::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
}

const MAX_SECRET_BYTES: u64 = 64 << 10;

/// `None` where there is more than `limit`.
fn read_bounded(source: impl io::Read, limit: u64) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::{read_bounded, read_secret};

    #[test]
    fn reads_no_more_than_allowed() {
        assert_eq!(read_bounded(&b"1234"[..], 4).unwrap().unwrap().as_slice(), b"1234");
        assert!(read_bounded(std::io::repeat(0), 4).unwrap().is_none());
    }

    #[test]
    fn a_secret_ends_before_the_end_of_its_line() {
        for (text, secret) in [("a b \n", "a b "), ("a\r\n", "a"), ("a", "a"), ("\n", ""), ("a\n\n", "a\n")] {
            assert_eq!(read_secret("the secret", text.as_bytes()).unwrap().as_slice(), secret.as_bytes());
        }
    }
}
