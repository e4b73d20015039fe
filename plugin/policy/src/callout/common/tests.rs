use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proptest::prelude::*;

use super::{BYTES, Breaker, BreakerLimits, Change, CommonBreaker, Pass, payload, read};
use crate::{
    SharedData,
    seal::Seal,
    shared_data::{SealedData, tests::Memory},
};

const LIMITS: BreakerLimits = BreakerLimits { failures: 3, open_for: Duration::from_secs(5), half_open: 2 };
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const NAME: &str = "gwauthz.breaker.0";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn over(data: impl SharedData + 'static, key: &[u8]) -> CommonBreaker {
    let mut breaker = CommonBreaker::default();
    breaker.share(&Rc::new(SealedData::new(Rc::new(data), Seal::new(key, &[7; 32]).unwrap())), 0);
    breaker
}

fn worker(memory: &Memory) -> CommonBreaker {
    over(memory.clone(), KEY)
}

fn fail(breaker: &mut CommonBreaker, times: u32, now: SystemTime) -> Vec<Option<Change>> {
    let once = |_| {
        let pass = breaker.admit(&LIMITS, now).unwrap();
        breaker.record(pass, false, &LIMITS, now)
    };
    (0..times).map(once).collect()
}

fn record(memory: &Memory) -> (Vec<u8>, u32) {
    memory.get(NAME).unwrap()
}

#[test]
fn failures_that_one_worker_sees_open_it_for_all() {
    let memory = Memory::default();
    let [mut one, mut other, mut third] = [0; 3].map(|_| worker(&memory));
    assert_eq!(fail(&mut one, 2, at(0)), [None; 2]);
    assert_eq!(fail(&mut other, 1, at(0)), [Some(Change::Opened)]);
    assert!(!one.is_open(), "it has not looked since");
    for breaker in [&mut one, &mut other, &mut third] {
        assert_eq!(breaker.admit(&LIMITS, at(4)), None);
        assert!(breaker.is_open());
    }
}

#[test]
fn probes_are_counted_over_all_workers_and_close_it_for_all() {
    let memory = Memory::default();
    let [mut one, mut other, mut third] = [0; 3].map(|_| worker(&memory));
    fail(&mut one, 3, at(0));
    let probe = one.admit(&LIMITS, at(5)).unwrap();
    let unheard = other.admit(&LIMITS, at(6));
    assert!(unheard.is_some());
    assert_eq!(third.admit(&LIMITS, at(9)), None, "two probes at most");
    assert_eq!(one.record(probe, false, &LIMITS, at(9)), None);
    assert_eq!(other.record(unheard.unwrap(), true, &LIMITS, at(9)), None, "too late");
    assert_eq!(third.admit(&LIMITS, at(13)), None);
    let probe = third.admit(&LIMITS, at(14)).unwrap();
    assert_eq!(third.record(probe, true, &LIMITS, at(14)), Some(Change::Closed));
    fail(&mut one, 2, at(14));
    assert!(other.admit(&LIMITS, at(14)).is_some());
}

#[test]
fn a_worker_that_dies_with_its_probes_does_not_keep_it_open() {
    let memory = Memory::default();
    let (mut one, mut other) = (worker(&memory), worker(&memory));
    fail(&mut one, 3, at(0));
    assert!(one.admit(&LIMITS, at(5)).is_some() && one.admit(&LIMITS, at(5)).is_some());
    drop(one);
    assert_eq!(other.admit(&LIMITS, at(9)), None);
    assert!(other.admit(&LIMITS, at(10)).is_some());
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let memory = Memory::default();
    let (mut one, mut other) = (worker(&memory), worker(&memory));
    let pass = one.admit(&LIMITS, at(0)).unwrap();
    one.record(pass, true, &LIMITS, at(0));
    assert_eq!(memory.get(NAME), None);
    fail(&mut one, 1, at(0));
    let pass = other.admit(&LIMITS, at(0)).unwrap();
    other.record(pass, true, &LIMITS, at(0));
    let (before, _) = record(&memory);
    let pass = one.admit(&LIMITS, at(0)).unwrap();
    one.record(pass, true, &LIMITS, at(0));
    assert_eq!(record(&memory).0, before);
    assert_eq!(before.len(), BYTES + Seal::BYTES);
    fail(&mut other, 2, at(0));
    assert!(!other.is_open(), "a reply that one worker got ends what the others have counted");
}

#[test]
fn by_a_record_that_does_not_count_each_worker_goes_by_what_it_knows() {
    let memory = Memory::default();
    let (mut one, mut other) = (worker(&memory), worker(&memory));
    fail(&mut one, 1, at(0));
    let (old, _) = record(&memory);
    fail(&mut one, 2, at(0));
    assert_eq!(other.admit(&LIMITS, at(0)), None);
    let elsewhere = Memory::default();
    fail(&mut over(elsewhere.clone(), b"fedcba9876543210fedcba9876543210"), 1, at(0));
    for record in [Vec::new(), vec![0; 500], b"Closed".to_vec(), old, record(&elsewhere).0] {
        memory.set(NAME, &record, 0);
        assert_eq!(one.admit(&LIMITS, at(1)), None, "{record:?}");
        assert_eq!(other.admit(&LIMITS, at(1)), None, "{record:?}");
    }
    memory.0.borrow_mut().clear();
    assert_eq!(one.admit(&LIMITS, at(4)), None);
    // The first to change something makes the others know again.
    assert!(one.admit(&LIMITS, at(5)).is_some() && other.admit(&LIMITS, at(5)).is_some());
    assert_eq!(worker(&memory).admit(&LIMITS, at(5)), None);
}

/// Shared data that do not work.
#[derive(Debug)]
struct Broken {
    memory: Memory,
    gives: bool,
    takes: bool,
}

impl SharedData for Broken {
    fn get(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.gives.then(|| self.memory.get(key)).flatten()
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> bool {
        self.takes && self.memory.set(key, value, cas)
    }
}

#[test]
fn where_shared_data_do_not_work_it_is_one_worker_s() {
    for (gives, takes) in [(false, false), (false, true), (true, false)] {
        let memory = Memory::default();
        fail(&mut worker(&memory), 1, at(0));
        let [mut one, mut other] = [0; 2].map(|_| over(Broken { memory: memory.clone(), gives, takes }, KEY));
        let needed = if gives { 2 } else { 3 };
        assert_eq!(fail(&mut one, needed, at(0)).last(), Some(&Some(Change::Opened)));
        assert_eq!(one.admit(&LIMITS, at(4)), None);
        assert!(other.admit(&LIMITS, at(4)).is_some());
        let probe = one.admit(&LIMITS, at(5)).unwrap();
        assert!(one.admit(&LIMITS, at(5)).is_some());
        assert_eq!(one.admit(&LIMITS, at(5)), None);
        assert_eq!(one.record(probe, true, &LIMITS, at(5)), Some(Change::Closed));
    }
}

/// Shared data where others write before each write.
#[derive(Debug)]
struct Hurried(Memory);

impl SharedData for Hurried {
    fn get(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.0.get(key)
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> bool {
        self.0.set(key, b"theirs", 0);
        self.0.set(key, value, cas)
    }
}

#[test]
fn who_is_never_quick_enough_gives_up_and_asks_nobody() {
    let memory = Memory::default();
    let mut breaker = over(Hurried(memory.clone()), KEY);
    for _ in 0..5 {
        let pass = breaker.admit(&LIMITS, at(0)).unwrap();
        assert_eq!(breaker.record(pass, false, &LIMITS, at(0)), None);
    }
    let mut quick = worker(&memory);
    fail(&mut quick, 3, at(0));
    assert_eq!(breaker.admit(&LIMITS, at(5)), None, "it has no probe");
}

/// Workers that run between one another's looks and writes.
#[derive(Debug)]
struct World {
    memory: Memory,
    workers: Vec<RefCell<CommonBreaker>>,
    /// Who does what before the next write of somebody else.
    interferers: RefCell<Vec<(usize, u8)>>,
    passes: RefCell<Vec<Pass>>,
    /// What one breaker of one worker would do.
    alone: RefCell<Breaker>,
    now: Cell<u64>,
}

#[derive(Debug)]
struct Interleaved(Weak<World>);

impl SharedData for Interleaved {
    fn get(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.0.upgrade()?.memory.get(key)
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> bool {
        let world = self.0.upgrade().unwrap();
        let interferer = world.interferers.borrow_mut().pop();
        if let Some((worker, event)) = interferer {
            world.act(worker, event);
        }
        world.memory.set(key, value, cas)
    }
}

impl World {
    fn new(workers: usize) -> Rc<Self> {
        Rc::new_cyclic(|world| Self {
            memory: Memory::default(),
            workers: (0..workers).map(|_| RefCell::new(over(Interleaved(world.clone()), KEY))).collect(),
            interferers: RefCell::default(),
            passes: RefCell::default(),
            alone: RefCell::default(),
            now: Cell::new(0),
        })
    }

    /// What a worker comes to, as soon as it has done it: the same as if one had done all in this order.
    fn act(&self, worker: usize, event: u8) {
        // One that is about to write does nothing else.
        let Ok(mut worker) = self.workers[worker].try_borrow_mut() else { return };
        let now = at(self.now.get());
        if event < 2 {
            let pass = self.passes.borrow_mut().pop();
            if let Some(pass) = pass {
                let change = worker.record(pass, event == 0, &LIMITS, now);
                assert_eq!(change, self.alone.borrow_mut().record(pass, event == 0, &LIMITS, now));
            }
        } else {
            let pass = worker.admit(&LIMITS, now);
            assert_eq!(pass, self.alone.borrow_mut().admit(&LIMITS, now));
            self.passes.borrow_mut().extend(pass);
        }
    }
}

proptest! {
    /// However workers come between one another: together they let through what one would, and no probe more.
    #[test]
    fn workers_are_as_one(events in prop::collection::vec((0..3_u64, 0..4_usize, 0..4_u8, prop::collection::vec((0..4_usize, 0..4_u8), 0..4)), 0..80)) {
        let world = World::new(4);
        for (wait, worker, event, interferers) in events {
            world.now.set(world.now.get() + wait);
            *world.interferers.borrow_mut() = interferers;
            world.act(worker, event);
        }
    }

    #[test]
    fn what_is_written_is_read(sequence: u64, generation: u32, count: u32, since: u64, state in 0..5_u64) {
        let numbers = [state, generation.into(), count.into(), since];
        match Breaker::from_numbers(numbers) {
            Some(breaker) => prop_assert_eq!(read(&payload(sequence, breaker)), Some((sequence, breaker))),
            None => prop_assert!(state > 2),
        }
    }

    #[test]
    fn no_payload_is_too_odd(payload in prop::collection::vec(any::<u8>(), 0..60)) {
        prop_assert!(read(&payload).is_none() || payload.len() == BYTES);
    }
}
