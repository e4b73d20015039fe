//! What requests and connections cause beside what their two sides get.

use std::{ops::Range, time::Duration};

use super::{
    super::{
        format::Effects,
        observed::{Exchange, ObservedCallout, ObservedConnection},
        place::Place,
    },
    Findings,
};

/// What one of them has caused; `None`: the host cannot tell.
pub(super) struct Caused<'a> {
    callouts: Option<&'a [ObservedCallout]>,
    grpc_callouts: Option<&'a [usize]>,
    foreign_calls: Option<&'a [usize]>,
    logs: Option<Range<usize>>,
    took: Duration,
}

impl<'a> Caused<'a> {
    pub(super) fn by_request(exchange: &'a Exchange) -> Self {
        Self {
            callouts: exchange.callouts.as_deref(),
            grpc_callouts: exchange.grpc_callouts.as_deref(),
            foreign_calls: exchange.foreign_calls.as_deref(),
            logs: exchange.logs.clone(),
            took: exchange.took,
        }
    }

    pub(super) fn by_connection(connection: &'a ObservedConnection) -> Self {
        Self {
            callouts: connection.callouts.as_deref(),
            grpc_callouts: connection.grpc_callouts.as_deref(),
            foreign_calls: connection.foreign_calls.as_deref(),
            logs: connection.logs.clone(),
            took: connection.took,
        }
    }
}

impl Findings<'_> {
    pub(super) fn effects(&mut self, expect: Effects<'_>, name: &str, caused: Caused<'_>, place: &Place) {
        if let (Some(expected), Some(found)) = (expect.callouts, caused.callouts) {
            self.callouts(expected, name, found, &place.key("callouts"));
        }
        if let (Some(expected), Some(numbers)) = (expect.grpc_callouts, caused.grpc_callouts) {
            let found: Vec<_> = numbers.iter().filter_map(|number| self.observed.grpc_callouts.get(*number)).collect();
            self.grpc_callouts(expected, name, &found, &place.key("grpcCallouts"));
        }
        if let (Some(expected), Some(numbers)) = (expect.foreign_calls, caused.foreign_calls) {
            let found: Vec<_> = numbers.iter().filter_map(|number| self.observed.foreign_calls.get(*number)).collect();
            self.foreign_calls(expected, &format!("for {name}"), &found, &place.key("foreignCalls"));
        }
        if let Some(lines) = caused.logs.and_then(|range| self.observed.logs.get(range)) {
            self.logs(&format!("during {name}"), (expect.logs_contain, expect.logs_lack), lines, place);
        }
        if let Some(within) = expect.within
            && caused.took > within.unsigned_abs() + self.observed.slack
        {
            let expected = format!("at most {:?}", within.unsigned_abs());
            self.fail(&format!("time that {name} took"), expected, format!("{:?}", caused.took), &place.key("within"));
        }
    }
}
