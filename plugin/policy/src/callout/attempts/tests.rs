use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;

use super::{Attempts, BreakerLimits, CalloutReply, Health, Next, Persistence, Retry};

const UNAVAILABLE: CalloutReply<'_> = CalloutReply::Status(b"503");

fn at(milliseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000) + Duration::from_millis(milliseconds)
}

fn once() -> Persistence {
    Persistence { timeout: Duration::from_millis(1000), deadline: None, retry: None, breaker: None }
}

fn thrice(backoff: u64) -> Persistence {
    let retry = Retry {
        attempts: 3,
        statuses: vec![502, 503, 504],
        budget_percent: 100,
        backoff: Duration::from_millis(backoff),
    };
    Persistence { retry: Some(retry), ..once() }
}

fn ask(endpoint: usize, milliseconds: u64) -> Next {
    Next::Ask { endpoint, timeout: Duration::from_millis(milliseconds) }
}

/// What is done at these times, counted in milliseconds, each but the first after one more reply of this kind.
fn course(persistence: &Persistence, endpoints: usize, times: &[u64], reply: CalloutReply<'_>) -> Vec<Option<Next>> {
    let mut health = Health::new(endpoints);
    let (mut attempts, mut course) = (None::<Attempts>, Vec::new());
    for time in times {
        course.push(match &mut attempts {
            None => {
                let (begun, next) = Attempts::begin(persistence, &mut health, at(*time));
                attempts = Some(begun);
                Some(next)
            }
            Some(attempts) => attempts.handle_reply(reply, persistence, &mut health, at(*time)),
        });
    }
    course
}

#[test]
fn a_service_is_asked_once_unless_more_is_configured() {
    assert_eq!(course(&once(), 1, &[0, 10], UNAVAILABLE), [Some(ask(0, 1000)), Some(Next::GiveUp)]);
    for reply in [b"200", b"401", b"403", b"204", b"429", b"500"] {
        assert_eq!(course(&thrice(0), 2, &[0, 10], CalloutReply::Status(reply)), [Some(ask(0, 1000)), None]);
    }
}

#[test]
fn each_service_is_retried_and_then_the_next_one_asked() {
    let expected = [(0, 1000), (0, 1000), (0, 1000), (1, 1000), (1, 1000), (1, 1000)].map(|(at, ms)| Some(ask(at, ms)));
    let course = course(&thrice(0), 2, &[0, 1, 2, 3, 4, 5, 6], UNAVAILABLE);
    assert_eq!(course[..6], expected);
    assert_eq!(course[6], Some(Next::GiveUp));
}

#[test]
fn what_is_not_to_be_retried_goes_on_to_the_next_service() {
    let mut persistence = thrice(0);
    persistence.retry.as_mut().unwrap().statuses = vec![502];
    for (reply, retried) in [
        (UNAVAILABLE, false),
        (CalloutReply::NotSent, false),
        (CalloutReply::Reset, true),
        (CalloutReply::Status(b"502"), true),
    ] {
        let second = course(&persistence, 2, &[0, 1], reply)[1];
        assert_eq!(second, Some(ask(usize::from(!retried), 1000)), "{reply:?}");
    }
}

#[test]
fn a_backoff_is_waited_for_and_grows() {
    let (persistence, mut health) = (thrice(100), Health::new(1));
    let (mut attempts, _) = Attempts::begin(&persistence, &mut health, at(0));
    for (now, least, most) in [(10, 60, 110), (500, 600, 700)] {
        let Some(Next::Wait(pause)) = attempts.handle_reply(UNAVAILABLE, &persistence, &mut health, at(now)) else {
            panic!("no wait")
        };
        let until = at(now) + pause.left(at(now));
        assert!((at(least)..=at(most)).contains(&until), "{until:?}");
        assert_eq!(attempts.handle_time(&persistence, &mut health, until), ask(0, 1000));
    }
    assert_eq!(attempts.handle_reply(UNAVAILABLE, &persistence, &mut health, at(900)), Some(Next::GiveUp));
}

#[test]
fn the_deadline_cuts_the_last_callout_and_ends_the_rest() {
    let persistence = Persistence { deadline: Some(Duration::from_millis(1500)), ..thrice(0) };
    let found = course(&persistence, 1, &[0, 1000, 1499, 1500], UNAVAILABLE);
    assert_eq!(found, [Some(ask(0, 1000)), Some(ask(0, 500)), Some(ask(0, 1)), Some(Next::GiveUp)]);
    // There are no callouts of no time, which Envoy would take for those without a limit.
    let mut health = Health::new(1);
    let (mut attempts, _) = Attempts::begin(&persistence, &mut health, at(0));
    let late = at(1499) + Duration::from_micros(500);
    assert_eq!(attempts.handle_reply(UNAVAILABLE, &persistence, &mut health, late), Some(Next::GiveUp));
}

#[test]
fn who_has_no_time_to_wait_asks_somebody_else() {
    let persistence = Persistence { deadline: Some(Duration::from_millis(1050)), ..thrice(400) };
    let found = course(&persistence, 2, &[0, 1000], UNAVAILABLE);
    assert_eq!(found, [Some(ask(0, 1000)), Some(ask(1, 50))]);
}

#[test]
fn a_clock_that_steps_back_prolongs_nothing() {
    let persistence = Persistence { deadline: Some(Duration::from_millis(1500)), ..thrice(0) };
    let found = course(&persistence, 1, &[90_000, 0, 0, 0], UNAVAILABLE);
    assert_eq!(found, [Some(ask(0, 1000)), Some(ask(0, 1000)), Some(ask(0, 1000)), Some(Next::GiveUp)]);
}

#[test]
fn an_open_breaker_sends_requests_on() {
    let limits = BreakerLimits { failures: 2, open_for: Duration::from_secs(5), half_open: 1 };
    let (persistence, mut health) = (Persistence { breaker: Some(limits), ..once() }, Health::new(2));
    let first = |health: &mut Health, now| Attempts::begin(&persistence, health, at(now)).1;
    for now in 0..2 {
        let (mut attempts, next) = Attempts::begin(&persistence, &mut health, at(now));
        assert_eq!(next, ask(0, 1000));
        assert_eq!(attempts.handle_reply(UNAVAILABLE, &persistence, &mut health, at(now)), Some(ask(1, 1000)));
        assert_eq!(attempts.handle_reply(CalloutReply::Status(b"200"), &persistence, &mut health, at(now)), None);
    }
    assert_eq!(first(&mut health, 3), ask(1, 1000));
    assert_eq!(first(&mut health, 5001), ask(0, 1000), "a probe");
    assert_eq!(first(&mut health, 5001), ask(1, 1000), "no second one");
}

#[test]
fn requests_are_told_at_once_while_every_breaker_is_open() {
    let limits = BreakerLimits { failures: 1, open_for: Duration::from_secs(5), half_open: 1 };
    let (persistence, mut health) = (Persistence { breaker: Some(limits), ..thrice(0) }, Health::new(2));
    let (mut attempts, _) = Attempts::begin(&persistence, &mut health, at(0));
    let reply = |attempts: &mut Attempts, health: &mut Health| {
        attempts.handle_reply(CalloutReply::Reset, &persistence, health, at(1))
    };
    assert_eq!(reply(&mut attempts, &mut health), Some(ask(1, 1000)), "no retry of what is open by now");
    assert_eq!(reply(&mut attempts, &mut health), Some(Next::GiveUp));
    assert_eq!(Attempts::begin(&persistence, &mut health, at(2)).1, Next::GiveUp);
}

proptest! {
    /// Whatever is configured and replied: a bounded number of callouts, in order, and none past the deadline.
    #[test]
    fn attempts_end(
        endpoints in 1..4_usize,
        attempts in 1..=5_u32,
        backoff in 0..200_u64,
        deadline in prop::option::of(1..5000_u64),
        failures in prop::option::of(1..4_u32),
        replies in prop::collection::vec((0..1200_u64, prop_oneof![Just(None), (500..506_u16).prop_map(Some)]), 40),
    ) {
        let retry = Retry { attempts, statuses: vec![502, 504], budget_percent: 50, backoff: Duration::from_millis(backoff) };
        let breaker = failures.map(|failures| BreakerLimits { failures, open_for: Duration::from_secs(1), half_open: 1 });
        let deadline = deadline.map(Duration::from_millis);
        let persistence = Persistence { deadline, retry: Some(retry), breaker, ..once() };
        let mut health = Health::new(endpoints);
        let (mut now, began, mut asked, mut last) = (at(0), at(0), 0, 0);
        let (mut course, mut next) = Attempts::begin(&persistence, &mut health, now);
        for (delay, status) in replies {
            match next {
                Next::Ask { endpoint, timeout } => {
                    asked += 1;
                    prop_assert!(endpoint >= last && !timeout.is_zero() && timeout <= persistence.timeout);
                    if let Some(deadline) = deadline {
                        prop_assert!(now + timeout <= began + deadline);
                    }
                    last = endpoint;
                    now += Duration::from_millis(delay).min(timeout);
                    let text = status.map(|status| status.to_string());
                    let reply = text.as_ref().map_or(CalloutReply::Reset, |text| CalloutReply::Status(text.as_bytes()));
                    match course.handle_reply(reply, &persistence, &mut health, now) {
                        Some(then) => next = then,
                        None => break,
                    }
                }
                Next::Wait(pause) => {
                    prop_assert!(!pause.is_over(now));
                    now += pause.left(now);
                    next = course.handle_time(&persistence, &mut health, now);
                }
                Next::GiveUp => break,
            }
        }
        prop_assert!(asked <= endpoints * usize::try_from(attempts).unwrap());
    }
}
