//! Envoy's configuration: listeners that run a plugin in front of the upstream, and the clusters that it may call.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use super::surroundings::metadata;
use crate::attributes::Surroundings;

/// A gateway.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// How many workers it has.
    pub workers: u16,
    /// What it listens with.
    pub listeners: Vec<Listener>,
    /// What it and its plugins call; requests that are let through go to the one that their listener names.
    pub clusters: Vec<Cluster>,
    /// What plugins are told of it: all but the connections, which are real ones.
    pub surroundings: Surroundings,
}

/// A listener on a free port of loopback, with plugins in front of the upstream.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// The plugins, in the order in which requests walk through them.
    pub chain: Vec<Plugin>,
    /// Whether paths are normalised before the plugins see them.
    pub normalize_path: bool,
    /// The cluster that requests go on to.
    pub upstream: String,
    /// How long a stream may be without any activity; `None`: Envoy's 5 minutes.
    pub idle_timeout: Option<Duration>,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP.
    #[default]
    Http,
    /// Bytes, which a TCP proxy hands on.
    Tcp,
}

/// A plugin and its configuration.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// Its name. Of the updatable ones, none has the same.
    pub name: String,
    /// The module.
    pub module: PathBuf,
    /// The VM's identifier: plugins with the same module share one.
    pub vm_id: String,
    /// The plugin's configuration, such as JSON text.
    pub configuration: String,
    /// The environment of the VM, by name.
    pub environment: BTreeMap<String, String>,
    /// What becomes of requests once it has trapped.
    pub failure_policy: FailurePolicy,
    /// Whether it can be given another configuration while it runs; with the first one refused, requests are then answered
    /// 500 and connections closed, where else Envoy does not start.
    pub updatable: bool,
}

/// What becomes of requests once the plugin has trapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// Each is answered 503.
    #[default]
    Closed,
    /// Each goes on without the plugin.
    Open,
    /// The plugin is started again.
    Reload,
}

/// A cluster with one endpoint.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its name in statistics.
    pub stat_name: String,
    /// The endpoint.
    pub address: SocketAddr,
    /// Whether it speaks HTTP/2, as gRPC wants it, instead of HTTP/1.1.
    pub http2: bool,
    /// Whether each connection begins with a line that names the client (PROXY protocol, version 1).
    pub names_client: bool,
}

/// The port of tcpmux (RFC 1078), on which nothing listens.
pub const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// A free port of loopback.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

const TYPES: &str = "type.googleapis.com/envoy.extensions.";

impl Bootstrap {
    /// The configuration, for a process with this folder.
    pub(super) fn json(&self, folder: &Path) -> Value {
        let around = &self.surroundings;
        json!({
            "node": around.node.json(),
            "admin": admin(folder),
            "static_resources": {
                "listeners": self.listeners.iter().map(|listener| listener.json(folder, around)).collect::<Vec<_>>(),
                "clusters": self.clusters.iter().map(|cluster| cluster.json(around)).collect::<Vec<_>>(),
            },
        })
    }

    /// The plugins that are configured from a file of their own, and what their chains speak.
    pub(super) fn updatable(&self) -> impl Iterator<Item = (&Plugin, Protocol)> {
        let listeners = self.listeners.iter();
        let plugins = listeners.flat_map(|one| one.chain.iter().map(|plugin| (plugin, one.protocol)));
        plugins.filter(|(plugin, _)| plugin.updatable)
    }
}

impl Listener {
    fn json(&self, folder: &Path, around: &Surroundings) -> Value {
        let filters = match self.protocol {
            Protocol::Http => json!([self.http_connection_manager(folder, around)]),
            Protocol::Tcp => self.tcp_chain(folder),
        };
        let mut listener = json!({
            "name": self.name,
            "traffic_direction": around.listener.traffic_direction(),
            "metadata": metadata(&around.listener.metadata),
            "address": socket(ANY_PORT),
            "filter_chains": [{"name": around.listener.filter_chain, "filters": filters}],
        });
        if self.protocol == Protocol::Tcp {
            // That of the TCP proxy says nothing of connections that never come to it.
            put(&mut listener, "access_log", json!([access_log(folder)]));
        }
        listener
    }

    fn tcp_chain(&self, folder: &Path) -> Value {
        let plugins = self.chain.iter().map(|plugin| plugin.filter(self.protocol, folder));
        let proxy = json!({
            "name": "tcp_proxy",
            "typed_config": {
                "@type": extension_type("filters.network.tcp_proxy.v3.TcpProxy"),
                "stat_prefix": self.name,
                "cluster": self.upstream,
            },
        });
        plugins.chain([proxy]).collect()
    }

    fn http_connection_manager(&self, folder: &Path, around: &Surroundings) -> Value {
        let idle_timeout = self.idle_timeout.unwrap_or(Duration::from_secs(300));
        let router = json!({
            "name": "router",
            "typed_config": {
                "@type": extension_type("filters.http.router.v3.Router"),
                // One of these headers tells how long the upstream took.
                "suppress_envoy_headers": true,
            },
        });
        let plugins = self.chain.iter().map(|plugin| plugin.filter(self.protocol, folder));
        let filters: Vec<_> = around.http_filters().chain(plugins).chain([router]).collect();
        json!({
            "name": "http",
            "typed_config": {
                "@type": extension_type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
                "stat_prefix": self.name,
                "normalize_path": self.normalize_path,
                "stream_idle_timeout": format!("{}s", idle_timeout.as_secs_f64()),
                "http_protocol_options": {"enable_trailers": true},
                "route_config": around.route.json(&self.upstream),
                "access_log": [access_log(folder)],
                "http_filters": filters,
            },
        })
    }
}

impl Protocol {
    /// What Envoy calls the filters of its chain.
    pub(super) fn filter(self) -> &'static str {
        match self {
            Self::Http => "http_filter",
            Self::Tcp => "network_filter",
        }
    }

    fn plugin_type(self) -> String {
        extension_type(match self {
            Self::Http => "filters.http.wasm.v3.Wasm",
            Self::Tcp => "filters.network.wasm.v3.Wasm",
        })
    }
}

impl Plugin {
    /// In a chain. An updatable one is configured from a file, which may change: Istio delivers plugins likewise, by the
    /// extension discovery service.
    fn filter(&self, protocol: Protocol, folder: &Path) -> Value {
        if !self.updatable {
            return json!({"name": self.name, "typed_config": self.typed_config(protocol)});
        }
        json!({
            "name": self.name,
            "config_discovery": {
                "config_source": {"path_config_source": {"path": self.discovery_file(protocol, folder)}},
                "type_urls": [protocol.plugin_type()],
            },
        })
    }

    /// The file that it is configured from.
    pub(super) fn discovery_file(&self, protocol: Protocol, folder: &Path) -> PathBuf {
        folder.join(format!("{}.{}.ecds.json", self.name, protocol.filter()))
    }

    /// What the file says; Envoy takes each `version` once.
    pub(super) fn discovery(&self, protocol: Protocol, version: u32) -> Value {
        json!({
            "version_info": version.to_string(),
            "resources": [{
                "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
                "name": self.name,
                "typed_config": self.typed_config(protocol),
            }],
        })
    }

    fn typed_config(&self, protocol: Protocol) -> Value {
        json!({"@type": protocol.plugin_type(), "config": self.config()})
    }

    fn config(&self) -> Value {
        json!({
            "name": self.name,
            "failure_policy": match self.failure_policy {
                FailurePolicy::Closed => "FAIL_CLOSED",
                FailurePolicy::Open => "FAIL_OPEN",
                FailurePolicy::Reload => "FAIL_RELOAD",
            },
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": self.configuration,
            },
            "vm_config": {
                "vm_id": self.vm_id,
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": self.module}},
                "environment_variables": {"key_values": self.environment},
            },
        })
    }
}

impl Cluster {
    fn json(&self, around: &Surroundings) -> Value {
        let options = "upstreams.http.v3.HttpProtocolOptions";
        let protocol = if self.http2 {
            json!({"http2_protocol_options": {}})
        } else {
            json!({"http_protocol_options": {"enable_trailers": true}})
        };
        let mut cluster = json!({
            "name": self.name,
            "alt_stat_name": self.stat_name,
            "metadata": metadata(&around.route.cluster_metadata),
            "connect_timeout": "2s",
            "load_assignment": {
                "cluster_name": self.name,
                "endpoints": [{"lb_endpoints": [{
                    "endpoint": {"address": socket(self.address)},
                    "metadata": around.upstream.metadata.as_ref().map(metadata),
                }]}],
            },
            "typed_extension_protocol_options": {
                format!("envoy.extensions.{options}"): {
                    "@type": extension_type(options),
                    // Each request on a connection of its own: its address tells which request it was.
                    "common_http_protocol_options": {"max_requests_per_connection": 1},
                    "explicit_http_config": protocol,
                },
            },
        });
        if self.names_client {
            let raw = json!({"@type": extension_type("transport_sockets.raw_buffer.v3.RawBuffer")});
            let named = json!({
                "@type": extension_type("transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"),
                "config": {"version": "V1"},
                "transport_socket": {"name": "raw_buffer", "typed_config": raw},
            });
            put(&mut cluster, "transport_socket", json!({"name": "proxy_protocol", "typed_config": named}));
        }
        cluster
    }
}

/// A line of JSON for each stream or connection that has ended: [`super::Ended`].
fn access_log(folder: &Path) -> Value {
    json!({
        "name": "file",
        "typed_config": {
            "@type": extension_type("access_loggers.file.v3.FileAccessLog"),
            "path": folder.join("access"),
            "log_format": {"json_format": {
                "client": "%DOWNSTREAM_REMOTE_ADDRESS%",
                "upstream": "%UPSTREAM_LOCAL_ADDRESS%",
                "status": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%",
                "flags": "%RESPONSE_FLAGS%",
                "close_reason": "%DOWNSTREAM_LOCAL_CLOSE_REASON%",
                "client_close": "%DOWNSTREAM_DETECTED_CLOSE_TYPE%",
                "upstream_close": "%UPSTREAM_DETECTED_CLOSE_TYPE%",
            }},
        },
    })
}

/// The administration interface of a process with this folder: a socket that nobody else may reach.
pub(super) fn admin(folder: &Path) -> Value {
    json!({"address": {"pipe": {"path": folder.join("admin"), "mode": 0o600}}})
}

pub(super) fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

pub(super) fn extension_type(name: &str) -> String {
    format!("{TYPES}{name}")
}
