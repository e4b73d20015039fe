//! Arguments of foreign functions: protobuf messages.

use std::collections::BTreeMap;

/// A field as it was read; fixed numbers are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Reads the fields of a message; `None` where the bytes are none. Of a field that is repeated the last value counts.
pub(super) fn read(mut wire: &[u8]) -> Option<BTreeMap<u64, Read<'_>>> {
    let mut fields = BTreeMap::new();
    while !wire.is_empty() {
        let tag = take_number(&mut wire)?;
        let number = tag >> 3;
        if number == 0 {
            return None;
        }
        match tag & 7 {
            0 => drop(fields.insert(number, Read::Number(take_number(&mut wire)?))),
            1 => drop(take(&mut wire, 8)?),
            2 => {
                let size = usize::try_from(take_number(&mut wire)?).ok()?;
                fields.insert(number, Read::Bytes(take(&mut wire, size)?));
            }
            5 => drop(take(&mut wire, 4)?),
            _ => return None,
        }
    }
    Some(fields)
}

fn take_number(wire: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = wire.split_first()?;
        *wire = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take<'a>(wire: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    let (taken, rest) = wire.split_at_checked(size)?;
    *wire = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Read, read};

    #[test]
    fn fields_are_read_by_their_number() {
        let fields = read(b"\x0a\x01a\x10\x96\x01\x1d\0\0\0\0").unwrap();
        assert_eq!(fields, [(1, Read::Bytes(b"a")), (2, Read::Number(150))].into());
        let largest = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(read(largest), Some([(1, Read::Number(u64::MAX))].into()));
        for broken in [b"\x0a\x05a".as_slice(), b"\x0b", b"\x02\x01", b"\xff\xff", b"\x08"] {
            assert_eq!(read(broken), None, "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(wire in prop::collection::vec(any::<u8>(), 0..99)) {
            if let Some(fields) = read(&wire) {
                prop_assert!(fields.len() <= wire.len());
            }
        }
    }
}
