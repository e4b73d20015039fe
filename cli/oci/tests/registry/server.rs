//! A registry in memory, on loopback, that fails as it is told.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use gwauthz_oci::Digest;

/// What came in.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Whether it would change something.
    pub(crate) fn writes(&self) -> bool {
        self.method == "PUT"
    }
}

/// What goes out instead of the right answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A status, headers and a body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The connection is cut before an answer.
    Cut,
    /// The right answer, cut in the middle of its body.
    Truncated,
    /// The right answer with another header.
    Header(&'static str, String),
}

impl Fault {
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), Vec::new())
    }
}

type Faults = Box<dyn FnMut(&Request) -> Option<Fault> + Send>;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    pub(crate) manifests: BTreeMap<String, Vec<u8>>,
    /// `METHOD path`, in order.
    pub(crate) log: Vec<String>,
    faults: Option<Faults>,
}

/// Stops when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (state, stopping) = (Arc::<Mutex<State>>::default(), Arc::<AtomicBool>::default());
        let thread = thread::spawn({
            let (state, stopping) = (Arc::clone(&state), Arc::clone(&stopping));
            move || {
                for stream in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    // A client that goes away in the middle is what some tests are about.
                    let _ = serve(stream.unwrap(), &state);
                }
            }
        });
        Self { address, state, stopping, thread: Some(thread) }
    }

    /// Asks `faults` about every request from now on.
    pub(crate) fn fail(&self, faults: impl FnMut(&Request) -> Option<Fault> + Send + 'static) {
        self.state(|state| state.faults = Some(Box::new(faults)));
    }

    pub(crate) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    /// The requests so far, which are forgotten.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state(|state| std::mem::take(&mut state.log))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the listener up.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(()) };
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body)?;
    let request = Request { method, path, headers, body };

    let mut state = state.lock().unwrap();
    state.log.push(format!("{} {}", request.method, request.path));
    let mut faults = state.faults.take();
    let fault = faults.as_mut().and_then(|faults| faults(&request));
    state.faults = faults;
    match fault {
        None => respond(stream, &request, answer(&mut state, &request), false),
        Some(Fault::Answer(status, headers, body)) => respond(stream, &request, (status, headers, body), false),
        Some(Fault::Cut) => Ok(()),
        Some(Fault::Truncated) => respond(stream, &request, answer(&mut state, &request), true),
        Some(Fault::Header(name, value)) => {
            let (status, mut headers, body) = answer(&mut state, &request);
            headers.retain(|(other, _)| *other != name);
            headers.push((name, value));
            respond(stream, &request, (status, headers, body), false)
        }
    }
}

type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

fn answer(state: &mut State, request: &Request) -> Answer {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let Some((kind, name)) = path.strip_prefix("/v2/acme/authz/").and_then(|rest| rest.split_once('/')) else {
        return (404, Vec::new(), Vec::new());
    };
    let digest_header = |bytes: &[u8]| vec![("docker-content-digest", Digest::of(bytes).to_string())];
    match (request.method.as_str(), kind) {
        ("POST", "blobs") => (202, vec![("location", "/v2/acme/authz/blobs/uploads/1?state=x".to_owned())], Vec::new()),
        ("PUT", "blobs") => {
            let digest = Digest::of(&request.body).to_string();
            let claimed = query.strip_prefix("state=x&digest=").unwrap().replace("%3A", ":");
            if claimed != digest {
                return (400, Vec::new(), Vec::new());
            }
            state.blobs.insert(digest, request.body.clone());
            (201, digest_header(&request.body), Vec::new())
        }
        ("PUT", "manifests") => {
            state.manifests.insert(name.to_owned(), request.body.clone());
            state.manifests.insert(Digest::of(&request.body).to_string(), request.body.clone());
            (201, digest_header(&request.body), Vec::new())
        }
        (_, kind) => {
            let content = if kind == "blobs" { &state.blobs } else { &state.manifests };
            match content.get(name) {
                Some(bytes) => (200, digest_header(bytes), bytes.clone()),
                None => (404, Vec::new(), Vec::new()),
            }
        }
    }
}

fn respond(mut stream: TcpStream, request: &Request, answer: Answer, truncated: bool) -> std::io::Result<()> {
    let (status, headers, body) = answer;
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    if request.method != "HEAD" {
        let end = if truncated { body.len() / 2 } else { body.len() };
        stream.write_all(&body[..end])?;
    }
    stream.flush()
}
