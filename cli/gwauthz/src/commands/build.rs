//! `gwauthz build`: from a plugin's crate to a module that a gateway loads.

use std::path::PathBuf;

use clap::Args;
use gwauthz_host::{MAX_MODULE_BYTES, Metering};
use indicatif::HumanBytes;
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    input,
    module::{self, cargo},
    output::{Format, json},
    terminal::Terminal,
};

/// Build a plugin into a module that gateways load
///
/// Builds the plugin of the checkout, or any proxy-wasm crate, for wasm32-wasip1, then checks what came out: the ABI
/// version, that a gateway has every import, and that it starts. The same sources give the same bytes in every folder.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Crate to build [default: the plugin of this checkout]
    #[arg(long, value_name = "CARGO_TOML")]
    manifest_path: Option<PathBuf>,
    /// Write the module to FILE [default: left in cargo's target folder]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Keep the names of functions, for backtraces of traps; the module is a quarter larger
    #[arg(long)]
    names: bool,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

impl BuildArgs {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let manifest = match self.manifest_path {
            Some(path) => path,
            None => module::plugin_manifest()?,
        };
        let names = if self.names { cargo::FunctionNames::Kept } else { cargo::FunctionNames::Stripped };
        let built = cargo::build(&manifest, names, terminal)?.path;
        let bytes = input::read("the module", &built, MAX_MODULE_BYTES as u64)?;
        let checked = module::compiler(true, Metering::Deadline, terminal)?.check(&bytes)?;
        let path = match self.out {
            Some(out) => {
                module::write_whole(&out, &bytes)?;
                out
            }
            None => built,
        };
        let sha256 = checked.sha256();
        terminal.print(&match self.format {
            Format::Human => {
                let size = HumanBytes(bytes.len() as u64);
                format!(
                    "Built {}\n\n  size    {size} ({} bytes)\n  sha256  {sha256}\n  abi     proxy-wasm {}\n",
                    path.display(),
                    bytes.len(),
                    checked.abi()
                )
            }
            Format::Json => json(&json!({
                "schema": "gwauthz.build/v1",
                "path": path,
                "bytes": bytes.len(),
                "sha256": sha256,
                "abi": checked.abi().to_string(),
            }))?,
        })?;
        Ok(Exit::Yes)
    }
}
