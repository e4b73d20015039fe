//! Sections "Clocks" and "Timers".

use std::time::Duration;

use crate::guest::{Guest, HostResult};

pub(super) fn get_current_time_nanoseconds(guest: &mut Guest<'_, '_>, time_out: u32) -> HostResult {
    let now = guest.state().shared.get().clock.now().as_nanos();
    // 2^64 nanoseconds last until the year 2554.
    guest.write_u64(time_out, u64::try_from(now).unwrap_or(u64::MAX))
}

/// Ticks of the root context, whichever of its contexts asks; 0 stops them.
pub(super) fn set_tick_period_milliseconds(guest: &mut Guest<'_, '_>, period: u32) -> HostResult {
    let period = (period > 0).then(|| Duration::from_millis(period.into()));
    let state = guest.state();
    state.ticks.insert(state.root().context, period);
    Ok(())
}
