//! Scenarios that a real Envoy cannot run, or not in a time that anybody would wait.

use std::time::Duration;

use crate::{
    gateway::Ending,
    scenario::{
        Answer, FaultSetup, GrpcAnswerSetup, Observed, Scenario, StateExpectation, Step, surroundings::surroundings,
    },
};

use super::expected::active_time;

/// The longest clock of a scenario that is run in real time.
const LONGEST: Duration = Duration::from_secs(10);
/// The most requests and connections of a scenario that are played to a real Envoy.
const MOST_REQUESTS: u32 = 500;

/// How the paths of properties begin that connections have as requests do: of those that Envoy can be configured with.
const OF_CONNECTIONS: [&str; 3] = ["xds.node", "xds.listener_", "xds.filter_chain_name"];

/// Why a scenario is run on the embedded gateway alone, given what was seen there; `None`: it is run on Envoy too.
#[must_use]
pub fn virtual_only(scenario: &Scenario, embedded: &Observed) -> Option<String> {
    let gateway = &scenario.gateway;
    let requests = || {
        scenario.steps.iter().filter_map(|step| match step {
            Step::Request(request) => Some(request),
            _ => None,
        })
    };
    let connections = || {
        scenario.steps.iter().filter_map(|step| match step {
            Step::Connection(connection) => Some(connection),
            _ => None,
        })
    };
    if gateway.starts_at.is_some() {
        return Some("it sets the clock (startsAt)".to_owned());
    }
    if !gateway.shared_data.is_empty() || expectations(scenario).any(|expected| !expected.shared_data.is_empty()) {
        return Some("Envoy shows nobody its shared data".to_owned());
    }
    let of_requests = requests().filter_map(|request| request.expect.as_ref()?.foreign_calls.as_ref());
    let of_connections = connections().filter_map(|connection| connection.expect.as_ref()?.foreign_calls.as_ref());
    if of_requests.chain(of_connections).next().is_some()
        || expectations(scenario).any(|expected| expected.foreign_calls.is_some())
    {
        return Some("Envoy tells nobody which foreign functions are called".to_owned());
    }
    if gateway.faults != FaultSetup::default() {
        return Some("Envoy brings no faults upon its plugins".to_owned());
    }
    if let Some(path) = surroundings(&gateway.properties).1.first() {
        return Some(format!("Envoy cannot be configured to have the property `{path}`"));
    }
    let of_connections = |path: &&String| OF_CONNECTIONS.iter().any(|start| path.starts_with(start));
    if connections().next().is_some()
        && let Some(path) = gateway.properties.keys().find(|path| !of_connections(path))
    {
        return Some(format!("Envoy cannot be configured to have the property `{path}` of TCP connections"));
    }
    if let Some(name) = gateway.foreign_functions.keys().next() {
        return Some(format!("Envoy cannot be made to have the foreign function `{name}`"));
    }
    if let Some(cluster) = both_protocols(scenario) {
        return Some(format!("{cluster} answers HTTP and gRPC: a cluster of Envoy speaks HTTP/1.1 or HTTP/2"));
    }
    if !gateway.shared_data_races.is_empty() {
        return Some("nobody can get ahead of a plugin in Envoy on purpose (sharedDataRaces)".to_owned());
    }
    let mut workers =
        requests().map(|request| request.worker).chain(connections().map(|connection| connection.worker)).flatten();
    if workers.any(|worker| worker > 0) {
        return Some("Envoy chooses the worker by itself".to_owned());
    }
    if let Some(cluster) = refuses_now_and_then(scenario) {
        return Some(format!("{cluster} refuses connections only now and then"));
    }
    let times = requests().map(|request| request.times).chain(connections().map(|connection| connection.times));
    if times.map(|times| times.unwrap_or(1)).fold(0, u32::saturating_add) > MOST_REQUESTS {
        return Some(format!("it has more than {MOST_REQUESTS} requests and connections"));
    }
    let clock = clock(scenario, embedded);
    (clock > LONGEST).then(|| format!("it takes {} s of the clock", clock.as_secs_f64()))
}

/// How long the scenario takes; that a request or a connection is held for ever shows after any time.
fn clock(scenario: &Scenario, embedded: &Observed) -> Duration {
    let waits = scenario.steps.iter().map(|step| match step {
        Step::Wait(time) => time.unsigned_abs(),
        _ => Duration::ZERO,
    });
    let exchanges = embedded.requests.iter().flatten();
    let held = |ending: &Option<Ending>| matches!(ending, Some(Ending::Hung));
    let took: Duration = exchanges.filter(|exchange| !held(&exchange.ending)).map(|exchange| exchange.took).sum();
    let connected: Duration = embedded.connections.iter().flatten().map(active_time).sum();
    waits.sum::<Duration>() + took + connected
}

fn expectations(scenario: &Scenario) -> impl Iterator<Item = &StateExpectation> {
    let steps = scenario.steps.iter().filter_map(|step| match step {
        Step::Expect(expected) => Some(expected),
        _ => None,
    });
    steps.chain(&scenario.expect)
}

fn both_protocols(scenario: &Scenario) -> Option<&str> {
    let grpc = |cluster: &&str| scenario.grpc_services.iter().any(|service| service.cluster == *cluster);
    scenario.services.iter().map(|service| service.cluster.as_str()).find(grpc)
}

/// A cluster that does so: a port is open or closed for as long as a scenario runs.
fn refuses_now_and_then(scenario: &Scenario) -> Option<&str> {
    let http = scenario
        .services
        .iter()
        .map(|service| (service.cluster.as_str(), matches!(service.answer, Answer::Refused), service.times.is_some()));
    let grpc = scenario.grpc_services.iter().map(|service| {
        (service.cluster.as_str(), matches!(service.answer, GrpcAnswerSetup::Refused), service.times.is_some())
    });
    let services: Vec<_> = http.chain(grpc).collect();
    let now_and_then = |(cluster, refuses, at_times): &&(&str, bool, bool)| {
        *refuses && (*at_times || services.iter().any(|(other, refuses, _)| other == cluster && !refuses))
    };
    services.iter().find(now_and_then).map(|(cluster, ..)| *cluster)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::virtual_only;
    use crate::{
        gateway::Ending,
        scenario::{Exchange, Observed, Scenario},
        world::HttpRequest,
    };

    fn reason(more: &str, took: Duration, ending: Ending) -> Option<String> {
        let scenario = Scenario::read(&format!("name: a\nplugin: {{}}\n{more}\n")).unwrap();
        let exchange = Exchange {
            at: Duration::ZERO,
            took,
            request: HttpRequest::default(),
            response: None,
            forwarded: None,
            callouts: None,
            grpc_callouts: None,
            foreign_calls: None,
            ending: Some(ending),
            details: String::new(),
            logs: None,
        };
        virtual_only(&scenario, &Observed { requests: vec![vec![exchange]], ..Observed::default() })
    }

    #[test]
    fn what_envoy_cannot_be_made_to_have_is_told() {
        let at_once = |more: &str| reason(more, Duration::ZERO, Ending::Served);
        let steps = "steps: [{request: {}}]";
        assert_eq!(at_once(steps), None);
        let refused = "services: [{cluster: a, answer: refused}]";
        assert_eq!(at_once(&format!("{refused}\n{steps}")), None);
        assert_eq!(at_once(&format!("gateway: {{properties: {{xds.node.id: a}}}}\n{steps}")), None);
        assert_eq!(at_once(&format!("grpcServices: [{{cluster: a, answer: refused}}]\n{steps}")), None);
        for (more, expected) in [
            (format!("gateway: {{startsAt: '2026-01-01T00:00:00Z'}}\n{steps}"), "it sets the clock (startsAt)"),
            (format!("gateway: {{sharedData: {{a: b}}}}\n{steps}"), "Envoy shows nobody its shared data"),
            (
                format!("gateway: {{sharedDataRaces: [{{key: a, value: b}}]}}\n{steps}"),
                "nobody can get ahead of a plugin in Envoy on purpose (sharedDataRaces)",
            ),
            (format!("expect: {{sharedData: {{a: b}}}}\n{steps}"), "Envoy shows nobody its shared data"),
            ("steps: [{expect: {sharedData: {a: null}}}]".to_owned(), "Envoy shows nobody its shared data"),
            (
                "steps: [{request: {expect: {foreignCalls: []}}}]".to_owned(),
                "Envoy tells nobody which foreign functions are called",
            ),
            (
                "steps: [{expect: {foreignCalls: []}}]".to_owned(),
                "Envoy tells nobody which foreign functions are called",
            ),
            ("gateway: {workers: 2}\nsteps: [{request: {worker: 1}}]".to_owned(), "Envoy chooses the worker by itself"),
            (format!("gateway: {{faults: {{allocations: 1}}}}\n{steps}"), "Envoy brings no faults upon its plugins"),
            (
                format!("gateway: {{properties: {{xds.node.id: a, source.address: b}}}}\n{steps}"),
                "Envoy cannot be configured to have the property `source.address`",
            ),
            (
                "gateway: {properties: {xds.node.id: a, xds.route_name: b}}\nsteps: [{connection: {}}]".to_owned(),
                "Envoy cannot be configured to have the property `xds.route_name` of TCP connections",
            ),
            (
                format!("gateway: {{foreignFunctions: {{a: {{}}}}}}\n{steps}"),
                "Envoy cannot be made to have the foreign function `a`",
            ),
            (
                format!(
                    "grpcServices: [{{cluster: a, answer: timeout}}]\nservices: [{{cluster: a, answer: timeout}}]\n{steps}"
                ),
                "a answers HTTP and gRPC: a cluster of Envoy speaks HTTP/1.1 or HTTP/2",
            ),
            (
                format!("grpcServices: [{{cluster: a, answer: timeout}}, {{cluster: a, answer: refused}}]\n{steps}"),
                "a refuses connections only now and then",
            ),
            (
                "steps: [{connection: {expect: {foreignCalls: []}}}]".to_owned(),
                "Envoy tells nobody which foreign functions are called",
            ),
            (
                "gateway: {workers: 2}\nsteps: [{connection: {worker: 1}}]".to_owned(),
                "Envoy chooses the worker by itself",
            ),
            (
                format!("services: [{{cluster: a, times: 1, answer: refused}}]\n{steps}"),
                "a refuses connections only now and then",
            ),
            (
                format!(
                    "services: [{{cluster: a, path: /x, answer: timeout}}, {{cluster: a, answer: refused}}]\n{steps}"
                ),
                "a refuses connections only now and then",
            ),
            (
                "steps: [{request: {times: 250}}, {connection: {times: 251}}]".to_owned(),
                "it has more than 500 requests and connections",
            ),
            ("steps: [{wait: 9s}, {wait: 2s}]".to_owned(), "it takes 11 s of the clock"),
        ] {
            assert_eq!(at_once(&more).as_deref(), Some(expected), "{more}");
        }
    }

    #[test]
    fn a_request_that_is_held_for_ever_shows_at_once() {
        let long = |ending| reason("steps: [{request: {}}]", Duration::from_secs(300), ending);
        assert_eq!(long(Ending::Served).as_deref(), Some("it takes 300 s of the clock"));
        assert_eq!(long(Ending::Hung), None);
    }
}
