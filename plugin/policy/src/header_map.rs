//! Headers in the form that proxy-wasm gives maps (ABI 0.2.1, "Header map serialization"): read where they stand, since of
//! most nobody asks.

use std::fmt;

/// Headers, pseudo-headers included, in the order in which they arrived, duplicates too: how many there are, the sizes of
/// each, and then all names and values, with a zero byte behind each.
///
/// Holds what the client has sent: not to be logged.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    /// Of a whole map; or nothing, for no headers.
    bytes: Vec<u8>,
}

/// The headers of a map from one on.
#[derive(Clone, Copy, Default)]
pub(crate) struct Headers<'a> {
    /// Of names and values.
    sizes: &'a [[[u8; 4]; 2]],
    parts: &'a [u8],
}

impl HeaderMap {
    /// A map of these headers, whose number and sizes have to fit 32 bits.
    #[must_use]
    pub fn new<N: AsRef<[u8]>, V: AsRef<[u8]>>(headers: &[(N, V)]) -> Self {
        let mut bytes = (headers.len() as u32).to_le_bytes().to_vec();
        for (name, value) in headers {
            bytes.extend_from_slice(&(name.as_ref().len() as u32).to_le_bytes());
            bytes.extend_from_slice(&(value.as_ref().len() as u32).to_le_bytes());
        }
        for (name, value) in headers {
            for part in [name.as_ref(), value.as_ref()] {
                bytes.extend_from_slice(part);
                bytes.push(0);
            }
        }
        Self { bytes }
    }

    /// A map that the host has written; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let Headers { sizes, parts } = Headers::of(&bytes)?;
        let size = |[name, value]: &[[u8; 4]; 2]| {
            u64::from(u32::from_le_bytes(*name)) + u64::from(u32::from_le_bytes(*value)) + 2
        };
        let is_whole = u64::try_from(parts.len()) == Ok(sizes.iter().map(size).sum());
        is_whole.then_some(Self { bytes })
    }

    /// As proxy-wasm writes it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All of them.
    pub(crate) fn headers(&self) -> Headers<'_> {
        Headers::of(&self.bytes).unwrap_or_default()
    }
}

impl fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderMap").finish_non_exhaustive()
    }
}

impl<'a> Headers<'a> {
    /// Those of a map whose parts may not be whole.
    fn of(map: &'a [u8]) -> Option<Self> {
        let (count, rest) = map.split_first_chunk()?;
        let (sizes, parts) = rest.split_at_checked(size(*count).checked_mul(size_of::<[[u8; 4]; 2]>())?)?;
        Some(Self { sizes: sizes.as_chunks().0.as_chunks().0, parts })
    }

    /// A map of these.
    pub(crate) fn to_map(self) -> HeaderMap {
        let count = (self.sizes.len() as u32).to_le_bytes();
        HeaderMap { bytes: [&count, self.sizes.as_flattened().as_flattened(), self.parts].concat() }
    }

    /// The value of the header of this name, whatever its case, where there is one alone.
    #[inline(never)]
    pub(crate) fn only(self, name: &[u8]) -> Option<&'a [u8]> {
        let (value, behind) = self.find(name)?;
        behind.find(name).is_none().then_some(value)
    }

    /// The value of the first header of this name, whatever its case, and the headers behind that.
    ///
    /// Each request looks through its headers several times: without adapters, whose closures are calls.
    #[inline(never)]
    pub(crate) fn find(self, name: &[u8]) -> Option<(&'a [u8], Self)> {
        let Self { mut sizes, parts } = self;
        let mut start = 0;
        while let Some(([key, value], behind)) = sizes.split_first() {
            let (key, value) = (start + size(*key), size(*value));
            let end = key + value + 2;
            if key - start == name.len() && parts.get(start..key).is_some_and(|key| is_same(key, name)) {
                return Some((parts.get(key + 1..end - 1)?, Self { sizes: behind, parts: parts.get(end..)? }));
            }
            (sizes, start) = (behind, end);
        }
        None
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let ([name, value], sizes) = self.sizes.split_first()?;
        let (name, rest) = self.parts.split_at_checked(size(*name))?;
        let (value, rest) = rest.split_first()?.1.split_at_checked(size(*value))?;
        *self = Self { sizes, parts: rest.split_first()?.1 };
        Some((name, value))
    }
}

/// As the ABI writes it; the memory of a module has no more bytes.
fn size(bytes: [u8; 4]) -> usize {
    u32::from_le_bytes(bytes) as usize
}

/// Whether two names of the same length are one but for their case, which mostly is the same too.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let ends = |name: &[u8]| Some((u64::from_ne_bytes(*name.first_chunk()?), u64::from_ne_bytes(*name.last_chunk()?)));
    if one.len() <= 16 && ends(one).is_some_and(|of_one| ends(other) == Some(of_one)) {
        return true;
    }
    one.iter().zip(other).all(|(one, other)| one == other || one.eq_ignore_ascii_case(other))
}

/// Whether two names are the same but for their case, and for `_` and `-`.
pub(crate) fn is_alike(one: &[u8], other: &[u8]) -> bool {
    let same = |(one, other): (u8, u8)| {
        one.eq_ignore_ascii_case(&other) || matches!((one, other), (b'_', b'-') | (b'-', b'_'))
    };
    one.len() == other.len() && one.iter().copied().zip(other.iter().copied()).all(same)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::HeaderMap;

    /// All headers of a map, copied.
    fn headers(map: &HeaderMap) -> Vec<(Vec<u8>, Vec<u8>)> {
        map.headers().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
    }

    #[test]
    fn it_is_as_the_abi_says() {
        let map = HeaderMap::new(&[("a", "bc"), ("", "")]);
        let expected = [&[2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], b"a\0bc\0\0\0"].concat();
        assert_eq!(map.as_bytes(), expected);
        assert!(headers(&HeaderMap::default()).is_empty());
    }

    #[test]
    fn one_that_is_not_whole_is_none() {
        let whole = HeaderMap::new(&[("name", "value"), ("other", "")]).bytes;
        assert!(HeaderMap::from_bytes(whole.clone()).is_some());
        for length in 0..whole.len() {
            assert_eq!(HeaderMap::from_bytes(whole[..length].to_vec()), None, "{length}");
        }
        assert_eq!(HeaderMap::from_bytes([whole, vec![0]].concat()), None);
        assert_eq!(HeaderMap::from_bytes([[0xff; 4].as_slice(), &[0; 64]].concat()), None);
        assert_eq!(HeaderMap::from_bytes([&[1, 0, 0, 0][..], &[0xff; 8], &[0; 64]].concat()), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(list in prop::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>()), 0..8)) {
            let map = HeaderMap::new(&list);
            prop_assert_eq!(&headers(&map), &list);
            let mut rest = map.headers();
            for from in 0..=list.len() {
                prop_assert_eq!(rest.to_map(), HeaderMap::new(&list[from..]));
                rest.next();
            }
            prop_assert_eq!(HeaderMap::from_bytes(map.bytes.clone()), Some(map));
        }

        /// One header behind the other is found, as who looks at each does.
        #[test]
        fn whatever_is_looked_for_is_found(list in prop::collection::vec(("[aB]{0,2}|authorization|Content-Type", "[a-z]{0,3}"), 0..8), name in "[Ab]{0,2}|authorization|content-type") {
            let map = HeaderMap::new(&list);
            let (mut found, mut rest) = (Vec::new(), map.headers());
            while let Some((value, behind)) = rest.find(name.as_bytes()) {
                found.push(value);
                rest = behind;
            }
            let expected = list.iter().filter(|(key, _)| key.eq_ignore_ascii_case(&name));
            let expected: Vec<_> = expected.map(|(_, value)| value.as_bytes()).collect();
            prop_assert_eq!(map.headers().only(name.as_bytes()), expected.first().copied().filter(|_| expected.len() == 1));
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_bytes_are_a_map_or_none(bytes: Vec<u8>, count in 0_u8..4) {
            let bytes = [&[count, 0, 0, 0], bytes.as_slice()].concat();
            if let Some(map) = HeaderMap::from_bytes(bytes) {
                prop_assert_eq!(headers(&map).len(), usize::from(count));
            }
        }
    }
}
