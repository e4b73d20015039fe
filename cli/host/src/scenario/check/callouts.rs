//! The callouts of a request.

use super::{
    super::{format::CalloutExpectation, observed::ObservedCallout, place::Place},
    Findings,
    values::text_of,
};

impl Findings<'_> {
    /// Exactly these, in this order.
    pub(super) fn callouts(
        &mut self,
        expected: &[CalloutExpectation],
        name: &str,
        found: &[ObservedCallout],
        place: &Place,
    ) {
        let lines = || found.iter().map(line).collect();
        if !self.as_many(&format!("callouts of {name}"), expected.len(), found.len(), lines, place) {
            return;
        }
        for (number, (expect, callout)) in expected.iter().zip(found).enumerate() {
            let whose = format!("callout {} of {name}", number + 1);
            let place = place.item(number);
            let headers = &callout.request.headers;
            self.equal(
                &format!("cluster of {whose}"),
                expect.cluster.as_ref(),
                &callout.cluster,
                &place.key("cluster"),
            );
            for (key, pseudo, value) in [
                ("method", ":method", &expect.method),
                ("host", ":authority", &expect.host),
                ("path", ":path", &expect.path),
            ] {
                let found = text_of(headers, pseudo);
                self.equal(&format!("{key} of {whose}"), value.as_ref(), &found, &place.key(key));
            }
            self.headers(&whose, &expect.headers, &expect.headers_absent, headers, &place);
            let body = String::from_utf8_lossy(&callout.request.body);
            self.equal(&format!("body of {whose}"), expect.body.as_ref(), &body, &place.key("body"));
        }
    }
}

/// A callout in one line.
fn line(callout: &ObservedCallout) -> String {
    let header = |name| text_of(&callout.request.headers, name);
    format!("{} {}{} on {}", header(":method"), header(":authority"), header(":path"), callout.cluster)
}
