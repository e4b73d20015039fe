//! The gRPC callouts of a request.

use super::{
    super::{
        format::{GrpcCalloutExpectation, GrpcMessageExpectation},
        observed::{GrpcMessages, ObservedGrpcCallout},
        place::Place,
    },
    Findings,
    values::escaped,
};

impl Findings<'_> {
    /// Exactly these, in this order.
    pub(super) fn grpc_callouts(
        &mut self,
        expected: &[GrpcCalloutExpectation],
        name: &str,
        found: &[&ObservedGrpcCallout],
        place: &Place,
    ) {
        let lines = || found.iter().map(ToString::to_string).collect();
        if !self.as_many(&format!("gRPC callouts of {name}"), expected.len(), found.len(), lines, place) {
            return;
        }
        for (number, (expect, callout)) in expected.iter().zip(found).enumerate() {
            let whose = format!("gRPC callout {} of {name}", number + 1);
            self.grpc_callout(expect, &whose, callout, &place.item(number));
        }
    }

    fn grpc_callout(
        &mut self,
        expect: &GrpcCalloutExpectation,
        whose: &str,
        callout: &ObservedGrpcCallout,
        place: &Place,
    ) {
        for (key, expected, found) in [
            ("cluster", &expect.cluster, &callout.cluster),
            ("service", &expect.service, &callout.service),
            ("method", &expect.method, &callout.method),
        ] {
            self.equal(&format!("{key} of {whose}"), expected.as_ref(), found, &place.key(key));
        }
        let [present, absent] = [place.key("metadata"), place.key("metadataAbsent")];
        self.fields(
            ("metadata", whose),
            (&expect.metadata, &present),
            (&expect.metadata_absent, &absent),
            &callout.metadata,
        );
        let (text, base64) = (expect.message.as_deref(), expect.base64.as_deref());
        let message = match &callout.sent {
            GrpcMessages::Call(message) => Some(message.as_slice()),
            GrpcMessages::Stream(_) => None,
        };
        self.bytes(&format!("message of {whose}"), ("message", text), base64, message, place);
        if let Some(expected) = &expect.messages {
            self.grpc_messages(expected, whose, &callout.sent, &place.key("messages"));
        }
    }

    fn grpc_messages(&mut self, expected: &[GrpcMessageExpectation], whose: &str, sent: &GrpcMessages, place: &Place) {
        let GrpcMessages::Stream(found) = sent else {
            self.fail(&format!("messages of {whose}"), "a stream", "a call", place);
            return;
        };
        let lines = || found.iter().map(|message| escaped(message)).collect();
        if !self.as_many(&format!("messages of {whose}"), expected.len(), found.len(), lines, place) {
            return;
        }
        for (number, (expect, message)) in expected.iter().zip(found).enumerate() {
            let what = format!("message {} of {whose}", number + 1);
            let (text, base64) = (expect.message.as_deref(), expect.base64.as_deref());
            self.bytes(&what, ("message", text), base64, Some(message), &place.item(number));
        }
    }
}
