//! Every denial is expected by a scenario that a real Envoy runs too.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use gwauthz_host::{
    Compiler, Profile,
    scenario::{Scenario, Step, run, virtual_only},
};
use gwauthz_policy::Denial;

use crate::{plugin::PLUGIN, scenarios::configuration};

/// Denials that a real Envoy gives no occasion for, and why.
const EMBEDDED_ONLY: [(Denial, &str); 1] =
    [(Denial::GatewayFailure, "Envoy refuses no change that the plugin asks for")];

#[test]
fn a_scenario_that_runs_on_envoy_expects_each_denial() {
    let module = fs::read(&*PLUGIN).expect("read the module");
    let module = Compiler::new(None).expect("a compiler").compile(&module).expect("a module");
    let (mut on_envoy, mut embedded_only) = (BTreeSet::new(), BTreeSet::new());
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios")) {
        let text = fs::read_to_string(&file).expect("read the scenario");
        let scenario = Scenario::read(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        // A manifest is for the command to read.
        if scenario.plugin.manifest.is_some() {
            continue;
        }
        let observed = run(&scenario, &configuration(&scenario), &module, Profile::Envoy).expect("a run");
        let codes = if virtual_only(&scenario, &observed).is_some() { &mut embedded_only } else { &mut on_envoy };
        codes.extend(expected_codes(&scenario));
    }
    let excused = |denial: Denial| EMBEDDED_ONLY.iter().any(|(one, _)| *one == denial);
    for denial in Denial::ALL {
        let code = denial.code();
        assert_eq!(on_envoy.contains(code), !excused(denial), "{code}");
        assert!(on_envoy.contains(code) || embedded_only.contains(code), "{code}: no scenario at all");
    }
}

/// The codes of the problems that its requests are to be answered with.
fn expected_codes(scenario: &Scenario) -> Vec<String> {
    let requests = scenario.steps.iter().filter_map(|step| match step {
        Step::Request(request) => request.expect.as_ref(),
        _ => None,
    });
    let codes = requests.filter_map(|expect| Some(expect.json.as_ref()?.get("code")?.as_str()?.to_owned()));
    codes.collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("list the scenarios").map(|entry| entry.expect("an entry").path());
    let all = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    all.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect()
}
