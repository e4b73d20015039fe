//! What became of TCP connections.

use super::{
    super::{
        format::{ConnectionEnding, ConnectionExpectation, ReceivedExpectation},
        observed::{ObservedBytes, ObservedConnection},
        place::Place,
    },
    Findings,
    effects::Caused,
    values::escaped,
};
use crate::gateway::Disconnection;

impl Findings<'_> {
    /// The connections of a step. Where several fail alike, the first says it for all.
    pub(super) fn connections(
        &mut self,
        expect: &ConnectionExpectation,
        step: usize,
        connections: &[ObservedConnection],
        place: &Place,
    ) {
        for (number, connection) in connections.iter().enumerate() {
            let before = self.failures.len();
            let name = match connections {
                [_] => format!("connection {}", step + 1),
                _ => format!("connection {}, time {}", step + 1, number + 1),
            };
            self.connection(expect, &name, connection, place);
            if self.failures.len() > before {
                return;
            }
        }
    }

    fn connection(
        &mut self,
        expect: &ConnectionExpectation,
        name: &str,
        connection: &ObservedConnection,
        place: &Place,
    ) {
        let ending = connection.ending.as_ref();
        if let Some(expected) = expect.ending
            && expected != ConnectionEnding::of(ending)
        {
            let why = match ending {
                Some(Disconnection::Trapped(fault)) => format!(": {}", fault.reason),
                _ => String::new(),
            };
            let found = format!("{}{why}", ConnectionEnding::of(ending).word());
            self.fail(&format!("ending of {name}"), expected.word(), found, &place.key("ending"));
        }
        for (key, side, expect, found) in [
            ("client", "the client", &expect.client, &connection.to_client),
            ("upstream", "the upstream", &expect.upstream, &connection.to_upstream),
        ] {
            if let Some(expect) = expect {
                self.received(expect, &format!("what {side} gets of {name}"), found, &place.key(key));
            }
        }
        self.effects(expect.effects(), name, Caused::by_connection(connection), place);
    }

    fn received(&mut self, expect: &ReceivedExpectation, what: &str, found: &ObservedBytes, place: &Place) {
        let (text, base64) = (expect.text.as_deref(), expect.base64.as_deref());
        self.bytes(what, ("text", text), base64, Some(&found.bytes), place);
        let seen = String::from_utf8_lossy(&found.bytes);
        for (number, text) in expect.contains.iter().enumerate() {
            if !seen.contains(text) {
                let place = place.key("contains").item(number);
                self.fail(what, format!("a text with {text}"), escaped(&found.bytes), &place);
            }
        }
        if let (Some(expected), Some(ended)) = (expect.ended, found.ended)
            && expected != ended
        {
            let word = |ended| if ended { "the end has arrived" } else { "no end has arrived" };
            self.fail(what, word(expected), word(ended), &place.key("ended"));
        }
    }
}

impl ConnectionEnding {
    pub(in crate::scenario) fn of(ending: Option<&Disconnection>) -> Self {
        match ending {
            Some(Disconnection::Ended) => Self::Ended,
            Some(Disconnection::Closed) => Self::Closed,
            Some(Disconnection::Reset(_)) => Self::Reset,
            Some(Disconnection::Trapped(_)) => Self::Trapped,
            None => Self::Held,
        }
    }

    /// As files have it.
    pub(in crate::scenario) fn word(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::Held => "held",
            Self::Trapped => "trapped",
        }
    }
}
