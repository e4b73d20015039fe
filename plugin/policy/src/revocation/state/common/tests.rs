use std::{
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proptest::prelude::*;

use super::{Documents, HEAD_BYTES, Head, MAX_DELTAS, Settings, SnapshotState, pair};
use crate::{
    Callout, FetchReply, Json, Object, SharedData,
    revocation::{OnStale, Snapshot, Verdict},
    seal::Seal,
    shared_data::tests::Memory,
};

const START: u64 = 1_790_000_000;
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

fn at(milliseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(START) + Duration::from_millis(milliseconds)
}

fn settings() -> Settings {
    Settings {
        cluster: "revocations".into(),
        authority: "r.example".into(),
        path: "/revoked".into(),
        every: Duration::from_secs(4),
        max_stale: Duration::from_secs(30),
        on_stale: OnStale::Deny,
        claims: vec!["jti".into()],
        confirmable: true,
    }
}

fn over(data: impl SharedData + 'static, key: &[u8], settings: Settings) -> SnapshotState {
    let mut state = SnapshotState::new(settings);
    let data: Rc<dyn SharedData> = Rc::new(data);
    state.share(&data, key);
    state
}

fn worker(memory: &Memory) -> SnapshotState {
    over(memory.clone(), KEY, settings())
}

/// A service that revokes one more id with each sequence from 1 on: `id1`, `id2`.
struct Service {
    sequence: u64,
    deltas: bool,
    /// What it was asked for.
    asked: Vec<String>,
}

impl Service {
    fn new() -> Self {
        Self { sequence: 1, deltas: true, asked: Vec::new() }
    }

    fn reply(&mut self, callout: &Callout, now: u64) -> Vec<u8> {
        let (_, path) = callout.headers().into_iter().find(|(name, _)| *name == ":path").unwrap();
        self.asked.push(path.to_string());
        let since = path.split_once("since=").map(|(_, since)| since.parse::<u64>().unwrap());
        let since = since.filter(|since| self.deltas && *since <= self.sequence);
        let ids: Vec<_> = (since.unwrap_or(0) + 1..=self.sequence).map(|n| format!(r#"{{"id":"id{n}"}}"#)).collect();
        let base = since.map_or_else(String::new, |since| format!(r#""base":{since},"#));
        let (sequence, issued) = (self.sequence, START + now / 1000);
        format!(r#"{{{base}"version":1,"sequence":{sequence},"issuedAt":{issued},"ids":[{}]}}"#, ids.join(",")).into()
    }

    /// A worker's tick, with a reply at once if it asks; whether it did.
    fn tick(&mut self, worker: &mut SnapshotState, now: u64) -> bool {
        let Some(callout) = worker.due(at(now)) else { return false };
        let body = self.reply(&callout, now);
        let _ = worker.received(Some(FetchReply { status: b"200", etag: None, body }), at(now));
        true
    }
}

fn knows(worker: &SnapshotState, now: u64) -> Vec<u64> {
    (1..100).filter(|id| worker.verdict(&claims(*id), at(now)) == Verdict::Revoked).collect()
}

fn claims(id: u64) -> Object {
    Json::parse(format!(r#"{{"jti":"id{id}"}}"#).as_bytes()).unwrap().into_object().unwrap()
}

fn name(memory: &Memory, of: &str) -> String {
    let prefix = ["gwauthz.revocations.", of, "."].concat();
    memory.0.borrow().keys().find(|name| name.starts_with(&prefix)).expect("a record").clone()
}

#[test]
fn one_worker_fetches_and_the_others_copy() {
    let (memory, mut service) = (Memory::default(), Service::new());
    let mut workers = [0; 4].map(|_| worker(&memory));
    let callout = workers[0].due(at(0)).unwrap();
    for worker in &mut workers[1..] {
        assert_eq!(worker.due(at(0)), None);
        assert_eq!(worker.due_in(at(0)), Duration::from_millis(50), "requests wait");
    }
    let body = service.reply(&callout, 20);
    workers[0].received(Some(FetchReply { status: b"200", etag: None, body }), at(20)).unwrap();
    let mut fetches = 1;
    for now in (50..60_050).step_by(50) {
        for worker in &mut workers {
            if worker.due_in(at(now)).is_zero() {
                fetches += usize::from(service.tick(worker, now));
            }
        }
        if now % 10_000 == 0 {
            service.sequence += 1;
        }
        if now % 10_000 == 9_000 {
            let all: Vec<_> = (1..=service.sequence).collect();
            for worker in &workers {
                assert_eq!(knows(worker, now), all, "within a period and a quarter");
                assert_eq!(worker.verdict(&claims(99), at(now)), Verdict::Clear);
            }
        }
    }
    assert_eq!(fetches, 1 + 60 / 4);
    assert_eq!(service.asked.iter().filter(|path| !path.contains("since=")).count(), 1, "the rest are deltas");
    // One that comes late gets it all.
    let mut late = worker(&memory);
    assert!(!service.tick(&mut late, 60_050));
    assert_eq!(knows(&late, 60_050), knows(&workers[0], 60_050));
    assert_eq!(memory.0.borrow().len(), 3);
}

#[test]
fn once_who_fetches_has_died_another_goes_on() {
    let (memory, mut service) = (Memory::default(), Service::new());
    let (mut one, mut other, mut third) = (worker(&memory), worker(&memory), worker(&memory));
    assert!(service.tick(&mut one, 0) && !service.tick(&mut other, 0));
    service.sequence += 1;
    assert!(service.tick(&mut one, 4_000) && !service.tick(&mut other, 4_000));
    drop(one);
    service.sequence += 1;
    assert!(!service.tick(&mut other, 11_999));
    assert!(service.tick(&mut other, 12_999) && !service.tick(&mut third, 12_999));
    assert_eq!(service.asked.last().unwrap(), "/revoked?since=2", "it knows what the first one knew");
    assert_eq!((knows(&other, 13_000), knows(&third, 13_000)), (vec![1, 2, 3], vec![1, 2, 3]));
}

#[test]
fn who_was_taken_for_dead_follows() {
    let (memory, mut service) = (Memory::default(), Service::new());
    let (mut one, mut other) = (worker(&memory), worker(&memory));
    service.tick(&mut one, 0);
    service.tick(&mut other, 50);
    let late = one.due(at(4_000)).unwrap();
    service.sequence += 1;
    assert!(service.tick(&mut other, 12_000));
    let body = service.reply(&late, 12_100);
    one.received(Some(FetchReply { status: b"200", etag: None, body }), at(12_100)).unwrap();
    assert_eq!(knows(&one, 12_100), [1, 2], "its own");
    service.sequence += 1;
    assert!(service.tick(&mut other, 16_000) && !service.tick(&mut one, 16_000));
    assert_eq!((knows(&one, 16_000), knows(&other, 16_000)), (vec![1, 2, 3], vec![1, 2, 3]));
}

#[test]
fn whole_documents_are_shared_too() {
    let (memory, mut service) = (Memory::default(), Service::new());
    service.deltas = false;
    let (mut one, mut other) = (worker(&memory), worker(&memory));
    for period in 0..5 {
        assert!(service.tick(&mut one, period * 4_000) && !service.tick(&mut other, period * 4_000 + 1_000));
        assert_eq!(knows(&other, period * 4_000 + 1_000).len() as u64, service.sequence);
        service.sequence += 1;
    }
}

#[test]
fn a_filter_is_copied_as_it_came() {
    let memory = Memory::default();
    let (mut one, mut other) = (worker(&memory), worker(&memory));
    let hash = <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest("id7"));
    let json = format!(r#"{{"version":1,"sequence":1,"issuedAt":{START},"ids":[{{"id":"id1"}}]}}"#);
    let body = [b"GWREVOK1\0\0\0\x01".as_slice(), &hash[..5], json.as_bytes()].concat();
    one.due(at(0)).unwrap();
    one.received(Some(FetchReply { status: b"200", etag: None, body }), at(0)).unwrap();
    assert_eq!(other.due(at(0)), None);
    for (id, verdict) in [(1, Verdict::Revoked), (7, Verdict::Ask), (8, Verdict::Clear)] {
        assert_eq!(other.verdict(&claims(id), at(0)), verdict);
    }
}

#[test]
fn what_is_copied_is_no_younger_than_its_arrival() {
    let memory = Memory::default();
    let (mut one, mut other) = (worker(&memory), worker(&memory));
    one.due(at(0)).unwrap();
    let ahead = format!(r#"{{"version":1,"sequence":1,"issuedAt":{}}}"#, START + 3600);
    one.received(Some(FetchReply { status: b"200", etag: None, body: ahead.into() }), at(0)).unwrap();
    assert_eq!(other.due(at(7_000)), None);
    assert_eq!(other.as_of(), Some(at(0)));
    assert_eq!(other.verdict(&claims(1), at(30_001)), Verdict::Stale);
}

#[test]
fn what_is_not_theirs_is_as_if_absent() {
    let elsewhere = Memory::default();
    Service::new().tick(&mut over(elsewhere.clone(), b"fedcba9876543210fedcba9876543210", settings()), 0);
    let (foreign, _) = elsewhere.get(&name(&elsewhere, "head")).unwrap();
    let garbage = vec![1; HEAD_BYTES + Seal::BYTES];
    // The last is what stood there before.
    for record in [Some(Vec::new()), Some(garbage), Some(foreign), None] {
        let (memory, mut service) = (Memory::default(), Service::new());
        let (mut one, mut other) = (worker(&memory), worker(&memory));
        assert!(service.tick(&mut one, 0));
        let head = name(&memory, "head");
        let (old, _) = memory.get(&head).unwrap();
        service.sequence += 1;
        assert!(service.tick(&mut one, 4_000) && !service.tick(&mut other, 4_000));
        memory.set(&head, &record.unwrap_or(old), 0);
        assert!(service.tick(&mut other, 5_000), "the lease is there for the taking");
        assert_eq!(knows(&other, 5_000), [1, 2]);
        assert!(!service.tick(&mut worker(&memory), 5_000));
    }
    let (memory, mut service) = (Memory::default(), Service::new());
    assert!(service.tick(&mut worker(&memory), 4_000));
    // Of another service.
    let path = Settings { path: "/other".into(), ..settings() };
    assert!(service.tick(&mut over(memory, KEY, path), 4_000));
}

#[test]
fn who_cannot_copy_a_document_fetches_for_itself() {
    for of in ["whole", "deltas"] {
        for record in [None, Some(Vec::new()), Some(vec![1; 300])] {
            let (memory, mut service) = (Memory::default(), Service::new());
            let mut one = worker(&memory);
            for now in [0, 4_000] {
                service.tick(&mut one, now);
                service.sequence += 1;
            }
            let place = name(&memory, of);
            match record {
                Some(record) => _ = memory.set(&place, &record, 0),
                None => _ = memory.0.borrow_mut().remove(&place),
            }
            let mut other = worker(&memory);
            assert!(service.tick(&mut other, 5_000), "{of}");
            assert!(!service.tick(&mut other, 6_000), "and no more often than it may");
            assert_eq!(knows(&other, 6_000), [1, 2, 3]);
            // Who knows what they cannot copy needs nothing; what it cannot add to, it fetches whole.
            for now in [8_000, 12_000] {
                assert!(service.tick(&mut one, now));
            }
            assert!(!service.tick(&mut worker(&memory), 12_000) || of == "whole", "{of}");
        }
    }
}

#[test]
fn with_too_many_deltas_the_whole_is_asked_for() {
    let (memory, mut service) = (Memory::default(), Service::new());
    let (mut one, mut other) = (worker(&memory), worker(&memory));
    service.tick(&mut one, 0);
    service.tick(&mut other, 0);
    one.due(at(4_000)).unwrap();
    let padding = " ".repeat(MAX_DELTAS);
    let body = format!(r#"{{"version":1,"base":1,"sequence":2,"issuedAt":{START}}}{padding}"#);
    one.received(Some(FetchReply { status: b"200", etag: None, body: body.into() }), at(4_000)).unwrap();
    service.sequence = 3;
    assert!(service.tick(&mut one, 8_000) && !service.tick(&mut other, 8_000));
    assert_eq!(service.asked.last().unwrap(), "/revoked");
    assert_eq!(knows(&other, 8_000), [1, 2, 3]);
}

/// Shared data that do not work.
#[derive(Debug)]
struct Broken {
    gives: bool,
    memory: Memory,
}

impl SharedData for Broken {
    fn get(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.gives.then(|| self.memory.get(key)).flatten()
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> bool {
        !self.gives && self.memory.set(key, value, cas)
    }
}

#[test]
fn where_shared_data_do_not_work_each_worker_fetches() {
    for gives in [true, false] {
        let (memory, mut service) = (Memory::default(), Service::new());
        let mut workers = [0; 2].map(|_| over(Broken { gives, memory: memory.clone() }, KEY, settings()));
        for period in 0..4 {
            for worker in &mut workers {
                assert!(service.tick(worker, period * 4_000), "{gives} {period}");
                assert_eq!(knows(worker, period * 4_000).len() as u64, service.sequence);
            }
            service.sequence += 1;
        }
    }
}

/// What happens to three workers: after a pause in milliseconds, to one of them, something.
type Event = (u64, usize, u8);

/// Whoever ticks when, whatever becomes of requests, and whatever others do to the records: what a worker has a snapshot of
/// it denies, what is not fresh clears nothing, and no worker goes back.
fn play(events: &[Event]) -> Result<(), TestCaseError> {
    let (memory, mut service, mut now) = (Memory::default(), Service::new(), 0);
    let mut workers = [0; 3].map(|_| worker(&memory));
    let mut stolen = Vec::new();
    for &(pause, place, event) in events {
        now += pause;
        let worker_now = &mut workers[place];
        let had = worker_now.snapshot().map_or(0, Snapshot::sequence);
        match event {
            0 => service.sequence += 1,
            1 => service.deltas ^= true,
            2 => {
                if worker_now.due(at(now)).is_some() {
                    let _ = worker_now.received(None, at(now));
                }
            }
            3 => _ = worker_now.due(at(now)),
            4 => stolen = memory.0.borrow().clone().into_iter().collect(),
            5 => {
                for (name, (record, _)) in stolen.iter().skip(place) {
                    memory.set(name, record, 0);
                }
            }
            6 => {
                if let Some((name, _)) = stolen.get(place) {
                    memory.set(name, b"theirs", 0);
                }
            }
            7 => *worker_now = worker(&memory),
            _ => _ = service.tick(worker_now, now),
        }
        for worker in &workers {
            let known = knows(worker, now);
            let sequence = worker.snapshot().map_or(0, Snapshot::sequence);
            prop_assert_eq!(known, (1..=sequence).collect::<Vec<_>>());
            prop_assert!(worker.verdict(&claims(1000), at(now + 34_001)) == Verdict::Stale);
        }
        let has = workers[place].snapshot().map_or(0, Snapshot::sequence);
        prop_assert!(event == 7 || has >= had, "it has gone back from {} to {}", had, has);
    }
    Ok(())
}

/// Another plugin of the same VM ids has put an earlier document back, while the worker's own had become too old.
#[test]
fn a_document_that_was_put_back_takes_no_later_ones_place() {
    let fetched =
        [(1068, 1, 8), (534, 0, 2), (1533, 0, 1), (2904, 0, 2), (1945, 0, 2), (414, 0, 1), (670, 0, 8), (0, 0, 0)];
    let kept_for_later = [(5403, 2, 4), (2963, 2, 10), (3360, 2, 6)];
    let put_back = [(2377, 1, 5), (3195, 1, 2), (2926, 1, 11), (3636, 0, 11), (2378, 1, 11), (800, 0, 5)];
    let looked_at = [(3076, 0, 2), (2798, 0, 4), (2460, 1, 7), (1860, 0, 3), (948, 2, 8)];
    play(&[fetched.as_slice(), &kept_for_later, &put_back, &looked_at].concat()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_revoked_is_known_by_whoever_has_its_snapshot(
        events in prop::collection::vec((0..4_000_u64, 0..3_usize, 0..12_u8), 0..120),
    ) {
        play(&events)?;
    }

    #[test]
    fn a_head_is_read_as_it_was_written(serial: u64, until: u64, whole: u64, deltas: u64, more in prop::collection::vec(any::<u8>(), 0..40)) {
        let payload = Head { serial, until, documents: Documents { whole, deltas } }.payload();
        let head = Head::read(&payload).unwrap();
        prop_assert_eq!((head.serial, head.until, head.documents), (serial, until, Documents { whole, deltas }));
        prop_assert!(Head::read(&more).is_none() || more.len() == HEAD_BYTES);
        prop_assert!(pair(&more).is_none() || more.len() == 16);
    }
}
