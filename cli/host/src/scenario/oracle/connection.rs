//! What became of a TCP connection, as its two sides, Envoy's access log and the calls of the plugin tell it.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    time::{Instant, SystemTime},
};

use crate::{
    envoy::Entry,
    fault::Fault,
    gateway::{Disconnection, Received, Side},
    scenario::{ObservedBytes, ObservedCallout, ObservedConnection},
};

use super::{
    OracleError,
    calls::Running,
    converse::{Conversed, Said},
};

/// A connection that was played.
pub(super) struct Played {
    /// Its step among those with connections, and its number within.
    pub(super) slot: (usize, usize),
    pub(super) conversed: Conversed,
    /// When Envoy and the plugin had to do with it.
    pub(super) meanwhile: RangeInclusive<SystemTime>,
}

/// What else is known about the time of a connection.
pub(super) struct Surroundings<'a> {
    pub(super) start: Instant,
    /// Whether it was alone under way.
    pub(super) alone: bool,
    /// What workers logged, up to its end.
    pub(super) log: &'a [&'a Entry],
    pub(super) callouts: Option<Vec<ObservedCallout>>,
    pub(super) grpc_callouts: Option<Vec<usize>>,
    pub(super) logs: std::ops::Range<usize>,
}

/// Why Envoy closes a connection without its plugin: that has refused its configuration.
const UNCONFIGURED: &str = "no_filters";
/// What a plugin that closes a connection has Envoy say, even where it was closed already.
const CLOSED_BY_PLUGIN: [&str; 2] = ["wasm_downstream_close", "wasm_upstream_close"];
/// Callbacks of connections that are closed already.
const LAST_CALLBACKS: [&str; 4] =
    ["proxy_on_downstream_connection_close", "proxy_on_done", "proxy_on_log", "proxy_on_delete"];
const RESET: Option<&str> = Some("RemoteReset");

/// # Errors
/// Where Envoy does not tell how it ended.
pub(super) fn observed(played: &Played, around: Surroundings<'_>) -> Result<ObservedConnection, OracleError> {
    let Conversed { client, upstream, .. } = &played.conversed;
    let ending = ending(played, &around)?;
    let tells_ends = ending == Some(Disconnection::Ended) && !holds_an_end(played, around.log);
    Ok(ObservedConnection {
        at: played.conversed.began.saturating_duration_since(around.start),
        took: played.conversed.took,
        to_client: bytes(client, upstream, tells_ends),
        to_upstream: bytes(upstream, client, tells_ends),
        ending,
        callouts: around.callouts,
        grpc_callouts: around.grpc_callouts,
        foreign_calls: None,
        logs: Some(around.logs),
    })
}

/// What a side got. An end that it saw is the other's, or Envoy's own where that has closed the connection.
fn bytes(side: &Said, other: &Said, tells_ends: bool) -> ObservedBytes {
    let Received { bytes, ended } = &side.got;
    let ended = match (*ended && other.has_ended, tells_ends) {
        (false, _) => Some(false),
        (true, true) => Some(true),
        (true, false) => None,
    };
    ObservedBytes { bytes: bytes.clone(), ended }
}

fn ending(played: &Played, around: &Surroundings<'_>) -> Result<Option<Disconnection>, OracleError> {
    let Conversed { client, upstream, ended, .. } = &played.conversed;
    let Some(ended) = ended else { return Ok(None) };
    let both_have_ended = client.has_ended && upstream.has_ended;
    let reason = ended.close_reason.as_deref().unwrap_or_default();
    let traps = |since: Option<&SystemTime>| {
        let mut recent = around.log.iter().filter(|entry| since.is_none_or(|since| entry.at >= *since));
        recent.any(|entry| is_trap(entry))
    };
    let is_closed_by_plugin = || CLOSED_BY_PLUGIN.contains(&reason) && closes_in_time(played, around.log);
    Ok(Some(if reason == UNCONFIGURED || is_closed_by_plugin() {
        Disconnection::Closed
    } else if ended.client_close.as_deref() == RESET {
        Disconnection::Reset(Side::Client)
    } else if ended.upstream_close.as_deref() == RESET {
        Disconnection::Reset(Side::Upstream)
    } else if both_have_ended && !traps(Some(played.meanwhile.start())) {
        Disconnection::Ended
    } else if traps(None) && (around.alone || !both_have_ended) {
        Disconnection::Trapped(Fault {
            callback: "",
            reason: "the plugin has trapped, now or before".to_owned(),
            backtrace: Vec::new(),
            last_calls: Vec::new(),
        })
    } else {
        return Err(OracleError::VirtualOnly("envoy does not tell how a connection ended".to_owned()));
    }))
}

fn is_trap(entry: &Entry) -> bool {
    entry.component == "wasm" && entry.text.starts_with("Function: ") && entry.text.contains(" failed: ")
}

/// Whether a plugin has held the end of any direction meanwhile: that passes only by what it does later, if ever.
fn holds_an_end(played: &Played, log: &[&Entry]) -> bool {
    let mut shown = BTreeMap::new();
    calls(played, log).any(|(thread, call)| {
        if let Some(shows) = call.strip_prefix("[host->vm] ").filter(|call| is_of_data(call)) {
            shown.insert(thread, shows.ends_with(", 1)"));
        }
        let returns = call.strip_prefix("[host<-vm] ").filter(|call| is_of_data(call));
        returns.is_some_and(|call| call.ends_with(" return: 1") && shown.get(&thread) == Some(&true))
    })
}

/// Whether a plugin has closed a connection meanwhile that was still open.
fn closes_in_time(played: &Played, log: &[&Entry]) -> bool {
    let mut threads = BTreeMap::<u32, Running<'_>>::new();
    calls(played, log).any(|(thread, call)| {
        let running = threads.entry(thread).or_default();
        running.follow(call);
        call.starts_with("[vm->host] env.proxy_close_stream(") && !running.runs(&LAST_CALLBACKS)
    })
}

/// The calls between Envoy and plugins meanwhile, with their threads.
fn calls<'a>(played: &Played, log: &[&'a Entry]) -> impl Iterator<Item = (u32, &'a str)> {
    let meanwhile = log.iter().filter(|entry| played.meanwhile.contains(&entry.at));
    meanwhile.filter_map(|entry| Some((entry.thread, entry.call()?)))
}

fn is_of_data(call: &str) -> bool {
    ["proxy_on_downstream_data", "proxy_on_upstream_data"].iter().any(|callback| call.starts_with(callback))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    use super::{Conversed, Played, Received, Said, Surroundings, observed};
    use crate::{
        abi::LogLevel,
        envoy::{Ended, Entry},
        gateway::{Disconnection, Side},
    };

    fn said(got: (&str, bool), has_ended: bool) -> Said {
        Said { got: Received { bytes: got.0.into(), ended: got.1 }, has_ended }
    }

    fn entry(seconds: u64, component: &str, text: &str) -> Entry {
        let at = UNIX_EPOCH + Duration::from_secs(seconds);
        Entry { at, thread: 1, level: LogLevel::Trace, component: component.to_owned(), text: text.to_owned() }
    }

    /// A connection from second 10 to second 20 on which both sides end, and what is found of it: its ending, and whether
    /// each side's end has reached the other.
    fn found(
        change: impl Fn(&mut Conversed, &mut Ended),
        log: &[Entry],
        alone: bool,
    ) -> Result<(Option<Disconnection>, [Option<bool>; 2]), String> {
        let address = "127.0.0.1:1".parse().unwrap();
        let mut ended = Ended {
            client: address,
            upstream: None,
            status: 0,
            details: None,
            flags: "-".to_owned(),
            close_reason: None,
            client_close: Some("Normal".to_owned()),
            upstream_close: Some("Normal".to_owned()),
        };
        let mut conversed = Conversed {
            address,
            began: Instant::now(),
            took: Duration::ZERO,
            client: said(("a", true), true),
            upstream: said(("b", true), true),
            ended: None,
        };
        change(&mut conversed, &mut ended);
        conversed.ended = Some(ended).filter(|ended| ended.flags == "-");
        let time = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let meanwhile: std::ops::RangeInclusive<SystemTime> = time(10)..=time(20);
        let log: Vec<_> = log.iter().collect();
        let around =
            Surroundings { start: Instant::now(), alone, log: &log, callouts: None, grpc_callouts: None, logs: 0..0 };
        let found =
            observed(&Played { slot: (0, 0), conversed, meanwhile }, around).map_err(|error| error.to_string())?;
        Ok((found.ending, [found.to_client.ended, found.to_upstream.ended]))
    }

    #[test]
    fn endings_are_told_by_the_access_log() {
        let without_log = |change: fn(&mut Conversed, &mut Ended)| found(change, &[], true).unwrap();
        let both = [Some(true); 2];
        assert_eq!(without_log(|_, _| ()), (Some(Disconnection::Ended), both));
        // An end that nobody has sent is the gateway's own.
        let closed = without_log(|conversed, ended| {
            ended.close_reason = Some("no_filters".to_owned());
            conversed.upstream = said(("", false), false);
        });
        assert_eq!(closed, (Some(Disconnection::Closed), [Some(false); 2]));
        let reset = |side| (Some(Disconnection::Reset(side)), [None; 2]);
        let by_client = without_log(|_, ended| ended.client_close = Some("RemoteReset".to_owned()));
        assert_eq!(by_client, reset(Side::Client));
        // The reset is handed on.
        let by_upstream = without_log(|_, ended| {
            ended.client_close = Some("LocalReset".to_owned());
            ended.upstream_close = Some("RemoteReset".to_owned());
        });
        assert_eq!(by_upstream, reset(Side::Upstream));
        assert_eq!(without_log(|_, ended| ended.flags.clear()), (None, [None; 2]));
    }

    #[test]
    fn a_plugin_closes_what_is_still_open() {
        let closed_in = |callback| {
            let log = [
                entry(15, "wasm", &format!("[host->vm] {callback}(2, 1)")),
                entry(15, "wasm", "[vm->host] env.proxy_close_stream(2)"),
            ];
            found(|_, ended| ended.close_reason = Some("wasm_downstream_close".to_owned()), &log, true).unwrap()
        };
        assert_eq!(closed_in("proxy_on_tick"), (Some(Disconnection::Closed), [None; 2]));
        assert_eq!(closed_in("proxy_on_log"), (Some(Disconnection::Ended), [Some(true); 2]));
    }

    #[test]
    fn a_trap_is_told_by_the_log() {
        let traps =
            |seconds| entry(seconds, "wasm", "Function: proxy_on_downstream_data failed: Uncaught RuntimeError");
        let one_ends = |conversed: &mut Conversed, _: &mut Ended| conversed.upstream.has_ended = false;
        let trapped = |found: Result<(Option<Disconnection>, [Option<bool>; 2]), String>| {
            matches!(found, Ok((Some(Disconnection::Trapped(_)), [Some(false), None])))
        };
        for seconds in [1, 15] {
            assert!(trapped(found(one_ends, &[traps(seconds)], false)));
        }
        let untold = Err("virtual-only: envoy does not tell how a connection ended".to_owned());
        assert_eq!(found(one_ends, &[entry(15, "main", "Function: a failed: b")], true), untold);
        // It may have been on behalf of another connection.
        assert_eq!(found(|_, _| (), &[traps(15)], false), untold);
        assert!(matches!(found(|_, _| (), &[traps(15)], true), Ok((Some(Disconnection::Trapped(_)), _))));
        assert_eq!(found(|_, _| (), &[traps(1)], true).unwrap().0, Some(Disconnection::Ended));
    }

    #[test]
    fn an_end_that_the_plugin_holds_is_left_open() {
        let ends = |end: u8, returns: u8, seconds| {
            let log = [
                entry(seconds, "wasm", &format!("[host->vm] proxy_on_upstream_data(2, 4, {end})")),
                entry(seconds, "wasm", "[host->vm] proxy_on_memory_allocate(1)"),
                entry(seconds, "wasm", "[host<-vm] proxy_on_memory_allocate return: 1"),
                entry(seconds, "wasm", &format!("[host<-vm] proxy_on_upstream_data return: {returns}")),
            ];
            found(|_, _| (), &log, true).unwrap().1
        };
        assert_eq!(ends(1, 1, 15), [None; 2]);
        for (end, returns, seconds) in [(0, 1, 15), (1, 0, 15), (1, 1, 5)] {
            assert_eq!(ends(end, returns, seconds), [Some(true); 2]);
        }
    }
}
