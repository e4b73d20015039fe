//! What a path may be taken for by who reads it.

/// However the upstream reads the target, its path lies below one of `prefixes`.
pub(crate) fn assert_lies_below(prefixes: &[&str], target: &[u8]) {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let once = decoded(path);
    for reading in readings(target) {
        assert!(!reading.split(['/', ';']).any(|segment| matches!(segment, "." | "..")), "{reading:?} leads elsewhere");
    }
    let below = |prefix: &&str| {
        once.strip_prefix(prefix.as_bytes())
            .is_some_and(|rest| prefix.ends_with('/') || rest.is_empty() || rest.starts_with(b"/"))
    };
    assert!(prefixes.iter().any(below), "{:?} needs a token", String::from_utf8_lossy(path));
}

/// The path of a target as it is, decoded, and decoded twice; with slashes alone.
pub(crate) fn readings(target: &[u8]) -> [String; 3] {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let once = decoded(path);
    let twice = decoded(&once);
    [path, &once, &twice].map(|reading| String::from_utf8_lossy(reading).replace('\\', "/"))
}

/// Every percent-encoded byte decoded, whatever it is.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                rest = &tail[2..];
            }
            None => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    decoded
}
