//! TCP connections of a scenario: what their two sides still have to do, and how long they are waited for.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use crate::gateway::{ConnectionId, Side};

use super::{
    super::{
        conversation::{Act, IDLE_TIMEOUT, Speaker},
        format::{ConnectionEnding, TcpConnection},
        observed::ObservedConnection,
        timeline::Party,
    },
    Run, RunError,
    client::Before,
    name,
};

/// A connection that is open, and its two sides.
pub(super) struct Conversation {
    /// Which connection: its step among those with connections, and its number within.
    slot: (usize, usize),
    id: ConnectionId,
    at: Duration,
    client: Speaker,
    /// `None`: the plugin has not let the client reach it.
    upstream: Option<Speaker>,
    /// What the upstream will do.
    upstream_acts: Rc<[Act]>,
    /// When one of them last did something.
    active: Duration,
    before: Before,
    /// How much of what has arrived at each of them the timeline has been told of, and whether of the end.
    told_of_client: (usize, bool),
    told_of_upstream: (usize, bool),
}

impl Conversation {
    /// When one of its sides does something next by itself, be it that it gives up.
    pub(super) fn next_time(&self, now: Duration) -> Duration {
        let sides = [Some(&self.client), self.upstream.as_ref()].into_iter().flatten();
        let waits = sides.map(|side| side.ready_at).filter(|ready_at| *ready_at > now);
        waits.fold(self.active + IDLE_TIMEOUT, Duration::min)
    }

    fn has_waited_too_long(&self, now: Duration) -> bool {
        now >= self.active + IDLE_TIMEOUT
    }

    fn side(&mut self, side: Side) -> Option<&mut Speaker> {
        match side {
            Side::Client => Some(&mut self.client),
            Side::Upstream => self.upstream.as_mut(),
        }
    }
}

impl Run<'_> {
    pub(super) fn connection(&mut self, connection: &TcpConnection) -> Result<(), RunError> {
        let slot = self.connections.len();
        self.connections.push(BTreeMap::new());
        let acts = [connection.client_acts(), connection.upstream_acts()];
        let worker = connection.worker.unwrap_or_default().into();
        for number in 0..connection.times.unwrap_or(1) as usize {
            self.connect(worker, acts.clone(), (slot, number));
            self.check_bounds()?;
            while !connection.background && self.conversations.iter().any(|one| one.slot == (slot, number)) {
                self.pass_one_moment()?;
            }
        }
        Ok(())
    }

    fn connect(&mut self, worker: usize, [client_acts, upstream_acts]: [Rc<[Act]>; 2], slot: (usize, usize)) {
        let (now, before) = (self.now(), self.mark());
        self.says(Party::Client, slot, "connects");
        let id = self.gateway.connect(worker);
        self.conversations.push(Conversation {
            slot,
            id,
            at: now,
            client: Speaker::new(client_acts, now),
            upstream: None,
            upstream_acts,
            active: now,
            before,
            told_of_client: (0, false),
            told_of_upstream: (0, false),
        });
        self.take_news(Vec::new());
        self.settle();
    }

    /// Lets every side of every connection do what it does now, until all of them wait.
    pub(super) fn converse(&mut self) {
        loop {
            let mut acted = false;
            for index in 0..self.conversations.len() {
                self.tell_arrivals(index);
                while self.act(index, Side::Client) || self.act(index, Side::Upstream) {
                    acted = true;
                }
            }
            // A plugin may have let one connection on while it was called about another.
            if !acted {
                return;
            }
        }
    }

    /// Lets one side do one thing; whether it did.
    fn act(&mut self, index: usize, side: Side) -> bool {
        let now = self.now();
        let Some(conversation) = self.conversations.get_mut(index) else { return false };
        let Some(connection) = self.gateway.connection(conversation.id) else { return false };
        if connection.reached && conversation.upstream.is_none() {
            conversation.upstream = Some(Speaker::new(Rc::clone(&conversation.upstream_acts), now));
        }
        let (id, slot) = (conversation.id, conversation.slot);
        let arrived = if side == Side::Client { &connection.to_client } else { &connection.to_upstream };
        let open = connection.ending.is_none();
        let act = conversation.side(side).filter(|_| open).and_then(|speaker| speaker.next_act(now, arrived));
        let Some(act) = act else { return false };
        conversation.active = now;
        let party = party(side);
        match act {
            Act::Send(bytes) => {
                self.kept_bytes += bytes.len();
                self.says(party, slot, &bytes.escape_ascii().to_string());
                self.gateway.transfer(id, side, &bytes, false);
            }
            Act::End => {
                self.says(party, slot, "the end");
                self.gateway.transfer(id, side, &[], true);
            }
            Act::Reset => {
                self.says(party, slot, "a reset");
                self.gateway.reset(id, side);
            }
            Act::Receive(_) | Act::AwaitEnd | Act::Wait(_) => {}
        }
        self.take_news(Vec::new());
        self.tell_arrivals(index);
        true
    }

    /// Tells the timeline what has arrived at both sides of a connection.
    fn tell_arrivals(&mut self, index: usize) {
        let at = self.now().saturating_sub(self.start);
        let (Some(recorder), Some(conversation)) = (&mut self.recorder, self.conversations.get_mut(index)) else {
            return;
        };
        let Some(connection) = self.gateway.connection(conversation.id) else { return };
        let name = name("connection", conversation.slot);
        for (to, arrived, told) in [
            (Party::Upstream, &connection.to_upstream, &mut conversation.told_of_upstream),
            (Party::Client, &connection.to_client, &mut conversation.told_of_client),
        ] {
            let new = arrived.bytes.get(told.0..).unwrap_or_default();
            if !new.is_empty() {
                recorder.event(at, Party::Gateway, to, format!("{name}: {}", new.escape_ascii()));
            }
            if arrived.ended && !told.1 {
                recorder.event(at, Party::Gateway, to, format!("{name}: the end"));
            }
            *told = (arrived.bytes.len(), arrived.ended);
        }
    }

    /// Takes note of what became of the connections that have ended; whether there were any.
    pub(super) fn close_ended_connections(&mut self) -> bool {
        let now = self.now();
        let ended = |one: &mut Conversation| {
            let open = self.gateway.connection(one.id).is_some_and(|connection| connection.ending.is_none());
            !open || one.has_waited_too_long(now)
        };
        let ended: Vec<_> = self.conversations.extract_if(.., ended).collect();
        let any = !ended.is_empty();
        ended.into_iter().for_each(|conversation| self.close_connection(conversation));
        any
    }

    fn close_connection(&mut self, Conversation { slot, id, at, before, .. }: Conversation) {
        let now = self.now();
        let ending = self.gateway.connection(id).and_then(|connection| connection.ending.clone());
        let connection = self.gateway.disconnect(id);
        self.take_news(connection.logs);
        let (callouts, grpc_callouts) = self.journal.of(id.stream(), before.callouts);
        let observed = ObservedConnection {
            at: at.saturating_sub(self.start),
            took: now.saturating_sub(at),
            to_client: connection.to_client.into(),
            to_upstream: connection.to_upstream.into(),
            ending,
            callouts: Some(callouts.into_iter().map(|asked| self.observed_callout(asked)).collect()),
            grpc_callouts: Some(grpc_callouts),
            foreign_calls: Some(self.foreign_calls_of(id.stream(), before.foreign_calls)),
            logs: Some(before.logs..self.observed.logs.len()),
        };
        let word = ConnectionEnding::of(observed.ending.as_ref()).word();
        if let Some(recorder) = &mut self.recorder {
            let text = format!("{}: {word}", name("connection", slot));
            recorder.event(now.saturating_sub(self.start), Party::Gateway, Party::Client, text);
        }
        if let Some(ended) = self.connections.get_mut(slot.0) {
            ended.insert(slot.1, observed);
        }
    }

    fn says(&mut self, from: Party, slot: (usize, usize), what: &str) {
        let at = self.now().saturating_sub(self.start);
        if let Some(recorder) = &mut self.recorder {
            recorder.event(at, from, Party::Gateway, format!("{}: {what}", name("connection", slot)));
        }
    }
}

fn party(side: Side) -> Party {
    match side {
        Side::Client => Party::Client,
        Side::Upstream => Party::Upstream,
    }
}
