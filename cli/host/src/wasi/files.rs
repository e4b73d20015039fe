//! Files and sockets, of which there are none but standard output and standard error.

use crate::guest::{Guest, Stop};

use super::{BADF, EXIST, NOTSUP, SUCCESS};

pub(super) fn fd_allocate(_guest: &mut Guest<'_, '_>, fd: u32, _offset: u64, _length: u64) -> Result<u32, Stop> {
    Ok(of_output(fd, SUCCESS))
}

pub(super) fn fd_datasync(_guest: &mut Guest<'_, '_>, fd: u32) -> Result<u32, Stop> {
    Ok(of_output(fd, SUCCESS))
}

/// Output can be written and nothing else; a pointer that leads nowhere is not told.
pub(super) fn fd_fdstat_get(guest: &mut Guest<'_, '_>, fd: u32, status_out: u32) -> Result<u32, Stop> {
    const RIGHT_TO_WRITE: u64 = 64;
    let errno = of_output(fd, SUCCESS);
    if errno == SUCCESS {
        let status = [0, RIGHT_TO_WRITE, 0].map(u64::to_le_bytes).concat();
        drop(guest.write(status_out, &status));
    }
    Ok(errno)
}

pub(super) fn fd_fdstat_set_rights(
    _guest: &mut Guest<'_, '_>,
    fd: u32,
    _rights: u64,
    _inheriting: u64,
) -> Result<u32, Stop> {
    Ok(of_output(fd, SUCCESS))
}

pub(super) fn fd_filestat_set_size(_guest: &mut Guest<'_, '_>, fd: u32, _size: u64) -> Result<u32, Stop> {
    Ok(of_output(fd, SUCCESS))
}

pub(super) fn fd_filestat_set_times(
    _guest: &mut Guest<'_, '_>,
    fd: u32,
    _accessed: u64,
    _modified: u64,
    _which: u32,
) -> Result<u32, Stop> {
    Ok(of_output(fd, SUCCESS))
}

pub(super) fn fd_readdir(
    guest: &mut Guest<'_, '_>,
    _fd: u32,
    _buffer: u32,
    _size: u32,
    _cookie: u64,
    used_out: u32,
) -> Result<u32, Stop> {
    guest.write_u32(used_out, 0)?;
    Ok(EXIST)
}

pub(super) fn fd_renumber(_guest: &mut Guest<'_, '_>, from: u32, to: u32) -> Result<u32, Stop> {
    Ok(of_output(from, of_output(to, NOTSUP)))
}

pub(super) fn fd_sync(_guest: &mut Guest<'_, '_>, fd: u32) -> Result<u32, Stop> {
    Ok(of_output(fd, SUCCESS))
}

pub(super) fn fd_tell(guest: &mut Guest<'_, '_>, fd: u32, position_out: u32) -> Result<u32, Stop> {
    let errno = of_output(fd, SUCCESS);
    if errno == SUCCESS {
        guest.write_u64(position_out, 0)?;
    }
    Ok(errno)
}

pub(super) fn path_readlink(
    guest: &mut Guest<'_, '_>,
    _fd: u32,
    _path: u32,
    _path_size: u32,
    _buffer: u32,
    _size: u32,
    used_out: u32,
) -> Result<u32, Stop> {
    guest.write_u32(used_out, 0)?;
    Ok(NOTSUP)
}

/// Envoy writes more than a descriptor.
pub(super) fn sock_accept(guest: &mut Guest<'_, '_>, _fd: u32, _flags: u32, fd_out: u32) -> Result<u32, Stop> {
    guest.write_u64(fd_out, 0)?;
    Ok(NOTSUP)
}

pub(super) fn sock_recv(
    guest: &mut Guest<'_, '_>,
    _fd: u32,
    _vectors: u32,
    _count: u32,
    _flags: u32,
    size_out: u32,
    flags_out: u32,
) -> Result<u32, Stop> {
    guest.write_u32(size_out, 0)?;
    guest.write(flags_out, &[0; 2])?;
    Ok(NOTSUP)
}

pub(super) fn sock_send(
    guest: &mut Guest<'_, '_>,
    _fd: u32,
    _vectors: u32,
    _count: u32,
    _flags: u32,
    size_out: u32,
) -> Result<u32, Stop> {
    guest.write_u32(size_out, 0)?;
    Ok(NOTSUP)
}

/// The errno of what can be done with standard output and standard error alone.
fn of_output(fd: u32, errno: u32) -> u32 {
    if matches!(fd, 1 | 2) { errno } else { BADF }
}
