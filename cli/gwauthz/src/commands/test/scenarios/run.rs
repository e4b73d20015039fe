//! Runs scenarios, as many at a time as there are cores.

use std::{
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use gwauthz_host::{
    Module, Profile,
    scenario::{Failure as Finding, Place, RunError, Timeline, record, run},
};

use super::{
    Outcome, Summary, Verdict,
    envoy::{OnEnvoy, RealHost},
    files::{Entry, Ready},
};
use crate::terminal::Terminal;

/// The embedded gateway: what it runs, and whom it follows.
pub(super) struct EmbeddedHost {
    pub(super) module: Module,
    pub(super) follows: Profile,
}

/// Runs all files, on a `real` host too if there is one; with `fail_fast`, what stands behind the first that does not hold
/// is left out.
pub(super) fn all(
    entries: Vec<Entry>,
    embedded: &EmbeddedHost,
    real: Option<&RealHost>,
    fail_fast: bool,
    terminal: &Terminal,
) -> Summary {
    let total = entries.len();
    let progress = terminal.progress(format!("0 of {total} scenarios"), None);
    let next = AtomicUsize::new(0);
    let first_failure = AtomicUsize::new(usize::MAX);
    let entries: Vec<_> = entries.into_iter().map(|entry| Mutex::new(Some(entry))).collect();
    let outcomes: Mutex<Vec<(usize, Outcome)>> = Mutex::new(Vec::with_capacity(total));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            // Those before the first failure are still needed, whoever comes to them.
            if fail_fast && number > first_failure.load(Ordering::Relaxed) {
                return;
            }
            let Some(slot) = entries.get(number) else { return };
            let Some(entry) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() else { continue };
            let outcome = one(entry, embedded, real, terminal.is_verbose());
            if !matches!(outcome.verdict, Verdict::Held(_) | Verdict::VirtualOnly(_)) {
                first_failure.fetch_min(number, Ordering::Relaxed);
            }
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes.push((number, outcome));
            progress.set_message(format!("{} of {total} scenarios", outcomes.len()));
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    // A real Envoy has threads of its own, and real time to keep.
    let threads = if real.is_some() { cores.div_ceil(2) } else { cores }.min(total);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    progress.finish_and_clear();
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|(number, _)| *number);
    if fail_fast {
        // What was run behind it by chance is not said: the result is the same each time.
        outcomes.retain(|(number, _)| *number <= first_failure.load(Ordering::Relaxed));
    }
    let not_run = total - outcomes.len();
    Summary { outcomes: outcomes.into_iter().map(|(_, outcome)| outcome).collect(), not_run }
}

fn one(Entry { file, scenario }: Entry, embedded: &EmbeddedHost, real: Option<&RealHost>, verbose: bool) -> Outcome {
    let verdict = scenario.map_or_else(Verdict::Wrong, |ready| verdict(&ready, embedded, real, verbose));
    Outcome { file, verdict }
}

fn verdict(
    ready: &Ready,
    EmbeddedHost { module, follows }: &EmbeddedHost,
    real: Option<&RealHost>,
    verbose: bool,
) -> Verdict {
    let Ready { scenario, configuration } = ready;
    let recorded = || match record(scenario, configuration.as_bytes(), module, *follows) {
        Ok((_, timeline)) => timeline,
        Err(_) => Timeline::default(),
    };
    match run(scenario, configuration.as_bytes(), module, *follows) {
        Ok(observed) => match scenario.check(&observed) {
            failures if failures.is_empty() => match real.map(|real| real.run(ready, &observed)) {
                None | Some(OnEnvoy::Agreed) => Verdict::Held(verbose.then(recorded)),
                Some(OnEnvoy::Parted(parting)) => Verdict::Parted(parting),
                Some(OnEnvoy::VirtualOnly(reason)) => Verdict::VirtualOnly(reason),
                Some(OnEnvoy::Failed(failure)) => Verdict::Wrong(failure),
            },
            failures => Verdict::Failed(failures, recorded()),
        },
        Err(error) => Verdict::Failed(vec![never_ended(ready, &error)], Timeline::default()),
    }
}

/// A run without an end is the plugin's failure, or the scenario's.
fn never_ended(ready: &Ready, error: &RunError) -> Finding {
    let place = Place::default().key("name");
    Finding {
        what: "the run".to_owned(),
        expected: "an end".to_owned(),
        found: error.to_string(),
        range: ready.scenario.range_of(&place),
        place,
    }
}
