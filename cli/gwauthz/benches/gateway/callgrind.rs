//! Instructions a request, counted by valgrind's callgrind: what else the machine does does not move them.
//!
//! Counted is what Envoy's worker does in user space. What the kernel does for it is the same with every filter that asks a
//! service: as many system calls.

use std::{
    collections::HashMap,
    fs::{self, Permissions},
    io::{self, Read as _, Write as _},
    iter::Cycle,
    mem,
    net::{SocketAddr, TcpStream},
    ops::Range,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    slice,
    time::Duration,
};

use gwauthz_host::envoy::{Envoy, Program};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    services::BODY,
    wrk::{CONNECTIONS, PATH},
};

/// Envoy under callgrind.
pub(crate) struct Callgrind {
    program: Program,
    vgdb: PathBuf,
    folder: TempDir,
}

/// What a request takes, in instructions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    /// In what V8 has made of the plugin's module.
    pub(crate) module: f64,
    /// In Envoy's allocator, as it is under valgrind.
    allocator: f64,
    /// In all else.
    rest: f64,
}

/// What Envoy's allocator (tcmalloc) takes in production of what it takes under valgrind, which lacks the restartable
/// sequences (rseq(2)) of its fast path. By Envoy 1.40.0's machine code that is 26 instructions for malloc and 28 for free,
/// counted here are 111 and 78.
const ALLOCATOR: f64 = (26.0 + 28.0) / (111.0 + 78.0);

/// How often requests come that are counted, each time one on every connection.
const WAVES: u32 = 16;
/// How often before: V8 compiles what is called often.
const FIRST_WAVES: u32 = 24;
/// How long an answer may take: under callgrind Envoy is a hundred times slower.
const PATIENCE: Duration = Duration::from_secs(60);

impl Callgrind {
    /// With the programs in this folder.
    pub(crate) fn new(bin: &Path) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let program = folder.path().join("envoy");
        let script = format!(
            "#!/bin/sh\nexec '{}' --tool=callgrind --trace-children=yes --instr-atstart=no --separate-threads=yes \
             --callgrind-out-file='{}/%p' '{}' \"$@\"\n",
            bin.join("valgrind").display(),
            folder.path().display(),
            bin.join("envoy").display(),
        );
        fs::write(&program, script).expect("write a script");
        fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("make it a program");
        Self { program: Program::find(Some(&program)).expect("envoy under valgrind"), vgdb: bin.join("vgdb"), folder }
    }

    /// Starts a gateway, and counts what it takes for requests with these tokens, one after the other.
    pub(crate) fn count(&self, configuration: Value, tokens: &[String]) -> io::Result<Count> {
        let envoy = Envoy::start_quiet(&self.program, configuration).map_err(io::Error::other)?;
        let listener = envoy.listener("gateway").ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mut clients = Clients::connect(listener, tokens)?;
        clients.send(FIRST_WAVES)?;
        let process = envoy.main_thread();
        self.tell(process, &["instrumentation", "on"])?;
        clients.send(1)?;
        self.tell(process, &["zero"])?;
        clients.send(WAVES)?;
        self.tell(process, &["dump"])?;
        self.read(process, &own_code(process)?)
    }

    /// Has callgrind do something, and waits for that.
    fn tell(&self, process: u32, command: &[&str]) -> io::Result<()> {
        let told = Command::new(&self.vgdb).arg(format!("--pid={process}")).args(command).output()?;
        if told.status.success() { Ok(()) } else { Err(io::Error::other(String::from_utf8_lossy(&told.stderr))) }
    }

    /// What the worker has done: of all threads, most.
    fn read(&self, process: u32, program: &Range<u64>) -> io::Result<Count> {
        let mut most = Count::default();
        for entry in fs::read_dir(self.folder.path())? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&format!("{process}.1-")) {
                let count = read(&fs::read_to_string(entry.path())?, program);
                most = if count.all() > most.all() { count } else { most };
            }
        }
        if most.all() > 0.0 { Ok(most) } else { Err(io::Error::other("callgrind has counted nothing")) }
    }
}

/// Connections that each send a request at the same time, and wait for all answers.
struct Clients<'a> {
    streams: Vec<TcpStream>,
    tokens: Cycle<slice::Iter<'a, String>>,
}

impl<'a> Clients<'a> {
    fn connect(listener: SocketAddr, tokens: &'a [String]) -> io::Result<Self> {
        let stream = |_| {
            let stream = TcpStream::connect(listener)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let streams = (0..CONNECTIONS).map(stream).collect::<io::Result<_>>()?;
        Ok(Self { streams, tokens: tokens.iter().cycle() })
    }

    fn send(&mut self, waves: u32) -> io::Result<()> {
        for _ in 0..waves {
            for (stream, token) in self.streams.iter_mut().zip(&mut self.tokens) {
                let credentials = format!("authorization: Bearer {token}");
                let request = format!("GET {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\n{credentials}\r\n\r\n");
                stream.write_all(request.as_bytes())?;
            }
            self.streams.iter_mut().try_for_each(receive)?;
        }
        Ok(())
    }
}

/// Reads an answer, which has to be that of the upstream.
fn receive(stream: &mut TcpStream) -> io::Result<()> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while !received.ends_with(BODY.as_bytes()) {
        let count = stream.read(&mut buffer)?;
        received.extend(buffer.iter().take(count));
        if count == 0 {
            break;
        }
    }
    let is_whole = received.starts_with(b"HTTP/1.1 200 ") && received.ends_with(BODY.as_bytes());
    if is_whole { Ok(()) } else { Err(io::Error::other(format!("got {}", String::from_utf8_lossy(&received)))) }
}

/// Where Envoy's own code is in its process, by proc(5).
fn own_code(process: u32) -> io::Result<Range<u64>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
    let mut code = maps.lines().filter(|line| line.contains(" r-xp ") && line.ends_with("/envoy"));
    let range = code.next().and_then(|line| line.split(' ').next()?.split_once('-'));
    let bound = |digits: &str| u64::from_str_radix(digits, 16).map_err(io::Error::other);
    let (start, end) = range.ok_or(io::ErrorKind::InvalidData)?;
    Ok(bound(start)?..bound(end)?)
}

/// Sums up a profile in callgrind's format: what functions take themselves.
fn read(profile: &str, program: &Range<u64>) -> Count {
    let mut names: HashMap<(&str, &str), &str> = HashMap::new();
    let mut count = Count::default();
    let (mut function, mut object, mut is_call) = ("", "", false);
    for line in profile.lines() {
        if let Some((key @ ("fn" | "ob" | "cfn" | "cob"), value)) = line.split_once('=') {
            let kind = key.trim_start_matches('c');
            let (id, name) = value.split_once(' ').unwrap_or((value, ""));
            // It is said once.
            let name = if name.is_empty() { names.get(&(kind, id)).copied().unwrap_or_default() } else { name };
            names.insert((kind, id), name);
            match key {
                "fn" => function = name,
                "ob" => object = name,
                _ => {}
            }
        } else if line.starts_with("calls=") {
            // The line behind it is of what was called.
            is_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let instructions: f64 = line.split(' ').nth(1).and_then(|number| number.parse().ok()).expect("a count");
            if !mem::take(&mut is_call) {
                *count.part(object, function, program) += instructions / f64::from(CONNECTIONS * WAVES);
            }
        }
    }
    count
}

impl Count {
    /// All of them, as they are in production.
    pub(crate) fn all(self) -> f64 {
        self.rest + self.module + self.allocator * ALLOCATOR
    }

    /// What a function belongs to. Code that V8 has made is in no object; the allocator, which is in a section of its own, is
    /// to callgrind in none either.
    fn part(&mut self, object: &str, function: &str, program: &Range<u64>) -> &mut f64 {
        // A second level of a recursion has a number behind an apostrophe.
        let digits = function.split('\'').next().and_then(|address| address.strip_prefix("0x"));
        let address = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        match address.filter(|_| object == "???") {
            None => &mut self.rest,
            Some(address) if program.contains(&address) => &mut self.allocator,
            Some(_) => &mut self.module,
        }
    }
}
