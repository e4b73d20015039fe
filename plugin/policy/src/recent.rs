//! What was learnt of late, in bounded room.

/// What is known by 128 bits, such as a fingerprint, in buckets; in a bucket, what was not used for longest goes first.
#[derive(Debug)]
pub(crate) struct Recent<T, const BUCKETS: usize = 2048> {
    /// Each with what was used last in front; none before there is something to know.
    buckets: Vec<Vec<(u128, T)>>,
}

/// What a bucket holds at most.
const WAYS: usize = 4;

impl<T, const BUCKETS: usize> Default for Recent<T, BUCKETS> {
    fn default() -> Self {
        Self { buckets: Vec::new() }
    }
}

impl<T: Clone, const BUCKETS: usize> Recent<T, BUCKETS> {
    pub(crate) fn get(&mut self, name: u128) -> Option<T> {
        let bucket = self.buckets.get_mut(place(name, BUCKETS))?;
        let position = bucket.iter().position(|(known, _)| *known == name)?;
        bucket.get_mut(..=position)?.rotate_right(1);
        bucket.first().map(|(_, known)| known.clone())
    }

    pub(crate) fn insert(&mut self, name: u128, known: T) {
        if self.buckets.is_empty() {
            self.buckets.resize_with(BUCKETS, Vec::new);
        }
        let Some(bucket) = self.buckets.get_mut(place(name, BUCKETS)) else { return };
        bucket.retain(|(known, _)| *known != name);
        bucket.truncate(WAYS - 1);
        bucket.insert(0, (name, known));
    }

    /// Forgets all else.
    pub(crate) fn keep(&mut self, is_kept: impl Fn(&T) -> bool) {
        for bucket in &mut self.buckets {
            bucket.retain(|(_, known)| is_kept(known));
        }
    }
}

/// Of a fingerprint any bits would do, of a text all have to count (Fibonacci hashing; Knuth, volume 3, section 6.4).
fn place(name: u128, buckets: usize) -> usize {
    let folded = (name >> 64) as u64 ^ name as u64;
    (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as usize % buckets
}

#[cfg(test)]
mod tests {
    use super::{Recent, WAYS, place};

    const BUCKETS: usize = 32;

    fn name(number: usize) -> u128 {
        u128::try_from(number).unwrap()
    }

    #[test]
    fn many_take_bounded_room_and_the_used_ones_stay() {
        let mut recent = Recent::<_, BUCKETS>::default();
        for number in 0..16 * BUCKETS {
            recent.insert(name(number), number);
            assert_eq!(recent.get(name(0)), Some(0), "{number}");
        }
        assert!(recent.buckets.iter().all(|bucket| bucket.len() <= WAYS));
        let same_place = (1..).map(name).find(|other| place(*other, BUCKETS) == place(name(0), BUCKETS)).unwrap();
        assert_eq!(recent.get(same_place), None);
    }

    #[test]
    fn what_is_learnt_anew_counts() {
        let mut recent = Recent::<_, BUCKETS>::default();
        recent.insert(name(1), 1);
        recent.insert(name(1), 2);
        assert_eq!(recent.get(name(1)), Some(2));
        recent.keep(|known| *known != 2);
        assert_eq!(recent.get(name(1)), None);
    }
}
