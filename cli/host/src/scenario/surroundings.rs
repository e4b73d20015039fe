//! The surroundings of the gateway that a scenario's properties ask for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::property;
use crate::attributes::{AttributeValue, Direction, Metadata, Node, Surroundings};

/// A gateway with these properties, and the paths of those that no gateway can be configured with: they are put in the place
/// of its own.
pub(super) fn surroundings(properties: &BTreeMap<String, Value>) -> (Surroundings, Vec<&str>) {
    let (mut around, mut unplaced) = (Surroundings::default(), Vec::new());
    for (text, value) in properties {
        let Some((path, value)) = property::path(text).zip(property::value(value)) else { continue };
        let segments: Vec<_> = path.split(|byte| *byte == 0).collect();
        if !place(&mut around, &segments, &value) {
            around.properties.insert(path, value);
            unplaced.push(text.as_str());
        }
    }
    (around, unplaced)
}

/// Whether a gateway can be configured with a property; it then is.
fn place(around: &mut Surroundings, path: &[&[u8]], value: &AttributeValue) -> bool {
    match path {
        [b"metadata", b"filter_metadata", path @ ..] => put_metadata(&mut around.dynamic_metadata, path, value),
        [b"filter_state", name] => match value {
            AttributeValue::Bytes(text) => {
                around.filter_state.insert(name.to_vec(), String::from_utf8_lossy(text).into_owned());
                true
            }
            _ => false,
        },
        [b"xds", path @ ..] => place_xds(around, path, value),
        _ => false,
    }
}

fn place_xds(around: &mut Surroundings, path: &[&[u8]], value: &AttributeValue) -> bool {
    let Surroundings { node, listener, route, upstream, .. } = around;
    match path {
        [b"node", path @ ..] => place_node(node, path, value),
        [b"route_name"] => put_text(&mut route.name, value),
        [b"virtual_host_name"] => put_text(&mut route.virtual_host, value),
        [b"cluster_name"] => put_text(&mut route.cluster, value),
        [b"filter_chain_name"] => put_text(&mut listener.filter_chain, value),
        [b"listener_direction"] => {
            listener.direction = match value {
                AttributeValue::Integer(0) => Direction::Unspecified,
                AttributeValue::Integer(1) => Direction::Inbound,
                AttributeValue::Integer(2) => Direction::Outbound,
                _ => return false,
            };
            true
        }
        [of, b"filter_metadata", path @ ..] => {
            let metadata = match *of {
                b"route_metadata" => &mut route.metadata,
                b"virtual_host_metadata" => &mut route.virtual_host_metadata,
                b"cluster_metadata" => &mut route.cluster_metadata,
                b"listener_metadata" => &mut listener.metadata,
                b"upstream_host_metadata" => upstream.metadata.get_or_insert_default(),
                _ => return false,
            };
            put_metadata(metadata, path, value)
        }
        _ => false,
    }
}

fn place_node(node: &mut Node, path: &[&[u8]], value: &AttributeValue) -> bool {
    match path {
        [b"id"] => put_text(&mut node.id, value),
        [b"cluster"] => put_text(&mut node.cluster, value),
        [b"locality", b"region"] => put_text(&mut node.region, value),
        [b"locality", b"zone"] => put_text(&mut node.zone, value),
        [b"metadata", path @ ..] => put(&mut node.metadata, path, value),
        _ => false,
    }
}

/// A gateway gives none of its names up.
fn put_text(to: &mut String, value: &AttributeValue) -> bool {
    match value {
        AttributeValue::Bytes(text) if !text.is_empty() => {
            *to = String::from_utf8_lossy(text).into_owned();
            true
        }
        _ => false,
    }
}

/// Metadata are maps, by the names of filters.
fn put_metadata(to: &mut Metadata, path: &[&[u8]], value: &AttributeValue) -> bool {
    let is_map = |value: &AttributeValue| matches!(value, AttributeValue::Map(_));
    let fits = match (path, value) {
        ([], AttributeValue::Map(maps)) => maps.values().all(is_map),
        ([_], value) => is_map(value),
        (path, _) => !path.is_empty(),
    };
    fits && put(to, path, value)
}

/// Puts a value where a path leads to.
fn put(to: &mut Metadata, path: &[&[u8]], value: &AttributeValue) -> bool {
    match path {
        [] => match of_metadata(value) {
            AttributeValue::Map(map) => {
                *to = map;
                true
            }
            _ => false,
        },
        [name] => {
            to.insert(name.to_vec(), of_metadata(value));
            true
        }
        [name, path @ ..] => {
            let empty = || AttributeValue::Map(Metadata::new());
            match to.entry(name.to_vec()).or_insert_with(empty) {
                AttributeValue::Map(map) => put(map, path, value),
                _ => false,
            }
        }
    }
}

/// All numbers of metadata are doubles, as in JSON.
fn of_metadata(value: &AttributeValue) -> AttributeValue {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "metadata have no other numbers")]
        AttributeValue::Integer(number) => AttributeValue::Double(*number as f64),
        AttributeValue::List(list) => AttributeValue::List(list.iter().map(of_metadata).collect()),
        AttributeValue::Map(map) => map.iter().map(|(name, value)| (name, of_metadata(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::surroundings;
    use crate::attributes::AttributeValue;

    fn unplaced(properties: &str) -> Vec<String> {
        let properties = serde_saphyr::from_str(properties).unwrap();
        surroundings(&properties).1.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_gateway_is_configured_with_what_can_be() {
        let properties =
            "{xds.node.id: a, xds.node.metadata.LABELS.app: b, xds.route_name: c, xds.listener_direction: 1,
            xds.cluster_metadata.filter_metadata.d: {e: 1}, \"metadata.filter_metadata['f.g'].h\": [i, 2]}";
        let properties = serde_saphyr::from_str(properties).unwrap();
        let (around, unplaced) = surroundings(&properties);
        assert!(unplaced.is_empty() && around.properties.is_empty(), "{unplaced:?}");
        assert_eq!((around.node.id.as_str(), around.route.name.as_str()), ("a", "c"));
        assert_eq!(around.listener.direction as u32, 1);
        let map = |name: &str, value: AttributeValue| [(name, value)].into_iter().collect::<AttributeValue>();
        assert_eq!(around.route.cluster_metadata[&b"d"[..]], map("e", 1.0.into()));
        let list = AttributeValue::List(vec!["i".into(), 2.0.into()]);
        assert_eq!(around.dynamic_metadata[&b"f.g"[..]], map("h", list));
        // Beside what was there.
        let labels: AttributeValue = [("app", "b".into()), ("istio", "ingressgateway".into())].into_iter().collect();
        assert_eq!(around.node.metadata[&b"LABELS"[..]], labels);
        assert!(around.node.metadata.contains_key(&b"MESH_ID"[..]));
    }

    #[test]
    fn what_no_gateway_has_stays_a_property() {
        for path in [
            "source.address: a",
            "xds.node: a",
            "xds.node.id: 1",
            "xds.node.id: ''",
            "xds.node.metadata.NAME.a: b",
            "xds.listener_direction: 3",
            "xds.route_metadata: {}",
            "xds.route_metadata.filter_metadata.a: b",
            "metadata.filter_metadata: {a: b}",
            "'metadata': {a: b}",
            "filter_state.a: 1",
            "filter_state.a.b: c",
            "own: a",
        ] {
            assert_eq!(unplaced(path).len(), 1, "{path}");
        }
    }
}
