//! The part of WASI that a gateway provides (`wasi_snapshot_preview1`): output, clock, random numbers, an empty
//! environment. Whatever has to do with files is there and does nothing, with the errno that was observed on Envoy 1.40.0.

mod files;

use wasmtime::{Caller, Linker};

use crate::{
    abi::LogLevel,
    guest::{Guest, HostResult, Stop},
    state::VmState,
    trace::Values,
};

use files::{
    fd_allocate, fd_datasync, fd_fdstat_get, fd_fdstat_set_rights, fd_filestat_set_size, fd_filestat_set_times,
    fd_readdir, fd_renumber, fd_sync, fd_tell, path_readlink, sock_accept, sock_recv, sock_send,
};

/// WASI's errno numbers, as far as a gateway answers them.
const SUCCESS: u32 = 0;
const BADF: u32 = 8;
const EXIST: u32 = 20;
const FAULT: u32 = 21;
const INVAL: u32 = 28;
const NOTSUP: u32 = 58;

/// What a module must not call in `_initialize`, `main` or `_start`.
const NOT_AT_START: [&str; 6] = ["fd_close", "fd_read", "fd_seek", "path_open", "proc_exit", "sched_yield"];

/// One call of `random_get` gives at most this much, as Envoy's.
const MAX_RANDOM_BYTES: u32 = 64 * 1024;
/// The bound on what one `fd_write` gathers.
const MAX_WRITE_BYTES: usize = 1024 * 1024;

macro_rules! wasi_table {
    (
        constant { $($constant:ident ($($constant_arg:ident: $constant_ty:ty),*) = $errno:literal;)+ }
        $($name:ident ($($arg:ident: $ty:ty),*);)+
    ) => {
        /// Every function that is provided.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name),)+ $(stringify!($constant),)+ "proc_exit"];

        /// Puts them into a linker, under both names that WASI has had.
        pub(crate) fn define(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
            for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
                $(linker.func_wrap(module, stringify!($name), |mut caller: Caller<'_, VmState>, $($arg: $ty),*| {
                    let (mut guest, number) = enter(&mut caller, module, stringify!($name), &($($arg,)*))?;
                    let errno = errno($name(&mut guest, $($arg),*))?;
                    guest.returned(number, module, stringify!($name), errno);
                    wasmtime::Result::Ok(errno)
                })?;)+
                $(linker.func_wrap(module, stringify!($constant), |mut caller: Caller<'_, VmState>, $($constant_arg: $constant_ty),*| {
                    let (mut guest, number) = enter(&mut caller, module, stringify!($constant), &($($constant_arg,)*))?;
                    guest.returned(number, module, stringify!($constant), $errno);
                    wasmtime::Result::Ok($errno)
                })?;)+
                // Envoy notes it and goes on; compiled libraries trap behind it.
                linker.func_wrap(module, "proc_exit", |mut caller: Caller<'_, VmState>, code: u32| {
                    let (mut guest, _) = enter(&mut caller, module, "proc_exit", &code)?;
                    guest.state().trace.host_returned(module, "proc_exit", &());
                    wasmtime::Result::Ok(())
                })?;
            }
            Ok(())
        }
    };
}

// `path_link` and `path_symlink` are left out: Envoy declares them with one argument less than WASI does, so that it
// refuses modules that import them.
wasi_table! {
    constant {
        fd_advise(fd: u32, offset: u64, length: u64, advice: u32) = 0_u32;
        fd_close(fd: u32) = 0_u32;
        fd_fdstat_set_flags(fd: u32, flags: u32) = 52_u32;
        fd_filestat_get(fd: u32, status_out: u32) = 8_u32;
        fd_pread(fd: u32, vectors: u32, count: u32, offset: u64, read_out: u32) = 52_u32;
        fd_prestat_get(fd: u32, status_out: u32) = 8_u32;
        fd_prestat_dir_name(fd: u32, path: u32, size: u32) = 52_u32;
        fd_read(fd: u32, vectors: u32, count: u32, read_out: u32) = 52_u32;
        fd_seek(fd: u32, offset: u64, whence: u32, position_out: u32) = 0_u32;
        path_create_directory(fd: u32, path: u32, size: u32) = 58_u32;
        path_filestat_get(fd: u32, flags: u32, path: u32, size: u32, status_out: u32) = 58_u32;
        path_filestat_set_times(fd: u32, flags: u32, path: u32, size: u32, accessed: u64, modified: u64, which: u32) = 58_u32;
        path_open(
            fd: u32, lookup: u32, path: u32, size: u32, open: u32, rights: u64, inheriting: u64, flags: u32, fd_out: u32
        ) = 44_u32;
        path_remove_directory(fd: u32, path: u32, size: u32) = 58_u32;
        path_rename(fd: u32, path: u32, size: u32, to: u32, to_path: u32, to_size: u32) = 58_u32;
        path_unlink_file(fd: u32, path: u32, size: u32) = 58_u32;
        sched_yield() = 0_u32;
        sock_shutdown(fd: u32, how: u32) = 58_u32;
    }
    args_get(argv: u32, buffer: u32);
    args_sizes_get(count_out: u32, size_out: u32);
    environ_get(environ: u32, buffer: u32);
    environ_sizes_get(count_out: u32, size_out: u32);
    clock_res_get(clock: u32, resolution_out: u32);
    clock_time_get(clock: u32, precision: u64, time_out: u32);
    random_get(buffer: u32, size: u32);
    poll_oneoff(subscriptions: u32, events: u32, count: u32, count_out: u32);
    fd_write(fd: u32, vectors: u32, count: u32, written_out: u32);
    fd_pwrite(fd: u32, vectors: u32, count: u32, offset: u64, written_out: u32);
    fd_allocate(fd: u32, offset: u64, length: u64);
    fd_datasync(fd: u32);
    fd_fdstat_get(fd: u32, status_out: u32);
    fd_fdstat_set_rights(fd: u32, rights: u64, inheriting: u64);
    fd_filestat_set_size(fd: u32, size: u64);
    fd_filestat_set_times(fd: u32, accessed: u64, modified: u64, which: u32);
    fd_readdir(fd: u32, buffer: u32, size: u32, cookie: u64, used_out: u32);
    fd_renumber(from: u32, to: u32);
    fd_sync(fd: u32);
    fd_tell(fd: u32, position_out: u32);
    path_readlink(fd: u32, path: u32, path_size: u32, buffer: u32, size: u32, used_out: u32);
    sock_accept(fd: u32, flags: u32, fd_out: u32);
    sock_recv(fd: u32, vectors: u32, count: u32, flags: u32, size_out: u32, flags_out: u32);
    sock_send(fd: u32, vectors: u32, count: u32, flags: u32, size_out: u32);
}

/// The guest at the beginning of a call, unless it must not make it while it starts.
fn enter<'a, 'b>(
    caller: &'a mut Caller<'b, VmState>,
    module: &str,
    name: &'static str,
    arguments: &impl Values,
) -> wasmtime::Result<(Guest<'a, 'b>, u64)> {
    let mut guest = Guest::enter(caller);
    let number = guest.called(module, name, arguments);
    guest.check_start(module, name, !NOT_AT_START.contains(&name))?;
    Ok((guest, number))
}

/// WASI's errno for what a function came to.
fn errno(result: Result<u32, Stop>) -> wasmtime::Result<u32> {
    match result {
        Ok(errno) => Ok(errno),
        Err(Stop::Status(_)) => Ok(FAULT),
        Err(Stop::Trap(trap)) => Err(trap),
    }
}

fn args_get(_guest: &mut Guest<'_, '_>, _argv: u32, _buffer: u32) -> Result<u32, Stop> {
    Ok(SUCCESS)
}

fn args_sizes_get(guest: &mut Guest<'_, '_>, count_out: u32, size_out: u32) -> Result<u32, Stop> {
    nothing(guest, count_out, size_out).map(|()| SUCCESS)
}

/// Pointers to the variables of the VM's environment at one place, and the variables at the other.
fn environ_get(guest: &mut Guest<'_, '_>, environ: u32, buffer: u32) -> Result<u32, Stop> {
    let (mut pointer, mut place) = (environ, buffer);
    for variable in variables(guest) {
        guest.write_u32(pointer, place)?;
        guest.write(place, &variable)?;
        pointer = pointer.wrapping_add(4);
        place = place.wrapping_add(wire_size(&variable));
    }
    Ok(SUCCESS)
}

fn environ_sizes_get(guest: &mut Guest<'_, '_>, count_out: u32, size_out: u32) -> Result<u32, Stop> {
    let variables = variables(guest);
    guest.write_u32(count_out, u32::try_from(variables.len()).unwrap_or(u32::MAX))?;
    guest.write_u32(size_out, variables.iter().map(|variable| wire_size(variable)).sum())?;
    Ok(SUCCESS)
}

/// Each `NAME=VALUE` and a zero byte.
fn variables(guest: &mut Guest<'_, '_>) -> Vec<Vec<u8>> {
    let environment = &guest.state().maker.environment;
    environment.iter().map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect()
}

/// What does not fit the guest's memory is not written to it.
fn wire_size(variable: &[u8]) -> u32 {
    u32::try_from(variable.len()).unwrap_or(u32::MAX)
}

/// Of both clocks, a nanosecond.
fn clock_res_get(guest: &mut Guest<'_, '_>, clock: u32, resolution_out: u32) -> Result<u32, Stop> {
    if clock > 1 {
        return Ok(NOTSUP);
    }
    guest.write_u64(resolution_out, 1)?;
    Ok(SUCCESS)
}

/// Real time and monotonic time are one here: the gateway's clock.
fn clock_time_get(guest: &mut Guest<'_, '_>, clock: u32, _precision: u64, time_out: u32) -> Result<u32, Stop> {
    if clock > 1 {
        return Ok(NOTSUP);
    }
    let now = u64::try_from(guest.state().shared.get().clock.now().as_nanos()).unwrap_or(u64::MAX);
    guest.write_u64(time_out, now)?;
    Ok(SUCCESS)
}

/// A fixed sequence (SplitMix64), so that runs repeat: nothing in a test bench is secret.
fn random_get(guest: &mut Guest<'_, '_>, buffer: u32, size: u32) -> Result<u32, Stop> {
    if size > MAX_RANDOM_BYTES {
        return Ok(INVAL);
    }
    let length = usize::try_from(size).unwrap_or_default();
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        let state = guest.state();
        state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    guest.write(buffer, &bytes)?;
    Ok(SUCCESS)
}

/// Standard output is logged at `info`, standard error at `error`, without the line break at the end. To write nothing logs
/// nothing.
fn fd_write(guest: &mut Guest<'_, '_>, fd: u32, vectors: u32, count: u32, written_out: u32) -> Result<u32, Stop> {
    let level = match fd {
        1 => LogLevel::Info,
        2 => LogLevel::Error,
        _ => return Ok(BADF),
    };
    let mut text = Vec::new();
    let table = guest.read(vectors, count.saturating_mul(8))?;
    for vector in table.chunks_exact(8) {
        let (pointer, size) = vector.split_at(4);
        let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).unwrap_or_default();
        text.extend(guest.read(number(pointer), number(size))?);
        if text.len() > MAX_WRITE_BYTES {
            return Ok(INVAL);
        }
    }
    let written = u32::try_from(text.len()).unwrap_or_default();
    if !text.is_empty() {
        let line = text.strip_suffix(b"\n").unwrap_or(&text);
        guest.state().log(level, String::from_utf8_lossy(line).into_owned());
    }
    guest.write_u32(written_out, written)?;
    Ok(SUCCESS)
}

/// The place in the output means nothing.
fn fd_pwrite(
    guest: &mut Guest<'_, '_>,
    fd: u32,
    vectors: u32,
    count: u32,
    _offset: u64,
    written_out: u32,
) -> Result<u32, Stop> {
    fd_write(guest, fd, vectors, count, written_out)
}

/// There are no events, ever.
fn poll_oneoff(
    guest: &mut Guest<'_, '_>,
    _subscriptions: u32,
    _events: u32,
    _count: u32,
    count_out: u32,
) -> Result<u32, Stop> {
    guest.write_u32(count_out, 0)?;
    Ok(SUCCESS)
}

fn nothing(guest: &mut Guest<'_, '_>, count_out: u32, size_out: u32) -> HostResult {
    guest.write_u32(count_out, 0)?;
    guest.write_u32(size_out, 0)
}
