//! The foreign functions that a plugin calls.

use super::{
    super::{format::ForeignCallExpectation, place::Place},
    Findings,
    values::escaped,
};
use crate::foreign::ForeignCall;

impl Findings<'_> {
    /// Exactly these, in this order; `when` is a part of a sentence, such as `so far`.
    pub(super) fn foreign_calls(
        &mut self,
        expected: &[ForeignCallExpectation],
        when: &str,
        found: &[&ForeignCall],
        place: &Place,
    ) {
        let lines = || found.iter().map(|call| line(call)).collect();
        if !self.as_many(&format!("foreign functions called {when}"), expected.len(), found.len(), lines, place) {
            return;
        }
        for (number, (expect, call)) in expected.iter().zip(found).enumerate() {
            let whose = format!("foreign call {} {when}", number + 1);
            let place = place.item(number);
            self.equal(&format!("name of {whose}"), expect.name.as_ref(), &call.name, &place.key("name"));
            let (text, base64) = (expect.arguments.as_deref(), expect.base64.as_deref());
            self.bytes(&format!("arguments of {whose}"), ("arguments", text), base64, Some(&call.arguments), &place);
        }
    }
}

/// A call in one line.
fn line(ForeignCall { name, arguments, .. }: &ForeignCall) -> String {
    format!("{name}({})", escaped(arguments))
}
