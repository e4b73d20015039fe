//! `gwauthz trace`: every call between gateway and plugin while one request passes.

mod difference;

use std::path::PathBuf;

use clap::Args;

use crate::{
    exit::{Exit, Failure},
    input,
    request::RequestArgs,
    terminal::Terminal,
};

use difference::{Difference, envoy_trace};

/// Print every call between gateway and plugin while a request passes, as Envoy's log has them
///
/// The words are those of Envoy at `--component-log-level wasm:trace`. With `--against`, the calls are compared with such
/// a log of a real Envoy: exit code 0 where they are the same, 1 at the first that differs.
#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    request: RequestArgs,
    /// Compare with the log of a real Envoy that served the same request first
    #[arg(long, value_name = "ENVOY_LOG")]
    against: Option<PathBuf>,
}

/// The bound on a log: a trace of a million calls stays below.
const MAX_LOG_BYTES: u64 = 256 << 20;

impl TraceArgs {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let log = self.against.as_ref().map(|path| input::read("Envoy's log", path, MAX_LOG_BYTES)).transpose()?;
        let (mut gateway, request) = self.request.prepare(true, terminal)?;
        // The trace is the result; what became of the request stands in it.
        let _ = gateway.request(&request);
        let trace: Vec<_> = gateway.take_trace().into_iter().map(|line| line.call).collect();
        let Some(log) = log else {
            terminal.print(&trace.iter().map(|line| format!("{line}\n")).collect::<String>())?;
            return Ok(Exit::Yes);
        };
        let log = String::from_utf8_lossy(&log);
        let envoy = envoy_trace(&log).ok_or_else(|| {
            Failure::wrong(
                "the log holds no calls of a plugin that served a request",
                "start Envoy with --component-log-level wasm:trace, and send it the request",
            )
        })?;
        match Difference::first(&trace, &envoy) {
            None => {
                terminal.print(&format!("The same {} calls.\n", trace.len()))?;
                Ok(Exit::Yes)
            }
            Some(difference) => {
                terminal.print(&difference.to_string())?;
                Ok(Exit::No)
            }
        }
    }
}
