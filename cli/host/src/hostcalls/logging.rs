//! Section "Logging".

use crate::{
    abi::LogLevel,
    guest::{Guest, HostResult},
};

pub(super) fn log(guest: &mut Guest<'_, '_>, level: u32, message: u32, size: u32) -> HostResult {
    let level = LogLevel::try_from(level)?;
    let message = guest.read_text(message, size)?;
    guest.state().log(level, message);
    Ok(())
}

/// The level that lines must have to be shown; this host keeps all of them, and lets guests log as at Envoy's default.
pub(super) fn get_log_level(guest: &mut Guest<'_, '_>, level_out: u32) -> HostResult {
    guest.write_u32(level_out, LogLevel::Info as u32)
}
