//! The gRPC callouts of a request.

use super::{
    super::{content::message_bytes, format::GrpcCalloutExpectation, observed::ObservedGrpcCallout, place::Place},
    Findings,
};

impl Findings<'_> {
    /// Exactly these, in this order.
    pub(super) fn grpc_callouts(
        &mut self,
        expected: &[GrpcCalloutExpectation],
        name: &str,
        found: &[ObservedGrpcCallout],
        place: &Place,
    ) {
        if expected.len() != found.len() {
            let seen: Vec<_> = found.iter().map(ToString::to_string).collect();
            let seen = if seen.is_empty() { "none".to_owned() } else { seen.join("\n") };
            let wanted = if expected.is_empty() { "none".to_owned() } else { expected.len().to_string() };
            self.fail(&format!("gRPC callouts of {name}"), wanted, seen, place);
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
        let message = message_bytes(expect.message.as_deref(), expect.base64.as_deref());
        if let Some(expected) = message
            && callout.message.as_ref() != Some(&expected)
        {
            let found = callout.message.as_ref().map_or_else(|| "a stream".to_owned(), |found| shown(found));
            let key = if expect.message.is_some() { "message" } else { "base64" };
            self.fail(&format!("message of {whose}"), shown(&expected), found, &place.key(key));
        }
    }
}

/// A message with what is not ASCII escaped.
fn shown(message: &[u8]) -> String {
    message.escape_ascii().to_string()
}
