//! What was seen of a scenario against what it expects.

mod callouts;
mod connection;
mod effects;
mod foreign_calls;
mod grpc_callouts;
mod request;
mod state;
mod values;

use std::ops::Range;

use super::{
    format::{ConfigExpectation, Scenario, Step},
    observed::Observed,
    place::Place,
};

/// An expectation that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it is about, such as `status of request 2`.
    pub what: String,
    /// What the scenario expects. Secrets are left out.
    pub expected: String,
    /// What was seen. Secrets are left out.
    pub found: String,
    /// Where in the scenario it stands.
    pub place: Place,
    /// The same in bytes of the file.
    pub range: Range<usize>,
}

/// How much of a value is repeated, in characters.
const SHOWN: usize = 400;

impl Scenario {
    /// Every expectation that does not hold, in the order of the file; and, always, whether a line of the log holds a
    /// token that was sent. What the host cannot tell ([`Observed`]) counts as held.
    #[must_use]
    pub fn check(&self, observed: &Observed) -> Vec<Failure> {
        let mut findings = Findings { scenario: self, observed, failures: Vec::new() };
        let top = Place::default();
        findings.configuration(
            "the plugin's configuration",
            self.plugin.expect,
            observed.started,
            &top.key("plugin").key("expect"),
        );
        findings.steps(&top.key("steps"));
        if let (Some(expect), Some(state)) = (&self.expect, observed.states.last()) {
            findings.state(expect, state, &top.key("expect"));
        }
        findings.secrecy(&top.key("name"));
        findings.failures
    }
}

/// The failures so far.
struct Findings<'a> {
    scenario: &'a Scenario,
    observed: &'a Observed,
    failures: Vec<Failure>,
}

impl Findings<'_> {
    fn steps(&mut self, place: &Place) {
        let observed = self.observed;
        let (mut requests, mut connections) =
            (observed.requests.iter().enumerate(), observed.connections.iter().enumerate());
        let (mut updates, mut states) = (observed.updates.iter(), observed.states.iter());
        for (number, step) in self.scenario.steps.iter().enumerate() {
            let place = place.item(number);
            match step {
                Step::Request(request) => {
                    let Some((number, exchanges)) = requests.next() else { continue };
                    if let Some(expect) = &request.expect {
                        self.requests(expect, number, exchanges, &place.key("request").key("expect"));
                    }
                }
                Step::Connection(connection) => {
                    let Some((number, observed)) = connections.next() else { continue };
                    if let Some(expect) = &connection.expect {
                        self.connections(expect, number, observed, &place.key("connection").key("expect"));
                    }
                }
                Step::Update(update) => {
                    if let Some(accepted) = updates.next() {
                        let place = place.key("update").key("expect");
                        self.configuration("the update", update.expect, *accepted, &place);
                    }
                }
                Step::Expect(expect) => {
                    if let Some(state) = states.next() {
                        self.state(expect, state, &place.key("expect"));
                    }
                }
                Step::Wait(_) => {}
            }
        }
    }

    fn configuration(&mut self, what: &str, expected: ConfigExpectation, accepted: bool, place: &Place) {
        let word = |accepted| if accepted { "accepted" } else { "refused" };
        let wanted = expected == ConfigExpectation::Accepted;
        if wanted != accepted {
            let last = self.observed.logs.last().filter(|_| !accepted);
            let said = last.map(|line| format!("; it logged {}", line.message)).unwrap_or_default();
            self.fail(what, word(wanted), format!("{}{said}", word(accepted)), place);
        }
    }

    /// Tokens are bearer secrets: whoever reads a log that holds one can use it.
    fn secrecy(&mut self, place: &Place) {
        for (number, token) in self.observed.tokens.iter().enumerate() {
            let parts = token.rsplit_once('.').map(|(signed, signature)| [signed, signature]).unwrap_or_default();
            let holds = |text: &str| parts.iter().any(|part| !part.is_empty() && text.contains(part));
            if let Some(line) = self.observed.logs.iter().find(|line| holds(&line.message)) {
                let found = line.message.clone();
                self.fail(&format!("token {} in the log", number + 1), "no line holds it", found, place);
                return;
            }
        }
    }

    fn fail(&mut self, what: &str, expected: impl AsRef<str>, found: impl AsRef<str>, place: &Place) {
        let shown = |text: &str| {
            let redacted = self.observed.redacted(text);
            let mut short: String = redacted.chars().take(SHOWN).collect();
            if redacted.chars().nth(SHOWN).is_some() {
                short.push('…');
            }
            short
        };
        let range = self.scenario.range_of(place);
        self.failures.push(Failure {
            what: what.to_owned(),
            expected: shown(expected.as_ref()),
            found: shown(found.as_ref()),
            place: place.clone(),
            range,
        });
    }
}
