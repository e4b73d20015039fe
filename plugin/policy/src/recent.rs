//! What was learnt of late, in bounded room.

use std::{collections::HashMap, mem};

/// A SHA-256: nobody can make two things with the same.
pub(crate) type Digest = [u8; 32];

/// What is known by a digest. What is not used any more goes first.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    /// What was added or used of late.
    recent: HashMap<Digest, T>,
    /// What was before; used again, it is recent.
    older: HashMap<Digest, T>,
}

/// How many are recent, and how many older.
const GENERATION: usize = 4096;

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { recent: HashMap::new(), older: HashMap::new() }
    }
}

impl<T: Copy> Recent<T> {
    pub(crate) fn get(&mut self, digest: &Digest) -> Option<T> {
        if let Some(known) = self.recent.get(digest) {
            return Some(*known);
        }
        let known = self.older.remove(digest)?;
        self.insert(*digest, known);
        Some(known)
    }

    pub(crate) fn insert(&mut self, digest: Digest, known: T) {
        if self.recent.len() >= GENERATION {
            self.older = mem::take(&mut self.recent);
        }
        self.recent.insert(digest, known);
    }

    /// Forgets all else.
    pub(crate) fn keep(&mut self, is_kept: impl Fn(&T) -> bool) {
        for generation in [&mut self.recent, &mut self.older] {
            generation.retain(|_, known| is_kept(known));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, GENERATION, Recent};

    fn digest(number: usize) -> Digest {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        digest
    }

    #[test]
    fn many_take_bounded_room_and_the_used_ones_stay() {
        let mut recent = Recent::default();
        for number in 0..4 * GENERATION {
            recent.insert(digest(number), number);
            assert_eq!(recent.get(&digest(0)), Some(0), "{number}");
            assert!(recent.recent.len() + recent.older.len() <= 2 * GENERATION);
        }
        assert_eq!(recent.get(&digest(1)), None);
    }
}
