//! The plugin decides alike natively and compiled: what crosses between the module and the embedded gateway in a scenario
//! crosses between the same code, compiled for this machine, and a gateway that answers what that one has answered.
//!
//! Compared is every call that the plugin makes, with all its bytes: answers, changes of requests, callouts, lines of the
//! log, metrics; and what its callbacks return.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod native;
#[path = "../envoy/plugin.rs"]
mod plugin;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use gwauthz_host::{
    Compiler, Crossed, Crossing, Profile,
    scenario::{FaultSetup, Scenario, crossings},
};

use gwauthz_policy::Config;

use crate::plugin::PLUGIN;

#[test]
fn native_and_compiled_decide_alike_in_every_scenario() {
    let module = fs::read(&*PLUGIN).expect("the module");
    let module = Compiler::new(None).expect("a compiler").compile(&module).expect("a module that gateways load");
    let (mut compared, mut left_out) = (0, Vec::new());
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios")) {
        let name = file.display().to_string();
        let scenario = Scenario::read(&fs::read_to_string(&file).expect("a scenario")).expect("a scenario");
        // A VM that is lost ends in the middle of a callback, as does one that has nothing to allocate; a manifest is the
        // command's to read.
        let FaultSetup { allocations, memory_bytes, trap, .. } = &scenario.gateway.faults;
        if allocations.is_some() || memory_bytes.is_some() || trap.is_some() || scenario.plugin.manifest.is_some() {
            left_out.push(name);
            continue;
        }
        let configuration = scenario.plugin.config.as_ref().map_or_else(|| "{}".to_owned(), ToString::to_string);
        let (observed, crossings) = crossings(&scenario, configuration.as_bytes(), &module, Profile::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        for line in &observed.logs {
            assert!(
                !line.message.contains(char::is_control),
                "{name}: no line of a log holds a control character: {line:?}"
            );
        }
        if !observed.started {
            let refused =
                refusal(&configuration, &scenario).unwrap_or_else(|| panic!("{name}: natively it is accepted"));
            assert!(observed.logs.iter().any(|line| line.message.ends_with(&refused)), "{name}: {refused}");
        }
        for vm in vms(crossings) {
            assert_answers_once(&name, &vm);
            if let Err(difference) = native::replay(vm, &scenario.plugin.environment) {
                panic!("{name}: native and compiled differ: {difference}");
            }
            compared += 1;
        }
    }
    assert!(compared >= 120, "{compared} VMs");
    assert!(left_out.len() <= 8, "{left_out:#?}");
}

/// Why the policy refuses a configuration natively.
fn refusal(configuration: &str, scenario: &Scenario) -> Option<String> {
    let secrets = |name: &str| scenario.plugin.environment.get(name).cloned();
    let parsed = Config::from_slice(configuration.as_bytes());
    let filled = parsed.and_then(|mut parsed| parsed.config.fill_secrets(secrets));
    filled.err().map(|errors| errors.to_string())
}

/// Never two local replies of one stream.
fn assert_answers_once(name: &str, vm: &[Crossed]) {
    let (mut effective, mut answered) = (0, BTreeMap::new());
    for crossed in vm {
        match crossed {
            Crossed::Callback("proxy_on_context_create", arguments) => drop(answered.insert(arguments[0], 0)),
            Crossed::Callback(_, arguments) => effective = arguments.first().copied().unwrap_or_default(),
            Crossed::Call("proxy_set_effective_context", arguments) => effective = arguments[0],
            Crossed::Call("proxy_send_local_response", _) => {
                let count = answered.entry(effective).or_default();
                *count += 1;
                assert_eq!(*count, 1, "{name}: the stream {effective} is answered again");
            }
            _ => {}
        }
    }
}

/// The crossings of each VM, but for calls of WASI: natively the standard library calls others.
fn vms(crossings: Vec<Crossing>) -> Vec<Vec<Crossed>> {
    let mut vms: BTreeMap<u32, Vec<Crossed>> = BTreeMap::new();
    let mut in_wasi = false;
    for Crossing { vm, what } in crossings {
        in_wasi |= matches!(what, Crossed::Call(name, _) if !name.starts_with("proxy_"));
        let answered = matches!(what, Crossed::Answered(_));
        if !in_wasi {
            vms.entry(vm).or_default().push(what);
        }
        in_wasi &= !answered;
    }
    vms.into_values().collect()
}

/// The scenario files of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    files
}
