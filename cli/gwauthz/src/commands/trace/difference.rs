//! Two traces side by side.

use std::{collections::BTreeMap, fmt};

/// The first place at which two traces differ, with what led there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    before: Vec<String>,
    embedded: Option<String>,
    envoy: Option<String>,
}

/// How many calls before a difference are shown.
const CONTEXT: usize = 5;
/// The call by which a gateway takes a plugin down: what follows belongs to no request.
const SHUTDOWN: &str = "[host->vm] proxy_on_done(1)";

impl Difference {
    /// Compares as far as the embedded gateway's trace goes: Envoy may have served more.
    pub(super) fn first(embedded: &[String], envoy: &[&str]) -> Option<Self> {
        let at = embedded.iter().enumerate().position(|(at, line)| envoy.get(at) != Some(&line.as_str()))?;
        Some(Self {
            before: embedded.iter().take(at).skip(at.saturating_sub(CONTEXT)).cloned().collect(),
            embedded: embedded.get(at).cloned(),
            envoy: envoy.get(at).map(|line| (*line).to_owned()),
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.before {
            writeln!(f, "  {line}")?;
        }
        let shown = |line: &Option<String>| line.clone().unwrap_or_else(|| "(the trace ends)".to_owned());
        writeln!(f, "- {}  embedded gateway\n+ {}  Envoy", shown(&self.embedded), shown(&self.envoy))
    }
}

/// The calls of the worker that served the first stream in a log of Envoy, from the start of its VM; none where no
/// worker did.
pub(super) fn envoy_trace(log: &str) -> Option<Vec<&str>> {
    let mut threads: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in log.lines() {
        // [time][thread][level][component] [source] [host->vm] …
        let thread = line.split("][").nth(1).unwrap_or_default();
        let call = ["[host->vm] ", "[host<-vm] ", "[vm->host] ", "[vm<-host] "].iter().find_map(|mark| line.find(mark));
        if let Some(call) = call.and_then(|at| line.get(at..)) {
            threads.entry(thread).or_default().push(call);
        }
    }
    let serves =
        |calls: &Vec<&str>| calls.iter().any(|call| call.starts_with("[host->vm] proxy_on_context_create(2, 1)"));
    let mut calls = threads.into_values().find(serves)?;
    if let Some(end) = calls.iter().position(|call| *call == SHUTDOWN) {
        calls.truncate(end);
    }
    Some(calls)
}

#[cfg(test)]
mod tests {
    use super::{Difference, envoy_trace};

    const LOG: &str = "\
[2026-01-01 00:00:00.001][7][trace][wasm] [source/extensions/common/wasm/wasm_vm.cc:39] [host->vm] proxy_on_context_create(1, 0)
[2026-01-01 00:00:00.001][7][info][wasm] [source/extensions/common/wasm/context.cc:1151] wasm log: hello
[2026-01-01 00:00:00.002][8][trace][wasm] [source/extensions/common/wasm/wasm_vm.cc:39] [host->vm] proxy_on_context_create(2, 1)
[2026-01-01 00:00:00.002][8][trace][wasm] [source/extensions/common/wasm/wasm_vm.cc:39] [host<-vm] proxy_on_context_create return: void
[2026-01-01 00:00:00.003][8][trace][wasm] [source/extensions/common/wasm/wasm_vm.cc:39] [host->vm] proxy_on_done(1)
";

    #[test]
    fn the_worker_that_served_is_found_up_to_its_shutdown() {
        let calls = envoy_trace(LOG).unwrap();
        assert_eq!(
            calls,
            ["[host->vm] proxy_on_context_create(2, 1)", "[host<-vm] proxy_on_context_create return: void"]
        );
        assert_eq!(envoy_trace("nothing\n"), None);
    }

    #[test]
    fn the_first_difference_is_shown() {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(Difference::first(&lines(&["a", "b"]), &["a", "b", "c"]), None);
        let difference = Difference::first(&lines(&["a", "b"]), &["a", "c"]).unwrap();
        assert_eq!(difference.to_string(), "  a\n- b  embedded gateway\n+ c  Envoy\n");
        let shorter = Difference::first(&lines(&["a", "b"]), &["a"]).unwrap();
        assert!(shorter.to_string().contains("+ (the trace ends)  Envoy"));
    }
}
