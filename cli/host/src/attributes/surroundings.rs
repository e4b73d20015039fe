//! What of its attributes a gateway has from where it runs.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
};

use super::{AttributeValue, Metadata};

/// What a plugin is told of its surroundings. The default is an ingress gateway as Istio deploys it, without TLS.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The gateway among others.
    pub node: Node,
    /// Where the client has come in.
    pub listener: Listener,
    /// The client's connection.
    pub connection: Connection,
    /// The route that requests take.
    pub route: Route,
    /// The endpoint that they reach.
    pub upstream: Upstream,
    /// What other filters have left with the stream, by the name of the filter (`metadata.filter_metadata`).
    pub dynamic_metadata: Metadata,
    /// What other filters have left with the stream as text, by its name (`filter_state`).
    pub filter_state: BTreeMap<Vec<u8>, String>,
    /// Further properties, and others in the place of the gateway's own, by their path: segments with NUL between them.
    /// They are there at all times.
    pub properties: BTreeMap<Vec<u8>, AttributeValue>,
}

/// `xds.node`: who the gateway is to its control plane.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its identifier.
    pub id: String,
    /// The service that it belongs to.
    pub cluster: String,
    /// What the control plane knows it by.
    pub metadata: Metadata,
    /// Where it runs.
    pub region: String,
    /// Where in its region.
    pub zone: String,
}

/// `xds.listener_*`.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Which way its traffic goes.
    pub direction: Direction,
    /// The filter chain that takes the client's connections.
    pub filter_chain: String,
    /// The listener's metadata.
    pub metadata: Metadata,
}

/// Which way a listener's traffic goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The listener does not say.
    Unspecified = 0,
    /// To the workload beside the proxy.
    Inbound = 1,
    /// To others; so do Istio's gateways.
    Outbound = 2,
}

/// `source.*`, `destination.*` and `connection.*`.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The client's address.
    pub source: SocketAddr,
    /// The gateway's address.
    pub destination: SocketAddr,
    /// `request.protocol`.
    pub protocol: String,
    /// The server that the client asked for in its handshake; empty without.
    pub requested_server_name: String,
    /// There where the connection is encrypted.
    pub tls: Option<Tls>,
}

/// An encrypted connection.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The version, such as `TLSv1.3`.
    pub version: String,
    /// The gateway's certificate.
    pub local: Certificate,
    /// The client's, with which `connection.mtls` is true.
    pub peer: Option<Certificate>,
}

/// What is known of a certificate.
#[derive(Clone, Debug, Default)]
pub struct Certificate {
    /// Its subject (RFC 4514).
    pub subject: String,
    /// The first DNS name among its alternative names.
    pub dns_san: Option<String>,
    /// The first URI among its alternative names.
    pub uri_san: Option<String>,
    /// Its SHA-256 digest, in lower-case hex.
    pub sha256_digest: String,
}

/// `xds.route_*`, `xds.cluster_*` and `xds.virtual_host_*`.
#[derive(Clone, Debug)]
pub struct Route {
    /// The route's name.
    pub name: String,
    /// The cluster that it leads to.
    pub cluster: String,
    /// The virtual host that it belongs to.
    pub virtual_host: String,
    /// The route's metadata.
    pub metadata: Metadata,
    /// The cluster's metadata.
    pub cluster_metadata: Metadata,
    /// The virtual host's metadata.
    pub virtual_host_metadata: Metadata,
}

/// `upstream.*`: the endpoint behind the gateway.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Its address.
    pub address: SocketAddr,
    /// The gateway's own address towards it.
    pub local_address: SocketAddr,
    /// `xds.upstream_host_metadata`, where the endpoint has some.
    pub metadata: Option<Metadata>,
}

impl Default for Node {
    fn default() -> Self {
        let metadata = [
            ("CLUSTER_ID", "Kubernetes".into()),
            ("LABELS", [("app", GATEWAY.into()), ("istio", "ingressgateway".into())].into_iter().collect()),
            ("MESH_ID", "cluster.local".into()),
            ("NAME", POD.into()),
            ("NAMESPACE", "istio-system".into()),
            ("WORKLOAD_NAME", GATEWAY.into()),
        ];
        Self {
            id: format!("router~{GATEWAY_ADDRESS}~{POD}.istio-system~istio-system.svc.cluster.local"),
            cluster: format!("{GATEWAY}.istio-system"),
            metadata: metadata.map(|(key, value)| (key.as_bytes().to_vec(), value)).into(),
            region: String::new(),
            zone: String::new(),
        }
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self { direction: Direction::Outbound, filter_chain: String::new(), metadata: Metadata::new() }
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            source: (Ipv4Addr::new(10, 244, 0, 1), 40_000).into(),
            destination: (GATEWAY_ADDRESS, 8080).into(),
            protocol: "HTTP/1.1".to_owned(),
            requested_server_name: String::new(),
            tls: None,
        }
    }
}

impl Default for Route {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            cluster: "outbound|8080||upstream.default.svc.cluster.local".to_owned(),
            virtual_host: "*:8080".to_owned(),
            metadata: Metadata::new(),
            cluster_metadata: Metadata::new(),
            virtual_host_metadata: Metadata::new(),
        }
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::new(10, 244, 0, 7), 8080).into(),
            local_address: (GATEWAY_ADDRESS, 50_000).into(),
            metadata: None,
        }
    }
}

const GATEWAY: &str = "istio-ingressgateway";
const POD: &str = "istio-ingressgateway-0";
const GATEWAY_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 5);
