//! Shadow mode: requests pass at once, and what would have become of them is decided behind them.

use std::{mem, time::SystemTime};

use crate::{Callout, CalloutReply, HeaderMap, Metric, Request};

use super::{Engine, Exchange, Step};

/// Requests that have passed, and are not decided yet.
#[derive(Debug, Default)]
pub(super) struct Shadows {
    under_way: Vec<Shadow>,
    /// What is to be asked about them.
    callouts: Vec<(u32, Callout)>,
    /// The number of the last one.
    last: u32,
}

#[derive(Debug)]
struct Shadow {
    exchange: Exchange,
    copy: Copied,
}

/// What a request that waits is decided by later.
#[derive(Debug, Default)]
struct Copied {
    headers: HeaderMap,
    source: Vec<u8>,
}

/// How many may be under way: the headers of each may be kept, 60 KiB by Envoy's default.
const MOST: usize = 256;

impl Shadows {
    /// Whether something is to be sent.
    pub(super) fn has_callouts(&self) -> bool {
        !self.callouts.is_empty()
    }

    fn take(&mut self, stream: u32) -> Option<Shadow> {
        let place = self.under_way.iter().position(|shadow| shadow.exchange.stream() == stream)?;
        Some(self.under_way.swap_remove(place))
    }
}

impl Engine {
    /// Decides about a request which has passed.
    pub(super) fn shadow(&mut self, request: Request<'_>, now: SystemTime) {
        self.shadows.last = self.shadows.last.wrapping_add(1);
        let mut exchange = Exchange::new(self.shadows.last);
        let step = exchange.go_on(self, request, now);
        let copy = match step {
            Some(Step::Wait) => Copied { headers: request.headers(), source: request.source() },
            _ => Copied::default(),
        };
        self.follow(Shadow { exchange, copy }, step);
    }

    /// A request has passed that nothing is known of.
    pub(super) fn shadow_unread(&mut self) {
        self.reports.count(Metric::ShadowUndecided);
    }

    /// Callouts on behalf of requests that have passed, and their numbers; to be sent where their replies are heard though
    /// the requests are gone.
    pub fn take_detached(&mut self) -> Vec<(u32, Callout)> {
        mem::take(&mut self.shadows.callouts)
    }

    /// The reply to one of [`Self::take_detached`] has come.
    pub fn handle_detached_reply(&mut self, number: u32, reply: CalloutReply<'_>, now: SystemTime) {
        let Some(mut shadow) = self.shadows.take(number) else { return };
        self.reports.count(Metric::Callout(reply.result()));
        if let Some(took) = shadow.exchange.take_callout_time(now) {
            self.reports.record(Metric::CalloutTime, took);
        }
        let step = shadow.exchange.handle_callout_reply(self, reply, now);
        self.follow(shadow, step);
        self.wake_shadows(now);
    }

    /// Goes on with those that need not wait any longer.
    pub(super) fn wake_shadows(&mut self, now: SystemTime) {
        if !self.config.is_shadow {
            return;
        }
        // One may hear what wakes others.
        while self.waiting.has_woken() {
            for stream in self.waiting.take_woken() {
                let Some(Shadow { mut exchange, copy }) = self.shadows.take(stream) else { continue };
                let source = || copy.source.clone();
                let step = exchange.go_on(self, Request::new(&copy.headers).with_source(&source), now);
                self.follow(Shadow { exchange, copy }, step);
            }
        }
    }

    /// Tells what would have become of a request, or keeps it until that is known.
    fn follow(&mut self, mut shadow: Shadow, step: Option<Step>) {
        let Shadow { exchange, .. } = &mut shadow;
        match step {
            Some(Step::Continue(permit)) => {
                self.reports.count(Metric::ShadowAllowed);
                let line = exchange.audit_permit(self, &permit);
                self.reports.audit(line);
            }
            Some(Step::Deny(answer)) => {
                self.reports.count(Metric::ShadowDenied(answer.denial));
                let line = exchange.audit_answer(self, &answer);
                self.reports.audit(line);
            }
            Some(Step::Callout(callout)) if self.shadows.under_way.len() < MOST => {
                self.shadows.callouts.push((exchange.stream(), callout));
                self.shadows.under_way.push(shadow);
            }
            Some(Step::Wait) if self.shadows.under_way.len() < MOST => self.shadows.under_way.push(shadow),
            Some(Step::Callout(_) | Step::Wait) => {
                exchange.handle_end(self);
                self.reports.count(Metric::ShadowUndecided);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
