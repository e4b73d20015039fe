//! Requests that wait for something that is not theirs alone.

use std::{mem, time::SystemTime};

/// Who waits, by the number that the caller knows the request by, and until when.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    waiting: Vec<(u32, SystemTime)>,
    woken: Vec<u32>,
}

impl Waiting {
    pub(super) fn add(&mut self, stream: u32, deadline: SystemTime) {
        self.waiting.push((stream, deadline));
    }

    /// Does not wake who has left.
    pub(super) fn remove(&mut self, stream: u32) {
        self.waiting.retain(|(waiting, _)| *waiting != stream);
        self.woken.retain(|woken| *woken != stream);
    }

    /// When the next one has waited for long enough.
    pub(super) fn next_deadline(&self) -> Option<SystemTime> {
        self.waiting.iter().map(|(_, deadline)| *deadline).min()
    }

    /// Wakes all: what they wait for may have come.
    pub(super) fn wake_all(&mut self) {
        self.woken.extend(mem::take(&mut self.waiting).into_iter().map(|(stream, _)| stream));
    }

    /// Wakes those that have waited for long enough.
    pub(super) fn wake_late(&mut self, now: SystemTime) {
        let woken = &mut self.woken;
        self.waiting.retain(|(stream, deadline)| {
            let waits = *deadline > now;
            if !waits {
                woken.push(*stream);
            }
            waits
        });
    }

    pub(super) fn take_woken(&mut self) -> Vec<u32> {
        mem::take(&mut self.woken)
    }
}
