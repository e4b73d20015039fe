//! Envoy's log and access log, as they grow under a scenario.

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::envoy::{AccessLog, Ended, Entry, Folder, LogReader};

/// Both logs.
pub(super) struct Journal(Mutex<Logs>);

struct Logs {
    log: LogReader,
    access: AccessLog,
    /// How many lines have been looked at for streams.
    scanned: usize,
    /// Streams that the plugin has and that have not ended for it: a thread and a context's number.
    open: BTreeSet<(u32, u32)>,
}

/// How long Envoy may take to have logged the end of a stream that the client has seen end.
const LOGGED: Duration = Duration::from_secs(2);
/// How long it may take from there until the plugin has let go of the stream. One that has trapped never does.
const DELETED: Duration = Duration::from_millis(100);
const POLL: Duration = Duration::from_millis(2);

impl Journal {
    pub(super) fn open(folder: &Folder) -> io::Result<Self> {
        let (log, access) = (folder.log()?, folder.access_log()?);
        Ok(Self(Mutex::new(Logs { log, access, scanned: 0, open: BTreeSet::new() })))
    }

    /// Waits until Envoy has logged the end of a client's stream, and until the plugin has at most `others` streams left;
    /// gives what Envoy says of the stream.
    pub(super) fn settle(&self, client: SocketAddr, others: impl Fn() -> usize) -> io::Result<Option<Ended>> {
        let ended = self.wait_for(LOGGED, |logs| logs.access.take(client))?;
        self.wait_until_left(others)?;
        Ok(ended)
    }

    /// What Envoy says of the stream of the client at this address, if it has ended. It is said once.
    pub(super) fn ended(&self, client: SocketAddr) -> io::Result<Option<Ended>> {
        self.lock().access.take(client)
    }

    /// Waits until the plugin has at most `others` streams left.
    pub(super) fn wait_until_left(&self, others: impl Fn() -> usize) -> io::Result<()> {
        self.wait_for(DELETED, |logs| Ok((logs.open_streams()? <= others()).then_some(()))).map(drop)
    }

    /// Waits until `enough` lines of the log satisfy `wanted`, for as long as it takes to log a line.
    pub(super) fn wait_for_lines(&self, enough: usize, wanted: impl Fn(&Entry) -> bool) -> io::Result<()> {
        let waited = self.wait_for(LOGGED, |logs| {
            let count = logs.log.entries()?.iter().filter(|entry| wanted(entry)).count();
            Ok((count >= enough).then_some(()))
        });
        waited.map(drop)
    }

    /// How many lines satisfy `wanted` up to now.
    pub(super) fn count(&self, wanted: impl Fn(&Entry) -> bool) -> io::Result<usize> {
        Ok(self.lock().log.entries()?.iter().filter(|entry| wanted(entry)).count())
    }

    /// The log up to now.
    pub(super) fn entries(&self) -> io::Result<Vec<Entry>> {
        self.lock().log.entries().map(<[Entry]>::to_vec)
    }

    fn wait_for<T>(
        &self,
        patience: Duration,
        look: impl Fn(&mut Logs) -> io::Result<Option<T>>,
    ) -> io::Result<Option<T>> {
        let deadline = Instant::now() + patience;
        loop {
            let found = look(&mut self.lock())?;
            if found.is_some() || Instant::now() > deadline {
                return Ok(found);
            }
            thread::sleep(POLL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Logs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Logs {
    fn open_streams(&mut self) -> io::Result<usize> {
        let entries = self.log.entries()?;
        for entry in entries.iter().skip(self.scanned) {
            let Some(call) = entry.call() else { continue };
            if let Some((context, parent)) = arguments(call, "[host->vm] proxy_on_context_create(").and_then(two)
                && parent != 0
            {
                self.open.insert((entry.thread, context));
            } else if let Some(context) = arguments(call, "[host->vm] proxy_on_delete(") {
                context.parse().map(|context| self.open.remove(&(entry.thread, context))).ok();
            }
        }
        self.scanned = entries.len();
        Ok(self.open.len())
    }
}

/// What stands between the parentheses of a call.
fn arguments<'a>(call: &'a str, function: &str) -> Option<&'a str> {
    call.strip_prefix(function)?.strip_suffix(')')
}

fn two(arguments: &str) -> Option<(u32, u32)> {
    let (first, second) = arguments.split_once(", ")?;
    Some((first.parse().ok()?, second.parse().ok()?))
}
