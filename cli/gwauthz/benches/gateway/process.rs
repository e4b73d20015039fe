//! What Linux says of a process (proc(5)).

use std::{fs, time::Duration};

/// How long one of its ticks is: every architecture that Envoy is built for counts a hundred a second.
const TICK: Duration = Duration::from_millis(10);
/// Where user and system time are behind the program's name: fields 14 and 15, of which the state is the third.
const TIMES: usize = 11;

/// How long a process has computed, in its own code and in the kernel, all its threads together.
pub(crate) fn cpu_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a running process");
    // The name may hold anything, blanks and parentheses too.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let times = fields.split_ascii_whitespace().skip(TIMES).take(2);
    let ticks: u32 = times.map(|time| time.parse::<u32>().expect("a number of ticks")).sum();
    TICK * ticks
}

/// The most memory that a process has had at any time, in KiB (`VmHWM`).
pub(crate) fn peak_memory(process: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    peak.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
}
