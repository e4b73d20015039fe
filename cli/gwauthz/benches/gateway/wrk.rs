//! wrk, and what it says.

use std::{io::Write as _, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use tempfile::NamedTempFile;

/// How a load is sent.
pub(crate) struct Wrk {
    program: PathBuf,
    time: Duration,
}

/// The requests of one setup.
pub(crate) struct Load {
    script: NamedTempFile,
    /// The token to go on with: a run begins where the one before has ended.
    next: u64,
}

/// What came of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sent {
    /// How many requests were answered.
    pub(crate) requests: u32,
    /// How many a second.
    pub(crate) rate: f64,
}

/// How many connections requests come on.
pub(crate) const CONNECTIONS: u32 = 32;
/// What they ask for.
pub(crate) const PATH: &str = "/orders/7";
/// Each request with the token behind that of the one before; the argument says how many went before all.
const SCRIPT: &str = "
local next = 0
function init(args) next = tonumber(args[1]) end
function request()
  local token = tokens[next % #tokens + 1]
  next = next + 1
  return wrk.format('GET', path, {['authorization'] = 'Bearer ' .. token})
end
";

impl Wrk {
    pub(crate) fn new(program: PathBuf, time: Duration) -> Self {
        Self { program, time }
    }

    /// Sends a load to a listener.
    ///
    /// # Errors
    /// Where a request was not answered, or with another status than 200.
    pub(crate) fn send(&self, load: &mut Load, listener: SocketAddr) -> Result<Sent, String> {
        let mut command = Command::new(&self.program);
        command.args(["--threads", "1", "--connections", &CONNECTIONS.to_string()]);
        command.args(["--duration", &format!("{}s", self.time.as_secs()), "--script"]).arg(load.script.path());
        command.arg(format!("http://{listener}/")).args(["--", &load.next.to_string()]);
        let output = command.output().map_err(|error| format!("cannot run wrk: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let sent = read(&said).ok_or_else(|| format!("{said}{}", String::from_utf8_lossy(&output.stderr)))?;
        // Some were sent and not answered any more.
        load.next += u64::from(sent.requests + CONNECTIONS);
        Ok(sent)
    }
}

impl Load {
    pub(crate) fn new(tokens: &[String]) -> Self {
        let mut script = NamedTempFile::new().expect("a temporary file");
        let tokens: String = tokens.iter().map(|token| format!("'{token}',\n")).collect();
        write!(script, "local path = '{PATH}'\nlocal tokens = {{\n{tokens}}}\n{SCRIPT}").expect("write the script");
        Self { script, next: 0 }
    }
}

/// The figures of a run in which every request was let through.
fn read(said: &str) -> Option<Sent> {
    if said.contains("Non-2xx or 3xx responses") || said.contains("Socket errors") {
        return None;
    }
    let mut lines = said.lines().map(str::trim);
    let requests = lines.clone().find_map(|line| line.split_once(" requests in "))?.0.parse().ok()?;
    let rate = lines.find_map(|line| line.strip_prefix("Requests/sec:"))?.trim().parse().ok()?;
    (requests > 0).then_some(Sent { requests, rate })
}
