use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Revoked, Snapshot};
use crate::{
    Json, Object,
    revocation::{Delta, Document, MAX_BYTES, MAX_ENTRIES, MAX_FILTER_IDS, SnapshotError, filter::MAGIC},
};

const NOW: u64 = 1_790_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn claims(text: &str) -> Object {
    Json::parse(text.as_bytes()).unwrap().into_object().unwrap()
}

fn full(text: impl Into<Vec<u8>>) -> Snapshot {
    match Document::parse(text.into(), true) {
        Ok(Document::Full(snapshot)) => snapshot,
        other => panic!("{other:?}"),
    }
}

fn delta(text: impl Into<Vec<u8>>) -> Delta {
    match Document::parse(text.into(), true) {
        Ok(Document::Delta(delta)) => delta,
        other => panic!("{other:?}"),
    }
}

/// A document with a filter of these ids in front, as REVOCATION.md says.
fn filtered(ids: &[String], document: &str) -> Vec<u8> {
    let records: BTreeSet<[u8; 5]> = ids.iter().map(|id| *Sha256::digest(id).first_chunk().unwrap()).collect();
    let count = u32::try_from(records.len()).unwrap().to_be_bytes();
    [&MAGIC[..], &count, &records.into_iter().collect::<Vec<_>>().concat(), document.as_bytes()].concat()
}

fn check(snapshot: &Snapshot, text: &str) -> Revoked {
    snapshot.check(&claims(text), &["jti".to_owned(), "parent_jti".to_owned()])
}

const NOTHING: &str = r#"{"version":1,"sequence":7,"issuedAt":1790000000}"#;

#[test]
fn an_id_revokes_its_token_and_those_derived_from_it() {
    let snapshot =
        full(r#"{"version":1,"sequence":7,"issuedAt":1790000000,"ids":[{"id":"a"},{"id":"\u00e9","exp":9}]}"#);
    for (token, expected) in [
        (r#"{"jti":"a"}"#, Revoked::Yes),
        (r#"{"jti":"é"}"#, Revoked::Yes),
        (r#"{"jti":"b","parent_jti":"a"}"#, Revoked::Yes),
        (r#"{"jti":"b","parent_jti":null}"#, Revoked::No),
        (r#"{"jti":"b","other":"a"}"#, Revoked::No),
        (r#"{"jti":"A"}"#, Revoked::No),
        (r#"{"jti":"a "}"#, Revoked::No),
        // What cannot be looked up is not clear.
        (r#"{"sub":"a"}"#, Revoked::Perhaps),
        (r#"{"jti":null}"#, Revoked::Perhaps),
        (r#"{"jti":7}"#, Revoked::Perhaps),
        (r#"{"jti":""}"#, Revoked::Perhaps),
        (r#"{"jti":["a"]}"#, Revoked::Perhaps),
        (r#"{"jti":"b","parent_jti":{"a":1}}"#, Revoked::Perhaps),
        (r#"{"jti":7,"parent_jti":"a"}"#, Revoked::Yes),
    ] {
        assert_eq!(check(&snapshot, token), expected, "{token}");
    }
}

#[test]
fn a_subject_revokes_the_tokens_that_it_got_before() {
    let snapshot = full(
        r#"{"version":1,"sequence":7,"issuedAt":1790000000,"subjects":[{"iss":"i","sub":"s","issuedBefore":100},
            {"iss":"i","sub":"s","issuedBefore":50}]}"#,
    );
    for (token, expected) in [
        (r#"{"jti":"a","iss":"i","sub":"s","iat":99}"#, Revoked::Yes),
        (r#"{"jti":"a","iss":"i","sub":"s","iat":99.999}"#, Revoked::Yes),
        (r#"{"jti":"a","iss":"i","sub":"s","iat":-1}"#, Revoked::Yes),
        (r#"{"jti":"a","iss":"i","sub":"s","iat":100}"#, Revoked::No),
        (r#"{"jti":"a","iss":"j","sub":"s","iat":99}"#, Revoked::No),
        (r#"{"jti":"a","iss":"is","sub":"","iat":99}"#, Revoked::No),
        (r#"{"jti":"is","iss":"j","sub":"s","iat":99}"#, Revoked::No),
        (r#"{"jti":"a","iss":"i","sub":"s"}"#, Revoked::Perhaps),
        (r#"{"jti":"a","iss":"i","sub":"s","iat":"200"}"#, Revoked::Perhaps),
        // Revoked, whatever else cannot be looked up.
        (r#"{"iss":"i","sub":"s","iat":99}"#, Revoked::Yes),
    ] {
        assert_eq!(check(&snapshot, token), expected, "{token}");
    }
}

#[test]
fn a_delta_adds_and_what_has_expired_goes() {
    let mut snapshot = full(
        r#"{"version":1,"sequence":7,"issuedAt":1790000000,"ids":[{"id":"old","exp":1789999699},{"id":"kept","exp":1789999700},
            {"id":"longer","exp":1}]}"#,
    );
    assert_eq!(check(&snapshot, r#"{"jti":"old"}"#), Revoked::Yes);
    let text = r#"{"version":1,"base":7,"sequence":9,"issuedAt":1790000005,"ids":[{"id":"new"},{"id":"longer"}],
        "subjects":[{"iss":"i","sub":"s","issuedBefore":100}]}"#;
    snapshot.apply(delta(text), at(NOW)).unwrap();
    assert_eq!((snapshot.sequence(), snapshot.issued_at(), snapshot.len()), (9, at(NOW + 5), 4));
    for (id, expected) in
        [("old", Revoked::No), ("kept", Revoked::Yes), ("new", Revoked::Yes), ("longer", Revoked::Yes)]
    {
        assert_eq!(check(&snapshot, &format!(r#"{{"jti":"{id}"}}"#)), expected, "{id}");
    }
    assert_eq!(check(&snapshot, r#"{"jti":"a","iss":"i","sub":"s","iat":1}"#), Revoked::Yes);

    assert_eq!(snapshot.apply(delta(text), at(NOW)), Err(SnapshotError::OtherBase));
    assert_eq!(snapshot.sequence(), 9);
}

#[test]
fn a_delta_that_is_too_much_changes_nothing() {
    let many = |count: usize| (0..count).map(|id| json!({"id": id.to_string()})).collect::<Vec<_>>();
    let mut snapshot = full(json!({"version":1,"sequence":7,"issuedAt":NOW,"ids":many(MAX_ENTRIES)}).to_string());
    assert_eq!(snapshot.len(), MAX_ENTRIES);
    let add = |id: &str| delta(json!({"version":1,"base":7,"sequence":8,"issuedAt":NOW,"ids":[{"id":id}]}).to_string());
    assert_eq!(snapshot.apply(add("one more"), at(NOW)), Err(SnapshotError::TooManyEntries));
    assert_eq!((snapshot.sequence(), snapshot.len()), (7, MAX_ENTRIES));
    assert_eq!(snapshot.apply(add("0"), at(NOW)), Ok(()), "it is there already");

    let text = json!({"version":1,"sequence":7,"issuedAt":NOW,"ids":many(MAX_ENTRIES + 1)}).to_string();
    assert_eq!(Document::parse(text.into_bytes(), true).unwrap_err(), SnapshotError::TooManyEntries);
}

#[test]
fn a_filter_asks_and_never_denies() {
    let snapshot = full(filtered(
        &["f".to_owned()],
        r#"{"version":1,"sequence":7,"issuedAt":1790000000,"ids":[{"id":"e"}],"subjects":[{"iss":"i","sub":"s","issuedBefore":9}]}"#,
    ));
    for (token, expected) in [
        (r#"{"jti":"f"}"#, Revoked::Perhaps),
        (r#"{"jti":"a","parent_jti":"f"}"#, Revoked::Perhaps),
        (r#"{"jti":"f","parent_jti":"e"}"#, Revoked::Yes),
        (r#"{"jti":"f","iss":"i","sub":"s","iat":1}"#, Revoked::Yes),
        (r#"{"jti":"a"}"#, Revoked::No),
    ] {
        assert_eq!(check(&snapshot, token), expected, "{token}");
    }
    assert!(!snapshot.is_empty());
    assert!(full(NOTHING).is_empty() && full(filtered(&[], NOTHING)).is_empty());
}

#[test]
fn a_filter_is_in_order_and_as_long_as_it_says() {
    let parse = |count: u32, records: &[u8], document: &str, confirmable| {
        let body = [&MAGIC[..], &count.to_be_bytes(), records, document.as_bytes()].concat();
        Document::parse(body, confirmable).map(drop)
    };
    let two = b"\0\0\0\0\x01\0\0\0\0\x02";
    assert_eq!(parse(2, two, NOTHING, true), Ok(()));
    assert_eq!(parse(2, two, NOTHING, false), Err(SnapshotError::UnconfirmableFilter));
    let delta = r#"{"version":1,"base":6,"sequence":7,"issuedAt":1}"#;
    for (count, records, document) in [
        (2, b"\0\0\0\0\x02\0\0\0\0\x01", NOTHING),
        (2, b"\0\0\0\0\x01\0\0\0\0\x01", NOTHING),
        (u32::MAX, two, NOTHING),
        (100, two, NOTHING),
        (2, two, delta),
    ] {
        assert_eq!(parse(count, records, document, true), Err(SnapshotError::Filter), "{count}");
    }
    // What is left over or missing is no JSON.
    for count in [0, 1, 3] {
        assert!(matches!(parse(count, two, NOTHING, true), Err(SnapshotError::Syntax { .. })), "{count}");
    }
    assert_eq!(Document::parse(MAGIC.to_vec(), true).unwrap_err(), SnapshotError::Filter);
}

#[test]
fn the_largest_snapshots_stay_within_their_memory() {
    let record = |number: usize| u32::try_from(number).unwrap().to_be_bytes().into_iter().chain([0]);
    let body = |count: usize| {
        let header = MAGIC.into_iter().chain(u32::try_from(count).unwrap().to_be_bytes());
        header.chain((0..count).flat_map(record)).chain(NOTHING.bytes()).collect::<Vec<_>>()
    };
    let held = full(body(MAX_FILTER_IDS)).held_bytes();
    assert!((5_000_000..5_100_000).contains(&held), "{held}");
    assert_eq!(Document::parse(body(MAX_FILTER_IDS + 1), true).unwrap_err(), SnapshotError::Filter);

    let ids: Vec<_> = (0..MAX_ENTRIES).map(|id| json!({"id": id.to_string()})).collect();
    let held = full(json!({"version":1,"sequence":7,"issuedAt":NOW,"ids":ids}).to_string()).held_bytes();
    assert!((3_200_000..3_300_000).contains(&held), "{held}");
    assert_eq!(Document::parse(vec![b' '; MAX_BYTES + 1], true).unwrap_err(), SnapshotError::TooLong);
}

#[test]
fn what_the_format_does_not_have_is_refused_at_its_place() {
    for text in [
        "",
        "{",
        r#"{"version":1,"sequence":7,"issuedAt":1} x"#,
        r#"{"version":1,"sequence":7,"issuedAt":1"#,
        r#"{"version":1,"sequence":7,"issuedAt":1,"ids":[{"id":"secret"},]}"#,
        r#"{"version":1,"sequence":7,"issuedAt":1,"ids":[{"id":"\ud800"}]}"#,
        r#"{"version":1,"sequence":7,"issuedAt":1e400}"#,
    ] {
        let error = Document::parse(text.into(), true).unwrap_err();
        assert!(matches!(error, SnapshotError::Syntax { .. }), "{text}: {error}");
    }
    for text in [
        "[]",
        "null",
        "7",
        "\"secret\"",
        r#"{"version":1,"version":1,"sequence":7,"issuedAt":1}"#,
        r#"{"version":1,"sequence":7,"issuedAt":1,"ids":[],"ids":[]}"#,
        r#"{"version":1,"sequence":7,"issuedAt":1,"id":["secret"]}"#,
        r#"{"version":1,"sequence":7,"issuedAt":1,"secret":null}"#,
        r#"{"version":1,"sequence":7,"issuedAt":1,"ids":{"id":"secret"}}"#,
        r#"{"version":1,"sequence":7,"issuedAt":1,"ids":7}"#,
        r#"{"version":1,"sequence":7,"issuedAt":[[["secret"]]]}"#,
        r#"{"version":"1","sequence":7,"issuedAt":1}"#,
        r#"{"version":1,"sequence":7,"issuedAt":1.0}"#,
        r#"{"version":1,"sequence":-7,"issuedAt":1}"#,
        r#"{"version":1,"sequence":9007199254740992,"issuedAt":1}"#,
    ] {
        assert_eq!(Document::parse(text.into(), true).unwrap_err(), SnapshotError::Member, "{text}");
    }
    for list in [
        r#""ids":["secret"]"#,
        r#""ids":[["secret"]]"#,
        r#""ids":[7]"#,
        r#""ids":[null]"#,
        r#""ids":[{"id":"secret","id":"secret"}]"#,
        r#""ids":[{"id":"secret","exp":"secret"}]"#,
        r#""ids":[{"id":"secret","exp":1,"exp":1}]"#,
        r#""ids":[{"id":"secret","secret":1}]"#,
        r#""ids":[{"id":7}]"#,
        r#""ids":[{"id":{"id":"secret"}}]"#,
        r#""ids":[{"exp":1}]"#,
        r#""ids":[{"id":"a","iss":"secret"}]"#,
        r#""subjects":[{"id":"secret"}]"#,
        r#""subjects":[{"iss":"a","sub":"b"}]"#,
    ] {
        let text = format!(r#"{{"version":1,"sequence":7,"issuedAt":1,{list}}}"#);
        assert_eq!(Document::parse(text.clone().into(), true).unwrap_err(), SnapshotError::Entry(0), "{text}");
    }
    let third = r#"{"version":1,"sequence":7,"issuedAt":1,"ids":[{"id":"a"},{"id":"b"}],"subjects":[{}]}"#;
    let error = Document::parse(third.into(), true).unwrap_err();
    assert_eq!(error, SnapshotError::Entry(2));
    assert!(error.to_string().starts_with("entry 2: "));
    for (text, expected) in [
        (r#"{"sequence":7,"issuedAt":1}"#, SnapshotError::Missing("version")),
        (r#"{"version":1,"issuedAt":1}"#, SnapshotError::Missing("sequence")),
        (r#"{"version":1,"sequence":7}"#, SnapshotError::Missing("issuedAt")),
        (r#"{"version":2,"sequence":7,"issuedAt":1}"#, SnapshotError::Version(2)),
        (r#"{"version":1,"sequence":7,"issuedAt":1,"base":8}"#, SnapshotError::Backwards),
    ] {
        assert_eq!(Document::parse(text.into(), true).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn nothing_that_is_listed_is_shown() {
    let text = r#"{"version":1,"sequence":7,"issuedAt":1,"ids":[{"id":"secret"}]}"#;
    let shown = format!("{:?} {:?}", full(text), delta(text.replace("\"ids\"", "\"base\":7,\"ids\"")));
    assert!(!shown.contains("secret") && !shown.contains("key"), "{shown}");
}

proptest! {
    #[test]
    fn what_is_listed_is_found_wherever_it_is_listed(
        listed in prop::collection::vec("\\PC{1,12}", 0..60),
        added in prop::collection::vec("\\PC{1,12}", 0..20),
        filter in prop::collection::vec("\\PC{1,12}", 0..60),
        others in prop::collection::vec("\\PC{1,12}", 0..20),
    ) {
        let ids = |ids: &[String]| ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>();
        let document = json!({"version":1,"sequence":7,"issuedAt":NOW,"ids":ids(&listed)}).to_string();
        let mut snapshot = full(filtered(&filter, &document));
        let more = json!({"version":1,"base":7,"sequence":8,"issuedAt":NOW,"ids":ids(&added)}).to_string();
        snapshot.apply(delta(more), at(NOW)).unwrap();
        for id in listed.iter().chain(&added).chain(&filter).chain(&others) {
            let revoked = check(&snapshot, &json!({"jti": id}).to_string());
            if listed.contains(id) || added.contains(id) {
                prop_assert_eq!(revoked, Revoked::Yes);
            } else if filter.contains(id) {
                prop_assert_eq!(revoked, Revoked::Perhaps);
            } else {
                prop_assert_ne!(revoked, Revoked::Yes, "a false denial");
            }
        }
    }

    #[test]
    fn any_bytes_are_a_document_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), magic in any::<bool>()) {
        let body = if magic { [&MAGIC[..], &bytes].concat() } else { bytes };
        let length = body.len();
        if let Ok(Document::Full(snapshot)) = Document::parse(body, true) {
            prop_assert!(snapshot.held_bytes() <= 32 * length);
        }
    }

    #[test]
    fn a_document_that_is_changed_by_a_byte_is_read_or_refused(
        place in any::<prop::sample::Index>(), byte in any::<u8>(), length in any::<prop::sample::Index>(),
    ) {
        let document = r#"{"version":1,"sequence":7,"issuedAt":1,"ids":[{"id":"a"}],"subjects":[{"iss":"i","sub":"s","issuedBefore":9}]}"#;
        let mut body = filtered(&["f".to_owned(), "g".to_owned()], document);
        let whole = body.len();
        body[place.index(whole)] = byte;
        prop_assert!(!matches!(Document::parse(body.clone(), true), Ok(Document::Delta(_))));
        body.truncate(length.index(whole));
        prop_assert!(Document::parse(body, true).is_err());
    }
}
