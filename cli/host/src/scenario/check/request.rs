//! What became of requests.

use super::{
    super::{
        format::{Decision, EndingName, RequestExpectation, UpstreamExpectation},
        observed::Exchange,
        place::Place,
    },
    Findings,
    effects::Caused,
    values::{text_of, values_of},
};
use crate::{gateway::Ending, world::HttpResponse};

impl Findings<'_> {
    /// The requests of a step. Where several fail alike, the first says it for all.
    pub(super) fn requests(&mut self, expect: &RequestExpectation, step: usize, exchanges: &[Exchange], place: &Place) {
        for (number, exchange) in exchanges.iter().enumerate() {
            let before = self.failures.len();
            let name = match exchanges {
                [_] => format!("request {}", step + 1),
                _ => format!("request {}, time {}", step + 1, number + 1),
            };
            self.request(expect, &name, exchange, place);
            if self.failures.len() > before {
                return;
            }
        }
    }

    fn request(&mut self, expect: &RequestExpectation, name: &str, exchange: &Exchange, place: &Place) {
        let decided = if exchange.forwarded.is_some() { Decision::Allow } else { Decision::Deny };
        if let Some(decision) = expect.decision
            && decision != decided
        {
            let found = format!("{}{}", word(decided), self.because(exchange));
            self.fail(&format!("decision on {name}"), word(decision), found, &place.key("decision"));
        }
        self.response(expect, name, exchange.response.as_ref(), place);
        if let (Some(expected), Some(ending)) = (expect.ending, &exchange.ending)
            && expected != EndingName::of(ending)
        {
            let found = EndingName::of(ending).word();
            self.fail(&format!("ending of {name}"), expected.word(), found, &place.key("ending"));
        }
        self.equal(&format!("details of {name}"), expect.details.as_ref(), &exchange.details, &place.key("details"));
        if let Some(upstream) = &expect.upstream {
            self.upstream(upstream, name, exchange, &place.key("upstream"));
        }
        self.effects(expect.effects(), name, Caused::by_request(exchange), place);
    }

    fn response(&mut self, expect: &RequestExpectation, name: &str, response: Option<&HttpResponse>, place: &Place) {
        let nothing = HttpResponse::default();
        let found = response.unwrap_or(&nothing);
        if let Some(status) = expect.status
            && status != found.status()
        {
            let seen = if response.is_some() { found.status().to_string() } else { "no response".to_owned() };
            self.fail(&format!("status of {name}"), status.to_string(), seen, &place.key("status"));
        }
        let whose = format!("the response to {name}");
        self.headers(&whose, &expect.headers, &expect.headers_absent, &found.headers, place);
        for (header, text) in &expect.headers_contain {
            let values = values_of(&found.headers, header);
            if !values.iter().any(|value| value.contains(text)) {
                let place = place.key("headersContain").key(header);
                let seen = if values.is_empty() { "absent".to_owned() } else { values.join(" | ") };
                self.fail(&format!("header {header} of {whose}"), format!("a value with {text}"), seen, &place);
            }
        }
        let body = String::from_utf8_lossy(&found.body);
        self.equal(&format!("body of {whose}"), expect.body.as_ref(), &body, &place.key("body"));
        for (number, text) in expect.body_contains.iter().enumerate() {
            if !body.contains(text) {
                let place = place.key("bodyContains").item(number);
                self.fail(&format!("body of {whose}"), format!("a text with {text}"), &body, &place);
            }
        }
        if let Some(json) = &expect.json {
            self.json(&whose, json, &found.body, &place.key("json"));
        }
        self.trailers(&whose, &expect.trailers, &found.trailers, place);
    }

    fn upstream(&mut self, expect: &UpstreamExpectation, name: &str, exchange: &Exchange, place: &Place) {
        let Some((request, trailers)) = &exchange.forwarded else {
            let found = format!("denied{}", self.because(exchange));
            self.fail(&format!("decision on {name}"), "it reaches the upstream", found, place);
            return;
        };
        let whose = format!("{name} at the upstream");
        let path = text_of(&request.headers, ":path");
        self.equal(&format!("path of {whose}"), expect.path.as_ref(), &path, &place.key("path"));
        self.headers(&whose, &expect.headers, &expect.headers_absent, &request.headers, place);
        let body = String::from_utf8_lossy(&request.body);
        self.equal(&format!("body of {whose}"), expect.body.as_ref(), &body, &place.key("body"));
        self.trailers(&whose, &expect.trailers, trailers, place);
    }

    /// Why, as far as one can see.
    fn because(&self, exchange: &Exchange) -> String {
        let status = exchange.response.as_ref().map(|response| format!(" with {}", response.status()));
        match &exchange.ending {
            Some(Ending::Trapped(fault)) => format!("; the plugin trapped: {}", fault.reason),
            Some(Ending::Hung) => "; nobody answered".to_owned(),
            Some(Ending::Refused(why)) => format!("{}: {why}", status.unwrap_or_default()),
            _ => status.unwrap_or_default(),
        }
    }
}

impl EndingName {
    pub(in crate::scenario) fn of(ending: &Ending) -> Self {
        match ending {
            Ending::Served => Self::Served,
            Ending::Answered(_) => Self::Answered,
            Ending::Hung => Self::Hung,
            Ending::Closed => Self::Closed,
            Ending::ClientLeft => Self::ClientLeft,
            Ending::Refused(_) => Self::Refused,
            Ending::Trapped(_) => Self::Trapped,
        }
    }

    /// As files have it.
    fn word(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Answered => "answered",
            Self::Hung => "hung",
            Self::Closed => "closed",
            Self::ClientLeft => "clientLeft",
            Self::Refused => "refused",
            Self::Trapped => "trapped",
        }
    }
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
    }
}
