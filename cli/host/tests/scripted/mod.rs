//! Any sequence of what can happen to a gateway, with a guest and services that do anything: what the bytes say.

use std::{iter::Copied, slice::Iter, sync::LazyLock, time::Duration};

use gwauthz_host::{
    CallOutcome, Compiler, ConnectionId, Faults, Gateway, GatewayConfig, GrpcAnswer, GrpcCall, GrpcOutcome, GrpcSent,
    GrpcStatus, GrpcStream, HeaderMap, HttpCall, HttpRequest, HttpResponse, Module, Part, Plugin, Side, StreamId,
    World,
};

static GUEST: LazyLock<Module> = LazyLock::new(|| {
    let guest = wat::parse_str(include_str!("guest.wat")).expect("the guest is WebAssembly");
    Compiler::new(None).and_then(|compiler| compiler.compile(&guest)).expect("this machine runs WebAssembly")
});

/// At most this many things happen; each may cause others.
const MAX_STEPS: usize = 200;

/// Plays what `bytes` say: the guest's part, the services' part, what clients do.
///
/// # Panics
/// Where the gateway does not keep what it promises.
pub(crate) fn play(bytes: &[u8]) {
    let third = bytes.len() / 3;
    let (guest, rest) = bytes.split_at(third);
    let (services, clients) = rest.split_at(third);
    let config = GatewayConfig {
        workers: 2,
        faults: Faults { deadline: Some(Duration::from_secs(1)), ..Faults::default() },
        ..GatewayConfig::default()
    };
    let services = Services(Bytes(services.iter().copied()));
    let chain = [Plugin::new(&GUEST, guest), Plugin::new(&GUEST, clients)];
    // The guest may trap while it is configured.
    let Ok(gateway) = Gateway::start(chain, config, services) else { return };
    let mut gateway = gateway.with_clusters(["known".to_owned()]);
    let mut clients = Bytes(clients.iter().copied());
    let (mut streams, mut connections) = (Vec::new(), Vec::new());
    for _ in 0..MAX_STEPS {
        let Some(step) = clients.0.next() else { break };
        happen(&mut gateway, step, &mut clients, &mut streams, &mut connections);
    }
    for stream in streams {
        let outcome = gateway.close(stream);
        assert!(gateway.has_ended(stream), "{outcome:?}");
    }
    for connection in connections {
        assert!(gateway.disconnect(connection).ending.is_some());
    }
}

fn happen(
    gateway: &mut Gateway<Services<'_>>,
    step: u8,
    clients: &mut Bytes<'_>,
    streams: &mut Vec<StreamId>,
    connections: &mut Vec<ConnectionId>,
) {
    let choice = usize::from(clients.next());
    let stream = streams.get(choice.checked_rem(streams.len()).unwrap_or_default()).copied();
    let connection = connections.get(choice.checked_rem(connections.len()).unwrap_or_default()).copied();
    let end = clients.next() & 1 == 1;
    match (step % 9, stream, connection) {
        (0, ..) => streams.push(gateway.open(choice, HttpRequest::new("POST", "h", b"/").headers, end)),
        (1, Some(stream), _) => gateway.receive(stream, Part::Data(clients.bytes()), end),
        (2, Some(stream), _) => {
            gateway.receive(stream, Part::Trailers([("x-t", "1")].into_iter().collect()), true);
        }
        (3, Some(stream), _) => gateway.leave(stream),
        (4, ..) => connections.push(gateway.connect(choice)),
        (5, _, Some(connection)) => gateway.transfer(connection, side(clients), &clients.bytes(), end),
        (6, _, Some(connection)) => gateway.reset(connection, side(clients)),
        _ => gateway.run_until(gateway.now() + Duration::from_millis(u64::from(clients.next()) * 20)),
    }
}

fn side(bytes: &mut Bytes<'_>) -> Side {
    if bytes.next() & 1 == 0 { Side::Client } else { Side::Upstream }
}

/// What is still to be played; zeros behind its end.
struct Bytes<'a>(Copied<Iter<'a, u8>>);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        self.0.next().unwrap_or_default()
    }

    fn bytes(&mut self) -> Vec<u8> {
        vec![b'x'; usize::from(self.next())]
    }

    fn delay(&mut self) -> Duration {
        Duration::from_millis(u64::from(self.next()))
    }
}

/// Services that do what the bytes say.
struct Services<'a>(Bytes<'a>);

impl Services<'_> {
    fn status(&mut self) -> GrpcStatus {
        GrpcStatus { code: (self.0.next() % 17).into(), message: "m".repeat((self.0.next() % 4).into()) }
    }

    fn answer(&mut self) -> GrpcAnswer {
        match self.0.next() % 5 {
            0 => GrpcAnswer::Metadata(HeaderMap::new()),
            1 => GrpcAnswer::Message(self.0.bytes()),
            2 => GrpcAnswer::Close { status: self.status(), metadata: HeaderMap::new() },
            3 => GrpcAnswer::Reset,
            _ => GrpcAnswer::Refused,
        }
    }
}

impl World for Services<'_> {
    fn call(&mut self, _call: &HttpCall) -> CallOutcome {
        match self.0.next() % 6 {
            0 => CallOutcome::Timeout,
            1 => CallOutcome::Refused,
            2 => CallOutcome::Reset,
            3 => CallOutcome::ResetMidway,
            _ => CallOutcome::Reply { response: HttpResponse::new(200), delay: self.0.delay() },
        }
    }

    fn serve(&mut self, _request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse { body: self.0.bytes(), ..HttpResponse::new(200) };
        if self.0.next() & 1 == 1 {
            response.trailers.add("x-t", "1");
        }
        response
    }

    fn grpc_call(&mut self, _call: &GrpcCall) -> GrpcOutcome {
        match self.0.next() % 5 {
            0 => GrpcOutcome::Timeout,
            1 => GrpcOutcome::Refused,
            2 => GrpcOutcome::Reset,
            3 => GrpcOutcome::Fail { status: self.status(), delay: self.0.delay() },
            _ => GrpcOutcome::Reply { message: self.0.bytes(), delay: self.0.delay() },
        }
    }

    fn grpc_stream(&mut self, _stream: &GrpcStream, _sent: GrpcSent<'_>) -> Vec<(Duration, GrpcAnswer)> {
        (0..self.0.next() % 4).map(|_| (self.0.delay(), self.answer())).collect()
    }
}
