//! Near misses, and text of others within our messages.

/// The candidate that `word` is most likely a misspelling of.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The distance costs the product of the lengths: nothing that long is a misspelling of anything.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    // What is so far off in length is far off in letters; this spares most of the arithmetic.
    let limit = |candidate: &str| candidate.len().min(word.len()).div_ceil(3);
    candidates
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= limit(candidate))
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit(candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A value as a message repeats it: short, on one line, without control characters.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut short: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::{nearest, shown};

    #[test]
    fn a_near_miss_is_found_and_a_far_one_is_not() {
        let known = ["cluster", "timeout", "bypassPaths"];
        assert_eq!(nearest("clutser", known.into_iter()), Some("cluster"));
        assert_eq!(nearest("bypasspath", known.into_iter()), Some("bypassPaths"));
        assert_eq!(nearest("metrics", known.into_iter()), None);
    }

    #[test]
    fn shown_text_is_short_and_harmless() {
        assert_eq!(shown("a\u{1b}[0m\n"), "a\\u{1b}[0m\\n");
        assert_eq!(shown(&"x".repeat(1000)).chars().count(), 81);
    }
}
