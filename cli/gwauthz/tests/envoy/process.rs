//! A real Envoy: its configuration, its process, its log.

use std::{
    env, fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Request;

/// The port of tcpmux, on which nothing listens.
pub(crate) const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
/// How long Envoy may take to compile the plugin and listen.
const START: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A gateway with one listener a plugin configuration; ends with this value.
pub(crate) struct Envoy {
    process: Child,
    folder: TempDir,
    listeners: Vec<(String, SocketAddr)>,
}

/// What a listener's plugin is given, and how the listener treats paths before the plugin sees them.
pub(crate) struct Listener {
    pub(crate) name: String,
    /// Listeners of one identifier share a VM.
    pub(crate) vm_id: String,
    pub(crate) plugin_config: Value,
    pub(crate) normalize_path: bool,
}

impl Envoy {
    /// Starts Envoy with a configuration that it refuses; what it logged before it ended.
    pub(crate) fn refusal(plugin: &Path, listener: Listener) -> String {
        let mut envoy = Self::spawn(&bootstrap(plugin, &[listener], &[("upstream", NOBODY)]));
        let deadline = Instant::now() + START;
        while envoy.process.try_wait().expect("ask for envoy's exit status").is_none() {
            assert!(Instant::now() < deadline, "envoy goes on with a configuration that the plugin refuses");
            thread::sleep(POLL);
        }
        envoy.log()
    }

    /// Starts Envoy and waits until it is ready to serve.
    ///
    /// # Panics
    /// Where Envoy is not there, ends early, or is not ready in time; its log is in the message.
    pub(crate) fn start(plugin: &Path, listeners: &[Listener], clusters: &[(&str, SocketAddr)]) -> Self {
        Self::start_from(&bootstrap(plugin, listeners, clusters))
    }

    /// As [`Self::start`], from a whole configuration.
    pub(crate) fn start_from(bootstrap: &Value) -> Self {
        let mut envoy = Self::spawn(bootstrap);
        let deadline = Instant::now() + START;
        while envoy.listeners.is_empty() {
            match envoy.ready_listeners() {
                Ok(listeners) => envoy.listeners = listeners,
                Err(error) => {
                    let ended = envoy.process.try_wait().expect("ask for envoy's exit status");
                    assert!(ended.is_none() && Instant::now() < deadline, "envoy is not ready: {error}, {ended:?}");
                    thread::sleep(POLL);
                }
            }
        }
        envoy
    }

    /// Everything that Envoy and the plugin have logged; what is no UTF-8 is replaced.
    pub(crate) fn log(&self) -> String {
        fs::read(self.folder.path().join("log"))
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// Where the listener of this name listens.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        self.listeners.iter().find(|(listener, _)| listener == name).expect("a configured listener").1
    }

    fn spawn(bootstrap: &Value) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let file = |name: &str| folder.path().join(name);
        fs::write(file("bootstrap.json"), bootstrap.to_string()).expect("write the bootstrap");
        let log = fs::File::create(file("log")).expect("create the log");
        let process = Command::new(tool("envoy"))
            .arg("--config-path")
            .arg(file("bootstrap.json"))
            .arg("--admin-address-path")
            .arg(file("admin"))
            .args([
                "--concurrency",
                "1",
                "--use-dynamic-base-id",
                "--log-level",
                "warning",
                "--component-log-level",
                "wasm:trace",
            ])
            .stdout(log.try_clone().expect("share the log"))
            .stderr(log)
            .spawn()
            .expect("start envoy");
        Self { process, folder, listeners: Vec::new() }
    }

    /// The ports that Envoy chose, once it serves.
    fn ready_listeners(&self) -> io::Result<Vec<(String, SocketAddr)>> {
        let admin = fs::read_to_string(self.folder.path().join("admin"))?;
        let admin = admin.trim().parse().map_err(io::Error::other)?;
        let ready = Request::get("/ready").send(admin)?;
        if ready.status() != 200 {
            return Err(io::Error::other(ready.start));
        }
        let listeners: Value = serde_json::from_slice(&Request::get("/listeners?format=json").send(admin)?.body)?;
        let listed = listeners["listener_statuses"].as_array().into_iter().flatten().map(|listener| {
            let socket = &listener["local_address"]["socket_address"];
            let address = format!("{}:{}", socket["address"].as_str().unwrap_or_default(), socket["port_value"]);
            let name = listener["name"].as_str().unwrap_or_default().to_owned();
            Ok((name, address.parse().map_err(io::Error::other)?))
        });
        listed.collect()
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing else to do about either.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("envoy's log:\n{}", self.log());
        }
    }
}

/// A program of the interop tests.
pub(crate) fn tool(name: &str) -> PathBuf {
    let bin = env::var_os("GWAUTHZ_INTEROP_BIN");
    PathBuf::from(bin.expect("GWAUTHZ_INTEROP_BIN names the folder of the tools: run `cargo xtask test`")).join(name)
}

pub(crate) fn bootstrap(plugin: &Path, listeners: &[Listener], clusters: &[(&str, SocketAddr)]) -> Value {
    json!({
        "node": {
            "id": "gateway-0",
            "cluster": "gateways",
            "metadata": {"LABELS": {"app": "gateway"}},
            "locality": {"region": "here"},
        },
        "admin": {"address": socket("127.0.0.1:0".parse().expect("an address"))},
        "static_resources": {
            "listeners": listeners.iter().map(|wanted| listener(plugin, wanted)).collect::<Vec<_>>(),
            "clusters": clusters.iter().map(|(name, address)| json!({
                "name": name,
                "connect_timeout": "2s",
                "load_assignment": {
                    "cluster_name": name,
                    "endpoints": [{"lb_endpoints": [{
                        "endpoint": {"address": socket(*address)},
                        "metadata": {"filter_metadata": {"gwauthz": {"c": "d"}}},
                    }]}],
                },
            })).collect::<Vec<_>>(),
        },
    })
}

/// The plugin fails closed, as WasmPlugin does by default; everything that it lets through goes to `upstream`.
fn listener(plugin: &Path, wanted: &Listener) -> Value {
    json!({
        "name": wanted.name,
        "traffic_direction": "OUTBOUND",
        "address": socket("127.0.0.1:0".parse().expect("an address")),
        "filter_chains": [{"filters": [{
            "name": "http",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": wanted.name,
                "normalize_path": wanted.normalize_path,
                "route_config": {"virtual_hosts": [{
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{
                        "name": "everything",
                        "match": {"prefix": "/"},
                        "route": {"cluster": "upstream"},
                        "metadata": {"filter_metadata": {"gwauthz": {"a": [1.5, true, "b"]}}},
                    }],
                }]},
                "http_filters": [{
                    "name": "gwauthz",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                        "config": {
                            "name": "gwauthz",
                            "failure_policy": "FAIL_CLOSED",
                            "configuration": {
                                "@type": "type.googleapis.com/google.protobuf.StringValue",
                                "value": wanted.plugin_config.to_string(),
                            },
                            "vm_config": {
                                "vm_id": wanted.vm_id,
                                "runtime": "envoy.wasm.runtime.v8",
                                "code": {"local": {"filename": plugin}},
                            },
                        },
                    },
                }, {
                    "name": "router",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                        // One of these headers tells how long the upstream took.
                        "suppress_envoy_headers": true,
                    },
                }],
            },
        }]}],
    })
}

fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}
