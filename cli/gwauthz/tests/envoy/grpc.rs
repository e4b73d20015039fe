//! A gRPC service, once on loopback and once for the embedded gateway: what it does goes by the method.

use std::{
    net::{Ipv4Addr, SocketAddr},
    thread,
    time::Duration,
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use gwauthz_host::{GrpcAnswer, GrpcCall, GrpcOutcome, GrpcSent, GrpcStatus, HeaderMap};
use h2::{Reason, RecvStream, SendStream, server::SendResponse};
use http::{HeaderMap as HttpHeaders, HeaderName, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

/// The cluster of the service, which speaks HTTP/2.
pub(crate) const GRPC_CLUSTER: &str = "grpc";

/// How long the headers of an answer take to have gone out, at the most.
const FLUSH: Duration = Duration::from_millis(50);

/// What becomes of a call: what the service does on it, told as a whole.
pub(crate) fn outcome(call: &GrpcCall) -> GrpcOutcome {
    let delay = Duration::ZERO;
    let mut reply = None;
    for answer in answers(&call.method, GrpcSent::Message { number: 0, message: &call.message }) {
        match answer {
            GrpcAnswer::Message(message) => reply = Some(message),
            GrpcAnswer::Close { status: GrpcStatus { code: 0, .. }, .. } if reply.is_some() => {
                return GrpcOutcome::Reply { message: reply.unwrap_or_default(), delay };
            }
            GrpcAnswer::Close { status, .. } => return GrpcOutcome::Fail { status, delay },
            GrpcAnswer::Reset => return GrpcOutcome::Reset,
            GrpcAnswer::Metadata(_) | GrpcAnswer::Refused => {}
        }
    }
    GrpcOutcome::Timeout
}

/// What the service does when a client does something.
pub(crate) fn answers(method: &str, sent: GrpcSent<'_>) -> Vec<GrpcAnswer> {
    let metadata = |name: &str| GrpcAnswer::Metadata([(name, "1")].into_iter().collect());
    let close = |code, message: &str| GrpcAnswer::Close {
        status: GrpcStatus { code, message: message.to_owned() },
        metadata: [("x-t", "2")].into_iter().collect(),
    };
    match (method, sent) {
        ("reply", GrpcSent::Message { message, .. }) => {
            vec![metadata("x-i"), GrpcAnswer::Message([b"re:", message].concat()), close(0, "")]
        }
        ("empty", GrpcSent::Message { .. }) => vec![GrpcAnswer::Message(Vec::new()), close(0, "")],
        ("no-message", GrpcSent::Message { .. }) => vec![close(0, "")],
        ("fail", GrpcSent::Message { .. }) => vec![close(7, "denied")],
        ("reset", GrpcSent::Message { .. }) => vec![GrpcAnswer::Reset],
        ("reset-midway", GrpcSent::Message { .. }) => vec![metadata("x-i"), GrpcAnswer::Reset],
        ("echo", GrpcSent::Message { message, .. }) => vec![GrpcAnswer::Message(message.to_vec())],
        ("echo", GrpcSent::End) => vec![close(3, "")],
        ("close", GrpcSent::End) => vec![metadata("x-i"), close(0, "gone")],
        ("early", GrpcSent::Open) => vec![metadata("x-i"), close(0, "")],
        _ => Vec::new(),
    }
}

/// The service on loopback.
pub(crate) struct GrpcService {
    pub(crate) address: SocketAddr,
}

impl GrpcService {
    /// Listens on a free port of loopback until the test process ends.
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            runtime.block_on(async {
                while let Ok((connection, _)) = listener.accept().await {
                    // A peer that goes away in mid-message is what some tests are about.
                    tokio::spawn(async { serve(connection).await.ok() });
                }
            });
        });
        Self { address }
    }
}

async fn serve(connection: TcpStream) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(connection).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        tokio::spawn(async { exchange(request, respond).await.ok() });
    }
    Ok(())
}

/// One stream: what the client sends, and each time what is answered.
async fn exchange(request: Request<RecvStream>, respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let mut answering = Answering { respond, stream: None };
    answering.give(answers(&method, GrpcSent::Open)).await?;
    let mut body = request.into_body();
    let (mut received, mut number) = (BytesMut::new(), 0);
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        received.extend_from_slice(&data);
        while let Some(message) = take_message(&mut received) {
            answering.give(answers(&method, GrpcSent::Message { number, message: &message })).await?;
            number += 1;
        }
    }
    answering.give(answers(&method, GrpcSent::End)).await?;
    // Without its sender, a stream that is not closed would be reset.
    std::future::pending().await
}

/// A message behind its prefix: a byte that says whether it is compressed, and its size.
fn take_message(received: &mut BytesMut) -> Option<Bytes> {
    const PREFIX: usize = 5;
    let size = received.get(1..PREFIX)?.try_into().map(u32::from_be_bytes).ok()?;
    let end = PREFIX + usize::try_from(size).ok()?;
    if received.len() < end {
        return None;
    }
    let mut message = received.split_to(end);
    message.advance(PREFIX);
    Some(message.freeze())
}

/// The service's side of a stream.
struct Answering {
    respond: SendResponse<Bytes>,
    /// There once the headers are sent.
    stream: Option<SendStream<Bytes>>,
}

impl Answering {
    async fn give(&mut self, answers: Vec<GrpcAnswer>) -> Result<(), h2::Error> {
        for answer in answers {
            match answer {
                GrpcAnswer::Metadata(metadata) => drop(self.stream(&metadata)?),
                GrpcAnswer::Message(message) => {
                    let mut framed = BytesMut::new();
                    framed.put_u8(0);
                    framed.put_u32(u32::try_from(message.len()).expect("a short message"));
                    framed.extend_from_slice(&message);
                    self.stream(&HeaderMap::new())?.send_data(framed.freeze(), false)?;
                }
                GrpcAnswer::Close { status, metadata } => self.close(&status, &metadata)?,
                GrpcAnswer::Reset | GrpcAnswer::Refused => match &mut self.stream {
                    Some(stream) => {
                        // What has not gone out yet would be dropped.
                        tokio::time::sleep(FLUSH).await;
                        stream.send_reset(Reason::INTERNAL_ERROR);
                    }
                    None => self.respond.send_reset(Reason::INTERNAL_ERROR),
                },
            }
        }
        Ok(())
    }

    fn stream(&mut self, metadata: &HeaderMap) -> Result<&mut SendStream<Bytes>, h2::Error> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.respond.send_response(response(metadata), false)?,
        };
        Ok(self.stream.insert(stream))
    }

    fn close(&mut self, status: &GrpcStatus, metadata: &HeaderMap) -> Result<(), h2::Error> {
        let mut trailers: HeaderMap = [("grpc-status", status.code.to_string())].into_iter().collect();
        if !status.message.is_empty() {
            trailers.add("grpc-message", &status.message);
        }
        metadata.iter().for_each(|(name, value)| trailers.add(name, value));
        match &mut self.stream {
            Some(stream) => stream.send_trailers(on_the_wire(&trailers)),
            None => self.respond.send_response(response(&trailers), true).map(drop),
        }
    }
}

fn response(metadata: &HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response.headers_mut().extend(on_the_wire(metadata));
    response
}

fn on_the_wire(metadata: &HeaderMap) -> HttpHeaders {
    let pair = |(name, value): (&[u8], &[u8])| {
        (HeaderName::from_bytes(name).expect("a name"), HeaderValue::from_bytes(value).expect("a value"))
    };
    metadata.iter().map(pair).collect()
}
