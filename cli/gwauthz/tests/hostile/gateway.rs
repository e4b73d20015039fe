//! One request through both: the compiled plugin in a gateway, and the policy alone.

use std::{
    fs,
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gwauthz_host::{
    CallOutcome, Compiler, Ending, Gateway, GatewayConfig, HeaderMap, HttpCall, HttpRequest, HttpResponse, LogLine,
    Module, Outcome, Plugin, StartError, VirtualClock, World,
};
use gwauthz_policy::{CalloutReply, Config, Engine, Exchange, Fetch, FetchReply, Request, Step};

use crate::plugin::PLUGIN;

pub(crate) static MODULE: LazyLock<Module> = LazyLock::new(|| {
    let module = fs::read(&*PLUGIN).expect("the module");
    Compiler::new(None).expect("a compiler").compile(&module).expect("a module that gateways load")
});

/// When everything happens: as `{"exp": …}` of the corpora has it.
const NOW: Duration = Duration::from_secs(1_790_000_000);

/// Headers as a client sends them.
pub(crate) type Headers = Vec<(String, Vec<u8>)>;

/// The clusters `authz`, `keys` and `revocations`.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    /// What becomes of callouts of requests.
    pub(crate) authorization: Answer,
    /// The body of the JWK Set.
    pub(crate) keys: Vec<u8>,
    /// The body of the snapshot.
    pub(crate) revocations: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(Vec<u8>),
    Reset,
    Refused,
}

impl Default for Services {
    fn default() -> Self {
        Self { authorization: Answer::Status(b"200".to_vec()), keys: Vec::new(), revocations: Vec::new() }
    }
}

impl Services {
    fn body(&self, cluster: &str) -> Option<&[u8]> {
        match cluster {
            "keys" => Some(&self.keys),
            "revocations" => Some(&self.revocations),
            _ => None,
        }
    }
}

impl World for Services {
    fn call(&mut self, call: &HttpCall) -> CallOutcome {
        let reply = |response| CallOutcome::Reply { response, delay: Duration::ZERO };
        match (self.body(&call.upstream), &self.authorization) {
            (Some(body), _) => reply(HttpResponse { body: body.to_vec(), ..HttpResponse::new(200) }),
            (None, Answer::Status(status)) => {
                let headers: HeaderMap = [(b":status".as_slice(), status.as_slice())].into_iter().collect();
                reply(HttpResponse { headers, ..HttpResponse::default() })
            }
            (None, Answer::Reset) => CallOutcome::ResetMidway,
            (None, Answer::Refused) => CallOutcome::Refused,
        }
    }
}

/// A gateway at [`NOW`].
pub(crate) fn config() -> GatewayConfig {
    GatewayConfig { clock: VirtualClock::starting_at(UNIX_EPOCH + NOW), ..GatewayConfig::default() }
}

/// A gateway with this configuration of the plugin; `None` where that is refused.
pub(crate) fn start(configuration: &[u8], services: Services) -> Option<Gateway<Services>> {
    let config = config();
    match Gateway::start([Plugin::new(&MODULE, configuration)], config, services) {
        Ok(mut gateway) => {
            assert_plain(&gateway.take_logs(), &[]);
            Some(gateway)
        }
        Err(StartError::Refused(refusal)) => {
            assert!(!refusal.logs.is_empty(), "refused without a reason");
            assert_plain(&refusal.logs, &[]);
            None
        }
        Err(error) => panic!("{error}: {configuration:?}"),
    }
}

pub(crate) fn request(headers: &Headers) -> HttpRequest {
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
    HttpRequest { headers, body: Vec::new() }
}

/// Sends a request.
pub(crate) fn send(gateway: &mut Gateway<Services>, headers: &Headers) -> Outcome {
    let outcome = gateway.request(&request(headers));
    assert!(!matches!(outcome.ending, Ending::Trapped(_) | Ending::Hung), "{headers:?}: {:?}", outcome.ending);
    assert_plain(&outcome.logs, headers);
    outcome
}

/// Sends a request through both, which must let it pass, or not, alike; gives whether they do.
pub(crate) fn compare(
    gateway: &mut Gateway<Services>,
    configuration: &str,
    headers: &Headers,
    services: &Services,
) -> bool {
    let outcome = send(gateway, headers);
    let refused = matches!(outcome.ending, Ending::Refused(_));
    let alone = !refused && allows(configuration, headers, services);
    assert_eq!(outcome.is_allowed(), alone, "{configuration} {headers:?} {services:?}: {outcome:?}");
    alone
}

/// Lines of a log hold neither control characters nor a token's signature.
fn assert_plain(lines: &[LogLine], headers: &[(String, Vec<u8>)]) {
    for LogLine { message, .. } in lines {
        assert!(!message.contains(char::is_control), "{message:?}");
        let credentials = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        for (_, value) in credentials {
            let signature = value.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
            let signature = String::from_utf8_lossy(signature);
            assert!(signature.len() < 8 || !message.contains(&*signature), "{message}");
        }
    }
}

/// Whether the policy alone lets a request pass.
fn allows(configuration: &str, headers: &Headers, services: &Services) -> bool {
    let mut engine = Engine::new(Config::from_slice(configuration.as_bytes()).expect("it was accepted").config);
    let mut now: SystemTime = UNIX_EPOCH + NOW;
    let (headers, mut exchange) = (gwauthz_policy::HeaderMap::new(headers), Exchange::new(1));
    let mut step = exchange.handle_request(&mut engine, Request::new(&headers), now);
    for _ in 0..1000 {
        step = match step {
            Some(Step::Continue(_)) => return true,
            Some(Step::Deny(_)) | None => return false,
            Some(Step::Callout(_)) => {
                let reply = match &services.authorization {
                    Answer::Status(status) => CalloutReply::Status(status),
                    Answer::Reset => CalloutReply::Reset,
                    Answer::Refused => CalloutReply::Status(b"503"),
                };
                exchange.handle_callout_reply(&mut engine, reply, now)
            }
            Some(Step::Wait) => {
                now += engine.next_tick(now).unwrap_or_default().max(Duration::from_millis(1));
                for Fetch { id, callout } in engine.handle_tick(now) {
                    let body = services.body(callout.cluster()).unwrap_or_default().to_vec();
                    engine.handle_fetch_reply(id, Some(FetchReply { status: b"200", etag: None, body }), now);
                }
                match engine.take_woken().is_empty() {
                    true => Some(Step::Wait),
                    false => exchange.handle_request(&mut engine, Request::new(&headers), now),
                }
            }
        };
    }
    panic!("it waits without end")
}
