//! What guests log.

use std::{collections::BTreeMap, time::Duration};

use crate::{abi::LogLevel, thread::Thread};

/// A line that a guest logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its importance.
    pub level: LogLevel,
    /// Its text; what was not UTF-8 is replaced.
    pub message: String,
    /// When, on the gateway's clock: the time since the Unix epoch.
    pub at: Duration,
    /// Whose VM logged it.
    pub thread: Thread,
}

/// The lines of all VMs in their order, bounded.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    lines: Vec<LogLine>,
    /// What each thread has logged since it was last asked.
    volumes: BTreeMap<Thread, Volume>,
}

#[derive(Debug, Default)]
struct Volume {
    bytes: usize,
    /// Lines that were dropped since the bound was reached.
    dropped: u64,
}

/// The bound on what the VMs of one thread may log.
const LOG_BYTES: usize = 4 * 1024 * 1024;

impl Logs {
    pub(crate) fn push(&mut self, line: LogLine) {
        let volume = self.volumes.entry(line.thread).or_default();
        if volume.bytes + line.message.len() > LOG_BYTES {
            volume.dropped += 1;
            return;
        }
        volume.bytes += line.message.len();
        self.lines.push(line);
    }

    /// The lines of every thread since the last call, with a note where some were dropped.
    pub(crate) fn take(&mut self, now: Duration) -> Vec<LogLine> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.extend(
            std::mem::take(&mut self.volumes).into_iter().filter_map(|(thread, volume)| volume.note(thread, now)),
        );
        lines
    }

    /// Those of one thread.
    pub(crate) fn take_of(&mut self, thread: Thread, now: Duration) -> Vec<LogLine> {
        let mut lines: Vec<_> = self.lines.extract_if(.., |line| line.thread == thread).collect();
        lines.extend(self.volumes.remove(&thread).and_then(|volume| volume.note(thread, now)));
        lines
    }
}

impl Volume {
    fn note(self, thread: Thread, at: Duration) -> Option<LogLine> {
        let message = format!("{} further lines were dropped: one thread may log {LOG_BYTES} bytes", self.dropped);
        (self.dropped > 0).then_some(LogLine { level: LogLevel::Warn, message, at, thread })
    }
}
