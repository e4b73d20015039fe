//! The part of WASI that a gateway provides (`wasi_snapshot_preview1`): output, clock, random numbers, an empty
//! environment. Whatever has to do with files is there and refuses, with the errno of Envoy's host.

use wasmtime::{Caller, Linker};

use crate::{
    abi::LogLevel,
    guest::{Guest, HostResult, Stop},
    state::VmState,
};

/// WASI's errno numbers, as far as a gateway answers them.
const SUCCESS: u32 = 0;
const BADF: u32 = 8;
const FAULT: u32 = 21;
const INVAL: u32 = 28;

/// One call of `random_get` gives at most this much, as Envoy's.
const MAX_RANDOM_BYTES: u32 = 64 * 1024;
/// The bound on what one `fd_write` gathers.
const MAX_WRITE_BYTES: usize = 1024 * 1024;

macro_rules! wasi_table {
    (
        refused { $($missing:ident ($($missing_ty:ty),*) = $errno:literal;)+ }
        $($name:ident ($($arg:ident: $ty:ty),*);)+
    ) => {
        /// Every function that is provided.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name),)+ $(stringify!($missing),)+ "proc_exit"];

        /// Puts them into a linker, under both names that WASI has had.
        pub(crate) fn define(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
            for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
                $(linker.func_wrap(module, stringify!($name), |mut caller: Caller<'_, VmState>, $($arg: $ty),*| {
                    let mut guest = Guest::enter(&mut caller);
                    let number = guest.called(module, stringify!($name), &($($arg,)*));
                    let errno = errno($name(&mut guest, $($arg),*))?;
                    guest.returned(number, module, stringify!($name), errno);
                    wasmtime::Result::Ok(errno)
                })?;)+
                $(linker.func_wrap(module, stringify!($missing), |mut caller: Caller<'_, VmState>, $(_: $missing_ty),*| -> u32 {
                    caller.data_mut().host_calls += 1;
                    $errno
                })?;)+
                linker.func_wrap(module, "proc_exit", |mut caller: Caller<'_, VmState>, code: u32| -> wasmtime::Result<()> {
                    caller.data_mut().host_calls += 1;
                    wasmtime::bail!("the module called proc_exit({code})")
                })?;
            }
            Ok(())
        }
    };
}

wasi_table! {
    refused {
        clock_res_get(u32, u32) = 76;
        fd_close(u32) = 76;
        fd_fdstat_get(u32, u32) = 76;
        fd_fdstat_set_flags(u32, u32) = 76;
        fd_filestat_get(u32, u32) = 76;
        fd_filestat_set_size(u32, u64) = 76;
        fd_pread(u32, u32, u32, u64, u32) = 76;
        fd_prestat_get(u32, u32) = 8;
        fd_prestat_dir_name(u32, u32, u32) = 52;
        fd_pwrite(u32, u32, u32, u64, u32) = 76;
        fd_read(u32, u32, u32, u32) = 52;
        fd_readdir(u32, u32, u32, u64, u32) = 76;
        fd_seek(u32, u64, u32, u32) = 76;
        fd_sync(u32) = 76;
        fd_tell(u32, u32) = 76;
        path_create_directory(u32, u32, u32) = 76;
        path_filestat_get(u32, u32, u32, u32, u32) = 58;
        path_filestat_set_times(u32, u32, u32, u32, u64, u64, u32) = 76;
        path_link(u32, u32, u32, u32, u32, u32, u32) = 76;
        path_open(u32, u32, u32, u32, u32, u64, u64, u32, u32) = 44;
        path_readlink(u32, u32, u32, u32, u32, u32) = 76;
        path_remove_directory(u32, u32, u32) = 76;
        path_rename(u32, u32, u32, u32, u32, u32) = 76;
        path_symlink(u32, u32, u32, u32, u32) = 76;
        path_unlink_file(u32, u32, u32) = 76;
        poll_oneoff(u32, u32, u32, u32) = 76;
    }
    args_get(argv: u32, buffer: u32);
    args_sizes_get(count_out: u32, size_out: u32);
    environ_get(environ: u32, buffer: u32);
    environ_sizes_get(count_out: u32, size_out: u32);
    clock_time_get(clock: u32, precision: u64, time_out: u32);
    random_get(buffer: u32, size: u32);
    fd_write(fd: u32, vectors: u32, count: u32, written_out: u32);
    sched_yield();
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

fn environ_get(_guest: &mut Guest<'_, '_>, _environ: u32, _buffer: u32) -> Result<u32, Stop> {
    Ok(SUCCESS)
}

fn environ_sizes_get(guest: &mut Guest<'_, '_>, count_out: u32, size_out: u32) -> Result<u32, Stop> {
    nothing(guest, count_out, size_out).map(|()| SUCCESS)
}

/// Real time and monotonic time are one here: the gateway's clock.
fn clock_time_get(guest: &mut Guest<'_, '_>, clock: u32, _precision: u64, time_out: u32) -> Result<u32, Stop> {
    if clock > 1 {
        return Ok(INVAL);
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

/// Standard output is logged at `info`, standard error at `error`.
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
    guest.state().log(level, String::from_utf8_lossy(&text).trim_end_matches('\n').to_owned());
    guest.write_u32(written_out, written)?;
    Ok(SUCCESS)
}

fn sched_yield(_guest: &mut Guest<'_, '_>) -> Result<u32, Stop> {
    Ok(SUCCESS)
}

fn nothing(guest: &mut Guest<'_, '_>, count_out: u32, size_out: u32) -> HostResult {
    guest.write_u32(count_out, 0)?;
    guest.write_u32(size_out, 0)
}
