//! The callouts that a plugin makes, by Envoy's log: on whose behalf, in which order, and of what size.

use std::{collections::BTreeMap, ops::RangeInclusive, time::SystemTime};

use crate::envoy::Entry;

/// What a thread of Envoy does.
#[derive(Default)]
pub(super) struct Running<'a> {
    /// Its callbacks, the innermost last.
    callbacks: Vec<Callback<'a>>,
    /// The last call of the plugin, such as `http_call(1, 2)`.
    call: &'a str,
}

struct Callback<'a> {
    name: &'a str,
    /// The plugin has taken up another context's cause.
    switched: bool,
}

/// The callbacks of root contexts; what is called out in them is the plugin's own, unless it says otherwise.
const OF_ROOTS: [&str; 9] = [
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_tick",
    "proxy_on_queue_ready",
    "proxy_on_http_call_response",
    "proxy_on_grpc_receive_initial_metadata",
    "proxy_on_grpc_receive",
    "proxy_on_grpc_receive_trailing_metadata",
    "proxy_on_grpc_close",
];

impl<'a> Running<'a> {
    /// Goes on to the next line of its log.
    pub(super) fn follow(&mut self, line: &'a str) {
        if let Some(callback) = line.strip_prefix("[host->vm] ") {
            let name = callback.split('(').next().unwrap_or_default();
            self.callbacks.push(Callback { name, switched: false });
        } else if line.starts_with("[host<-vm] ") {
            self.callbacks.pop();
        } else if let Some(call) = line.strip_prefix("[vm->host] env.proxy_") {
            self.call = call;
            if let Some(callback) = self.callbacks.last_mut() {
                callback.switched |= call.starts_with("set_effective_context(");
            }
        }
    }

    /// Whether it runs one of these callbacks.
    pub(super) fn runs(&self, callbacks: &[&str]) -> bool {
        self.callbacks.iter().any(|callback| callbacks.contains(&callback.name))
    }
}

/// Callouts in the order in which they were made, each with some sizes of what it was made of.
pub(super) struct Made(Vec<Vec<usize>>);

impl Made {
    /// What has arrived, in this order: callouts of one breath arrive in any. `None`: the ones are not the others.
    pub(super) fn in_order<T>(self, mut arrived: Vec<T>, sizes: impl Fn(&T) -> Vec<usize>) -> Option<Vec<T>> {
        let mut ordered = Vec::new();
        for made in self.0 {
            let position = arrived.iter().position(|arrival| sizes(arrival) == made)?;
            ordered.push(arrived.remove(position));
        }
        arrived.is_empty().then_some(ordered)
    }
}

/// The calls of these functions of the host that succeeded meanwhile, with what those arguments say that are asked for. `None`:
/// some were made by the plugin itself, on behalf of no stream. The log is the whole one: callbacks may have begun before.
pub(super) fn made<'a>(
    log: impl Iterator<Item = &'a Entry>,
    meanwhile: &RangeInclusive<SystemTime>,
    functions: &[(&str, &[usize])],
) -> Option<Made> {
    let (mut threads, mut made) = (BTreeMap::<u32, Running<'_>>::new(), Vec::new());
    for (entry, call) in log.filter_map(|entry| Some((entry, entry.call()?))) {
        let running = threads.entry(entry.thread).or_default();
        running.follow(call);
        if meanwhile.contains(&entry.at)
            && let Some(function) = call.strip_prefix("[vm<-host] env.proxy_")
            && let Some(function) = function.strip_suffix(" return: 0")
            && let Some((_, asked)) = functions.iter().find(|(name, _)| *name == function)
        {
            if running.callbacks.iter().any(|callback| OF_ROOTS.contains(&callback.name) && !callback.switched) {
                return None;
            }
            let arguments = arguments(running.call)?;
            made.push(asked.iter().map(|number| arguments.get(*number).copied()).collect::<Option<_>>()?);
        }
    }
    Some(Made(made))
}

fn arguments(call: &str) -> Option<Vec<usize>> {
    let (_, arguments) = call.strip_suffix(')')?.split_once('(')?;
    arguments.split(", ").map(|argument| argument.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        ops::RangeInclusive,
        time::{Duration, SystemTime, UNIX_EPOCH},
    };

    use super::{Made, made};
    use crate::{abi::LogLevel, envoy::Entry};

    const HEADERS: &str = "[host->vm] proxy_on_request_headers(2, 8, 1)";
    const TICK: &str = "[host->vm] proxy_on_tick(1)";
    const REPLY: &str = "[host->vm] proxy_on_http_call_response(1, 4, 2, 0, 0)";
    const SWITCH: &str = "[vm->host] env.proxy_set_effective_context(2)";
    const CALL: &str = "[vm->host] env.proxy_http_call(1, 2)";
    const MADE: &str = "[vm<-host] env.proxy_http_call return: 0";

    /// Each line is logged a second behind the one before it, the first at 0.
    fn count_within(seconds: RangeInclusive<u64>, calls: &[(u32, &str)]) -> Option<usize> {
        let entry = |(second, (thread, text)): (u64, &(u32, &str))| Entry {
            at: at(second),
            thread: *thread,
            level: LogLevel::Trace,
            component: "wasm".to_owned(),
            text: (*text).to_owned(),
        };
        let entries: Vec<_> = (0..).zip(calls).map(entry).collect();
        let meanwhile = at(*seconds.start())..=at(*seconds.end());
        let made = made(entries.iter(), &meanwhile, &[("http_call", &[1])])?.0;
        assert!(made.iter().all(|sizes| *sizes == [2]), "{made:?}");
        Some(made.len())
    }

    fn count(calls: &[(u32, &str)]) -> Option<usize> {
        count_within(0..=100, calls)
    }

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    #[test]
    fn callouts_are_counted_by_who_made_them() {
        let refused = "[vm<-host] env.proxy_http_call return: 2";
        let (allocates, allocated) =
            ("[host->vm] proxy_on_memory_allocate(8)", "[host<-vm] proxy_on_memory_allocate return: 8");
        let (one, two) = ((1, CALL), (2, CALL));
        assert_eq!(count(&[(1, HEADERS), (1, allocates), (1, allocated), one, (1, MADE), one, (1, refused)]), Some(1));
        assert_eq!(count(&[(1, TICK), (2, HEADERS), two, (2, MADE)]), Some(1));
        assert_eq!(count(&[(1, HEADERS), (2, TICK), two, (2, MADE)]), None);
        assert_eq!(count(&[(1, REPLY), one, (1, MADE)]), None);
        assert_eq!(count(&[(1, REPLY), (1, SWITCH), one, (1, MADE)]), Some(1));
    }

    #[test]
    fn callouts_are_counted_within_a_time_and_by_callbacks_that_began_before_it() {
        let of_plugin = [(1, TICK), (1, CALL), (1, MADE), (1, "[host<-vm] proxy_on_tick return: void")];
        let of_stream = [(1, HEADERS), (1, CALL), (1, MADE), (1, "[host<-vm] proxy_on_request_headers return: 1")];
        for (seconds, [plugin, stream]) in
            [(0..=1, [Some(0); 2]), (1..=2, [None, Some(1)]), (2..=9, [None, Some(1)]), (3..=9, [Some(0); 2])]
        {
            assert_eq!(count_within(seconds.clone(), &of_plugin), plugin, "{seconds:?}");
            assert_eq!(count_within(seconds.clone(), &of_stream), stream, "{seconds:?}");
        }
    }

    #[test]
    fn what_arrives_is_put_into_the_order_in_which_it_was_made() {
        let in_order = |arrived: &[&'static str]| {
            let made = Made(vec![vec![1], vec![3], vec![1]]);
            made.in_order(arrived.to_vec(), |text: &&str| vec![text.len()])
        };
        assert_eq!(in_order(&["abc", "a", "b"]), Some(vec!["a", "abc", "b"]));
        for others in [&["a", "abc"][..], &["a", "ab", "b"], &["a", "abc", "b", "c"]] {
            assert_eq!(in_order(others), None);
        }
    }
}
