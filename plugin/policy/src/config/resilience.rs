//! What becomes of requests while the authorization service is unavailable: other endpoints, retries, the breaker.

use std::{rc::Rc, time::Duration};

use crate::{
    callout::{BreakerLimits, Persistence, Retry},
    endpoint::Endpoint,
};

use super::{
    callout,
    endpoint::{self, AUTHORITY_KEY, cluster_key, path_key},
    keys::{Key, Value, about},
    reader::{Issues, Reader},
    values::{Refusal, list, whole_in},
};

pub(super) const FALLBACK: &[Key] = &[
    cluster_key("Required. The Envoy cluster of the service."),
    path_key(None, "The path at which it is asked. Default: `authorizeUrl`."),
    AUTHORITY_KEY,
];

pub(super) const RETRY: &[Key] = &[
    Key {
        name: "attempts",
        value: Value::Whole(1..=5),
        default: Some("2"),
        about: about("How often one service is asked at most on behalf of a request, the first time included."),
    },
    // Not `on`, which YAML 1.1, and so `kubectl`, takes for true.
    Key {
        name: "statuses",
        value: Value::List(&STATUS),
        default: Some("[502, 503, 504]"),
        about: about(
            "The statuses upon which it is asked again, of 502, 503 and 504; a reset is always one. For a connection that is \
                refused Envoy says 503, for a time-out 504.",
        ),
    },
    Key {
        name: "budgetPercent",
        value: Value::Whole(1..=100),
        default: Some("10"),
        about: about(
            "How many retries there may be, in percent of the requests of a worker; ten more may be saved up. The others \
                go on to the next service, or are denied.",
        ),
    },
    Key {
        name: "backoff",
        value: Value::Duration(Duration::ZERO..=Duration::from_secs(10)),
        default: Some(r#""25ms""#),
        about: about(
            "How long to wait before a retry, less up to a half by chance. Each further retry of a request waits twice as \
                long as the one before, up to ten times of this.",
        ),
    },
];

const STATUSES: std::ops::RangeInclusive<u64> = 502..=504;
const STATUS: Value = Value::Whole(STATUSES);

pub(super) const BREAKER: &[Key] = &[
    Key {
        name: "failures",
        value: Value::Whole(1..=1000),
        default: Some("5"),
        about: about("How often one behind the other the service is unavailable before it is not asked any more."),
    },
    Key {
        name: "openFor",
        value: Value::Duration(Duration::from_millis(100)..=Duration::from_secs(10 * 60)),
        default: Some(r#""5s""#),
        about: about("How long it is not asked then."),
    },
    Key {
        name: "halfOpen",
        value: Value::Whole(1..=100),
        default: Some("1"),
        about: about(
            "How many requests then ask it again. One reply closes the breaker, one failure opens it for as long again.",
        ),
    },
];

/// How many endpoints there may be behind the first.
const MOST_FALLBACKS: usize = 8;

/// Where to ask: at `first`, and at the fallbacks behind it.
pub(super) fn endpoints(
    first: Option<Endpoint>,
    top: &callout::Top<'_>,
    callout: &Reader<'_>,
    issues: &mut Issues,
) -> Vec<Rc<Endpoint>> {
    let written = callout.objects("fallbacks", issues).unwrap_or_default();
    if written.len() > MOST_FALLBACKS {
        let refusal = Refusal::not_allowed(format!("{} services", written.len()), format!("at most {MOST_FALLBACKS}"));
        callout.refuse("fallbacks", refusal, issues);
    }
    if top.cluster.is_none() && !written.is_empty() {
        callout.refuse("fallbacks", Refusal::not_allowed("the list", "`cluster`, which is asked before them"), issues);
    }
    let mut endpoints: Vec<_> = first.into_iter().map(Rc::new).collect();
    for reader in &written {
        let endpoint = endpoint::read(reader, top.path, issues).map(Rc::new);
        reader.finish(issues);
        match endpoint {
            Some(endpoint) if endpoints.contains(&endpoint) => {
                reader.refuse_whole(Refusal::not_allowed("the same service again", "each service once"), issues);
            }
            endpoint => endpoints.extend(endpoint),
        }
    }
    endpoints
}

/// How long and how often to ask; each time for no longer than `timeout`.
pub(super) fn persistence(timeout: Duration, callout: &Reader<'_>, issues: &mut Issues) -> Persistence {
    let retry = callout.object("retry", issues).map(|reader| retry(&reader, issues));
    let deadline = callout.duration("deadline", issues);
    let breaker = callout.object("breaker", issues).map(|reader| breaker(&reader, issues));
    // One attempt is none more: nothing has to be kept for another.
    Persistence { timeout, deadline, retry: retry.filter(|retry| retry.attempts > 1), breaker }
}

fn retry(reader: &Reader<'_>, issues: &mut Issues) -> Retry {
    let attempts = reader.small("attempts", issues).unwrap_or(2);
    let statuses = reader.optional("statuses", issues, |json| {
        list(json, "a list of statuses", |item| {
            whole_in(item, &STATUSES).map(|status| u16::try_from(status).unwrap_or_default())
        })
    });
    let budget_percent = reader.small("budgetPercent", issues).unwrap_or(10);
    let backoff = reader.duration("backoff", issues).unwrap_or(Duration::from_millis(25));
    reader.finish(issues);
    Retry { attempts, statuses: statuses.unwrap_or_else(|| vec![502, 503, 504]), budget_percent, backoff }
}

fn breaker(reader: &Reader<'_>, issues: &mut Issues) -> BreakerLimits {
    let failures = reader.small("failures", issues).unwrap_or(5);
    let open_for = reader.duration("openFor", issues).unwrap_or(Duration::from_secs(5));
    let half_open = reader.small("halfOpen", issues).unwrap_or(1);
    reader.finish(issues);
    BreakerLimits { failures, open_for, half_open }
}

#[cfg(test)]
mod tests {
    use std::{rc::Rc, time::Duration};

    use crate::{
        Config,
        callout::{BreakerLimits, Persistence, Retry},
        endpoint::Endpoint,
    };

    fn persistence(callout: &str) -> Persistence {
        let text = format!(r#"{{"cluster":"c","timeout":700,"callout":{callout}}}"#);
        Config::from_slice(text.as_bytes()).unwrap().config.upstream.unwrap().persistence
    }

    fn issues(text: &str) -> String {
        Config::from_slice(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn everything_is_off_unless_asked_for() {
        let timeout = Duration::from_millis(700);
        let off = Persistence { timeout, deadline: None, retry: None, breaker: None };
        assert_eq!(persistence("{}"), off);
        assert_eq!(persistence(r#"{"retry":{"attempts":1}}"#), off);
        let retry = Retry {
            attempts: 2,
            statuses: vec![502, 503, 504],
            budget_percent: 10,
            backoff: Duration::from_millis(25),
        };
        let breaker = BreakerLimits { failures: 5, open_for: Duration::from_secs(5), half_open: 1 };
        let on = Persistence { timeout, deadline: None, retry: Some(retry), breaker: Some(breaker) };
        assert_eq!(persistence(r#"{"retry":{},"breaker":{}}"#), on, "as the reference page says");
    }

    #[test]
    fn every_value_is_taken() {
        let read = persistence(
            r#"{"deadline":"3s","retry":{"attempts":4,"statuses":[504],"budgetPercent":25,"backoff":"1s"},
                "breaker":{"failures":2,"openFor":"100ms","halfOpen":3}}"#,
        );
        let retry = Retry { attempts: 4, statuses: vec![504], budget_percent: 25, backoff: Duration::from_secs(1) };
        let breaker = BreakerLimits { failures: 2, open_for: Duration::from_millis(100), half_open: 3 };
        let deadline = Some(Duration::from_secs(3));
        let timeout = Duration::from_millis(700);
        assert_eq!(read, Persistence { timeout, deadline, retry: Some(retry), breaker: Some(breaker) });
    }

    #[test]
    fn fallbacks_are_asked_behind_the_cluster() {
        let config = Config::from_slice(
            br#"{"cluster":"a","authorizeUrl":"/ask","callout":{"authority":"one","fallbacks":[
                {"cluster":"b"},{"cluster":"c/d","authority":"two","path":"/v2"}]}}"#,
        );
        let endpoints = config.unwrap().config.upstream.unwrap().endpoints;
        let expected = [("a", Some("one"), "/ask"), ("b", Some("b"), "/ask"), ("c/d", Some("two"), "/v2")];
        let endpoint = |(cluster, authority, path)| Rc::new(Endpoint::new(cluster, authority, path).unwrap());
        assert_eq!(endpoints, expected.map(endpoint));
    }

    #[test]
    fn mistakes_are_named_at_their_place() {
        for (callout, issue) in [
            (
                r#"{"retry":{"attempts":6}}"#,
                "callout.retry.attempts: `6` is not allowed: expected a whole number from 1 to 5",
            ),
            (r#"{"retry":{"budgetPercent":0}}"#, "callout.retry.budgetPercent: `0` is not allowed"),
            (
                r#"{"retry":{"statuses":[503,500]}}"#,
                "callout.retry.statuses[1]: `500` is not allowed: expected a whole number from 502 to 504",
            ),
            (
                r#"{"retry":{"statuses":["reset"]}}"#,
                "callout.retry.statuses[0]: expected a whole number, found a string",
            ),
            (r#"{"retry":{"status":[]}}"#, "callout.retry.status: unknown key, did you mean `statuses`?"),
            (r#"{"breaker":{"openfor":"5s"}}"#, "callout.breaker.openfor: unknown key, did you mean `openFor`?"),
            (r#"{"breaker":{"openFor":0}}"#, "callout.breaker.openFor: `0` is not allowed"),
            (r#"{"breaker":true}"#, "callout.breaker: expected an object, found a boolean"),
            (r#"{"deadline":"0s"}"#, "callout.deadline: `0s` is not allowed"),
            (r#"{"fallbacks":[{}]}"#, "callout.fallbacks[0].cluster: required"),
            (r#"{"fallbacks":[{"cluster":"a/b"}]}"#, "callout.fallbacks[0].authority: required"),
            (r#"{"fallbacks":[{"cluster":"b","path":"x"}]}"#, "callout.fallbacks[0].path: `x` is not allowed"),
            (
                r#"{"fallbacks":[{"cluster":"b"},{"cluster":"b"}]}"#,
                "callout.fallbacks[1]: `the same service again` is not allowed",
            ),
            (r#"{"fallbacks":[{"cluster":"c"}]}"#, "callout.fallbacks[0]: `the same service again` is not allowed"),
        ] {
            let found = issues(&format!(r#"{{"cluster":"c","callout":{callout}}}"#));
            assert!(found.starts_with(issue), "{callout}: {found}");
        }
        let no_cluster = issues(r#"{"issuers":[],"callout":{"fallbacks":[{"cluster":"b"}]}}"#);
        assert!(
            no_cluster.contains("callout.fallbacks: `the list` is not allowed: expected `cluster`"),
            "{no_cluster}"
        );
        let many = ["{}"; 9].join(",");
        assert!(issues(&format!(r#"{{"cluster":"c","callout":{{"fallbacks":[{many}]}}}}"#)).contains("at most 8"));
    }
}
