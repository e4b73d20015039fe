//! Requests that wait for something that is not theirs alone.

use std::{
    mem,
    time::{Duration, SystemTime},
};

use crate::{fingerprint::Fingerprint, span::Span};

/// Who waits, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    waiting: Vec<Waiter>,
    woken: Vec<u32>,
}

#[derive(Debug)]
struct Waiter {
    /// The number that the caller knows the request by.
    stream: u32,
    /// How long it waits.
    span: Span,
    /// Whose answer it waits for; `None`: whatever comes.
    question: Option<Fingerprint>,
}

impl Waiting {
    pub(super) fn add(&mut self, stream: u32, span: Span) {
        self.waiting.push(Waiter { stream, span, question: None });
    }

    /// Waits for what comes of a question that somebody else has put.
    pub(super) fn add_for(&mut self, question: Fingerprint, stream: u32, span: Span) {
        self.waiting.push(Waiter { stream, span, question: Some(question) });
    }

    /// Does not wake who has left.
    pub(super) fn remove(&mut self, stream: u32) {
        self.waiting.retain(|waiter| waiter.stream != stream);
        self.woken.retain(|woken| *woken != stream);
    }

    /// How long it is until the next one has waited for long enough.
    pub(super) fn due_in(&self, now: SystemTime) -> Option<Duration> {
        if self.has_woken() {
            return Some(Duration::ZERO);
        }
        self.waiting.iter().map(|waiter| waiter.span.left(now)).min()
    }

    /// Wakes all who wait for no question: what they wait for may have come.
    pub(super) fn wake_all(&mut self) {
        self.wake(|waiter| waiter.question.is_none());
    }

    /// Wakes those that have waited for long enough.
    pub(super) fn wake_late(&mut self, now: SystemTime) {
        self.wake(|waiter| waiter.span.is_over(now));
    }

    /// Wakes who waits for a question; gives their numbers.
    pub(super) fn wake_for(&mut self, question: Fingerprint) -> Vec<u32> {
        let before = self.woken.len();
        self.wake(|waiter| waiter.question == Some(question));
        self.woken.get(before..).unwrap_or_default().to_vec()
    }

    /// Wakes the first of those who wait for a question.
    pub(super) fn wake_first_for(&mut self, question: Fingerprint) -> Option<u32> {
        let place = self.waiting.iter().position(|waiter| waiter.question == Some(question))?;
        let Waiter { stream, .. } = self.waiting.remove(place);
        self.woken.push(stream);
        Some(stream)
    }

    /// Whether anybody has been woken and is still to be gone on with.
    pub(super) fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    pub(super) fn take_woken(&mut self) -> Vec<u32> {
        mem::take(&mut self.woken)
    }

    fn wake(&mut self, is_woken: impl Fn(&Waiter) -> bool) {
        let woken = &mut self.woken;
        self.waiting.retain(|waiter| {
            let wakes = is_woken(waiter);
            if wakes {
                woken.push(waiter.stream);
            }
            !wakes
        });
    }
}
