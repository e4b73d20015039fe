//! Envoy's log, in a form that can be taken apart again: what a plugin logs may hold anything, line breaks included.

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::tail::Tail;
use crate::abi::LogLevel;

/// One line of Envoy's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was logged, to the microsecond.
    pub at: SystemTime,
    /// The thread that logged it, by the system's number; that of the main thread is the process's.
    pub thread: u32,
    /// Its level.
    pub level: LogLevel,
    /// The component that logged it, such as `wasm`.
    pub component: String,
    /// The text.
    pub text: String,
}

/// Reads a log that is still being written.
#[derive(Debug)]
pub struct LogReader {
    file: Tail,
    entries: Vec<Entry>,
}

/// What Envoy is asked to log in: the fields of [`Entry`]; with `--log-format-escaped`, each on one line.
pub(super) const FORMAT: &str = "%E.%f %t %l %n %v";

/// What stands before the text of a plugin.
const PLUGIN: &str = "wasm log";

impl Entry {
    /// What a plugin has logged; none: this is Envoy's own. Envoy names the plugin, its root and its VM before it, which
    /// must hold no colon to be told from the text.
    #[must_use]
    pub fn plugin_message(&self) -> Option<&str> {
        let named = self.text.strip_prefix(PLUGIN).filter(|_| self.component == "wasm")?;
        named.split_once(": ").map(|(_, message)| message)
    }

    /// A call between Envoy and a plugin, such as `[host->vm] proxy_on_tick(1)`.
    #[must_use]
    pub fn call(&self) -> Option<&str> {
        let ways = ["[host->vm] ", "[host<-vm] ", "[vm->host] ", "[vm<-host] "];
        let is_call = self.component == "wasm" && ways.iter().any(|way| self.text.starts_with(way));
        is_call.then_some(&*self.text)
    }

    /// Takes a line apart; none: it is not of the form, such as a message from before the log was set up.
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.splitn(5, ' ');
        let (seconds, micros) = parts.next()?.split_once('.')?;
        let since = Duration::from_secs(seconds.parse().ok()?) + Duration::from_micros(micros.parse().ok()?);
        Some(Self {
            at: UNIX_EPOCH + since,
            thread: parts.next()?.parse().ok()?,
            level: level(parts.next()?)?,
            component: parts.next()?.to_owned(),
            text: unescaped(parts.next()?),
        })
    }
}

impl LogReader {
    /// Opens a log.
    ///
    /// # Errors
    /// Fails where the file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: Tail::open(path)?, entries: Vec::new() })
    }

    /// Every line up to now.
    ///
    /// # Errors
    /// Fails where the file cannot be read.
    pub fn entries(&mut self) -> io::Result<&[Entry]> {
        let lines = self.file.lines()?;
        self.entries.extend(lines.iter().filter_map(|line| Entry::parse(&String::from_utf8_lossy(line))));
        Ok(&self.entries)
    }
}

fn level(name: &str) -> Option<LogLevel> {
    Some(match name {
        "trace" => LogLevel::Trace,
        "debug" => LogLevel::Debug,
        "info" => LogLevel::Info,
        "warning" => LogLevel::Warn,
        "error" => LogLevel::Error,
        "critical" => LogLevel::Critical,
        _ => return None,
    })
}

/// Undoes the escapes of C that Envoy writes: `\n`, `\r`, `\t`, `\"`, `\'`, `\\`, and three octal digits for other bytes that
/// are not printable ASCII. What is then not UTF-8 is replaced.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let (byte, behind) = match (byte, behind) {
            (b'\\', [b'n', behind @ ..]) => (b'\n', behind),
            (b'\\', [b'r', behind @ ..]) => (b'\r', behind),
            (b'\\', [b't', behind @ ..]) => (b'\t', behind),
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', behind @ ..]) => {
                ((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), behind)
            }
            (b'\\', [other, behind @ ..]) => (*other, behind),
            _ => (*byte, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::Entry;
    use crate::abi::LogLevel;

    #[test]
    fn a_line_is_taken_apart() {
        let line = r"1795357063.000042 17 warning wasm wasm log a_plugin: it\'s a \\n: \n\303\244 \377 | end";
        let entry = Entry::parse(line).unwrap();
        assert_eq!((entry.thread, entry.at), (17, UNIX_EPOCH + Duration::from_micros(1_795_357_063_000_042)));
        assert_eq!((entry.level, entry.plugin_message()), (LogLevel::Warn, Some("it's a \\n: \nä \u{fffd} | end")));
        assert_eq!(entry.call(), None);

        let entry = Entry::parse("1.5 17 trace wasm [host->vm] proxy_on_tick(1)").unwrap();
        assert_eq!((entry.plugin_message(), entry.call()), (None, Some("[host->vm] proxy_on_tick(1)")));
        // A plugin cannot pass its words off as Envoy's.
        let entry =
            Entry::parse(r"1.5 17 info wasm wasm log: \n1.5 17 trace wasm [host->vm] proxy_on_tick(1)").unwrap();
        assert_eq!(entry.call(), None);
        for line in ["", "terminate called", "1.5 x trace wasm a", "1.5 17 loud wasm a", "1.5 17 trace wasm"] {
            assert_eq!(Entry::parse(line), None, "{line}");
        }
    }
}
