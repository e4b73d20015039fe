//! What plugin/REVOCATION.md shows is what the plugin reads.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use std::time::{Duration, UNIX_EPOCH};

use gwauthz_policy::{
    Json, Object,
    revocation::{Delta, Document, MAX_BYTES, MAX_ENTRIES, MAX_FILTER_IDS, Revoked, Snapshot},
};
use sha2::{Digest as _, Sha256};

const PAGE: &str = include_str!("../../REVOCATION.md");

/// The blocks of one language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    let start = format!("```{language}\n");
    PAGE.split(start.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn parse(body: Vec<u8>) -> Document {
    Document::parse(body, true).unwrap()
}

fn full(body: Vec<u8>) -> Snapshot {
    let Document::Full(snapshot) = parse(body) else { panic!("a delta") };
    snapshot
}

fn delta(text: &str) -> Delta {
    let Document::Delta(delta) = parse(text.into()) else { panic!("not a delta") };
    delta
}

fn check(snapshot: &Snapshot, claims: &str) -> Revoked {
    let claims: Object = Json::parse(claims.as_bytes()).unwrap().into_object().unwrap();
    snapshot.check(&claims, &["jti".to_owned(), "parent_jti".to_owned()])
}

#[test]
fn the_documents_are_read_and_follow_each_other() {
    let documents = blocks("json");
    let mut snapshot = full(documents[0].into());
    let now = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    snapshot.apply(delta(documents[1]), now).unwrap();
    snapshot.apply(delta(documents[2]), now).unwrap();
    assert_eq!((documents.len(), snapshot.len(), snapshot.sequence()), (3, 4, 4712));
    for revoked in [
        r#"{"jti":"550e8400-e29b-41d4-a716-446655440000"}"#,
        r#"{"jti":"a","parent_jti":"7c9e6679-7425-40de-944b-e07fc1f90ae7"}"#,
        r#"{"jti":"16fd2706-8baf-433b-82eb-8c7fada847da"}"#,
        r#"{"jti":"a","iss":"https://auth.example.com","sub":"alice","iat":1789998999}"#,
    ] {
        assert_eq!(check(&snapshot, revoked), Revoked::Yes, "{revoked}");
    }
    let later = r#"{"jti":"a","iss":"https://auth.example.com","sub":"alice","iat":1789999000}"#;
    assert_eq!(check(&snapshot, later), Revoked::No);
}

#[test]
fn the_filter_holds_the_ids_whose_records_are_shown() {
    let digits: String = blocks("hex")[0].split_whitespace().collect();
    let bytes: Vec<u8> =
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
    let snapshot = full(bytes);
    let vectors: Vec<_> = blocks("text")[0].lines().map(|line| line.split_once("\")").unwrap()).collect();
    assert_eq!(vectors.len(), 3);
    for (id, record) in vectors {
        let id = id.strip_prefix("record(\"").unwrap();
        let hash = Sha256::digest(id).iter().take(5).map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(record.trim_start().strip_prefix("= "), Some(hash.as_str()));
        assert!(digits.contains(&hash), "{id}");
        assert_eq!(check(&snapshot, &format!(r#"{{"jti":"{id}"}}"#)), Revoked::Perhaps, "{id}");
    }
    assert_eq!(check(&snapshot, r#"{"jti":"b"}"#), Revoked::No);
}

#[test]
fn the_bounds_are_those_of_the_code() {
    let spaced = |number: usize| {
        let digits = number.to_string();
        let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
        groups.join(" ")
    };
    for (words, number) in [
        ("(N bytes)", MAX_BYTES),
        ("At most N entries", MAX_ENTRIES),
        ("for up to N ids", MAX_FILTER_IDS),
        ("N ids take 5 000 012 bytes", MAX_FILTER_IDS),
    ] {
        let words = words.replace('N', &spaced(number));
        assert!(PAGE.contains(&words), "{words}");
    }
}
