//! The table of attributes: which there are, of what type, and at which moment. Observed on Envoy 1.40.0.

use std::{net::SocketAddr, time::Duration};

use crate::{grpc_reply, headers::HeaderMap, plugin::Plugin, state::Stream};

use super::{
    Attribute, AttributeValue, Group, Metadata, Node, Surroundings,
    protobuf::{Field, Message},
    stream::StreamFacts,
    surroundings::Certificate,
};

/// What can be seen on behalf of one context.
pub(crate) struct View<'a> {
    pub(crate) surroundings: &'a Surroundings,
    /// The plugin that the context belongs to.
    pub(crate) plugin: Option<&'a Plugin>,
    /// The stream and what is known of it; a root context has none.
    pub(crate) stream: Option<(&'a Stream, &'a StreamFacts)>,
    /// The context's number.
    pub(crate) context: u32,
    pub(crate) now: Duration,
}

impl View<'_> {
    /// What the first segment of a path names.
    pub(super) fn root(&self, name: &[u8]) -> Option<Attribute> {
        match name {
            b"plugin_name" => return text(&self.plugin?.name),
            b"plugin_root_id" => return text(&self.plugin?.root_id),
            b"plugin_vm_id" => return text(&self.plugin?.vm_id),
            b"xds" => return Some(Attribute::Group(Group::Xds)),
            _ => {}
        }
        let (_, facts) = self.stream?;
        let group = match name {
            b"request" => Group::Request,
            b"response" => Group::Response,
            b"connection" => Group::Connection,
            b"source" => Group::Source,
            b"destination" => Group::Destination,
            b"upstream" => Group::Upstream,
            b"filter_state" => Group::FilterState,
            b"upstream_filter_state" if self.is_connected(facts) => Group::UpstreamFilterState,
            b"metadata" => return metadata(&self.surroundings.dynamic_metadata),
            b"connection_id" => return integer(self.context),
            // A property that a plugin has set.
            _ => return facts.filter_state.value(&[b"wasm.", name].concat()).and_then(bytes),
        };
        Some(Attribute::Group(group))
    }

    pub(super) fn member_of_group(&self, group: Group, name: &[u8]) -> Option<Attribute> {
        let around = self.surroundings;
        if let Group::Xds = group {
            return self.xds(name);
        }
        let (stream, facts) = self.stream?;
        match group {
            Group::Request => request(name, stream, facts, &around.connection.protocol),
            Group::Response => response(name, stream, facts),
            Group::Connection => self.connection(name),
            Group::Source => address(name, around.connection.source),
            Group::Destination => address(name, around.connection.destination),
            Group::Upstream => self.upstream(name, facts),
            Group::FilterState => {
                let of_others = || around.filter_state.get(name).map(String::as_bytes);
                facts.filter_state.value(name).or_else(of_others).and_then(bytes)
            }
            Group::UpstreamFilterState | Group::Xds => None,
        }
    }

    fn xds(&self, name: &[u8]) -> Option<Attribute> {
        let Surroundings { node, listener, route, upstream, .. } = self.surroundings;
        if name == b"node" {
            return Some(Attribute::Message(node_message(node)));
        }
        let (_, facts) = self.stream?;
        match name {
            b"cluster_name" => text(&route.cluster),
            b"cluster_metadata" => metadata(&route.cluster_metadata),
            b"route_name" => text(&route.name),
            b"route_metadata" => metadata(&route.metadata),
            b"virtual_host_name" => text(&route.virtual_host),
            b"virtual_host_metadata" => metadata(&route.virtual_host_metadata),
            b"filter_chain_name" => text(&listener.filter_chain),
            b"listener_metadata" => metadata(&listener.metadata),
            b"listener_direction" => integer(listener.direction as u32),
            b"upstream_host_metadata" => {
                facts.forwarded?;
                upstream.metadata.as_ref().map_or(Some(Attribute::Absent), metadata)
            }
            b"upstream_host_locality_metadata" => facts.forwarded.map(|_| Attribute::Absent),
            _ => None,
        }
    }

    fn connection(&self, name: &[u8]) -> Option<Attribute> {
        let connection = &self.surroundings.connection;
        let tls = connection.tls.as_ref();
        let peer = tls.and_then(|tls| tls.peer.as_ref());
        let local = tls.map(|tls| &tls.local);
        let subject = |of: Option<&Certificate>| of.and_then(|of| text(&of.subject));
        match name {
            b"id" => integer(self.context),
            b"mtls" => Some(Attribute::Value(peer.is_some().into())),
            b"requested_server_name" => text(&connection.requested_server_name),
            b"tls_version" => text(&tls?.version),
            b"subject_local_certificate" => subject(local),
            b"subject_peer_certificate" => subject(peer),
            b"dns_san_local_certificate" => text(local?.dns_san.as_ref()?),
            b"dns_san_peer_certificate" => text(peer?.dns_san.as_ref()?),
            b"uri_san_local_certificate" => text(local?.uri_san.as_ref()?),
            b"uri_san_peer_certificate" => text(peer?.uri_san.as_ref()?),
            b"sha256_peer_certificate_digest" => text(&peer?.sha256_digest),
            _ => None,
        }
    }

    /// The endpoint is chosen when the request's headers go on, and the connection made a moment later.
    fn upstream(&self, name: &[u8], facts: &StreamFacts) -> Option<Attribute> {
        let upstream = &self.surroundings.upstream;
        match name {
            b"num_endpoints" => integer(1_u32),
            b"request_attempt_count" => integer(u32::from(facts.forwarded.is_some())),
            b"local_address" if self.is_connected(facts) => text(&upstream.local_address.to_string()),
            b"cx_pool_ready_duration" if self.is_connected(facts) => integer(0_u32),
            b"transport_failure_reason" | b"locality" => facts.forwarded.and_then(|_| text("")),
            b"address" | b"port" => facts.forwarded.and_then(|_| address(name, upstream.address)),
            _ => None,
        }
    }

    fn is_connected(&self, facts: &StreamFacts) -> bool {
        facts.forwarded.is_some_and(|at| facts.response.is_some() || self.now > at)
    }
}

fn request(name: &[u8], stream: &Stream, facts: &StreamFacts, protocol: &str) -> Option<Attribute> {
    let headers = stream.request_headers();
    let header = |name: &[u8]| headers.and_then(|headers| headers.first(name));
    let path = header(b":path");
    let query = path.and_then(|path| path.iter().position(|byte| *byte == b'?'));
    match name {
        b"path" => bytes(path?),
        b"url_path" => bytes(path?.get(..query.unwrap_or(path?.len()))?),
        b"query" => bytes(query.map_or(path?.get(..0), |at| path?.get(at + 1..))?),
        b"host" => bytes(header(b":authority")?),
        b"scheme" => bytes(header(b":scheme")?),
        b"method" => bytes(header(b":method")?),
        b"referer" => bytes(header(b"referer")?),
        b"useragent" => bytes(header(b"user-agent")?),
        b"id" => bytes(header(b"x-request-id")?),
        b"headers" => Some(joined(headers)),
        b"protocol" => text(protocol),
        b"time" => duration(facts.began),
        b"duration" => duration(facts.ended?.saturating_sub(facts.began)),
        b"size" => {
            let announced = header(b"content-length").and_then(|length| std::str::from_utf8(length).ok()?.parse().ok());
            size(announced.unwrap_or(facts.received))
        }
        b"total_size" => size(headers.map_or(0, HeaderMap::byte_size) + facts.received),
        _ => None,
    }
}

fn response(name: &[u8], stream: &Stream, facts: &StreamFacts) -> Option<Attribute> {
    let (headers, trailers) = (stream.response_headers(), stream.response_trailers());
    let bytes_of = |map: Option<&HeaderMap>| map.map_or(0, HeaderMap::byte_size);
    match name {
        b"code" => integer(facts.response.as_ref()?.code),
        b"code_details" => text(&facts.response.as_ref()?.details),
        // None of those that Envoy raises where it fails itself.
        b"flags" => integer(0_u32),
        b"grpc_status" => {
            let told = [trailers, headers].into_iter().flatten().find_map(|map| map.first(b"grpc-status"));
            match told {
                // An invalid one.
                Some(told) => Some(Attribute::Value(std::str::from_utf8(told).ok()?.parse().unwrap_or(-1_i64).into())),
                None => integer(grpc_reply::meaning_of(facts.response.as_ref()?.code)),
            }
        }
        b"headers" => Some(joined(headers)),
        b"trailers" => Some(joined(trailers)),
        b"size" => size(facts.sent),
        b"total_size" => size(bytes_of(headers) + bytes_of(trailers) + facts.sent),
        b"backend_latency" => duration(facts.answered?.saturating_sub(facts.forwarded?)),
        _ => None,
    }
}

fn address(name: &[u8], address: SocketAddr) -> Option<Attribute> {
    match name {
        b"address" => text(&address.to_string()),
        b"port" => integer(address.port()),
        _ => None,
    }
}

/// Headers as a map: duplicates are joined with commas.
fn joined(headers: Option<&HeaderMap>) -> Attribute {
    let mut map = Metadata::new();
    for (name, value) in headers.into_iter().flat_map(HeaderMap::iter) {
        match map.get_mut(name) {
            Some(AttributeValue::Bytes(values)) => {
                values.push(b',');
                values.extend(value);
            }
            _ => drop(map.insert(name.to_vec(), value.into())),
        }
    }
    Attribute::Headers(map)
}

/// As much of `envoy.config.core.v3.Node` as plugins ask for.
fn node_message(node: &Node) -> Message {
    let locality = vec![(1, "region", Field::Text(node.region.clone())), (2, "zone", Field::Text(node.zone.clone()))];
    Message(vec![
        (1, "id", Field::Text(node.id.clone())),
        (2, "cluster", Field::Text(node.cluster.clone())),
        (3, "metadata", Field::Struct(node.metadata.clone())),
        (4, "locality", Field::Message(Message(locality))),
        (6, "user_agent_name", Field::Text("envoy".to_owned())),
    ])
}

fn metadata(metadata: &Metadata) -> Option<Attribute> {
    Some(Attribute::Message(Message::metadata(metadata)))
}

fn text(text: &str) -> Option<Attribute> {
    Some(Attribute::Value(text.into()))
}

fn bytes(bytes: &[u8]) -> Option<Attribute> {
    Some(Attribute::Value(bytes.into()))
}

fn integer(number: impl Into<i64>) -> Option<Attribute> {
    Some(Attribute::Value(number.into().into()))
}

fn size(bytes: usize) -> Option<Attribute> {
    integer(i64::try_from(bytes).ok()?)
}

fn duration(duration: Duration) -> Option<Attribute> {
    integer(i64::try_from(duration.as_nanos()).ok()?)
}
