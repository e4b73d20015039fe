//! What was learnt of late, in bounded room.

use crate::fingerprint::Fingerprint;

/// What is known by a fingerprint, in buckets by its last bits; in a bucket, what was not used for longest goes first.
#[derive(Debug)]
pub(crate) struct Recent<T, const BUCKETS: usize = 2048> {
    /// Each with what was used last in front; none before there is something to know.
    buckets: Vec<Vec<(Fingerprint, T)>>,
}

/// What a bucket holds at most.
const WAYS: usize = 4;

impl<T, const BUCKETS: usize> Default for Recent<T, BUCKETS> {
    fn default() -> Self {
        Self { buckets: Vec::new() }
    }
}

impl<T: Clone, const BUCKETS: usize> Recent<T, BUCKETS> {
    pub(crate) fn get(&mut self, fingerprint: Fingerprint) -> Option<T> {
        let bucket = self.buckets.get_mut(place(fingerprint, BUCKETS))?;
        let position = bucket.iter().position(|(known, _)| *known == fingerprint)?;
        bucket.get_mut(..=position)?.rotate_right(1);
        bucket.first().map(|(_, known)| known.clone())
    }

    pub(crate) fn insert(&mut self, fingerprint: Fingerprint, known: T) {
        if self.buckets.is_empty() {
            self.buckets.resize_with(BUCKETS, Vec::new);
        }
        let Some(bucket) = self.buckets.get_mut(place(fingerprint, BUCKETS)) else { return };
        bucket.retain(|(known, _)| *known != fingerprint);
        bucket.truncate(WAYS - 1);
        bucket.insert(0, (fingerprint, known));
    }

    /// Forgets all else.
    pub(crate) fn keep(&mut self, is_kept: impl Fn(&T) -> bool) {
        for bucket in &mut self.buckets {
            bucket.retain(|(_, known)| is_kept(known));
        }
    }
}

fn place(fingerprint: Fingerprint, buckets: usize) -> usize {
    fingerprint as usize % buckets
}

#[cfg(test)]
mod tests {
    use super::{Recent, WAYS, place};
    use crate::fingerprint::Fingerprint;

    const BUCKETS: usize = 32;

    fn fingerprint(number: usize) -> Fingerprint {
        u128::try_from(number).unwrap()
    }

    #[test]
    fn many_take_bounded_room_and_the_used_ones_stay() {
        let mut recent = Recent::<_, BUCKETS>::default();
        for number in 0..16 * BUCKETS {
            recent.insert(fingerprint(number), number);
            assert_eq!(recent.get(fingerprint(0)), Some(0), "{number}");
        }
        assert!(recent.buckets.iter().all(|bucket| bucket.len() <= WAYS));
        let same_place =
            (1..).map(fingerprint).find(|other| place(*other, BUCKETS) == place(fingerprint(0), BUCKETS)).unwrap();
        assert_eq!(recent.get(same_place), None);
    }

    #[test]
    fn what_is_learnt_anew_counts() {
        let mut recent = Recent::<_, BUCKETS>::default();
        recent.insert(fingerprint(1), 1);
        recent.insert(fingerprint(1), 2);
        assert_eq!(recent.get(fingerprint(1)), Some(2));
        recent.keep(|known| *known != 2);
        assert_eq!(recent.get(fingerprint(1)), None);
    }
}
