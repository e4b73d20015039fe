//! Any bytes as the reply with a revocation snapshot: the last good one stays, or what is listed is revoked; nothing that
//! comes makes a token clear that the document lists.
#![no_main]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gwauthz_policy::{
    FetchReply, Json, Object,
    revocation::{Document, MAX_ENTRIES, OnStale, Settings, SnapshotError, SnapshotState, Verdict},
};
use libfuzzer_sys::fuzz_target;

/// What there is before: a delta of the corpus is against it.
const BEFORE: &str = r#"{"version":1,"sequence":7,"issuedAt":1790000000,"ids":[{"id":"before"}]}"#;

fuzz_target!(|body: &[u8]| {
    let now = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    let mut state = SnapshotState::new(settings());
    state.received(reply(BEFORE.as_bytes()), now).expect("a good snapshot");

    let taken = state.received(reply(body), now);
    let document = Document::parse(body.to_vec(), true);
    match (&document, taken) {
        (Ok(_), Ok(())) => assert_eq!(state.failures(), 0),
        (_, Err(failure)) => {
            assert!(failure.is_first && !failure.error.to_string().contains(char::is_control));
            let is_own = matches!(
                failure.error,
                SnapshotError::OtherBase
                    | SnapshotError::Backwards
                    | SnapshotError::TooManyEntries
                    | SnapshotError::Stale
            );
            assert!(is_own || document.as_ref().err() == Some(&failure.error), "{failure:?}");
            if failure.error != SnapshotError::Stale {
                assert_eq!(verdict(&state, "before", now), Verdict::Revoked, "the last good one is gone");
                return;
            }
        }
        (Err(error), Ok(())) => panic!("taken: {error}"),
    }
    let snapshot = state.snapshot().expect("it was taken");
    assert!(snapshot.len() <= MAX_ENTRIES && snapshot.held_bytes() <= 32 * (body.len() + BEFORE.len()));
    // Taken, it is JSON, behind a filter or alone.
    let text = match body.strip_prefix(b"GWREVOK1") {
        Some(filter) => &filter[4 + 5 * u32::from_be_bytes(filter[..4].try_into().unwrap()) as usize..],
        None => body,
    };
    let members = Json::parse(text).expect("it was JSON").into_object().expect("it was an object");
    let Some(Json::Array(ids)) = members.get("ids") else { return };
    for id in ids {
        let Some(Json::String(id)) = id.clone().into_object().expect("an entry").get("id").cloned() else {
            panic!("an entry without an id")
        };
        assert_eq!(verdict(&state, &id, now), Verdict::Revoked);
    }
});

fn settings() -> Settings {
    Settings {
        cluster: "revocations".to_owned(),
        authority: "revocations".to_owned(),
        path: "/revocations".to_owned(),
        every: Duration::from_secs(5),
        max_stale: Duration::from_secs(30),
        on_stale: OnStale::Deny,
        claims: vec!["jti".to_owned()],
        confirmable: true,
    }
}

fn reply(body: &[u8]) -> Option<FetchReply<'static>> {
    Some(FetchReply { status: b"200", etag: None, body: body.to_vec() })
}

fn verdict(state: &SnapshotState, id: &str, now: SystemTime) -> Verdict {
    let claims: Object =
        Json::Object(vec![("jti".to_owned(), Json::String(id.to_owned()))]).into_object().expect("unique");
    state.verdict(&claims, now)
}
