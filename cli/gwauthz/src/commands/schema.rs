//! `gwauthz schema`: JSON Schemas of what gwauthz and the plugin read, for editors and for who writes it.

use clap::{Args, ValueEnum};
use gwauthz_host::scenario;
use gwauthz_policy::{config, revocation};

use crate::{
    exit::{Exit, Failure},
    terminal::Terminal,
};

/// Print the JSON Schema of a kind of file
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Of which kind
    #[arg(value_enum)]
    of: Kind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// What `gwauthz test` runs
    Scenario,
    /// What configures the plugin: `pluginConfig` of a WasmPlugin
    PluginConfig,
    /// What tells the plugin which tokens are revoked: plugin/REVOCATION.md
    RevocationSnapshot,
}

impl SchemaArgs {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let schema = match self.of {
            Kind::Scenario => scenario::schema().to_value(),
            Kind::PluginConfig => config::schema(),
            Kind::RevocationSnapshot => revocation::schema(),
        };
        let text = serde_json::to_string_pretty(&schema).map_err(Failure::bug)?;
        terminal.print(&(text + "\n"))?;
        Ok(Exit::Yes)
    }
}
