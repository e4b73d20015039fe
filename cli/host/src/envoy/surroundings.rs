//! What [`Surroundings`] are in Envoy's configuration: all of them but connections, which are as they are.

use serde_json::{Map, Value, json};

use crate::attributes::{AttributeValue, Direction, Listener, Metadata, Node, Route, Surroundings};

use super::bootstrap::extension_type;

impl Node {
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "cluster": self.cluster,
            "metadata": object(&self.metadata),
            "locality": {"region": self.region, "zone": self.zone},
        })
    }
}

impl Listener {
    pub(super) fn traffic_direction(&self) -> &'static str {
        match self.direction {
            Direction::Unspecified => "UNSPECIFIED",
            Direction::Inbound => "INBOUND",
            Direction::Outbound => "OUTBOUND",
        }
    }
}

impl Route {
    /// All requests go to this cluster.
    pub(super) fn json(&self, cluster: &str) -> Value {
        json!({"virtual_hosts": [{
            "name": self.virtual_host,
            "domains": ["*"],
            "metadata": metadata(&self.virtual_host_metadata),
            "routes": [{
                "name": self.name,
                "match": {"prefix": "/"},
                "route": {"cluster": cluster},
                "metadata": metadata(&self.metadata),
            }],
        }]})
    }
}

impl Surroundings {
    /// The HTTP filters that stand for the others, which leave metadata and states with the stream.
    pub(super) fn http_filters(&self) -> impl Iterator<Item = Value> {
        self.metadata_filter().into_iter().chain(self.state_filter())
    }

    fn metadata_filter(&self) -> Option<Value> {
        let left = |(name, value): (&Vec<u8>, &AttributeValue)| json!({"metadata_namespace": text(name), "value": value.json(), "allow_overwrite": true});
        let config = json!({
            "@type": extension_type("filters.http.set_metadata.v3.Config"),
            "metadata": self.dynamic_metadata.iter().map(left).collect::<Vec<_>>(),
        });
        let is_needed = !self.dynamic_metadata.is_empty();
        is_needed.then(|| json!({"name": "set_metadata", "typed_config": config}))
    }

    fn state_filter(&self) -> Option<Value> {
        let left = |(name, value): (&Vec<u8>, &String)| {
            json!({
                "object_key": text(name),
                "factory_key": "envoy.string",
                // The percent sign begins a command of the format.
                "format_string": {"text_format_source": {"inline_string": value.replace('%', "%%")}},
            })
        };
        let config = json!({
            "@type": extension_type("filters.http.set_filter_state.v3.Config"),
            "on_request_headers": self.filter_state.iter().map(left).collect::<Vec<_>>(),
        });
        let is_needed = !self.filter_state.is_empty();
        is_needed.then(|| json!({"name": "set_filter_state", "typed_config": config}))
    }
}

/// `envoy.config.core.v3.Metadata`.
pub(super) fn metadata(metadata: &Metadata) -> Value {
    json!({"filter_metadata": object(metadata)})
}

impl AttributeValue {
    fn json(&self) -> Value {
        match self {
            Self::Bytes(bytes) => text(bytes).into(),
            Self::Integer(number) => (*number).into(),
            Self::Double(number) => (*number).into(),
            Self::Boolean(truth) => (*truth).into(),
            Self::List(list) => list.iter().map(Self::json).collect(),
            Self::Map(map) => object(map),
        }
    }
}

fn object(map: &Metadata) -> Value {
    map.iter().map(|(name, value)| (text(name), value.json())).collect::<Map<_, _>>().into()
}

/// Texts of Envoy's configuration are UTF-8.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
