//! An outage of the authorization service, in virtual time: thousands of requests, one VM, services that are up, refuse,
//! hang or answer every third question. What is counted is what a service in trouble would see.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gwauthz_policy::{Callout, CalloutReply, Config, Engine, Exchange, HeaderMap, Request, Step};

/// {"alg":"ES256"}.{"jti":"a"}.signature
const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhIn0.c2lnbmF0dXJl";

/// How a service does.
#[derive(Clone, Copy, Debug)]
enum Condition {
    /// Says 200 after 5 ms.
    Up,
    /// Refuses connections, for which Envoy says 503.
    Down,
    /// Never answers, for which Envoy says 504 in the end.
    Hanging,
    /// Resets two of three.
    Flaky,
}

use Condition::{Down, Flaky, Hanging, Up};

/// What one run showed.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// Callouts by cluster and second of the run.
    callouts: BTreeMap<(String, u64), usize>,
    /// Requests that were allowed and denied, by the second in which they came.
    allowed: BTreeMap<u64, usize>,
    denied: BTreeMap<u64, usize>,
    /// The longest that one took.
    longest: Duration,
}

impl Outcome {
    fn asked(&self, cluster: &str, seconds: std::ops::Range<u64>) -> usize {
        let counts = |((name, second), _): &(&(String, u64), &usize)| name == cluster && seconds.contains(second);
        self.callouts.iter().filter(counts).map(|(_, count)| count).sum()
    }

    fn allowed(&self, seconds: std::ops::Range<u64>) -> usize {
        self.allowed.range(seconds).map(|(_, count)| count).sum()
    }

    fn denied(&self, seconds: std::ops::Range<u64>) -> usize {
        self.denied.range(seconds).map(|(_, count)| count).sum()
    }
}

/// What happens; the order of two at one time is the order in which they were entered.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival(u32),
    Reply(u32, Option<u16>),
    Tick,
}

struct World {
    engine: Engine,
    phases: Vec<(&'static str, u64, Condition)>,
    agenda: BinaryHeap<Reverse<(Duration, usize, Event)>>,
    entered: usize,
    requests: BTreeMap<u32, (Duration, Exchange)>,
    asked: usize,
    outcome: Outcome,
}

fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

const PER_SECOND: u64 = 200;

/// Requests for as many seconds under this `callout`; each phase is a cluster, the second in which it begins, and how the
/// cluster does from then on.
fn run(seconds: u64, callout: &str, phases: &[(&'static str, u64, Condition)]) -> Outcome {
    let config = format!(r#"{{"cluster":"first","timeout":1000,"callout":{callout}}}"#);
    let mut world = World {
        engine: Engine::new(Config::from_slice(config.as_bytes()).unwrap().config),
        phases: phases.to_vec(),
        agenda: BinaryHeap::new(),
        entered: 0,
        requests: BTreeMap::new(),
        asked: 0,
        outcome: Outcome::default(),
    };
    for number in 0..seconds * PER_SECOND {
        let time = Duration::from_micros(number * 1_000_000 / PER_SECOND);
        world.enter(time, Event::Arrival(u32::try_from(number).unwrap()));
    }
    while let Some(Reverse((time, _, event))) = world.agenda.pop() {
        world.handle(time, event);
    }
    assert!(world.requests.is_empty(), "nobody answered {:?}", world.requests);
    let answered = world.outcome.allowed(0..u64::MAX) + world.outcome.denied(0..u64::MAX);
    assert_eq!(answered, usize::try_from(seconds * PER_SECOND).unwrap(), "each is answered once");
    world.outcome
}

impl World {
    fn enter(&mut self, time: Duration, event: Event) {
        self.entered += 1;
        self.agenda.push(Reverse((time, self.entered, event)));
    }

    fn handle(&mut self, now: Duration, event: Event) {
        match event {
            Event::Arrival(stream) => {
                self.requests.insert(stream, (now, Exchange::new(stream)));
                self.request(stream, now);
            }
            Event::Reply(stream, status) => {
                let (_, exchange) = self.requests.get_mut(&stream).expect("a reply to a request under way");
                let text = status.map(|status| status.to_string());
                let reply = text.as_ref().map_or(CalloutReply::Reset, |text| CalloutReply::Status(text.as_bytes()));
                let step = exchange.handle_callout_reply(&mut self.engine, reply, start() + now);
                self.carry_out(stream, step, now);
            }
            Event::Tick => {
                let fetches = self.engine.handle_tick(start() + now);
                assert!(fetches.is_empty());
                for stream in self.engine.take_woken() {
                    self.request(stream, now);
                }
                self.schedule(now);
            }
        }
    }

    /// Ticks as a gateway does: in whole milliseconds, and never at once.
    fn schedule(&mut self, now: Duration) {
        if let Some(next) = self.engine.next_tick(start() + now) {
            let milliseconds = u64::try_from(next.as_micros().div_ceil(1000)).unwrap().max(1);
            self.enter(now + Duration::from_millis(milliseconds), Event::Tick);
        }
    }

    fn request(&mut self, stream: u32, now: Duration) {
        let headers = HeaderMap::new(&[(":path", "/x"), ("authorization", &format!("Bearer {TOKEN}"))]);
        let (_, exchange) = self.requests.get_mut(&stream).expect("a request under way");
        let step = exchange.handle_request(&mut self.engine, Request::new(&headers), start() + now);
        self.carry_out(stream, step, now);
    }

    fn carry_out(&mut self, stream: u32, step: Option<Step>, now: Duration) {
        let came = self.requests[&stream].0;
        match step.expect("a step for each event") {
            Step::Callout(callout) => self.call_out(stream, &callout, now),
            Step::Wait => self.schedule(now),
            step => {
                let counts = match step {
                    Step::Continue(_) => &mut self.outcome.allowed,
                    _ => &mut self.outcome.denied,
                };
                *counts.entry(came.as_secs()).or_default() += 1;
                self.outcome.longest = self.outcome.longest.max(now - came);
                self.requests.remove(&stream);
            }
        }
    }

    fn call_out(&mut self, stream: u32, callout: &Callout, now: Duration) {
        self.asked += 1;
        *self.outcome.callouts.entry((callout.cluster().to_owned(), now.as_secs())).or_default() += 1;
        let begun =
            |(cluster, second, _): &&(&str, u64, Condition)| *cluster == callout.cluster() && *second <= now.as_secs();
        let (delay, status) = match self.phases.iter().rev().find(begun).expect("a cluster with a condition").2 {
            Up => (5, Some(200)),
            Down => (1, Some(503)),
            Flaky => (5, self.asked.is_multiple_of(3).then_some(200)),
            Hanging => (60_000, Some(504)),
        };
        let timed_out = Duration::from_millis(delay) > callout.timeout;
        let (delay, status) =
            if timed_out { (callout.timeout, Some(504)) } else { (Duration::from_millis(delay), status) };
        self.enter(now + delay, Event::Reply(stream, status));
    }
}

/// Requests of this many seconds.
fn requests(seconds: u64) -> usize {
    usize::try_from(seconds * PER_SECOND).unwrap()
}

#[test]
fn without_resilience_each_request_is_asked_about_once() {
    let outcome = run(20, "{}", &[("first", 0, Up), ("first", 5, Down), ("first", 10, Hanging), ("first", 15, Up)]);
    assert_eq!(outcome.asked("first", 0..20), requests(20));
    assert_eq!(
        (outcome.allowed(0..5), outcome.denied(5..15), outcome.allowed(15..20)),
        (requests(5), requests(10), requests(5))
    );
    assert_eq!(outcome.longest, Duration::from_secs(1));
}

#[test]
fn retries_keep_their_budget_however_long_the_outage() {
    let callout = r#"{"retry":{"attempts":5,"budgetPercent":10,"backoff":"20ms"},"deadline":"2s"}"#;
    let phases = [("first", 0, Up), ("first", 5, Down), ("first", 25, Hanging), ("first", 40, Up)];
    let outcome = run(45, callout, &phases);
    // A retry may come a second after its request: what is paid in before counts too.
    assert!(outcome.asked("first", 5..42) <= requests(37) + requests(37) / 10 + 10 + requests(1) / 10);
    assert!(outcome.asked("first", 5..42) >= requests(36) + requests(36) / 10, "the budget is used");
    for second in 8..40 {
        assert!(outcome.asked("first", second..second + 1) <= requests(1) * 5 / 4, "a storm in second {second}");
    }
    assert_eq!(outcome.allowed(0..5) + outcome.allowed(40..45), requests(10));
    assert!(outcome.longest <= Duration::from_millis(2001), "{:?}", outcome.longest);
}

#[test]
fn retries_help_against_short_failures() {
    let phases = [("first", 0, Flaky)];
    let without = run(10, "{}", &phases);
    let retry = r#"{"retry":{"attempts":5,"budgetPercent":100,"backoff":0}}"#;
    let with = run(10, retry, &phases);
    assert_eq!(without.allowed(0..10), requests(10) / 3);
    assert!(with.allowed(0..10) > without.allowed(0..10) * 3 / 2, "{} of {}", with.allowed(0..10), requests(10));
    assert!(with.asked("first", 0..11) <= 2 * requests(10) + 10);
}

#[test]
fn a_breaker_spares_the_service_and_the_clients() {
    let callout = r#"{"retry":{"attempts":3},"breaker":{"failures":5,"openFor":"2s","halfOpen":1},"deadline":"3s"}"#;
    let phases = [("first", 0, Up), ("first", 10, Hanging), ("first", 30, Down), ("first", 50, Up)];
    let outcome = run(60, callout, &phases);
    assert_eq!(outcome.denied(0..10), 0);
    // What comes before the first time-outs cannot know; then there is one probe in two seconds, and one more in the time
    // that a probe hangs for.
    assert!(outcome.asked("first", 10..11) <= requests(1) + 20);
    assert!(outcome.asked("first", 12..30) <= 12, "{}", outcome.asked("first", 12..30));
    assert!(outcome.asked("first", 32..50) <= 12, "{}", outcome.asked("first", 32..50));
    assert!(outcome.asked("first", 12..50) >= 10, "the service is probed");
    assert_eq!(outcome.allowed(14..50), 0);
    assert!(outcome.longest <= Duration::from_millis(3001), "{:?}", outcome.longest);
    // It closes with the first probe after the outage.
    assert_eq!(outcome.denied(53..60), 0);
    assert_eq!(outcome.asked("first", 53..60), requests(7));
}

#[test]
fn fallbacks_answer_in_the_place_of_a_service_that_is_away() {
    let callout = r#"{"fallbacks":[{"cluster":"second"},{"cluster":"third"}],"breaker":{"failures":3,"openFor":"2s"},"deadline":"4s"}"#;
    let phases = [
        ("first", 0, Up),
        ("second", 0, Up),
        ("third", 0, Up),
        ("first", 10, Hanging),
        ("second", 20, Down),
        ("first", 30, Up),
        ("second", 30, Up),
    ];
    let outcome = run(40, callout, &phases);
    assert_eq!(outcome.denied(0..40), 0, "nobody notices");
    assert_eq!(outcome.asked("second", 0..10) + outcome.asked("third", 0..20), 0);
    assert!(outcome.asked("first", 12..30) <= 12);
    assert!(outcome.asked("second", 21..30) <= 12);
    assert_eq!(outcome.asked("first", 33..40), requests(7));
    assert_eq!(outcome.asked("third", 33..40), 0);
    assert!(outcome.longest <= Duration::from_millis(2010), "{:?}", outcome.longest);
}

#[test]
fn everything_fails_and_everybody_is_told_in_time() {
    let callout = r#"{"fallbacks":[{"cluster":"second"}],"retry":{"attempts":5,"budgetPercent":100,"backoff":"1s"},"deadline":1500}"#;
    let outcome = run(30, callout, &[("first", 0, Hanging), ("second", 0, Hanging)]);
    assert_eq!(outcome.denied(0..30), requests(30));
    assert!(outcome.longest <= Duration::from_millis(1501), "{:?}", outcome.longest);
}

#[test]
fn a_run_is_the_same_each_time() {
    let callout = r#"{"retry":{"attempts":4},"breaker":{},"fallbacks":[{"cluster":"second"}]}"#;
    let phases = [("first", 0, Flaky), ("second", 0, Flaky), ("first", 3, Down), ("first", 6, Up)];
    assert_eq!(run(10, callout, &phases), run(10, callout, &phases));
}
