//! What Linux says of a process (proc(5)).

use std::{fs, time::Duration};

/// How long one of its ticks is: every architecture that Envoy is built for counts a hundred a second.
const TICK: Duration = Duration::from_millis(10);
/// Where user and system time are behind the program's name: fields 14 and 15, of which the state is the third.
const TIMES: usize = 11;

/// How long a process has computed, all its threads together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuTime {
    /// In its own code.
    user: Duration,
    /// For it in the kernel.
    system: Duration,
}

impl CpuTime {
    /// That of a process until now.
    pub(crate) fn of(process: u32) -> Self {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a running process");
        // The name may hold anything, blanks and parentheses too.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let mut times = fields.split_ascii_whitespace().skip(TIMES);
        let mut time = || TICK * times.next().expect("a time").parse().expect("a number of ticks");
        Self { user: time(), system: time() }
    }

    /// From `before` on.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { user: self.user.saturating_sub(before.user), system: self.system.saturating_sub(before.system) }
    }

    /// In microseconds for each of so many requests: all of it, and what was spent in the kernel.
    pub(crate) fn each(self, requests: u32) -> (f64, f64) {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(requests);
        (each(self.user + self.system), each(self.system))
    }
}

/// The most memory that a process has had at any time, in KiB (`VmHWM`).
pub(crate) fn peak_memory(process: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    peak.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
}
