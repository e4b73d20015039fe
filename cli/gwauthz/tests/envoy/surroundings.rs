//! The surroundings of both gateways where one is held against the other.

use gwauthz_host::{AttributeValue, Direction, Listener, Metadata, Node, Route, Surroundings, Upstream};

/// What both are configured with; the upstream's cluster has the name that listeners give it.
pub(crate) fn configured() -> Surroundings {
    let map = |pairs: &[(&str, AttributeValue)]| pairs.iter().cloned().collect::<AttributeValue>();
    let metadata = |name: &str, value| Metadata::from([(name.as_bytes().to_vec(), value)]);
    Surroundings {
        node: Node {
            id: "gateway-0".to_owned(),
            cluster: "gateways".to_owned(),
            metadata: metadata("LABELS", map(&[("app", "gateway".into())])),
            region: "here".to_owned(),
            zone: String::new(),
        },
        listener: Listener { direction: Direction::Outbound, ..Listener::default() },
        route: Route {
            name: "everything".to_owned(),
            cluster: "upstream".to_owned(),
            virtual_host: "all".to_owned(),
            metadata: metadata(
                "gwauthz",
                map(&[("a", AttributeValue::List(vec![1.5.into(), true.into(), "b".into()]))]),
            ),
            ..Route::default()
        },
        upstream: Upstream { metadata: Some(metadata("gwauthz", map(&[("c", "d".into())]))), ..Upstream::default() },
        ..Surroundings::default()
    }
}
