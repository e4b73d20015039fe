//! A breaker that workers have in common.
//!
//! Its state is a record in shared data, which who changes it replaces only while nobody else has: a probe is one worker's.
//! A record that does not count, and one that is older than what a worker knows, are as if there were none; the worker then
//! goes by what it knows itself.

use std::{rc::Rc, time::SystemTime};

use crate::shared_data::{SealedData, from_bytes, to_bytes};

use super::breaker::{Breaker, BreakerLimits, Change, Pass};

/// The breaker of one endpoint, as this worker knows it.
#[derive(Debug, Default)]
pub(super) struct CommonBreaker {
    breaker: Breaker,
    /// Counts what has been done to it by all workers: which of two states is the later one.
    sequence: u64,
    /// Where the others find it; `None` where each worker has its own.
    record: Option<(Rc<SealedData>, String)>,
}

/// A payload: the sequence and the breaker's numbers, 8 bytes each.
const BYTES: usize = 5 * 8;
/// How often others may be quicker before this worker leaves it at that.
const TRIES: u32 = 8;

impl CommonBreaker {
    /// Those of all workers at this place are one.
    pub(super) fn share(&mut self, data: &Rc<SealedData>, place: usize) {
        self.record = Some((Rc::clone(data), ["gwauthz.breaker.", &place.to_string()].concat()));
    }

    /// [`Breaker::admit`], of all workers; not where others are quicker each time.
    pub(super) fn admit(&mut self, limits: &BreakerLimits, now: SystemTime) -> Option<Pass> {
        let mut pass = None;
        let is_done = self.change(&mut |breaker| pass = breaker.admit(limits, now));
        pass.filter(|_| is_done)
    }

    /// [`Breaker::record`], for all workers; says what this one has changed.
    pub(super) fn record(
        &mut self,
        pass: Pass,
        is_answered: bool,
        limits: &BreakerLimits,
        now: SystemTime,
    ) -> Option<Change> {
        let mut change = None;
        let is_done = self.change(&mut |breaker| change = breaker.record(pass, is_answered, limits, now));
        change.filter(|_| is_done)
    }

    /// Whether it lets nothing through but probes, as this worker knows.
    pub(super) fn is_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// Does something to the breaker as all workers know it; whether it has been done. What changes nothing writes nothing.
    fn change(&mut self, act: &mut dyn FnMut(&mut Breaker)) -> bool {
        let Some((data, name)) = &self.record else {
            act(&mut self.breaker);
            return true;
        };
        let mut refused_at = None;
        for _ in 0..TRIES {
            let found = data.get(name, BYTES);
            if let Some((sequence, breaker)) = found.payload.and_then(|payload| read(&payload))
                && sequence >= self.sequence
            {
                (self.sequence, self.breaker) = (sequence, breaker);
            }
            let mut breaker = self.breaker;
            act(&mut breaker);
            if breaker == self.breaker {
                return true;
            }
            let sequence = self.sequence.saturating_add(1);
            // Where nobody was quicker, shared data do not work: then this worker goes by what it knows.
            if refused_at == Some(found.cas) || data.set(name, payload(sequence, breaker), found.cas) {
                (self.sequence, self.breaker) = (sequence, breaker);
                return true;
            }
            refused_at = Some(found.cas);
        }
        false
    }
}

fn payload(sequence: u64, breaker: Breaker) -> Vec<u8> {
    let [a, b, c, d] = breaker.to_numbers();
    to_bytes(&[sequence, a, b, c, d])
}

fn read(payload: &[u8]) -> Option<(u64, Breaker)> {
    let mut numbers = [0; 5];
    from_bytes(payload, &mut numbers)?;
    let [sequence, numbers @ ..] = numbers;
    Some((sequence, Breaker::from_numbers(numbers)?))
}

#[cfg(test)]
mod tests;
