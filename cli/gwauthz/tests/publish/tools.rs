//! The programs of the tests: gwauthz itself, and a docker-registry, cosign and oras that are real.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    io::Write as _,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PASSPHRASE: &str = "throw-away";
/// The same, as `htpasswd -B` writes it.
const HTPASSWD: &str = "alice:$2a$04$vPl9vFHxz/pBJHgir4hhj.Qg8980sBajefA5PIy0i6tGxRth1rWtq\n";

/// A folder of a user who has never logged in anywhere, with a proxy-wasm module in it.
pub(crate) struct Home {
    folder: TempDir,
}

/// What a program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self { folder: TempDir::new().unwrap() };
        let module = r#"(module
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0)))"#;
        fs::write(home.path("plugin.wasm"), wat::parse_str(module).unwrap()).unwrap();
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a program where the commands below find it.
    pub(crate) fn program(&self, name: &str, script: &str) {
        fs::write(self.path(name), script).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs gwauthz with `arguments`, which are split at spaces, and with the passphrase.
    pub(crate) fn gwauthz(&self, arguments: &str) -> Said {
        let mut command = self.command(env!("CARGO_BIN_EXE_gwauthz"), arguments);
        self.finish(command.env("COSIGN_PASSWORD", PASSPHRASE), "")
    }

    /// The same, with something on standard input and without the passphrase.
    pub(crate) fn gwauthz_with_stdin(&self, arguments: &str, stdin: &str) -> Said {
        self.finish(&mut self.command(env!("CARGO_BIN_EXE_gwauthz"), arguments), stdin)
    }

    pub(crate) fn cosign(&self, arguments: &str) -> Said {
        let mut command = self.command(interop("cosign"), arguments);
        self.finish(command.env("COSIGN_PASSWORD", PASSPHRASE), "")
    }

    pub(crate) fn oras(&self, arguments: &str) -> Said {
        self.finish(&mut self.command(interop("oras"), arguments), "")
    }

    fn command(&self, program: impl AsRef<OsStr>, arguments: &str) -> Command {
        let mut command = Command::new(program);
        command.args(arguments.split(' ')).current_dir(self.folder.path());
        for variable in ["REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "COSIGN_PASSWORD", "XDG_RUNTIME_DIR"] {
            command.env_remove(variable);
        }
        let path = env::join_paths(
            [self.folder.path().to_owned()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())),
        );
        command.env("PATH", path.unwrap());
        command.env("HOME", self.folder.path()).env("XDG_CACHE_HOME", self.folder.path());
        command
    }

    fn finish(&self, command: &mut Command, stdin: &str) -> Said {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that does not read is gone before the write.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Said {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A docker-registry on loopback; ends with this value.
pub(crate) struct DockerRegistry {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl DockerRegistry {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// One that knows alice alone, whose password is the passphrase.
    pub(crate) fn with_login() -> Self {
        Self::start_with("auth: {htpasswd: {realm: test, path: htpasswd}}\n")
    }

    fn start_with(settings: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!(
            "version: 0.1\n\
             log: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: data}}}}\n\
             http: {{addr: '{address}'}}\n\
             {settings}"
        );
        fs::write(folder.path().join("config.yml"), config).unwrap();
        fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let process = Command::new(interop("docker-registry"))
            .args(["serve", "config.yml"])
            .current_dir(folder.path())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut registry = Self { process, address, folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            let ended = registry.process.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(registry.folder.path().join("log")).unwrap();
                panic!("docker-registry does not serve ({ended:?}): {log}");
            }
            thread::sleep(Duration::from_millis(50));
        }
        registry
    }

    /// `HOST:PORT/acme/authz` and what follows.
    pub(crate) fn reference(&self, suffix: &str) -> String {
        format!("{}/acme/authz{suffix}", self.address)
    }

    /// The file in which the registry keeps the blob `digest`.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = self.folder.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A program that `cargo xtask test` has brought.
fn interop(name: &str) -> PathBuf {
    match env::var_os("GWAUTHZ_INTEROP_BIN") {
        Some(folder) => Path::new(&folder).join(name),
        None => PathBuf::from(name),
    }
}
