//! What can be written and cannot be: found when a scenario is read, so that nothing that runs has to ask.

mod connection;
mod expectation;
mod gateway;
mod grpc;
mod message;

use jiff::SignedDuration;

use super::{
    format::{Answer, PluginSetup, Request, Scenario, Service, Step},
    moment,
    place::Place,
};

pub(super) use grpc::message_bytes;

/// Something in a scenario that cannot be.
pub(super) struct Impossible {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) help: String,
}

pub(super) type Checked = Result<(), Impossible>;

/// The bound on the steps of a scenario.
const MAX_STEPS: usize = 1000;
/// The bound on the requests of a step, and on the calls that an entry of `services` answers.
const MAX_TIMES: u32 = 10_000;
/// The bound on the requests and connections of a scenario.
const MAX_REQUESTS: u64 = 20_000;
/// The bound on each span of time.
const MAX_DURATION: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);

/// # Errors
/// The first thing that cannot be, in the order of the file's keys.
pub(super) fn check(scenario: &Scenario) -> Checked {
    let top = Place::default();
    if scenario.name.trim().is_empty() || scenario.name.contains(['\n', '\r']) {
        return no(&top.key("name"), "a scenario has a name of one line", "say in a sentence what holds");
    }
    check_plugin(&scenario.plugin, &top.key("plugin"))?;
    gateway::check(&scenario.gateway, &top.key("gateway"))?;
    for (number, service) in scenario.services.iter().enumerate() {
        check_service(service, &top.key("services").item(number))?;
    }
    for (number, service) in scenario.grpc_services.iter().enumerate() {
        grpc::check_service(service, &top.key("grpcServices").item(number))?;
    }
    if let Some(upstream) = &scenario.upstream {
        let place = top.key("upstream");
        message::check_reply(upstream, &place)?;
        // What clients get is the same wherever the scenario runs.
        if let Some(place) = upstream.json.as_ref().and_then(|json| moment::first(json, &place.key("json"))) {
            return no(&place, "the upstream does not tell the time", "write the number");
        }
    }
    check_steps(scenario, &top.key("steps"))?;
    scenario.expect.as_ref().map_or(Ok(()), |expect| expectation::check_state(expect, &top.key("expect")))
}

fn no(place: &Place, message: impl Into<String>, help: impl Into<String>) -> Checked {
    // A message is a line, whatever it names.
    let message = message.into().replace(|c: char| c.is_control(), "\u{fffd}");
    Err(Impossible { place: place.clone(), message, help: help.into() })
}

fn check_plugin(plugin: &PluginSetup, place: &Place) -> Checked {
    match &plugin.manifest {
        Some(_) if plugin.config.is_some() => no(
            &place.key("manifest"),
            "the configuration stands here and in `config`",
            "keep one of them: a manifest brings its own",
        ),
        Some(manifest) if manifest.file.is_empty() || manifest.file.starts_with('/') => no(
            &place.key("manifest").key("file"),
            "the manifest lies elsewhere",
            "name a file beside the scenario's, such as `gateway.yaml`",
        ),
        _ => Ok(()),
    }
}

fn check_service(service: &Service, place: &Place) -> Checked {
    check_cluster(&service.cluster, &place.key("cluster"))?;
    if let Some(path) = &service.path
        && (!path.starts_with('/') || path.contains(['?', '#']))
    {
        return no(&place.key("path"), "no call has this path", "begin it with `/`, and leave the query out");
    }
    if let Some(method) = &service.method {
        message::check_method(method, &place.key("method"))?;
    }
    check_times(service.times, &place.key("times"))?;
    match &service.answer {
        Answer::Reply(reply) => message::check_reply(reply, &place.key("answer").key("reply")),
        Answer::Timeout | Answer::Refused | Answer::Reset | Answer::ResetMidway => Ok(()),
    }
}

fn check_cluster(name: &str, place: &Place) -> Checked {
    if name.is_empty() || name.contains(char::is_control) {
        return no(place, "no cluster has this name", "name the cluster that the plugin calls");
    }
    Ok(())
}

fn check_steps(scenario: &Scenario, place: &Place) -> Checked {
    if scenario.steps.len() > MAX_STEPS {
        return no(place, "there are too many steps", format!("expected at most {MAX_STEPS}"));
    }
    let mut requests = 0;
    for (number, step) in scenario.steps.iter().enumerate() {
        let place = place.item(number);
        match step {
            Step::Request(request) => {
                check_request(request, scenario, &place.key("request"))?;
                requests += u64::from(request.times.unwrap_or(1));
            }
            Step::Connection(connection) => {
                connection::check(connection, scenario, &place.key("connection"))?;
                requests += u64::from(connection.times.unwrap_or(1));
            }
            Step::Wait(time) => check_duration(Some(*time), &place.key("wait"))?,
            Step::Update(_) => {}
            Step::Expect(expect) => expectation::check_state(expect, &place.key("expect"))?,
        }
        if requests > MAX_REQUESTS {
            return no(
                &place,
                "there are too many requests and connections up to here",
                format!("expected at most {MAX_REQUESTS} in all"),
            );
        }
    }
    Ok(())
}

fn check_request(request: &Request, scenario: &Scenario, place: &Place) -> Checked {
    if let Some(method) = &request.method {
        message::check_method(method, &place.key("method"))?;
    }
    message::check_target(request.path.as_deref(), &place.key("path"))?;
    message::check_target(request.host.as_deref(), &place.key("host"))?;
    message::check_fields(&request.headers, &place.key("headers"))?;
    message::check_fields(&request.trailers, &place.key("trailers"))?;
    if request.body.is_some() && request.chunks.is_some() {
        return no(&place.key("chunks"), "the body stands here and in `body`", "keep one of them");
    }
    for (number, chunk) in request.chunks.iter().flatten().enumerate() {
        check_duration(chunk.after, &place.key("chunks").item(number).key("after"))?;
    }
    check_duration(request.leaves_after, &place.key("leavesAfter"))?;
    check_worker(request.worker, scenario, &place.key("worker"))?;
    check_times(request.times, &place.key("times"))?;
    let expect = request.expect.as_ref();
    expect.map_or(Ok(()), |expect| expectation::check_request(expect, scenario, &place.key("expect")))
}

fn check_worker(worker: Option<u16>, scenario: &Scenario, place: &Place) -> Checked {
    let workers = scenario.gateway.workers.unwrap_or(1);
    if worker.is_some_and(|worker| worker >= workers) {
        let help = format!("expected a number below {workers}, or more `gateway.workers`");
        return no(place, "the gateway has no such worker", help);
    }
    Ok(())
}

fn check_times(times: Option<u32>, place: &Place) -> Checked {
    match times {
        Some(0) => no(place, "none at all has no effect", "leave the entry out"),
        Some(times) if times > MAX_TIMES => no(place, "these are too many", format!("expected at most {MAX_TIMES}")),
        _ => Ok(()),
    }
}

fn check_duration(time: Option<SignedDuration>, place: &Place) -> Checked {
    match time {
        Some(time) if time.is_negative() => no(place, "time does not run backwards", "write it without the sign"),
        Some(time) if time > MAX_DURATION => no(place, "nobody waits that long", "expected at most ten years"),
        _ => Ok(()),
    }
}
