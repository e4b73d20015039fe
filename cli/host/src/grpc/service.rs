//! Which cluster a `GrpcService` names: the message of that name in Envoy's API v3, in protobuf's wire form.

use crate::abi::Status;

/// What is wrong with a `GrpcService`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Malformed;

/// The cluster of `service`: a `GrpcService`, or the bare name of one of the clusters, as Envoy takes both.
///
/// # Errors
/// [`Status::ParseFailure`] where it is neither; [`Status::InternalFailure`] where it names no cluster of Envoy's own
/// client, at which Envoy itself falls.
pub(crate) fn cluster_of(service: &[u8], is_cluster: impl Fn(&str) -> bool) -> Result<String, Status> {
    match envoy_grpc(service) {
        Ok(cluster) => cluster.ok_or(Status::InternalFailure),
        Err(Malformed) => {
            let name = std::str::from_utf8(service).map_err(|_| Status::ParseFailure)?;
            if is_cluster(name) { Ok(name.to_owned()) } else { Err(Status::ParseFailure) }
        }
    }
}

/// `envoy_grpc.cluster_name` (fields 1 and 1); the last of `envoy_grpc` and `google_grpc` (field 2) counts.
fn envoy_grpc(service: &[u8]) -> Result<Option<String>, Malformed> {
    let mut cluster = None;
    let mut rest = service;
    while let Some((number, value)) = field(&mut rest)? {
        match (number, value) {
            (1, Some(envoy)) => {
                let name = cluster_name(envoy)?;
                cluster = name.or(cluster).or_else(|| Some(String::new()));
            }
            (2, Some(_)) => cluster = None,
            _ => {}
        }
    }
    Ok(cluster)
}

fn cluster_name(mut envoy: &[u8]) -> Result<Option<String>, Malformed> {
    let mut name = None;
    while let Some((number, value)) = field(&mut envoy)? {
        if let (1, Some(text)) = (number, value) {
            name = Some(std::str::from_utf8(text).map_err(|_| Malformed)?.to_owned());
        }
    }
    Ok(name)
}

/// A field's number, and its bytes if it is length-delimited.
type Field<'a> = (u64, Option<&'a [u8]>);

/// The next field, if there is one.
fn field<'a>(rest: &mut &'a [u8]) -> Result<Option<Field<'a>>, Malformed> {
    if rest.is_empty() {
        return Ok(None);
    }
    let tag = varint(rest)?;
    let value = match tag & 7 {
        0 => {
            varint(rest)?;
            None
        }
        1 => take(rest, 8).map(|_| None)?,
        2 => {
            let size = varint(rest)?;
            Some(take(rest, size)?)
        }
        5 => take(rest, 4).map(|_| None)?,
        // Groups (3 and 4) are in none of these messages.
        _ => return Err(Malformed),
    };
    if tag >> 3 == 0 { Err(Malformed) } else { Ok(Some((tag >> 3, value))) }
}

fn varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first().ok_or(Malformed)?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

fn take<'a>(rest: &mut &'a [u8], size: u64) -> Result<&'a [u8], Malformed> {
    let size = usize::try_from(size).map_err(|_| Malformed)?;
    let (taken, tail) = rest.split_at_checked(size).ok_or(Malformed)?;
    *rest = tail;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::cluster_of;
    use crate::abi::Status;

    #[test]
    fn a_cluster_is_named_by_a_message_or_barely() {
        let is_cluster = |name: &str| name == "authz";
        for (service, expected) in [
            (b"\x0a\x07\x0a\x05authz".as_slice(), Ok("authz")),
            (b"\x0a\x07\x0a\x05other", Ok("other")),
            (b"authz", Ok("authz")),
            (b"other", Err(Status::ParseFailure)),
            (b"\xff\xff\xff", Err(Status::ParseFailure)),
            (b"\x0a\x07\x0a\x05auth", Err(Status::ParseFailure)),
            // An unknown field; a second cluster; another kind of client in its place.
            (b"\x0a\x07\x0a\x05authz\x1a\x00\x18\x01", Ok("authz")),
            (b"\x0a\x03\x0a\x01a\x0a\x03\x0a\x01b", Ok("b")),
            (b"\x0a\x03\x0a\x01a\x12\x00", Err(Status::InternalFailure)),
            (b"\x0a\x02\x0a\x00", Ok("")),
            (b"", Err(Status::InternalFailure)),
        ] {
            let cluster = cluster_of(service, is_cluster);
            assert_eq!(cluster, expected.map(str::to_owned), "{}", service.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_cluster_or_refused(service in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = cluster_of(&service, |_| false);
        }
    }
}
