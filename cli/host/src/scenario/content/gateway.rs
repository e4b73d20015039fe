//! What a gateway of a scenario cannot be.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::hostcalls;

use super::{
    super::{
        format::{FaultSetup, GatewaySetup, RefusalSetup},
        place::Place,
        property,
    },
    Checked,
    grpc::check_bytes,
    no,
};

/// The bound on workers: a VM each.
const MAX_WORKERS: u16 = 16;
/// What a VM may have without a fault, in bytes.
const MAX_MEMORY: u32 = 1 << 30;
/// How long a callback may run, which is counted in steps of the shortest.
const SHORTEST_DEADLINE: SignedDuration = SignedDuration::from_millis(10);
const LONGEST_DEADLINE: SignedDuration = SignedDuration::from_secs(5);

pub(super) fn check(gateway: &GatewaySetup, place: &Place) -> Checked {
    if gateway.workers.is_some_and(|workers| workers == 0 || workers > MAX_WORKERS) {
        return no(&place.key("workers"), "no gateway has as many", format!("expected 1 to {MAX_WORKERS}"));
    }
    if gateway.starts_at.is_some_and(|start| start < Timestamp::UNIX_EPOCH) {
        return no(&place.key("startsAt"), "clocks begin with 1970", "name a later time");
    }
    check_properties(&gateway.properties, &place.key("properties"))?;
    for (name, function) in &gateway.foreign_functions {
        let place = place.key("foreignFunctions").key(name);
        check_bytes(("results", function.results.as_deref()), function.base64.as_deref(), &place)?;
    }
    check_faults(&gateway.faults, &place.key("faults"))
}

fn check_properties(properties: &BTreeMap<String, Value>, place: &Place) -> Checked {
    for (path, value) in properties {
        let here = place.key(path);
        if property::path(path).is_none() {
            return no(&here, format!("`{path}` is no path of a property"), "write it as `xds.node.id` or `a['b.c']`");
        }
        if property::value(value).is_none() {
            return no(
                &here,
                "no property has this value",
                "expected a text, a number of 64 bits, true or false, or lists and maps of them",
            );
        }
    }
    Ok(())
}

fn check_faults(faults: &FaultSetup, place: &Place) -> Checked {
    if faults.memory_bytes.is_some_and(|bytes| bytes == 0 || bytes > MAX_MEMORY) {
        return no(&place.key("memoryBytes"), "no VM has as much", format!("expected 1 to {MAX_MEMORY} bytes"));
    }
    if faults.deadline.is_some_and(|time| !(SHORTEST_DEADLINE..=LONGEST_DEADLINE).contains(&time)) {
        return no(&place.key("deadline"), "no callback ends then", "expected `10ms` to `5s`");
    }
    let calls =
        [("trap", faults.trap.as_ref().map(|trap| trap.call)), ("refusal", faults.refusal.as_ref().map(|at| at.call))];
    if let Some((key, _)) = calls.into_iter().find(|(_, call)| *call == Some(Some(0))) {
        return no(&place.key(key).key("call"), "the first call is number 1", "expected 1 or more");
    }
    match &faults.refusal {
        Some(RefusalSetup { function, .. }) if !hostcalls::is_known(&format!("proxy_{function}")) => {
            let place = place.key("refusal").key("function");
            no(&place, "no gateway provides it", "expected a function of the ABI without its prefix, such as `log`")
        }
        _ => Ok(()),
    }
}
