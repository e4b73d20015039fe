//! Header maps and their form on the wire.

use crate::abi::Status;

/// Headers in their order, duplicates kept; names are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderMap(Vec<(Vec<u8>, Vec<u8>)>);

/// Envoy's bounds on what a guest hands over: pairs, and bytes of a whole map.
const MAX_PAIRS: usize = 1024;
const MAX_BYTES: usize = 1024 * 1024;

impl HeaderMap {
    /// An empty map.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// The first value of `name`.
    #[must_use]
    pub fn first(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Appends a pair, a pseudo-header behind those that the map begins with; the name is lowered, as HTTP/2 has it.
    pub fn add(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let name = name.as_ref().to_ascii_lowercase();
        let is_pseudo = |name: &[u8]| name.starts_with(b":");
        let place =
            if is_pseudo(&name) { self.0.iter().take_while(|(name, _)| is_pseudo(name)).count() } else { self.0.len() };
        self.0.insert(place, (name, value.as_ref().to_vec()));
    }

    /// Puts `value` in the place of every value of `name`.
    pub fn replace(&mut self, name: &[u8], value: &[u8]) {
        match self.0.iter().position(|(key, _)| key.eq_ignore_ascii_case(name)) {
            Some(first) => {
                let mut position = 0;
                self.0.retain(|(key, _)| {
                    let keep = position <= first || !key.eq_ignore_ascii_case(name);
                    position += 1;
                    keep
                });
                if let Some((_, old)) = self.0.get_mut(first) {
                    *old = value.to_vec();
                }
            }
            None => self.add(name, value),
        }
    }

    /// Takes every value of `name` away.
    pub fn remove(&mut self, name: &[u8]) {
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }

    /// How many bytes all names and values have.
    #[must_use]
    pub fn byte_size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// How many bytes [`Self::encode`] gives.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        4 + 10 * self.len() + self.byte_size()
    }

    /// The wire form: a count, the sizes of each name and value, then each name and value with a NUL behind it; numbers
    /// are u32, little-endian.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(&self.0)
    }

    /// Reads the wire form; nothing at all is an empty map.
    ///
    /// # Errors
    /// [`Status::BadArgument`] where the sizes do not fit the bytes, or where a bound is passed: 1024 pairs, 1 MiB.
    pub fn decode(wire: &[u8]) -> Result<Self, Status> {
        if wire.is_empty() {
            return Ok(Self::default());
        }
        if wire.len() > MAX_BYTES {
            return Err(Status::BadArgument);
        }
        let (count, rest) = number(wire)?;
        if count > MAX_PAIRS {
            return Err(Status::BadArgument);
        }
        let (mut sizes, mut data) = rest.split_at_checked(count * 8).ok_or(Status::BadArgument)?;
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            let (name_size, rest) = number(sizes)?;
            let (value_size, rest) = number(rest)?;
            sizes = rest;
            let (name, rest) = terminated(data, name_size)?;
            let (value, rest) = terminated(rest, value_size)?;
            data = rest;
            pairs.push((name.to_ascii_lowercase(), value.to_vec()));
        }
        if data.is_empty() { Ok(Self(pairs)) } else { Err(Status::BadArgument) }
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for HeaderMap {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut map = Self::default();
        pairs.into_iter().for_each(|(name, value)| map.add(name, value));
        map
    }
}

/// Pairs in their wire form.
pub(crate) fn encode(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut wire = Vec::new();
    // A map is bounded by what the gateway accepts, far below u32.
    let mut number = |value: usize| wire.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
    number(pairs.len());
    for (name, value) in pairs {
        number(name.len());
        number(value.len());
    }
    for (name, value) in pairs {
        for part in [name, value] {
            wire.extend_from_slice(part);
            wire.push(0);
        }
    }
    wire
}

fn number(wire: &[u8]) -> Result<(usize, &[u8]), Status> {
    let (bytes, rest) = wire.split_first_chunk::<4>().ok_or(Status::BadArgument)?;
    Ok((usize::try_from(u32::from_le_bytes(*bytes)).map_err(|_| Status::BadArgument)?, rest))
}

fn terminated(data: &[u8], size: usize) -> Result<(&[u8], &[u8]), Status> {
    let (text, rest) = data.split_at_checked(size).ok_or(Status::BadArgument)?;
    let rest = rest.strip_prefix(b"\0").ok_or(Status::BadArgument)?;
    Ok((text, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::HeaderMap;

    #[test]
    fn the_wire_form_is_the_specified_one() {
        let map: HeaderMap = [("a", "xy"), ("bc", "")].into_iter().collect();
        assert_eq!(map.encode(), b"\x02\0\0\0\x01\0\0\0\x02\0\0\0\x02\0\0\0\0\0\0\0a\0xy\0bc\0\0");
        assert_eq!(map.encoded_len(), map.encode().len());
    }

    #[test]
    fn replace_leaves_one_value_in_the_first_place() {
        let mut map: HeaderMap = [("a", "1"), ("b", "2"), ("A", "3")].into_iter().collect();
        map.replace(b"a", b"4");
        assert_eq!(map, [("a", "4"), ("b", "2")].into_iter().collect());
        map.replace(b"c", b"5");
        map.remove(b"B");
        assert_eq!(map, [("a", "4"), ("c", "5")].into_iter().collect());
    }

    #[test]
    fn pseudo_headers_stay_in_front() {
        let mut map: HeaderMap = [(":method", "GET"), ("a", "1")].into_iter().collect();
        map.add(":path", "/");
        map.add("b", "2");
        assert_eq!(map, [(":method", "GET"), (":path", "/"), ("a", "1"), ("b", "2")].into_iter().collect());
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        for wire in [
            b"\x01\0\0".as_slice(),
            b"\xff\xff\xff\xff",
            b"\x01\0\0\0\x05\0\0\0\0\0\0\0a\0\0",
            b"\x01\0\0\0\x01\0\0\0\0\0\0\0axx",
            b"\x01\0\0\0\x01\0\0\0\0\0\0\0a\0\0\0",
        ] {
            assert!(HeaderMap::decode(wire).is_err(), "{wire:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(pairs in prop::collection::vec(("[a-z:-]{0,9}", prop::collection::vec(any::<u8>(), 0..9)), 0..9)) {
            let map: HeaderMap = pairs.into_iter().collect();
            prop_assert_eq!(HeaderMap::decode(&map.encode()), Ok(map));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(wire in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(map) = HeaderMap::decode(&wire) {
                prop_assert!(map.len() <= wire.len());
            }
        }
    }
}
