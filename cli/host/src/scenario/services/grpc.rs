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
pub(super) struct GrpcServices<'a>(Vec<Entry<'a>>);

/// An entry of the scenario's gRPC services.
struct Entry<'a> {
    service: &'a GrpcService,
    /// How many calls it may still answer.
    left: u32,
}

impl<'a> GrpcServices<'a> {
    pub(super) fn new(services: &'a [GrpcService]) -> Self {
        let entry = |service: &'a GrpcService| Entry { service, left: service.times.unwrap_or(u32::MAX) };
        Self(services.iter().map(entry).collect())
    }

    /// What becomes of a call.
    pub(super) fn call(&mut self, call: &GrpcCall) -> GrpcOutcome {
        let fits = |entry: &&mut Entry<'_>| {
            let answers_calls = !matches!(entry.service.answer, GrpcAnswerSetup::Stream(_));
            answers_calls && entry.left > 0 && entry.fits(&call.upstream, &call.service, &call.method)
        };
        let Some(entry) = self.0.iter_mut().find(fits) else { return GrpcOutcome::Refused };
        entry.left = entry.left.saturating_sub(1);
        match &entry.service.answer {
            GrpcAnswerSetup::Reply(reply) => GrpcOutcome::Reply { message: reply.bytes(), delay: time(reply.delay) },
            GrpcAnswerSetup::Fail(failure) => {
                GrpcOutcome::Fail { status: failure.status(), delay: time(failure.delay) }
            }
            GrpcAnswerSetup::Timeout => GrpcOutcome::Timeout,
            GrpcAnswerSetup::Refused | GrpcAnswerSetup::Stream(_) => GrpcOutcome::Refused,
            GrpcAnswerSetup::Reset => GrpcOutcome::Reset,
        }
    }

    /// What a service does on a stream; which one it is stays the same for as long as the stream lives.
    pub(super) fn stream(&self, stream: &GrpcStream, sent: GrpcSent<'_>) -> Vec<(Duration, GrpcAnswer)> {
        let fits = |entry: &&Entry<'_>| entry.fits(&stream.upstream, &stream.service, &stream.method);
        let answer = self.0.iter().find(fits).map_or(&GrpcAnswerSetup::Refused, |entry| &entry.service.answer);
        let answer = match (answer, sent) {
            (GrpcAnswerSetup::Stream(script), sent) => return script.upon(sent),
            (GrpcAnswerSetup::Reply(reply), sent) => reply.on_stream(sent).map(|answer| (time(reply.delay), answer)),
            (GrpcAnswerSetup::Fail(failure), GrpcSent::Open) => {
                let metadata = failure.trailing_metadata.pairs().collect();
                Some((time(failure.delay), GrpcAnswer::Close { status: failure.status(), metadata }))
            }
            (GrpcAnswerSetup::Refused, GrpcSent::Open) => Some((Duration::ZERO, GrpcAnswer::Refused)),
            (GrpcAnswerSetup::Reset, GrpcSent::Open) => Some((Duration::ZERO, GrpcAnswer::Reset)),
            _ => None,
        };
        answer.into_iter().collect()
    }
}

impl Entry<'_> {
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
