//! Kubernetes objects of a manifest, parsed into what the rules ask about.

mod authorization;
mod fields;
mod module_url;
mod scope;
mod wasm_plugin;

use crate::{
    source::{Location, SourceId, Span, Spanned},
    tree::{Document, Node},
};

pub(crate) use authorization::{AuthorizationPolicy, RequestAuthentication};
pub(crate) use fields::Violation;
pub(crate) use module_url::{ModuleUrl, UrlError};
pub(crate) use scope::{Placement, Placements};
pub(crate) use wasm_plugin::{FailStrategy, Mode, Phase, WasmPlugin};

/// The resources of a whole run that rules look at.
#[derive(Debug, Default)]
pub(crate) struct Resources<'a> {
    pub(crate) plugins: Vec<WasmPlugin<'a>>,
    pub(crate) request_authentications: Vec<RequestAuthentication<'a>>,
    pub(crate) authorization_policies: Vec<AuthorizationPolicy<'a>>,
}

/// What every object says about itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) source: SourceId,
    pub(crate) kind: Spanned<&'a str>,
    pub(crate) name: Option<Spanned<&'a str>>,
    pub(crate) namespace: Option<Spanned<&'a str>>,
    pub(crate) root: &'a Node<'a>,
}

impl<'a> Head<'a> {
    /// The place that stands for the whole object: its name, or its kind where it has none.
    pub(crate) fn label(&self) -> Span {
        self.name.unwrap_or(self.kind).span
    }

    pub(crate) fn at(&self, span: Span) -> Location {
        Location { source: self.source, span }
    }

    fn spec(&self) -> Option<&'a Node<'a>> {
        self.root.get("spec")
    }
}

impl<'a> Resources<'a> {
    /// Takes in a document, or each item of a `List` as `kubectl get -o yaml` prints it.
    pub(crate) fn add(&mut self, source: SourceId, document: &'a Document<'a>) {
        let items = match document.root.get("kind").and_then(Node::text) {
            Some(kind) if kind.value.ends_with("List") => document.root.get("items").map_or(&[][..], Node::items),
            _ => std::slice::from_ref(&document.root),
        };
        for item in items {
            self.add_object(source, item);
        }
    }

    fn add_object(&mut self, source: SourceId, root: &'a Node<'a>) {
        let text = |node: Option<&'a Node<'a>>| node.and_then(Node::text);
        let (Some(api_version), Some(kind)) = (text(root.get("apiVersion")), text(root.get("kind"))) else { return };
        let metadata = root.get("metadata");
        let name = text(metadata.and_then(|metadata| metadata.get("name")));
        let namespace = text(metadata.and_then(|metadata| metadata.get("namespace")));
        let head = Head { source, kind, name, namespace, root };
        // Versions of one group differ in no field that is read here.
        match (api_version.value.split('/').next(), kind.value) {
            (Some("extensions.istio.io"), "WasmPlugin") => self.plugins.push(WasmPlugin::new(head)),
            (Some("extensions.istio.io"), "TrafficExtension") => {
                self.plugins.extend(WasmPlugin::of_traffic_extension(head));
            }
            (Some("security.istio.io"), "RequestAuthentication") => {
                self.request_authentications.extend(RequestAuthentication::new(head));
            }
            (Some("security.istio.io"), "AuthorizationPolicy") => {
                self.authorization_policies.push(AuthorizationPolicy::new(head));
            }
            _ => {}
        }
    }
}
