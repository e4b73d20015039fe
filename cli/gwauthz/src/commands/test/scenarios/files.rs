//! Scenario files: found, read, and joined with the manifests that they name.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use gwauthz_host::scenario::{FailStrategy, MAX_SCENARIO_BYTES, Scenario};

use crate::{
    exit::Failure,
    input,
    manifests::{self, wrong_at},
    request::deployed_plugin,
};

/// A scenario file.
pub(in super::super) struct ScenarioFile {
    /// Its path as people see it.
    pub(in super::super) name: String,
    /// What stands in it.
    text: String,
    /// The scenario's name, where it could be read.
    pub(in super::super) title: Option<String>,
}

/// A file, and the scenario in it or what is wrong with it.
pub(super) struct Entry {
    pub(super) file: ScenarioFile,
    pub(super) scenario: Result<Ready, Failure>,
}

/// A scenario that can be run.
pub(in super::super) struct Ready {
    pub(in super::super) scenario: Scenario,
    /// The plugin's configuration: JSON text.
    pub(in super::super) configuration: String,
}

/// Reads what `paths` name; a folder stands for the files in it and below, in order. Of those, the ones whose path or
/// name contains one of `filters`, if there are any.
pub(super) fn read(paths: &[PathBuf], filters: &[String]) -> Result<Vec<Entry>, Failure> {
    let found = manifests::files(paths, &["yaml", "yml"], "scenario")?;
    let mut entries: Vec<_> = found.iter().map(|path| Entry::read(path)).collect();
    entries.retain(|entry| filters.is_empty() || filters.iter().any(|filter| entry.file.is_named(filter)));
    if entries.is_empty() {
        return Err(Failure::wrong(
            format!("no scenario has {} in its file or its name", filters.join(" or ")),
            "leave --filter out to see what there is",
        ));
    }
    Ok(entries)
}

/// The manifests that scenarios take their configurations from.
pub(super) fn manifests_of(entries: &[Entry]) -> Vec<PathBuf> {
    let manifest = |Entry { file, scenario }: &Entry| {
        let manifest = scenario.as_ref().ok()?.scenario.plugin.manifest.as_ref()?;
        Some(beside(Path::new(&file.name), &manifest.file))
    };
    entries.iter().filter_map(manifest).collect()
}

impl Entry {
    /// A file that cannot be read keeps the others from nothing.
    fn read(path: &Path) -> Self {
        let name = path.display().to_string();
        // A byte more, so that the reader of scenarios says what is too large.
        let text = input::read_text("the scenario", path, MAX_SCENARIO_BYTES as u64 + 1);
        let (text, scenario) = match text {
            Ok(text) => (text.to_string(), ready(path, &name, &text)),
            Err(failure) => (String::new(), Err(failure)),
        };
        let title = scenario.as_ref().ok().map(|ready| ready.scenario.name.clone());
        Self { file: ScenarioFile { name, text, title }, scenario }
    }
}

impl ScenarioFile {
    /// The line and the column at which a range begins, from 1; columns in characters.
    pub(super) fn position(&self, range: &Range<usize>) -> (usize, usize) {
        let before = self.text.get(..range.start).unwrap_or(&self.text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }

    fn is_named(&self, filter: &str) -> bool {
        self.name.contains(filter) || self.title.as_ref().is_some_and(|title| title.contains(filter))
    }
}

fn ready(path: &Path, name: &str, text: &str) -> Result<Ready, Failure> {
    let mut scenario = Scenario::read(text)
        .map_err(|error| wrong_at(name, text.to_owned(), error.range, error.message, error.help))?;
    let plugin = &mut scenario.plugin;
    let configuration = match &plugin.manifest {
        Some(manifest) => {
            let deployed = deployed_plugin(&beside(path, &manifest.file), manifest.plugin.as_deref())?;
            plugin.fail_strategy.get_or_insert(match deployed.fail_strategy {
                "FAIL_OPEN" => FailStrategy::Open,
                "FAIL_RELOAD" => FailStrategy::Reload,
                _ => FailStrategy::Close,
            });
            for (name, value) in deployed.environment {
                plugin.environment.entry(name).or_insert(value);
            }
            deployed.config
        }
        None => plugin.config.as_ref().map(ToString::to_string),
    };
    Ok(Ready { scenario, configuration: configuration.unwrap_or_else(|| "{}".to_owned()) })
}

/// A file that another one names.
fn beside(path: &Path, name: &str) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).join(name)
}
