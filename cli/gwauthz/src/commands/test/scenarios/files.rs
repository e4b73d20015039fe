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
    pub(in super::super) text: String,
    /// The scenario, ready to be run; or what is wrong with it.
    pub(in super::super) scenario: Result<Ready, Option<Failure>>,
}

/// A scenario that can be run.
pub(in super::super) struct Ready {
    pub(in super::super) scenario: Scenario,
    /// The plugin's configuration: JSON text.
    pub(in super::super) configuration: String,
}

/// Reads what `paths` name; a folder stands for the files in it and below, in order. Of those, the ones whose path or
/// name contains one of `filters`, if there are any.
pub(super) fn read(paths: &[PathBuf], filters: &[String]) -> Result<Vec<ScenarioFile>, Failure> {
    let mut files = Vec::new();
    for path in manifests::files(paths, &["yaml", "yml"], "scenario")? {
        files.push(ScenarioFile::read(&path)?);
    }
    files.retain(|file| filters.is_empty() || filters.iter().any(|filter| file.is_named(filter)));
    if files.is_empty() {
        return Err(Failure::wrong(
            format!("no scenario has {} in its file or its name", filters.join(" or ")),
            "leave --filter out to see what there is",
        ));
    }
    Ok(files)
}

/// The manifests that scenarios take their configurations from.
pub(super) fn manifests_of(files: &[ScenarioFile]) -> Vec<PathBuf> {
    let manifest = |file: &ScenarioFile| {
        let ready = file.scenario.as_ref().ok()?;
        Some(beside(Path::new(&file.name), &ready.scenario.plugin.manifest.as_ref()?.file))
    };
    files.iter().filter_map(manifest).collect()
}

impl ScenarioFile {
    fn read(path: &Path) -> Result<Self, Failure> {
        // A bit more, so that the reader's own message says what is too large.
        let text = input::read_text("the scenario", path, MAX_SCENARIO_BYTES as u64 + 1)?.to_string();
        let name = path.display().to_string();
        let scenario = ready(path, &name, &text).map_err(Some);
        Ok(Self { name, text, scenario })
    }

    /// The scenario's name, where it could be read.
    pub(super) fn title(&self) -> Option<&str> {
        self.scenario.as_ref().ok().map(|ready| ready.scenario.name.as_str())
    }

    /// The line and the column at which a range begins, from 1; columns in characters.
    pub(super) fn position(&self, range: &Range<usize>) -> (usize, usize) {
        let before = self.text.get(..range.start).unwrap_or(&self.text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }

    fn is_named(&self, filter: &str) -> bool {
        self.name.contains(filter) || self.title().is_some_and(|title| title.contains(filter))
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
