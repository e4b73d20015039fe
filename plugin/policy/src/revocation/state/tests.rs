use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;

use super::{Failure, OnStale, Settings, SnapshotState, Verdict};
use crate::{Callout, FetchReply, Json, Object, revocation::SnapshotError};

const START: u64 = 1_790_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(START + seconds)
}

fn state(on_stale: OnStale) -> SnapshotState {
    SnapshotState::new(Settings {
        cluster: "revocations".into(),
        authority: "r.example".into(),
        path: "/revoked".into(),
        every: Duration::from_secs(5),
        max_stale: Duration::from_secs(30),
        on_stale,
        claims: vec!["jti".into()],
        confirmable: true,
    })
}

fn claims(id: &str) -> Object {
    Json::parse(format!(r#"{{"jti":"{id}"}}"#).as_bytes()).unwrap().into_object().unwrap()
}

/// A whole snapshot, issued so many seconds after the start.
fn whole(sequence: u64, issued: u64, id: &str) -> String {
    format!(r#"{{"version":1,"sequence":{sequence},"issuedAt":{},"ids":[{{"id":"{id}"}}]}}"#, START + issued)
}

fn delta(base: u64, sequence: u64, issued: u64, id: &str) -> String {
    whole(sequence, issued, id).replacen('{', &format!("{{\"base\":{base},"), 1)
}

fn ok(body: &str) -> Option<FetchReply<'static>> {
    Some(FetchReply { status: b"200", etag: None, body: body.into() })
}

fn status(status: &'static [u8]) -> Option<FetchReply<'static>> {
    Some(FetchReply { status, etag: None, body: Vec::new() })
}

fn header(callout: &Callout, name: &str) -> Option<String> {
    callout.headers().into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string())
}

#[test]
fn it_asks_for_what_is_new_and_no_more_often_than_it_is_told() {
    let mut state = state(OnStale::Deny);
    assert_eq!(state.due_in(at(0)), Duration::ZERO);
    let first = state.due(at(0)).unwrap();
    assert_eq!((first.cluster(), first.timeout), ("revocations", Duration::from_secs(5)));
    assert_eq!(header(&first, ":method").as_deref(), Some("GET"));
    assert_eq!(header(&first, ":path").as_deref(), Some("/revoked"));
    assert_eq!(header(&first, ":authority").as_deref(), Some("r.example"));
    assert_eq!(header(&first, "accept").as_deref(), Some("application/json, application/octet-stream"));
    assert_eq!(header(&first, "if-none-match"), None);
    assert_eq!(state.due(at(4)), None);
    assert_eq!(state.due(at(9)), None, "a reply is awaited");
    assert!(state.due(at(10)).is_some(), "a reply that never comes is not the last");

    let body = whole(7, 10, "a").into_bytes();
    state.received(Some(FetchReply { status: b"200", etag: Some(b"\"7\""), body }), at(11)).unwrap();
    assert_eq!((state.due(at(14)), state.due_in(at(14))), (None, Duration::from_secs(1)));
    let next = state.due(at(15)).unwrap();
    assert_eq!(header(&next, ":path").as_deref(), Some("/revoked?since=7"));
    assert_eq!(header(&next, "if-none-match").as_deref(), Some("\"7\""));
    state.received(status(b"304"), at(15)).unwrap();

    let after_step_back = state.due(at(0).checked_sub(Duration::from_secs(3600)).unwrap());
    assert!(after_step_back.is_some(), "a clock that was set back stops nothing");
}

#[test]
fn a_path_with_a_query_is_added_to() {
    let mut state = SnapshotState::new(Settings {
        path: "/r?tenant=a".into(),
        confirmable: false,
        ..state(OnStale::Deny).settings
    });
    assert_eq!(header(&state.due(at(0)).unwrap(), "accept").as_deref(), Some("application/json"));
    state.received(ok(&whole(7, 0, "a")), at(0)).unwrap();
    assert_eq!(header(&state.due(at(5)).unwrap(), ":path").as_deref(), Some("/r?tenant=a&since=7"));
}

#[test]
fn a_token_is_as_the_snapshot_says_until_that_is_stale() {
    for (on_stale, stale) in [(OnStale::Deny, Verdict::Stale), (OnStale::Callout, Verdict::Ask)] {
        let mut state = state(on_stale);
        assert_eq!(state.verdict(&claims("b"), at(0)), stale, "before the first");
        assert!(state.snapshot().is_none());
        state.received(ok(&whole(7, 0, "a")), at(2)).unwrap();
        assert_eq!(state.verdict(&claims("a"), at(3)), Verdict::Revoked);
        assert_eq!(state.verdict(&claims(""), at(3)), Verdict::Ask);
        assert_eq!(state.verdict(&claims("b"), at(30)), Verdict::Clear);
        assert_eq!(state.verdict(&claims("b"), at(31)), stale);
        assert_eq!(state.verdict(&claims(""), at(31)), stale);
        assert_eq!(state.verdict(&claims("a"), at(31)), Verdict::Revoked, "it stays revoked");
        let before = at(0).checked_sub(Duration::from_secs(31)).unwrap();
        assert_eq!(state.verdict(&claims("b"), before), stale, "a clock that was set back makes nothing younger");
    }
}

#[test]
fn a_document_is_as_old_as_it_says_and_no_younger_than_its_arrival() {
    let mut state = state(OnStale::Deny);
    state.received(ok(&whole(7, 1_000_000, "a")), at(0)).unwrap();
    assert_eq!(state.verdict(&claims("b"), at(30)), Verdict::Clear);
    assert_eq!(state.verdict(&claims("b"), at(31)), Verdict::Stale, "by a service whose clock is ahead");

    let late = Failure { error: SnapshotError::Stale, is_first: true };
    assert_eq!(state.received(ok(&whole(8, 60, "c")), at(91)), Err(late), "from a cache");
    assert_eq!(state.verdict(&claims("c"), at(91)), Verdict::Revoked);
    assert_eq!(state.verdict(&claims("b"), at(91)), Verdict::Stale);
}

#[test]
fn a_reply_that_nothing_has_changed_makes_nothing_younger() {
    let mut state = state(OnStale::Deny);
    let unexpected = Failure { error: SnapshotError::Status(304), is_first: true };
    assert_eq!(state.received(status(b"304"), at(0)), Err(unexpected));
    let body = whole(7, 0, "a").into_bytes();
    state.received(Some(FetchReply { status: b"200", etag: Some(b"\"7\""), body }), at(0)).unwrap();
    assert_eq!(state.received(status(b"304"), at(30)), Ok(()));
    let stale = Failure { error: SnapshotError::Stale, is_first: true };
    assert_eq!(state.received(status(b"304"), at(31)), Err(stale), "its maker has died");
    state.received(ok(&delta(7, 7, 32, "b")), at(33)).unwrap();
    assert_eq!(state.verdict(&claims("c"), at(62)), Verdict::Clear);
}

#[test]
fn what_is_of_no_use_leaves_the_last_good_one_and_is_told_once() {
    let mut state = state(OnStale::Deny);
    state.received(ok(&whole(7, 0, "a")), at(0)).unwrap();
    let refused = [
        (None, SnapshotError::NoReply),
        (status(b"503"), SnapshotError::Status(503)),
        (status(b"\xff"), SnapshotError::Status(0)),
        (status(b"304"), SnapshotError::Status(304)),
        (ok(&whole(6, 1, "b")), SnapshotError::Backwards),
        (ok(&delta(6, 8, 1, "b")), SnapshotError::OtherBase),
        (ok(""), SnapshotError::Syntax { line: 1, column: 0 }),
    ];
    for (index, (reply, error)) in refused.into_iter().enumerate() {
        let is_first = index == 0;
        assert_eq!(state.received(reply, at(1)), Err(Failure { error, is_first }));
        assert_eq!(state.failures() as usize, index + 1);
        assert_eq!(state.verdict(&claims("a"), at(1)), Verdict::Revoked);
        assert_eq!(state.verdict(&claims("b"), at(1)), Verdict::Clear);
    }
    state.received(ok(&whole(8, 2, "b")), at(2)).unwrap();
    assert_eq!(state.failures(), 0);
    assert!(state.received(None, at(3)).unwrap_err().is_first, "told again after a good one");
}

#[test]
fn after_a_document_of_no_use_it_asks_for_the_whole() {
    let mut state = state(OnStale::Deny);
    state.received(ok(&whole(7, 0, "a")), at(0)).unwrap();
    state.received(status(b"503"), at(1)).unwrap_err();
    assert_eq!(
        header(&state.due(at(5)).unwrap(), ":path").as_deref(),
        Some("/revoked?since=7"),
        "an outage is no reason"
    );
    state.received(ok(&delta(6, 8, 1, "b")), at(5)).unwrap_err();
    assert_eq!(header(&state.due(at(10)).unwrap(), ":path").as_deref(), Some("/revoked"));
    state.received(ok(&whole(9, 10, "b")), at(10)).unwrap();
    assert_eq!(header(&state.due(at(15)).unwrap(), ":path").as_deref(), Some("/revoked?since=9"));
}

#[test]
fn a_service_that_has_lost_its_place_is_followed_once_nothing_is_lost_by_it() {
    let mut state = state(OnStale::Deny);
    state.received(ok(&whole(7, 0, "a")), at(0)).unwrap();
    assert_eq!(state.received(ok(&whole(1, 30, "b")), at(30)).unwrap_err().error, SnapshotError::Backwards);
    state.received(ok(&whole(1, 31, "b")), at(31)).unwrap();
    assert_eq!(state.verdict(&claims("a"), at(31)), Verdict::Clear);
    assert_eq!(state.verdict(&claims("b"), at(31)), Verdict::Revoked);
}

#[test]
fn a_snapshot_that_is_too_old_gives_way_to_no_earlier_one_that_is_too_old_as_well() {
    let mut state = state(OnStale::Callout);
    state.received(ok(&whole(7, 0, "a")), at(0)).unwrap();
    assert_eq!(state.received(ok(&whole(6, 0, "b")), at(31)).unwrap_err().error, SnapshotError::Backwards);
    assert_eq!(state.verdict(&claims("a"), at(31)), Verdict::Revoked);
    assert_eq!(state.received(ok(&whole(7, 0, "b")), at(31)).unwrap_err().error, SnapshotError::Stale);
    assert_eq!(state.verdict(&claims("a"), at(31)), Verdict::Ask, "the service has taken it back since");
}

#[test]
fn an_entity_tag_is_sent_back_only_where_it_can_be() {
    for etag in [&b""[..], b"\"a b\"", b"\"\r\n\"", b"\"\xff\"", &[b'a'; 257]] {
        let mut state = state(OnStale::Deny);
        let body = whole(7, 0, "a").into_bytes();
        state.received(Some(FetchReply { status: b"200", etag: Some(etag), body }), at(0)).unwrap();
        assert_eq!(header(&state.due(at(5)).unwrap(), "if-none-match"), None);
    }
}

proptest! {
    /// Whatever comes when: a token is clear only by a snapshot that is not stale and does not list it.
    #[test]
    fn nothing_makes_a_revoked_token_clear(replies in prop::collection::vec((0..7u8, 0..40u64, 0..40u64), 1..30)) {
        let mut state = state(OnStale::Deny);
        let (mut now, mut sequence) = (0, 100);
        for (kind, pause, age) in replies {
            now += pause;
            let issued = now.saturating_sub(age);
            sequence += 1;
            let last = state.snapshot().map_or(0, super::Snapshot::sequence);
            let reply = match kind {
                0 => None,
                1 => status(b"503"),
                2 => status(b"304"),
                3 => ok("{"),
                4 => ok(&delta(last + 1, sequence, issued, "other")),
                5 => ok(&delta(last, sequence, issued, "other")),
                _ => ok(&whole(sequence, issued, "revoked")),
            };
            let had = state.snapshot().is_some();
            let was = state.verdict(&claims("other"), at(now));
            let good = state.received(reply, at(now)).is_ok();
            prop_assert!(good || state.failures() > 0);
            if state.snapshot().is_some() {
                prop_assert_eq!(state.verdict(&claims("revoked"), at(now)), Verdict::Revoked);
            } else {
                prop_assert_eq!(state.verdict(&claims("revoked"), at(now)), Verdict::Stale);
            }
            prop_assert!(!had || state.snapshot().is_some(), "the last good one is gone");
            if kind < 5 {
                prop_assert_eq!(state.verdict(&claims("other"), at(now)), was, "a reply of no use has changed something");
            }
            prop_assert_ne!(state.verdict(&claims("free"), at(now + 31)), Verdict::Clear);
        }
    }
}
