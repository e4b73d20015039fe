//! Envoy's process.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    admin::Admin,
    bootstrap::{Bootstrap, Plugin, Protocol},
    folder::Folder,
    log::FORMAT,
    program::Program,
};

/// A running Envoy; it ends with this value, and with this process, however that ends.
#[derive(Debug)]
pub struct Envoy {
    // Before the folder: it ends before its files go.
    process: Process,
    folder: Folder,
    admin: Admin,
    listeners: BTreeMap<String, SocketAddr>,
    /// The plugins that can be updated, each once a protocol.
    updatable: Vec<(String, Protocol)>,
    updates: AtomicU32,
}

/// A process that is ended with this value.
#[derive(Debug)]
struct Process {
    child: Child,
    /// Holds the guard of [`GUARDED`] off.
    guard: Option<ChildStdin>,
}

/// Why there is no running Envoy.
#[derive(Debug, thiserror::Error)]
pub enum EnvoyError {
    /// Its files, its process or its administration interface could not be reached.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What could not be done.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It has ended by itself.
    #[error("envoy has ended ({status}); its log and configuration are in {}: {}", folder.display(), last_lines(log))]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it had logged.
        log: String,
        /// Its folder, which is left to whom it may help.
        folder: PathBuf,
    },
    /// It does not get ready.
    #[error("envoy does not get ready; its log and configuration are in {}: {}", folder.display(), last_lines(log))]
    NotReady {
        /// What it had logged.
        log: String,
        /// Its folder, which is left to whom it may help.
        folder: PathBuf,
    },
}

/// How long Envoy may take to compile the plugin and listen.
const START: Duration = Duration::from_secs(60);
/// How long it may take to take notice of a new configuration.
const UPDATE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);
/// How many lines of the log an error repeats.
const SHOWN_LINES: usize = 5;

/// A shell that becomes Envoy, and leaves somebody behind who ends it when the other end of standard input is closed
/// without a word: that happens with this process, even where it is killed.
const GUARDED: &str = "exec 3<&0; { read -r _ <&3 || kill -KILL $$; } >/dev/null 2>&1 & exec \"$@\" 3<&- </dev/null";

impl Envoy {
    /// Starts Envoy and waits until it is ready to serve, for a minute at most.
    ///
    /// # Errors
    /// Where it cannot be started, ends early, or is not ready in time.
    pub fn start(program: &Program, bootstrap: &Bootstrap) -> Result<Self, EnvoyError> {
        let folder = Folder::new().map_err(io_error("make a temporary folder"))?;
        let log = folder.prepare(bootstrap).map_err(io_error("write envoy's configuration"))?;
        let mut envoy = Self::spawn(program, folder, log, bootstrap.workers, "wasm:trace")?;
        envoy.updatable = bootstrap.updatable().map(|(plugin, protocol)| (plugin.name.clone(), protocol)).collect();
        envoy.ready()
    }

    /// Starts Envoy with one worker and `configuration` as it is, but for where its administration interface is; it logs
    /// warnings alone. This is for who measures it: [`Envoy::start`] has it tell all that it does.
    ///
    /// # Errors
    /// As [`Envoy::start`].
    pub fn start_quiet(program: &Program, configuration: Value) -> Result<Self, EnvoyError> {
        let folder = Folder::new().map_err(io_error("make a temporary folder"))?;
        let log = folder.prepare_quiet(configuration).map_err(io_error("write envoy's configuration"))?;
        Self::spawn(program, folder, log, 1, "wasm:warning")?.ready()
    }

    /// Where the listener of this name listens.
    #[must_use]
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        self.listeners.get(name).copied()
    }

    /// Its administration interface.
    #[must_use]
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The number of its process, which is that of its main thread in the log.
    #[must_use]
    pub fn main_thread(&self) -> u32 {
        self.process.child.id()
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Ends it; gives what it leaves.
    #[must_use]
    pub fn stop(self) -> Folder {
        drop(self.process);
        self.folder
    }

    /// Gives an updatable plugin another configuration; whether it was accepted. The workers may take it up a moment later.
    ///
    /// # Errors
    /// Where Envoy takes no notice of it within 20 s.
    pub fn update(&self, plugin: &Plugin) -> Result<bool, EnvoyError> {
        let version = self.updates.fetch_add(1, Ordering::Relaxed) + 1;
        let verdicts: Vec<_> =
            self.protocols(&plugin.name).map(|protocol| self.update_on(plugin, protocol, version)).collect();
        // One that is there twice is tried once: Envoy keeps in mind what came of it.
        verdicts.into_iter().try_fold(true, |all, accepted| Ok(all && accepted?))
    }

    fn update_on(&self, plugin: &Plugin, protocol: Protocol, version: u32) -> Result<bool, EnvoyError> {
        let before = self.updates(&plugin.name, protocol)?;
        self.folder.put_discovery(plugin, protocol, version).map_err(io_error("write envoy's configuration"))?;
        let deadline = Instant::now() + UPDATE;
        loop {
            let now = self.updates(&plugin.name, protocol)?;
            if now != before {
                return Ok(now.0 != before.0);
            }
            if Instant::now() > deadline {
                return Err(io_error("update the plugin")(io::ErrorKind::TimedOut.into()));
            }
            thread::sleep(POLL);
        }
    }

    /// Whether a configuration of an updatable plugin was accepted so far.
    ///
    /// # Errors
    /// Where Envoy does not say.
    pub fn has_accepted(&self, plugin: &str) -> Result<bool, EnvoyError> {
        let mut counts = self.protocols(plugin).map(|protocol| self.updates(plugin, protocol));
        counts.try_fold(true, |all, count| Ok(all && count?.0 > 0))
    }

    /// What the chains speak that a plugin is in.
    fn protocols<'a>(&'a self, plugin: &'a str) -> impl Iterator<Item = Protocol> + 'a {
        self.updatable.iter().filter(move |(name, _)| name == plugin).map(|(_, protocol)| *protocol)
    }

    /// How many configurations of a plugin were accepted, and how many refused.
    fn updates(&self, plugin: &str, protocol: Protocol) -> Result<(u64, u64), EnvoyError> {
        let prefix = format!("extension_config_discovery.{}.{plugin}.", protocol.filter());
        let stats = self.admin.stats(&prefix).map_err(io_error("ask envoy for its statistics"))?;
        let value = |name: &str| stats.get(name).copied().unwrap_or_default();
        Ok((value("update_success"), value("update_rejected")))
    }

    fn spawn(
        program: &Program,
        folder: Folder,
        log: File,
        workers: u16,
        wasm_level: &'static str,
    ) -> Result<Self, EnvoyError> {
        let mut command = Command::new("sh");
        command.args(["-c", GUARDED, "envoy"]).arg(program.path());
        command.arg("--config-path").arg(folder.file("bootstrap.json"));
        command.args(["--concurrency", &workers.max(1).to_string()]);
        command.args(["--log-level", "warning", "--component-log-level", wasm_level]);
        command.args(["--log-format", FORMAT, "--log-format-escaped", "--file-flush-interval-msec", "5"]);
        command.args(["--disable-hot-restart"]);
        let output = log.try_clone().map_err(io_error("share envoy's log"))?;
        command.stdin(Stdio::piped()).stdout(output).stderr(log);
        let mut child = command.spawn().map_err(io_error("start envoy"))?;
        let process = Process { guard: child.stdin.take(), child };
        let admin = Admin::at(&folder.file("admin"));
        let (listeners, updatable) = (BTreeMap::new(), Vec::new());
        Ok(Self { process, folder, admin, listeners, updatable, updates: AtomicU32::new(0) })
    }

    /// Waits until it serves.
    fn ready(mut self) -> Result<Self, EnvoyError> {
        let deadline = Instant::now() + START;
        // Before it listens, nothing answers.
        while !self.admin.is_ready().unwrap_or(false) {
            self.still_runs(deadline)?;
        }
        self.listeners = self.admin.listeners().map_err(io_error("ask envoy where it listens"))?;
        Ok(self)
    }

    /// Sleeps a moment, and fails where Envoy has ended or the time is over.
    fn still_runs(&mut self, deadline: Instant) -> Result<(), EnvoyError> {
        thread::sleep(POLL);
        let ended = self.process.child.try_wait().map_err(io_error("ask for envoy's exit status"))?;
        let late = Instant::now() > deadline;
        if ended.is_none() && !late {
            return Ok(());
        }
        let (log, folder) = (self.folder.log_text(), self.folder.keep());
        Err(match ended {
            Some(status) => EnvoyError::Ended { status, log, folder },
            None => EnvoyError::NotReady { log, folder },
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The guard is to do nothing: a word sends it away. Envoy may have ended by itself; there is nothing else to do
        // about either.
        let _ = self.child.kill();
        if let Some(mut guard) = self.guard.take() {
            let _ = io::Write::write_all(&mut guard, b"\n");
        }
        let _ = self.child.wait();
    }
}

fn io_error(doing: &'static str) -> impl Fn(io::Error) -> EnvoyError {
    move |source| EnvoyError::Io { doing, source }
}

/// The last lines of a log that say something is wrong.
fn last_lines(log: &str) -> String {
    let lines: Vec<_> = log.lines().filter(|line| !line.contains(" trace wasm ")).collect();
    let shown = lines.iter().skip(lines.len().saturating_sub(SHOWN_LINES)).copied();
    shown.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::process::ExitStatusExt as _,
        process::{Command, Stdio},
    };

    use super::GUARDED;

    fn guarded(program: &[&str]) -> std::process::Child {
        Command::new("sh").args(["-c", GUARDED, "x"]).args(program).stdin(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn who_is_left_behind_is_ended() {
        let mut process = guarded(&["sleep", "60"]);
        drop(process.stdin.take());
        assert_eq!(process.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn who_is_not_left_behind_is_let_be() {
        let mut process = guarded(&["sh", "-c", "sleep 0.3; exit 7"]);
        std::io::Write::write_all(&mut process.stdin.take().unwrap(), b"\n").unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(7));
    }
}
