//! `gwauthz test SCENARIO…`: whether a gateway with the plugin does what scenario files say.

mod envoy;
mod files;
mod human;
mod json;
mod junit;
mod run;
mod watch;

use std::{path::PathBuf, time::Instant};

use clap::Args;
use gwauthz_host::{
    Metering, Profile,
    scenario::{Failure as Finding, Timeline},
};

use crate::{
    exit::{Exit, Failure},
    module,
    terminal::Terminal,
};

use super::TestFormat;
use envoy::{Host, Parting, RealHost};
use files::ScenarioFile;
use run::EmbeddedHost;

/// Which scenarios, and how they are run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Scenarios")]
pub(crate) struct ScenarioArgs {
    /// Scenario files, and folders of them (.yaml, .yml), to run instead of one request
    #[arg(value_name = "SCENARIO|FOLDER", conflicts_with_all = ["token", "claims", "config", "plugin", "method", "path", "headers", "authz", "expect", "probe"])]
    pub(super) scenarios: Vec<PathBuf>,
    /// Run only scenarios whose file or name contains this; may be given several times
    #[arg(long, value_name = "TEXT", requires = "scenarios")]
    filter: Vec<String>,
    /// Stop at the first scenario that does not hold
    #[arg(long, requires = "scenarios")]
    fail_fast: bool,
    /// Where to run them
    #[arg(long, value_name = "HOST", default_value = "embedded", requires = "scenarios")]
    host: Host,
    /// Envoy's program, for `--host envoy` [default: the one on PATH]
    #[arg(long, value_name = "FILE", requires = "scenarios")]
    envoy: Option<PathBuf>,
    /// Run again whenever a scenario, a manifest or the module changes, until Ctrl-C
    #[arg(long, requires = "scenarios")]
    watch: bool,
}

/// What the other options of the command say.
pub(super) struct Settings {
    pub(super) module: Option<PathBuf>,
    pub(super) use_cache: bool,
    pub(super) profile: Profile,
    pub(super) format: TestFormat,
}

/// What became of a scenario file.
pub(super) struct Outcome {
    pub(super) file: ScenarioFile,
    pub(super) verdict: Verdict,
}

/// Whether a scenario held.
pub(super) enum Verdict {
    /// Everything was as expected; the timeline where it was asked for.
    Held(Option<Timeline>),
    /// Something was not.
    Failed(Vec<Finding>, Timeline),
    /// It held on the embedded gateway; a real Envoy makes something else of it.
    Parted(Parting),
    /// It held on the embedded gateway, and cannot be run on a real Envoy; why.
    VirtualOnly(String),
    /// The file, or the manifest that it names, is wrong.
    Wrong(Failure),
}

/// What became of all of them, in the order of the files.
pub(super) struct Summary {
    pub(super) outcomes: Vec<Outcome>,
    /// How many were left out behind the first failure.
    pub(super) not_run: usize,
}

impl ScenarioArgs {
    pub(super) fn execute(&self, settings: &Settings, terminal: &Terminal) -> Result<Exit, Failure> {
        if self.envoy.is_some() && self.host == Host::Embedded {
            return Err(Failure::wrong("--envoy is for --host envoy", "add it, or leave both out"));
        }
        if self.host == Host::Envoy && settings.profile == Profile::Spec {
            return Err(Failure::wrong(
                "--profile spec is for the embedded gateway: Envoy follows itself",
                "leave it out, or `--host envoy`",
            ));
        }
        if self.watch { watch::watch(self, settings, terminal) } else { self.run(settings, terminal) }
    }

    /// Runs all of them once, and prints what became of them.
    fn run(&self, settings: &Settings, terminal: &Terminal) -> Result<Exit, Failure> {
        let files = files::read(&self.scenarios, &self.filter)?;
        let chosen = module::choose(settings.module.as_deref(), terminal)?;
        let module = module::compiler(settings.use_cache, Metering::Deadline, terminal)?.compile(&chosen.bytes)?;
        let real = match self.host {
            Host::Embedded => None,
            Host::Envoy => Some(RealHost::find(self.envoy.as_deref(), &chosen.bytes, terminal)?),
        };
        let embedded = EmbeddedHost { module, follows: settings.profile };
        let begin = Instant::now();
        let summary = run::all(files, &embedded, real.as_ref(), self.fail_fast, terminal);
        let took = begin.elapsed();
        for outcome in &summary.outcomes {
            if let Verdict::Wrong(failure) = &outcome.verdict {
                terminal.report(failure);
            }
        }
        terminal.print(&match settings.format {
            TestFormat::Human => human::render(&summary, terminal.is_verbose()),
            TestFormat::Json => json::render(&summary)?,
            TestFormat::Junit => junit::render(&summary)?,
        })?;
        // Not a part of the result, which is the same each time.
        terminal.note(&format!("ran in {} ms", took.as_millis()));
        Ok(summary.exit())
    }
}

impl Summary {
    /// What is wrong may hide anything, so that it outweighs what does not hold.
    fn exit(&self) -> Exit {
        let wrong = self.outcomes.iter().find_map(|outcome| match &outcome.verdict {
            Verdict::Wrong(failure) => Some(failure.exit()),
            _ => None,
        });
        match wrong {
            Some(exit) => exit,
            None if self.failed() > 0 => Exit::No,
            None => Exit::Yes,
        }
    }

    pub(super) fn held(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Held(_)))
    }

    pub(super) fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed(..) | Verdict::Parted(_)))
    }

    pub(super) fn virtual_only(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::VirtualOnly(_)))
    }

    pub(super) fn wrong(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Wrong(_)))
    }

    fn count(&self, which: impl Fn(&Verdict) -> bool) -> usize {
        self.outcomes.iter().filter(|outcome| which(&outcome.verdict)).count()
    }
}
