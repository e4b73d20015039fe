//! The gRPC services of a scenario.

use std::time::Duration;

use jiff::SignedDuration;

use crate::{
    scenario::{
        content::message_bytes,
        format::{GrpcAnswerSetup, GrpcClose, GrpcFailure, GrpcReply, GrpcService, GrpcStreamAnswer},
        observed::{GrpcMessages, ObservedGrpcCallout},
    },
    world::{GrpcAnswer, GrpcCall, GrpcCallout, GrpcOutcome, GrpcSent, GrpcStatus, GrpcStream},
};

/// The services.
pub(in crate::scenario) struct GrpcServices(Vec<Entry>);

/// An entry of the scenario's gRPC services.
struct Entry {
    service: GrpcService,
    /// How many calls it may still answer.
    left: u32,
}

impl GrpcServices {
    pub(in crate::scenario) fn new(services: &[GrpcService]) -> Self {
        let entry = |service: &GrpcService| Entry { service: service.clone(), left: service.times.unwrap_or(u32::MAX) };
        Self(services.iter().map(entry).collect())
    }

    /// What becomes of a call.
    pub(super) fn call(&mut self, call: &GrpcCall) -> GrpcOutcome {
        match self.answer_to_call(&call.upstream, &call.service, &call.method) {
            GrpcAnswerSetup::Reply(reply) => GrpcOutcome::Reply { message: reply.bytes(), delay: time(reply.delay) },
            GrpcAnswerSetup::Fail(failure) => {
                GrpcOutcome::Fail { status: failure.status(), delay: time(failure.delay) }
            }
            GrpcAnswerSetup::Timeout => GrpcOutcome::Timeout,
            GrpcAnswerSetup::Refused | GrpcAnswerSetup::Stream(_) => GrpcOutcome::Refused,
            GrpcAnswerSetup::Reset => GrpcOutcome::Reset,
        }
    }

    /// What a service does upon the message of a call, each thing so much time later.
    pub(in crate::scenario) fn on_call(
        &mut self,
        cluster: &str,
        service: &str,
        method: &str,
    ) -> Vec<(Duration, GrpcAnswer)> {
        match self.answer_to_call(cluster, service, method) {
            GrpcAnswerSetup::Reply(reply) => {
                let close = GrpcAnswer::Close {
                    status: GrpcStatus::default(),
                    metadata: reply.trailing_metadata.pairs().collect(),
                };
                let metadata = GrpcAnswer::Metadata(reply.metadata.pairs().collect());
                [metadata, GrpcAnswer::Message(reply.bytes()), close].map(|answer| (time(reply.delay), answer)).into()
            }
            GrpcAnswerSetup::Fail(failure) => vec![failure.on_callout()],
            GrpcAnswerSetup::Timeout => Vec::new(),
            GrpcAnswerSetup::Refused | GrpcAnswerSetup::Stream(_) => vec![(Duration::ZERO, GrpcAnswer::Refused)],
            GrpcAnswerSetup::Reset => vec![(Duration::ZERO, GrpcAnswer::Reset)],
        }
    }

    /// What answers a call, which is one of those that it answers.
    fn answer_to_call(&mut self, cluster: &str, service: &str, method: &str) -> &GrpcAnswerSetup {
        let fits = |entry: &&mut Entry| {
            let answers_calls = !matches!(entry.service.answer, GrpcAnswerSetup::Stream(_));
            answers_calls && entry.left > 0 && entry.fits(cluster, service, method)
        };
        self.0.iter_mut().find(fits).map_or(&GrpcAnswerSetup::Refused, |entry| {
            entry.left = entry.left.saturating_sub(1);
            &entry.service.answer
        })
    }

    /// What a service does on a stream; which one it is stays the same for as long as the stream lives.
    pub(in crate::scenario) fn on_stream(
        &self,
        cluster: &str,
        service: &str,
        method: &str,
        sent: GrpcSent<'_>,
    ) -> Vec<(Duration, GrpcAnswer)> {
        let fits = |entry: &&Entry| entry.fits(cluster, service, method);
        let answer = self.0.iter().find(fits).map_or(&GrpcAnswerSetup::Refused, |entry| &entry.service.answer);
        let answer = match (answer, sent) {
            (GrpcAnswerSetup::Stream(script), sent) => return script.upon(sent),
            (GrpcAnswerSetup::Reply(reply), sent) => reply.on_stream(sent).map(|answer| (time(reply.delay), answer)),
            (GrpcAnswerSetup::Fail(failure), GrpcSent::Open) => Some(failure.on_callout()),
            (GrpcAnswerSetup::Refused, GrpcSent::Open) => Some((Duration::ZERO, GrpcAnswer::Refused)),
            (GrpcAnswerSetup::Reset, GrpcSent::Open) => Some((Duration::ZERO, GrpcAnswer::Reset)),
            _ => None,
        };
        answer.into_iter().collect()
    }
}

impl Entry {
    fn fits(&self, cluster: &str, service: &str, method: &str) -> bool {
        self.service.cluster == cluster
            && self.service.service.as_ref().is_none_or(|wanted| wanted == service)
            && self.service.method.as_ref().is_none_or(|wanted| wanted == method)
    }
}

impl GrpcReply {
    fn bytes(&self) -> Vec<u8> {
        message_bytes(self.message.as_deref(), self.base64.as_deref()).unwrap_or_default()
    }

    fn on_stream(&self, sent: GrpcSent<'_>) -> Option<GrpcAnswer> {
        match sent {
            GrpcSent::Open if self.metadata.is_empty() => None,
            GrpcSent::Open => Some(GrpcAnswer::Metadata(self.metadata.pairs().collect())),
            GrpcSent::Message { .. } => Some(GrpcAnswer::Message(self.bytes())),
            GrpcSent::End => {
                let metadata = self.trailing_metadata.pairs().collect();
                Some(GrpcAnswer::Close { status: GrpcStatus::default(), metadata })
            }
        }
    }
}

impl GrpcStreamAnswer {
    /// What the service does upon something that the plugin does; each message of the plugin has its turn, and so has the
    /// opening. To close the stream again behind its last message has no effect.
    fn upon(&self, sent: GrpcSent<'_>) -> Vec<(Duration, GrpcAnswer)> {
        let turn = match sent {
            GrpcSent::Open => Some(0),
            GrpcSent::Message { number, .. } => Some(number.saturating_add(1)),
            GrpcSent::End => None,
        };
        let mut answers = Vec::new();
        if sent == GrpcSent::Open && !self.metadata.is_empty() {
            answers.push((Duration::ZERO, GrpcAnswer::Metadata(self.metadata.pairs().collect())));
        }
        let (mut last_turn, mut at) = (0, Duration::ZERO);
        for message in &self.messages {
            last_turn += usize::from(!message.unasked);
            if turn == Some(last_turn) {
                at += time(message.delay);
                let bytes = message_bytes(message.message.as_deref(), message.base64.as_deref());
                answers.push((at, GrpcAnswer::Message(bytes.unwrap_or_default())));
            }
        }
        let closes = turn.is_none_or(|turn| turn == last_turn && self.close.is_some());
        if closes {
            let GrpcClose { code, message, trailing_metadata, delay } = self.close.clone().unwrap_or_default();
            let (status, metadata) = (GrpcStatus { code, message }, trailing_metadata.pairs().collect());
            answers.push((at + time(delay), GrpcAnswer::Close { status, metadata }));
        }
        answers
    }
}

impl GrpcFailure {
    fn status(&self) -> GrpcStatus {
        GrpcStatus { code: self.code, message: self.message.clone() }
    }

    fn on_callout(&self) -> (Duration, GrpcAnswer) {
        let metadata = self.trailing_metadata.pairs().collect();
        (time(self.delay), GrpcAnswer::Close { status: self.status(), metadata })
    }
}

/// A callout as a scenario sees it.
pub(super) fn observed(callout: GrpcCallout<'_>) -> ObservedGrpcCallout {
    match callout {
        GrpcCallout::Call(GrpcCall { upstream, service, method, metadata, message, .. }) => ObservedGrpcCallout {
            cluster: upstream.clone(),
            service: service.clone(),
            method: method.clone(),
            metadata: metadata.clone(),
            sent: GrpcMessages::Call(message.clone()),
        },
        GrpcCallout::Stream(GrpcStream { upstream, service, method, metadata, .. }) => ObservedGrpcCallout {
            cluster: upstream.clone(),
            service: service.clone(),
            method: method.clone(),
            metadata: metadata.clone(),
            sent: GrpcMessages::Stream(Vec::new()),
        },
    }
}

fn time(delay: Option<SignedDuration>) -> Duration {
    delay.unwrap_or_default().unsigned_abs()
}
