//! The gRPC callouts of a request.

use super::{
    super::{format::GrpcCalloutExpectation, observed::ObservedGrpcCallout, place::Place},
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
        self.bytes(&format!("message of {whose}"), ("message", text), base64, callout.message.as_deref(), place);
    }
}
