//! Whether two hosts have made the same of a scenario, beyond what it expects.

use std::fmt::Debug;

use crate::{
    gateway::Disconnection,
    headers::HeaderMap,
    world::{HttpRequest, HttpResponse},
};

use super::{
    format::{ConnectionEnding, EndingName},
    observed::{
        Exchange, GrpcMessages, Observed, ObservedBytes, ObservedCallout, ObservedConnection, ObservedGrpcCallout,
    },
};

/// What Envoy adds behind the plugin, to responses, to callouts and to what it forwards, and what differs from run to run.
pub const ENVOYS_OWN: [&str; 8] = [
    "connection",
    "date",
    "server",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-internal",
    "x-envoy-upstream-service-time",
    "x-forwarded-proto",
    "x-request-id",
];

/// How much of a value is shown, in characters.
const SHOWN: usize = 300;

/// Where the embedded gateway and a real Envoy part, in words; what only one of them can tell is no difference. Of tokens
/// only whose they are is compared: their times differ.
#[must_use]
pub fn differences(embedded: &Observed, envoy: &Observed) -> Vec<String> {
    let mut found = Found::default();
    found.compare("the plugin's start", embedded.started, envoy.started);
    found.compare("accepted updates", &embedded.updates, &envoy.updates);
    let counts = |observed: &Observed| observed.requests.iter().map(Vec::len).collect::<Vec<_>>();
    found.compare("how often requests were sent", counts(embedded), counts(envoy));
    let (on_embedded, on_envoy) = (embedded, envoy);
    for (step, (embedded, envoy)) in embedded.requests.iter().zip(&envoy.requests).enumerate() {
        for (number, (embedded, envoy)) in embedded.iter().zip(envoy).enumerate() {
            let name = format!("request {}.{}", step + 1, number + 1);
            let (ours, theirs) = (Side::of(embedded, on_embedded), Side::of(envoy, on_envoy));
            found.facts(&name, ours.facts(embedded), theirs.facts(envoy));
        }
    }
    let counts = |observed: &Observed| observed.connections.iter().map(Vec::len).collect::<Vec<_>>();
    found.compare("how often connections were opened", counts(embedded), counts(envoy));
    for (step, (embedded, envoy)) in embedded.connections.iter().zip(&envoy.connections).enumerate() {
        for (number, (embedded, envoy)) in embedded.iter().zip(envoy).enumerate() {
            let name = format!("connection {}.{}", step + 1, number + 1);
            let (ours, theirs) = (Side::of_bytes(on_embedded), Side::of_bytes(on_envoy));
            found.facts(&name, ours.connection_facts(embedded), theirs.connection_facts(envoy));
        }
    }
    for (number, (embedded, envoy)) in embedded.states.iter().zip(&envoy.states).enumerate() {
        found.compare(&format!("callouts until look {}", number + 1), &embedded.callouts, &envoy.callouts);
    }
    found.0
}

/// The differences so far.
#[derive(Default)]
struct Found(Vec<String>);

/// A part that is compared, as lines of text; `None`: this host cannot tell.
type Fact = (&'static str, Option<Vec<String>>);

impl Found {
    /// What only one of them can tell is left out.
    fn facts<const N: usize>(&mut self, name: &str, embedded: [Fact; N], envoy: [Fact; N]) {
        for ((what, embedded), (_, envoy)) in embedded.into_iter().zip(envoy) {
            if let (Some(embedded), Some(envoy)) = (embedded, envoy) {
                self.compare(&format!("{name}, {what}"), embedded, envoy);
            }
        }
    }

    fn compare<T: Debug + PartialEq>(&mut self, what: &str, embedded: T, envoy: T) {
        if embedded != envoy {
            let shown = |value: T| format!("{value:?}").chars().take(SHOWN).collect::<String>();
            self.0.push(format!("{what}: embedded {}, Envoy {}", shown(embedded), shown(envoy)));
        }
    }
}

/// An exchange on one host, and all that was seen there.
struct Side<'a> {
    observed: &'a Observed,
    /// What the exchange's own request held.
    own: String,
}

impl<'a> Side<'a> {
    fn of(exchange: &Exchange, observed: &'a Observed) -> Self {
        let sent = exchange.request.headers.iter().map(|(_, value)| value.escape_ascii().to_string());
        Self { observed, own: sent.collect::<Vec<_>>().join("\n") }
    }

    /// Bytes hold no request.
    fn of_bytes(observed: &'a Observed) -> Self {
        Self { observed, own: String::new() }
    }

    fn connection_facts(&self, connection: &ObservedConnection) -> [Fact; 7] {
        let ObservedConnection { to_client, to_upstream, ending, callouts, grpc_callouts, .. } = connection;
        let bytes = |to: &ObservedBytes| Some(vec![self.text(&to.bytes)]);
        let word = ConnectionEnding::of(ending.as_ref()).word();
        let by = match ending {
            Some(Disconnection::Reset(side)) => format!("{side:?}"),
            _ => String::new(),
        };
        let ended = |to: &ObservedBytes| to.ended.map(|ended| vec![ended.to_string()]);
        [
            ("what the client got", bytes(to_client)),
            ("whether the upstream's end reached the client", ended(to_client)),
            ("what the upstream got", bytes(to_upstream)),
            ("whether the client's end reached the upstream", ended(to_upstream)),
            ("ending", Some(vec![word.to_owned(), by])),
            ("callouts", callouts.as_ref().map(|callouts| self.callouts(callouts))),
            ("gRPC callouts", grpc_callouts.as_ref().map(|numbers| self.grpc_callouts(numbers))),
        ]
    }

    fn facts(&self, exchange: &Exchange) -> [Fact; 9] {
        let response = exchange.response.as_ref();
        let forwarded = exchange.forwarded.as_ref();
        let fields =
            |headers: Option<&HeaderMap>| Some(headers.map(|headers| self.fields(headers)).unwrap_or_default());
        let body = |body: Option<&Vec<u8>>| Some(body.map(|body| self.text(body)).into_iter().collect());
        let status = response.map_or_else(|| "nothing".to_owned(), |response| response.status().to_string());
        [
            ("status", Some(vec![status])),
            (
                "ending",
                exchange
                    .ending
                    .as_ref()
                    .map(|ending| vec![format!("{:?}", EndingName::of(ending)), exchange.details.clone()]),
            ),
            ("headers", fields(response.map(|response| &response.headers))),
            ("body", body(response.map(|response: &HttpResponse| &response.body))),
            ("trailers", fields(response.map(|response| &response.trailers))),
            (
                "what reached the upstream",
                Some(forwarded.map(|(request, _)| self.message(request)).unwrap_or_default()),
            ),
            ("trailers at the upstream", fields(forwarded.map(|(_, trailers)| trailers))),
            ("callouts", exchange.callouts.as_ref().map(|callouts| self.callouts(callouts))),
            ("gRPC callouts", exchange.grpc_callouts.as_ref().map(|numbers| self.grpc_callouts(numbers))),
        ]
    }

    fn callouts(&self, callouts: &[ObservedCallout]) -> Vec<String> {
        let one = |callout: &ObservedCallout| {
            [vec![callout.cluster.clone()], self.message(&callout.request)].concat().join("\n")
        };
        callouts.iter().map(one).collect()
    }

    fn grpc_callouts(&self, numbers: &[usize]) -> Vec<String> {
        let callouts = numbers.iter().filter_map(|number| self.observed.grpc_callouts.get(*number));
        callouts.map(|callout| self.grpc_callout(callout)).collect()
    }

    fn grpc_callout(&self, callout: &ObservedGrpcCallout) -> String {
        let messages = match &callout.sent {
            GrpcMessages::Call(message) => std::slice::from_ref(message),
            GrpcMessages::Stream(messages) => messages,
        };
        let messages = messages.iter().map(|message| self.text(message)).collect();
        [vec![callout.to_string()], self.fields(&callout.metadata), messages].concat().join("\n")
    }

    fn message(&self, request: &HttpRequest) -> Vec<String> {
        let mut lines = self.fields(&request.headers);
        lines.push(self.text(&request.body));
        lines
    }

    /// Fields in the order of their names: that of different ones has no meaning (RFC 9110, section 5.3). Over HTTP/1.1
    /// there is no scheme, and how a body is framed, or that there is none, is the connection's business.
    fn fields(&self, headers: &HeaderMap) -> Vec<String> {
        let left_out = |(name, value): &(&[u8], &[u8])| match *name {
            b":scheme" | b"transfer-encoding" => true,
            b"content-length" => *value == b"0",
            name => ENVOYS_OWN.iter().any(|own| own.as_bytes() == name),
        };
        let compared = headers.iter().filter(|field| !left_out(field));
        let mut lines: Vec<_> =
            compared.map(|(name, value)| format!("{}: {}", name.escape_ascii(), self.text(value))).collect();
        lines.sort();
        lines
    }

    /// Text with the tokens left out.
    fn text(&self, bytes: &[u8]) -> String {
        self.observed.tokens.iter().fold(bytes.escape_ascii().to_string(), |text, token| {
            text.replace(token.as_str(), if self.own.contains(token) { "«token»" } else { "«another's token»" })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::differences;
    use crate::{
        gateway::{Disconnection, Ending, Side},
        headers::HeaderMap,
        scenario::{Exchange, GrpcMessages, Observed, ObservedBytes, ObservedConnection, ObservedGrpcCallout},
        world::{HttpRequest, HttpResponse},
    };

    fn observed(change: impl Fn(&mut Exchange)) -> Observed {
        let mut exchange = Exchange {
            at: Duration::ZERO,
            took: Duration::ZERO,
            request: HttpRequest::default(),
            response: Some(HttpResponse::new(200)),
            forwarded: Some((HttpRequest::new("GET", "a", b"/"), HeaderMap::new())),
            callouts: None,
            grpc_callouts: None,
            foreign_calls: None,
            ending: Some(Ending::Served),
            details: String::new(),
            logs: None,
        };
        change(&mut exchange);
        Observed { requests: vec![vec![exchange]], ..Observed::default() }
    }

    #[test]
    fn every_part_is_compared() {
        let plain = observed(|_| ());
        let parts = |change: fn(&mut Exchange)| differences(&plain, &observed(change));
        assert_eq!(parts(|_| ()), Vec::<String>::new());
        assert_eq!(parts(|exchange| exchange.took = Duration::from_secs(1)), Vec::<String>::new());
        type Change = fn(&mut Exchange);
        let changes: [(Change, &str); 5] = [
            (|exchange| exchange.response = None, "request 1.1, status: embedded [\"200\"], Envoy [\"nothing\"]"),
            (
                |exchange| exchange.ending = Some(Ending::Hung),
                "request 1.1, ending: embedded [\"Served\", \"\"], Envoy [\"Hung\", \"\"]",
            ),
            (
                |exchange| exchange.response.as_mut().unwrap().body.push(b'a'),
                "request 1.1, body: embedded [\"\"], Envoy [\"a\"]",
            ),
            (|exchange| exchange.response.as_mut().unwrap().headers.add("x-a", "b"), "request 1.1, headers: embedded"),
            (|exchange| exchange.forwarded = None, "request 1.1, what reached the upstream: embedded"),
        ];
        for (change, expected) in changes {
            let found = parts(change);
            assert!(found.first().is_some_and(|first| first.starts_with(expected)), "{found:?}");
        }
    }

    fn connected(change: impl Fn(&mut ObservedConnection)) -> Observed {
        let got = |text: &str| ObservedBytes { bytes: text.into(), ended: Some(true) };
        let mut connection = ObservedConnection {
            at: Duration::ZERO,
            took: Duration::ZERO,
            to_client: got("to the client"),
            to_upstream: got("to the upstream"),
            ending: Some(Disconnection::Ended),
            callouts: Some(Vec::new()),
            grpc_callouts: None,
            foreign_calls: None,
            logs: None,
        };
        change(&mut connection);
        Observed { connections: vec![vec![connection]], ..Observed::default() }
    }

    #[test]
    fn connections_are_compared() {
        let plain = connected(|_| ());
        let parts = |change: fn(&mut ObservedConnection)| differences(&plain, &connected(change));
        for untold in [
            |_: &mut ObservedConnection| (),
            |one: &mut ObservedConnection| one.took = Duration::from_secs(1),
            |one: &mut ObservedConnection| (one.to_client.ended, one.to_upstream.ended) = (None, None),
            |one: &mut ObservedConnection| one.callouts = None,
        ] {
            assert_eq!(parts(untold), Vec::<String>::new());
        }
        type Change = fn(&mut ObservedConnection);
        let changes: [(Change, &str); 5] = [
            (|one| one.to_client.bytes.push(b'!'), "what the client got: embedded [\"to the client\"], Envoy"),
            (
                |one| one.to_upstream.bytes.clear(),
                "what the upstream got: embedded [\"to the upstream\"], Envoy [\"\"]",
            ),
            (|one| one.to_client.ended = Some(false), "whether the upstream's end reached the client: embedded"),
            (|one| one.to_upstream.ended = Some(false), "whether the client's end reached the upstream: embedded"),
            (|one| one.ending = None, "ending: embedded [\"ended\", \"\"], Envoy [\"held\", \"\"]"),
        ];
        for (change, expected) in changes {
            let found = parts(change);
            assert!(found.len() == 1 && found[0].starts_with(&format!("connection 1.1, {expected}")), "{found:?}");
        }
        let resets = |side| connected(move |one| one.ending = Some(Disconnection::Reset(side)));
        assert_eq!(differences(&resets(Side::Client), &resets(Side::Upstream)).len(), 1);
        assert_eq!(differences(&plain, &Observed::default()).len(), 1);
    }

    #[test]
    fn what_one_side_cannot_tell_and_what_is_envoys_own_is_no_difference() {
        let told = observed(|exchange| exchange.callouts = Some(Vec::new()));
        let untold = observed(|exchange| {
            exchange.ending = None;
            exchange.response.as_mut().unwrap().headers.add("server", "envoy");
        });
        assert_eq!(differences(&told, &untold), Vec::<String>::new());
    }

    #[test]
    fn grpc_callouts_are_compared_with_what_was_sent() {
        let with = |metadata: (&str, &str), sent: GrpcMessages| {
            let callout = ObservedGrpcCallout {
                cluster: "a".to_owned(),
                service: "b".to_owned(),
                method: "c".to_owned(),
                metadata: [metadata].into_iter().collect(),
                sent,
            };
            let observed = observed(|exchange| exchange.grpc_callouts = Some(vec![0]));
            Observed { grpc_callouts: vec![callout], ..observed }
        };
        let stream = |messages: &[&str]| {
            let messages = messages.iter().map(|message| message.as_bytes().to_vec()).collect();
            with(("x-a", "b"), GrpcMessages::Stream(messages))
        };
        let one = stream(&["d", "e"]);
        assert_eq!(differences(&one, &stream(&["d", "e"])), Vec::<String>::new());
        for other in [
            stream(&["d"]),
            stream(&["e", "d"]),
            with(("x-a", "c"), GrpcMessages::Stream(vec![b"d".to_vec(), b"e".to_vec()])),
            with(("x-a", "b"), GrpcMessages::Call(b"d".to_vec())),
        ] {
            let found = differences(&one, &other);
            assert!(found.len() == 1 && found[0].starts_with("request 1.1, gRPC callouts: "), "{found:?}");
        }
    }

    #[test]
    fn of_tokens_it_is_compared_whose_they_are() {
        let with = |own: &str, shown: &str| Observed {
            tokens: vec![own.to_owned(), "another".to_owned()],
            ..observed(|exchange| {
                exchange.request.headers.add("authorization", format!("Bearer {own}"));
                exchange.response.as_mut().unwrap().headers.add("x-token", shown);
            })
        };
        assert_eq!(differences(&with("one", "one"), &with("two", "two")), Vec::<String>::new());
        assert_eq!(differences(&with("one", "one"), &with("two", "another")).len(), 1);
    }
}
