//! What is still to happen on the gateway's clock: replies to callouts, responses of the upstream, ticks.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    time::Duration,
};

use crate::{
    grpc::Shown,
    state::Behalf,
    thread::{RootId, VmId},
    world::{GrpcAnswer, HttpCall, HttpResponse},
};

use super::StreamId;

/// Events in the order of their times; those of one time in the order in which they were entered.
#[derive(Default)]
pub(super) struct Agenda {
    events: BinaryHeap<Reverse<Entry>>,
    entered: u64,
}

/// Something that will happen.
pub(super) enum Event {
    /// A callout is replied to.
    Reply(Reply),
    /// The upstream answers a stream.
    Response { stream: StreamId, response: HttpResponse },
    /// A gRPC call comes to its end.
    GrpcOutcome { vm: VmId, behalf: Behalf, token: u32, shown: Shown },
    /// A service does something on a gRPC stream.
    GrpcAnswer { vm: VmId, behalf: Behalf, token: u32, answer: GrpcAnswer },
    /// A message lies in a queue that a plugin has registered.
    QueueReady { root: RootId, queue: u32 },
    /// A plugin is ticked.
    Tick { root: RootId, period: Duration },
}

/// A reply to a callout.
pub(super) struct Reply {
    pub(super) root: RootId,
    pub(super) token: u32,
    /// The stream on whose behalf the call was made, if it was one.
    pub(super) stream: Option<StreamId>,
    pub(super) call: HttpCall,
    /// None: the stream was reset.
    pub(super) response: Option<HttpResponse>,
    pub(super) took: Duration,
}

struct Entry {
    at: Duration,
    number: u64,
    event: Event,
}

impl Agenda {
    pub(super) fn enter(&mut self, at: Duration, event: Event) {
        self.entered += 1;
        self.events.push(Reverse(Entry { at, number: self.entered, event }));
    }

    /// Enters a root context's next tick; it has one at a time.
    pub(super) fn enter_tick(&mut self, at: Duration, root: RootId, period: Duration) {
        self.forget_ticks(root);
        self.enter(at, Event::Tick { root, period });
    }

    pub(super) fn forget_ticks(&mut self, root: RootId) {
        self.events.retain(|Reverse(entry)| !matches!(entry.event, Event::Tick { root: of, .. } if of == root));
    }

    /// Nothing more happens until `time`.
    pub(super) fn forget_until(&mut self, time: Duration) {
        self.events.retain(|Reverse(entry)| entry.at > time);
    }

    /// When the next event happens.
    pub(super) fn next_time(&self) -> Option<Duration> {
        self.events.peek().map(|Reverse(entry)| entry.at)
    }

    /// The next event, if it happens until `time`.
    pub(super) fn take_until(&mut self, time: Duration) -> Option<(Duration, Event)> {
        self.next_time().filter(|at| *at <= time)?;
        self.events.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
