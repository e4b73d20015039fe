//! A real Envoy for a test: the one that `cargo xtask test` has brought.

use std::{
    collections::BTreeMap,
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
};

use gwauthz_host::envoy::{
    Bootstrap, Cluster, Entry, Envoy, EnvoyError, FailurePolicy, Listener, NOBODY, Plugin, Program, Protocol,
};
use serde_json::Value;

use crate::{grpc::GRPC_CLUSTER, surroundings::configured};

/// A running Envoy, whose log is shown where a test fails.
pub(crate) struct RealEnvoy(pub(crate) Envoy);

impl RealEnvoy {
    pub(crate) fn start(listeners: Vec<Listener>, clusters: &[(&str, SocketAddr)]) -> Self {
        Self(start(listeners, clusters).unwrap_or_else(|error| panic!("{error}")))
    }

    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        self.0.listener(name).expect("a configured listener")
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> Vec<Entry> {
        let mut log = self.0.folder().log().expect("envoy's log");
        log.entries().expect("envoy's log").to_vec()
    }

    /// Gives a plugin another configuration; whether it was accepted.
    pub(crate) fn update(&self, plugin: &Plugin) -> bool {
        self.0.update(plugin).expect("an answer to the update")
    }
}

impl Drop for RealEnvoy {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("envoy's log:\n{}", self.0.folder().log_text());
        }
    }
}

pub(crate) fn start(listeners: Vec<Listener>, clusters: &[(&str, SocketAddr)]) -> Result<Envoy, EnvoyError> {
    let clusters = clusters.iter().map(|(name, address)| cluster(name, *address)).collect();
    let bootstrap = Bootstrap { workers: 1, listeners, clusters, surroundings: configured() };
    Envoy::start(&program(), &bootstrap)
}

/// A service that an Envoy can call.
pub(crate) fn cluster(name: &str, address: SocketAddr) -> Cluster {
    let name = name.to_owned();
    Cluster { stat_name: name.clone(), http2: name == GRPC_CLUSTER, names_client: false, name, address }
}

/// What an Envoy logs that does not start with this listener.
pub(crate) fn refusal(listener: Listener) -> String {
    match start(vec![listener], &[("upstream", NOBODY)]) {
        Err(EnvoyError::Ended { log, folder, .. }) => {
            fs::remove_dir_all(folder).expect("what envoy has left");
            // The log has its quotes escaped.
            log.replace('\\', "")
        }
        started => panic!("envoy starts with a plugin that it has to refuse: {started:?}"),
    }
}

/// The plugin in front of `upstream`, failing closed.
pub(crate) fn listener(name: &str, module: &Path, plugin_config: &Value, normalize_path: bool) -> Listener {
    let plugin = Plugin {
        environment: BTreeMap::new(),
        name: "gwauthz".to_owned(),
        module: module.to_owned(),
        vm_id: name.to_owned(),
        configuration: plugin_config.to_string(),
        failure_policy: FailurePolicy::Closed,
        updatable: false,
    };
    Listener {
        name: name.to_owned(),
        protocol: Protocol::Http,
        chain: vec![plugin],
        normalize_path,
        upstream: "upstream".to_owned(),
        idle_timeout: None,
    }
}

/// The program that was brought.
pub(crate) fn program() -> Program {
    Program::find(Some(&tool("envoy"))).expect("envoy")
}

/// A program of the interop tests.
pub(crate) fn tool(name: &str) -> PathBuf {
    let bin = env::var_os("GWAUTHZ_INTEROP_BIN");
    PathBuf::from(bin.expect("GWAUTHZ_INTEROP_BIN names the folder of the tools: run `cargo xtask test`")).join(name)
}
