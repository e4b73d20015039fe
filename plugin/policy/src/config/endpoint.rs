//! The keys that say where a service is asked: `cluster`, `path` and `authority`.

use crate::{Json, endpoint::Endpoint};

use super::{
    keys::{Key, NON_EMPTY, PATH, Value, about},
    non_empty, path,
    reader::{Issues, Reader},
    values::Refusal,
};

/// The Envoy cluster.
pub(super) const fn cluster_key(words: &'static str) -> Key {
    Key { name: "cluster", value: Value::Text { pattern: NON_EMPTY }, default: None, about: about(words) }
}

/// The path in it.
pub(super) const fn path_key(default: Option<&'static str>, words: &'static str) -> Key {
    Key { name: "path", value: Value::Text { pattern: PATH }, default, about: about(words) }
}

pub(super) const AUTHORITY_KEY: Key = Key {
    name: "authority",
    value: Value::Text { pattern: r"^[0-9A-Za-z\-._~:\[\]]+$" },
    default: None,
    about: about(
        "The `:authority` of the request to it. Default: the host in the cluster's name; required where that has none.",
    ),
};

/// What is missing where a cluster's name has no host.
pub(super) const NO_HOST: &str = "a host name, since none can be taken from `cluster`";

/// The endpoint that these keys of `reader` name; `None` only where `issues` then holds an error.
#[inline(never)]
pub(super) fn read(reader: &Reader<'_>, default_path: &str, issues: &mut Issues) -> Option<Endpoint> {
    let cluster = reader.required("cluster", "the name of the service's Envoy cluster", issues, non_empty);
    let path = reader.optional("path", issues, path).unwrap_or(default_path);
    let given = reader.optional("authority", issues, authority);
    let endpoint = Endpoint::new(cluster?, given, path);
    if endpoint.is_none() {
        reader.missing(&["authority"], NO_HOST, issues);
    }
    endpoint
}

pub(super) fn authority(json: &Json) -> Result<&str, Refusal> {
    let text = non_empty(json)?;
    if Endpoint::is_authority(text) {
        Ok(text)
    } else {
        Err(Refusal::not_allowed(text, "a host name, with a port if need be"))
    }
}
