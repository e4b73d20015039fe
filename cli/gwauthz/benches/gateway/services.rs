//! The upstream and the authorization service: one thread that writes what is ready-made.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime,
};

/// Where they listen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Services {
    pub(crate) upstream: SocketAddr,
    pub(crate) authorization: SocketAddr,
}

/// What a service answers to a request, of which it is given the head.
type Answer = dyn Fn(&[u8]) -> Vec<u8> + Send + Sync;

/// What the upstream answers.
pub(crate) const BODY: &str = "Hello, world\n";
const END_OF_HEAD: &[u8] = b"\r\n\r\n";
/// How many ids the snapshot lists.
const REVOKED: u32 = 1000;

impl Services {
    /// Starts both, for as long as this process runs.
    pub(crate) fn start() -> io::Result<Self> {
        let length = BODY.len();
        let hello = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{BODY}");
        let upstream = listen(move |_| hello.clone().into_bytes())?;
        let authorization = listen(|request| {
            if request.starts_with(b"GET /revocations") {
                return snapshot();
            }
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()
        })?;
        Ok(Self { upstream, authorization })
    }
}

fn listen(answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let answer: Arc<Answer> = Arc::new(answer);
    thread::spawn(move || runtime.block_on(accept(listener, answer)));
    Ok(address)
}

async fn accept(listener: std::net::TcpListener, answer: Arc<Answer>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let answer = Arc::clone(&answer);
        tokio::spawn(async move { serve(stream, &*answer).await });
    }
}

/// Answers one request after the other; none of them has a body.
async fn serve(mut stream: TcpStream, answer: &Answer) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    while stream.read_buf(&mut received).await? > 0 {
        while let Some(end) = received.windows(END_OF_HEAD.len()).position(|bytes| bytes == END_OF_HEAD) {
            let head: Vec<_> = received.drain(..end + END_OF_HEAD.len()).collect();
            stream.write_all(&answer(&head)).await?;
        }
    }
    Ok(())
}

/// A snapshot that was issued now (plugin/REVOCATION.md).
fn snapshot() -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let ids: Vec<_> = (0..REVOKED).map(|number| json!({"id": format!("revoked-{number}")})).collect();
    let body = json!({"version": 1, "sequence": now, "issuedAt": now, "ids": ids}).to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}
