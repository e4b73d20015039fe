//! What is measured: Envoy with nothing, with its own filter, and with the plugin in several configurations.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    rc::Rc,
};

use serde_json::{Value, json};

use crate::{
    services::Services,
    tokens::{Issuer, Signer},
};

/// An Envoy and what it is sent.
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    filter: Filter,
    issuer: Rc<Issuer>,
    /// How many tokens the requests have, one after the other, over and over.
    token_count: usize,
}

/// What stands in front of the router.
enum Filter {
    None,
    /// Envoy's own.
    ExtAuthz,
    /// The guest that decides nothing.
    Calls,
    /// The plugin with this configuration.
    Plugin(Value),
}

/// The modules that stand in front of routers.
pub(crate) struct Modules {
    pub(crate) plugin: PathBuf,
    /// The calls of the plugin's for a callout, by a guest that decides nothing.
    pub(crate) calls: PathBuf,
}

pub(crate) const NO_FILTER: &str = "no filter";
pub(crate) const EXT_AUTHZ: &str = "ext_authz";
/// What a first-seen token is compared with.
pub(crate) const VERIFIED: &str = "verified token known";
pub(crate) const FIRST_SEEN: &str = "first seen ";

/// As many tokens that the plugin, which keeps at most 8192 verified ones, has forgotten each when it comes again.
const FIRST_SEEN_TOKENS: usize = 10_000;

pub(crate) fn setups() -> Vec<Setup> {
    let es256 = Rc::new(Issuer::new(Signer::es256()));
    let one = |name, filter| Setup { name, filter, issuer: Rc::clone(&es256), token_count: 1 };
    let plugin = |configuration| Filter::Plugin(configuration);
    let issuers = || json!([es256.configuration()]);
    let first_seen = |name, signer| {
        let issuer = Issuer::new(signer);
        let filter = plugin(json!({"issuers": [issuer.configuration()]}));
        Setup { name, filter, issuer: Rc::new(issuer), token_count: FIRST_SEEN_TOKENS }
    };
    vec![
        one(NO_FILTER, Filter::None),
        one(EXT_AUTHZ, Filter::ExtAuthz),
        one("callout each, calls alone", Filter::Calls),
        one("callout each", plugin(json!({"cluster": "authz"}))),
        one("decision cached", plugin(json!({"cluster": "authz", "cache": {"allowTtl": "4m"}}))),
        one(
            "snapshot",
            plugin(json!({
                "issuers": issuers(),
                "revocation": {"snapshot": {"cluster": "authz", "authority": "authz"}},
            })),
        ),
        one(VERIFIED, plugin(json!({"issuers": issuers()}))),
        first_seen("first seen RS256-2048", Signer::rs256()),
        first_seen("first seen ES256", Signer::es256()),
        first_seen("first seen EdDSA", Signer::eddsa()),
    ]
}

impl Setup {
    /// Whether the others are compared with it.
    pub(crate) fn is_baseline(&self) -> bool {
        [NO_FILTER, EXT_AUTHZ].contains(&self.name)
    }

    /// The tokens of the requests. RSA takes seconds to sign as many.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.issuer.tokens(self.token_count)
    }

    /// Envoy's configuration.
    pub(crate) fn configuration(&self, modules: &Modules, services: Services) -> Value {
        let router = json!({
            "name": "router",
            "typed_config": {"@type": extension("filters.http.router.v3.Router")},
        });
        let filters: Vec<_> = self.filter.json(modules).into_iter().chain([router]).collect();
        let connections = json!({
            "name": "http",
            "typed_config": {
                "@type": extension("filters.network.http_connection_manager.v3.HttpConnectionManager"),
                "stat_prefix": "gateway",
                "route_config": {"virtual_hosts": [{
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}],
                }]},
                "http_filters": filters,
            },
        });
        json!({"static_resources": {
            "listeners": [{
                "name": "gateway",
                "address": socket(([127, 0, 0, 1], 0).into()),
                "filter_chains": [{"filters": [connections]}],
            }],
            "clusters": [cluster("upstream", services.upstream), cluster("authz", services.authorization)],
        }})
    }
}

impl Filter {
    fn json(&self, modules: &Modules) -> Option<Value> {
        let (name, config) = match self {
            Self::None => return None,
            Self::ExtAuthz => (
                "ext_authz",
                json!({
                    "@type": extension("filters.http.ext_authz.v3.ExtAuthz"),
                    "transport_api_version": "V3",
                    "http_service": {
                        "server_uri": {"uri": "http://authz", "cluster": "authz", "timeout": "2s"},
                        "path_prefix": "/authorize",
                    },
                }),
            ),
            Self::Calls => wasm(&modules.calls, String::new()),
            Self::Plugin(configuration) => wasm(&modules.plugin, configuration.to_string()),
        };
        Some(json!({"name": name, "typed_config": config}))
    }
}

fn wasm(module: &Path, configuration: String) -> (&'static str, Value) {
    let json = json!({
        "@type": extension("filters.http.wasm.v3.Wasm"),
        "config": {
            "name": "gwauthz",
            "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration},
            "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": module}}},
        },
    });
    ("gwauthz", json)
}

fn cluster(name: &str, address: SocketAddr) -> Value {
    let endpoint = json!({"endpoint": {"address": socket(address)}});
    json!({
        "name": name,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    })
}

fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

fn extension(name: &str) -> String {
    format!("type.googleapis.com/envoy.extensions.{name}")
}
