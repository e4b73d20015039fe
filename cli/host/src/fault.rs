//! What is told of a guest that trapped.

use std::{fmt, time::Duration};

use wasmtime::{Trap, WasmBacktrace};

/// A guest that trapped: the VM is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The callback that ran.
    pub callback: &'static str,
    /// What happened.
    pub reason: String,
    /// The guest's functions, innermost first.
    pub backtrace: Vec<String>,
    /// The last host calls before it, the last one last, each with its arguments and with what was answered, if it was:
    /// `proxy_log(2, 1024, 5) = 0`. At most 16.
    pub last_calls: Vec<String>,
}

/// How many frames of a trap are shown.
const MAX_FRAMES: usize = 24;

impl Fault {
    /// What `trap` says of a callback that may run for `deadline`.
    pub(crate) fn new(
        callback: &'static str,
        trap: &wasmtime::Error,
        deadline: Duration,
        last_calls: Vec<String>,
    ) -> Self {
        let reason = match trap.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => format!("ran for more than {}", shown(deadline)),
            Some(Trap::UnreachableCodeReached) => "panicked or aborted (`unreachable` was executed)".to_owned(),
            Some(trap) => trap.to_string(),
            None => trap.root_cause().to_string(),
        };
        let frames = trap.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
        let backtrace = frames.iter().take(MAX_FRAMES).map(function_name).collect();
        Self { callback, reason, backtrace, last_calls }
    }

    /// A trap that the gateway was told to bring about.
    pub(crate) fn injected(callback: &'static str, last_calls: Vec<String>) -> Self {
        let reason = "trapped, as the gateway was told to make it".to_owned();
        Self { callback, reason, backtrace: Vec::new(), last_calls }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in `{}`", self.reason, self.callback)?;
        for frame in &self.backtrace {
            write!(f, "\n  at {frame}")?;
        }
        if !self.last_calls.is_empty() {
            f.write_str("\n  behind these host calls:")?;
        }
        for call in &self.last_calls {
            write!(f, "\n    {call}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

fn shown(time: Duration) -> String {
    if time.subsec_nanos() == 0 { format!("{} s", time.as_secs()) } else { format!("{} ms", time.as_millis()) }
}

/// A function's name without Rust's mangling, and without the hash that changes with every build.
fn function_name(frame: &wasmtime::FrameInfo) -> String {
    frame.func_name().map_or_else(
        || format!("function {}", frame.func_index()),
        |name| format!("{:#}", rustc_demangle::demangle(name)),
    )
}
