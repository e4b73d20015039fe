//! A gRPC service on loopback that does as it is told, over HTTP/2 without TLS
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use std::{
    future::poll_fn,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use h2::{Reason, RecvStream, SendStream, server::SendResponse};
use http::{HeaderMap as Fields, HeaderName, HeaderValue, Request, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    grpc_reply::percent_encoded,
    headers::HeaderMap,
    world::{GrpcAnswer, GrpcSent, GrpcStatus},
};

/// A gRPC callout as it arrives: a call, or a stream that is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcReceived {
    /// The service's full name: `package.Service`.
    pub service: String,
    /// The method's name.
    pub method: String,
    /// Its initial metadata, with what the client adds; without pseudo-headers.
    pub metadata: HeaderMap,
}

/// What a service does on one callout, each thing so much time after what the client has done; the order is kept.
pub type GrpcResponder = Box<dyn FnMut(GrpcSent<'_>) -> Vec<(Duration, GrpcAnswer)> + Send>;

/// A running gRPC service; it ends with this value.
#[derive(Debug)]
pub struct GrpcServer {
    address: SocketAddr,
    /// There until the end.
    runtime: Option<Runtime>,
}

/// How long what was sent takes to have gone out, at the most.
const FLUSH: Duration = Duration::from_millis(50);
/// The bound on a message, in bytes.
const MAX_MESSAGE: usize = 64 << 20;
/// What stands before a message: a byte that says whether it is compressed, and its size in four.
const PREFIX: usize = 5;

type Answers = UnboundedReceiver<(Instant, GrpcAnswer)>;

impl GrpcServer {
    /// Listens on a free port of loopback; each callout is answered by what `accept` gives for it.
    ///
    /// # Errors
    /// Fails where no port can be listened on, or no thread be started.
    pub fn start(accept: impl Fn(GrpcReceived) -> GrpcResponder + Send + Sync + 'static) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_io().enable_time().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let accept = Arc::new(accept);
        runtime.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // A peer that goes away in mid-message is what some scenarios are about.
                tokio::spawn(serve(connection, Arc::clone(&accept)));
            }
        });
        Ok(Self { address, runtime: Some(runtime) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for GrpcServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(
    connection: TcpStream,
    accept: Arc<impl Fn(GrpcReceived) -> GrpcResponder + Send + Sync + 'static>,
) -> Result<(), h2::Error> {
    // What waits for the one before to be acknowledged would come late; where that cannot be helped, it does.
    let _ = connection.set_nodelay(true);
    let mut connection = h2::server::handshake(connection).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        let respond_to = accept(received(&request));
        let (answers, given) = unbounded_channel();
        tokio::spawn(Answering { respond, stream: None }.give(given));
        tokio::spawn(listen(request.into_body(), respond_to, answers));
    }
    Ok(())
}

fn received(request: &Request<RecvStream>) -> GrpcReceived {
    let (service, method) = request.uri().path().trim_start_matches('/').rsplit_once('/').unwrap_or_default();
    let metadata = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    GrpcReceived { service: service.to_owned(), method: method.to_owned(), metadata: metadata.collect() }
}

/// Asks what is to be done about each thing that the client does.
async fn listen(
    mut body: RecvStream,
    mut respond_to: GrpcResponder,
    answers: UnboundedSender<(Instant, GrpcAnswer)>,
) -> Result<(), h2::Error> {
    let mut not_before = Instant::now();
    let mut act = |sent: GrpcSent<'_>| {
        let now = Instant::now();
        for (delay, answer) in respond_to(sent) {
            not_before = not_before.max(now + delay);
            // Nobody answers any more where the callout has ended.
            let _ = answers.send((not_before, answer));
        }
    };
    act(GrpcSent::Open);
    let (mut unread, mut number) = (BytesMut::new(), 0);
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        unread.extend_from_slice(&data);
        while let Some(message) = take_message(&mut unread) {
            act(GrpcSent::Message { number, message: &message });
            number += 1;
        }
        if unread.len() > MAX_MESSAGE {
            return Ok(());
        }
    }
    act(GrpcSent::End);
    Ok(())
}

fn take_message(unread: &mut BytesMut) -> Option<Bytes> {
    let size = unread.get(1..PREFIX)?.try_into().map(u32::from_be_bytes).ok()?;
    let end = PREFIX + usize::try_from(size).ok()?;
    if unread.len() < end {
        return None;
    }
    let mut message = unread.split_to(end);
    message.advance(PREFIX);
    Some(message.freeze())
}

/// The service's side of a callout.
struct Answering {
    respond: SendResponse<Bytes>,
    /// There once the headers are sent.
    stream: Option<SendStream<Bytes>>,
}

impl Answering {
    async fn give(mut self, mut answers: Answers) -> Result<(), h2::Error> {
        while let Some((at, answer)) = answers.recv().await {
            sleep_until(at).await;
            match answer {
                GrpcAnswer::Metadata(metadata) => drop(self.stream(&metadata)?),
                GrpcAnswer::Message(message) => self.stream(&HeaderMap::new())?.send_data(framed(&message), false)?,
                GrpcAnswer::Close { status, metadata } => {
                    self.close(&status, &metadata)?;
                    break;
                }
                GrpcAnswer::Reset | GrpcAnswer::Refused => {
                    self.reset().await;
                    break;
                }
            }
        }
        // Without its sender, a callout that has not ended would be reset.
        match &mut self.stream {
            Some(stream) => poll_fn(|cx| stream.poll_reset(cx)).await.map(drop),
            None => poll_fn(|cx| self.respond.poll_reset(cx)).await.map(drop),
        }
    }

    async fn reset(&mut self) {
        match &mut self.stream {
            Some(stream) => {
                // What has not gone out yet would be dropped.
                sleep(FLUSH).await;
                stream.send_reset(Reason::INTERNAL_ERROR);
            }
            None => self.respond.send_reset(Reason::INTERNAL_ERROR),
        }
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
            trailers.add("grpc-message", percent_encoded(status.message.as_bytes()));
        }
        metadata.iter().for_each(|(name, value)| trailers.add(name, value));
        match &mut self.stream {
            Some(stream) => stream.send_trailers(fields(&trailers)),
            None => {
                self.stream = Some(self.respond.send_response(response(&trailers), true)?);
                Ok(())
            }
        }
    }
}

/// A message of at most 4 GiB behind its prefix.
fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.extend_from_slice(message);
    framed.freeze()
}

fn response(metadata: &HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response.headers_mut().extend(fields(metadata));
    response
}

/// What HTTP cannot carry is left out; no scenario has it.
fn fields(metadata: &HeaderMap) -> Fields {
    let field = |(name, value): (&[u8], &[u8])| {
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    };
    metadata.iter().filter_map(field).collect()
}
