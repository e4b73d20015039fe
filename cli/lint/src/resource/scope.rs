//! Which workloads an object is for, and which objects may be for the same.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
};

use super::{Head, Violation, fields::Fields};
use crate::{
    spelling,
    tree::{Entry, Node, Value},
};

/// Istio's root namespace by default (`meshConfig.rootNamespace`): what stands there is for the whole mesh.
const ROOT_NAMESPACE: &str = "istio-system";

/// Where an object is in force.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Placement<'a> {
    /// Empty where the object does not say.
    pub(crate) namespace: &'a str,
    pub(crate) target: Target<'a>,
}

/// What an object is attached to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target<'a> {
    /// Every workload of the namespace; of the mesh, in the root namespace.
    Everything,
    /// Workloads with all of these labels, sorted by key.
    Labels(Vec<(&'a str, &'a str)>),
    /// Named resources: kind and name.
    Resources(Vec<(&'a str, &'a str)>),
}

impl<'a> Placement<'a> {
    pub(super) fn new(head: &Head<'a>) -> Self {
        let namespace = head.namespace.map_or("", |namespace| namespace.value);
        Self { namespace, target: head.spec().map_or(Target::Everything, Target::of_spec) }
    }

    /// Whether the object names a gateway: by kind, or by a label as Istio's own gateways carry it.
    pub(crate) fn is_gateway(&self) -> bool {
        match &self.target {
            Target::Everything => false,
            Target::Labels(labels) => labels
                .iter()
                .any(|(key, value)| *key == "gateway.networking.k8s.io/gateway-name" || value.contains("gateway")),
            Target::Resources(resources) => resources.iter().any(|(kind, _)| kind.starts_with("Gateway")),
        }
    }
}

impl<'a> Target<'a> {
    fn of_spec(spec: &'a Node<'a>) -> Self {
        let resource =
            |target: &'a Node<'a>| Some((target.get("kind")?.text()?.value, target.get("name")?.text()?.value));
        let resources: Vec<_> = spec
            .get("targetRef")
            .into_iter()
            .chain(spec.get("targetRefs").map_or(&[][..], Node::items))
            .filter_map(resource)
            .collect();
        if !resources.is_empty() {
            return Self::Resources(resources);
        }
        let labels = spec.get("selector").and_then(|selector| selector.get("matchLabels"));
        let mut labels: Vec<_> = labels
            .map_or(&[][..], Node::entries)
            .iter()
            .filter_map(|label| Some((label.key.value.as_ref(), label.value.text()?.value)))
            .collect();
        labels.sort_unstable();
        if labels.is_empty() { Self::Everything } else { Self::Labels(labels) }
    }
}

/// Objects by where they are in force, so that a look-up does not go through all of them.
#[derive(Debug, Default)]
pub(crate) struct Placements<'a>(HashMap<&'a str, OfNamespace<'a>>);

/// Numbers are the caller's, in the order in which the objects were added.
#[derive(Debug, Default)]
struct OfNamespace<'a> {
    first: usize,
    everything: Option<usize>,
    resources: BTreeMap<(&'a str, &'a str), usize>,
    /// By the keys of their labels.
    labels: BTreeMap<Vec<&'a str>, Labelled<'a>>,
}

#[derive(Debug, Default)]
struct Labelled<'a> {
    objects: Vec<(Vec<&'a str>, usize)>,
    /// For a set of keys that was asked about: the values seen under these keys.
    projections: RefCell<HashMap<Vec<usize>, Projection<'a>>>,
}

type Projection<'a> = HashMap<Vec<&'a str>, usize>;

impl<'a> Placements<'a> {
    pub(crate) fn new(objects: impl Iterator<Item = &'a Placement<'a>>) -> Self {
        let mut placements = Self::default();
        for (number, placement) in objects.enumerate() {
            let of_namespace = placements
                .0
                .entry(placement.namespace)
                .or_insert_with(|| OfNamespace { first: number, ..OfNamespace::default() });
            of_namespace.add(number, &placement.target);
        }
        placements
    }

    /// The number of an object that may be in force where `placement` is: one whose labels do not contradict, since
    /// two labels that differ in their keys are often those of one gateway.
    pub(crate) fn overlapping(&self, placement: &Placement<'_>) -> Option<usize> {
        let namespaces: &[&str] = match placement.namespace {
            ROOT_NAMESPACE => &[ROOT_NAMESPACE],
            namespace => &[namespace, ROOT_NAMESPACE],
        };
        namespaces.iter().find_map(|namespace| self.0.get(namespace)?.overlapping(&placement.target))
    }
}

impl<'a> OfNamespace<'a> {
    fn add(&mut self, number: usize, target: &'a Target<'a>) {
        match target {
            Target::Everything => self.everything = self.everything.or(Some(number)),
            Target::Resources(resources) => self.resources.extend(resources.iter().map(|resource| (*resource, number))),
            Target::Labels(labels) => {
                let (keys, values) = labels.iter().copied().unzip();
                self.labels.entry(keys).or_default().objects.push((values, number));
            }
        }
    }

    fn overlapping(&self, target: &Target<'_>) -> Option<usize> {
        let labelled = || self.labels.values().find_map(|labelled| Some(labelled.objects.first()?.1));
        self.everything.or_else(|| match target {
            Target::Everything => Some(self.first),
            Target::Resources(resources) => {
                resources.iter().find_map(|resource| self.resources.get(resource).copied()).or_else(labelled)
            }
            Target::Labels(labels) => self
                .labels
                .iter()
                .find_map(|(keys, labelled)| labelled.compatible(keys, labels))
                .or_else(|| self.resources.values().next().copied()),
        })
    }
}

impl<'a> Labelled<'a> {
    fn compatible(&self, keys: &[&str], labels: &[(&str, &str)]) -> Option<usize> {
        let value_of = |key: &str| labels.iter().find(|(other, _)| *other == key).map(|(_, value)| *value);
        let (shared, wanted): (Vec<usize>, Vec<&str>) =
            keys.iter().enumerate().filter_map(|(index, key)| Some((index, value_of(key)?))).unzip();
        let mut projections = self.projections.borrow_mut();
        let projection = projections.entry(shared.clone()).or_insert_with(|| {
            let project = |(values, number): &(Vec<&'a str>, usize)| {
                (shared.iter().filter_map(|index| values.get(*index).copied()).collect(), *number)
            };
            self.objects.iter().map(project).collect()
        });
        projection.get(&wanted).copied()
    }
}

/// Notes what Istio refuses in `selector`, `targetRef` and `targetRefs`.
pub(super) fn check(spec: &mut Fields<'_>, violations: &mut Vec<Violation>) {
    let present: Vec<_> = ["selector", "targetRef", "targetRefs"].into_iter().filter_map(|key| spec.any(key)).collect();
    if let [_, second, ..] = present.as_slice() {
        violations.push(Violation {
            span: second.label(),
            message: "only one of `selector`, `targetRef` and `targetRefs` can be set".into(),
            help: "keep the one that names the gateway".into(),
        });
    }
    if let Some(mut selector) = spec.object("selector", violations) {
        check_labels(&mut selector, violations);
        selector.finish(violations);
    }
    let single = spec.any("targetRef").map(Entry::label).zip(spec.object("targetRef", violations));
    for (span, mut target) in single.into_iter().chain(spec.objects("targetRefs", 16, violations)) {
        target.require("kind", span, violations);
        target.require("name", span, violations);
        target.text("kind", 1, 63, violations);
        target.text("name", 1, 253, violations);
        target.text("group", 0, 253, violations);
        if let Some(namespace) =
            target.text("namespace", 0, usize::MAX, violations).filter(|name| !name.value.is_empty())
        {
            violations.push(Violation {
                span: namespace.span,
                message: "a target in another namespace is not supported".into(),
                help: "put the plugin into the namespace of its target, and remove `namespace`".into(),
            });
        }
        target.finish(violations);
    }
}

fn check_labels(selector: &mut Fields<'_>, violations: &mut Vec<Violation>) {
    let Some(labels) = selector.object("matchLabels", violations).and(selector.any("matchLabels")) else { return };
    for label in labels.value.entries() {
        let key = label.key.value.as_ref();
        let value = match &label.value.value {
            Value::String(value) => value.as_ref(),
            _ => {
                violations.push(Violation {
                    span: label.label(),
                    message: format!(
                        "the label `{}` is {}, expected a string",
                        spelling::shown(key),
                        label.value.kind()
                    ),
                    help: "put the value in quotes".into(),
                });
                ""
            }
        };
        let refused = if key.is_empty() {
            Some((label.key.span, "the key of a label is empty"))
        } else if key.contains('*') {
            Some((label.key.span, "a label's key cannot be a wildcard"))
        } else if value.contains('*') {
            Some((label.label(), "a label's value cannot be a wildcard"))
        } else if value.chars().count() > 63 {
            Some((label.label(), "a label's value has at most 63 characters"))
        } else {
            None
        };
        if let Some((span, message)) = refused {
            violations.push(Violation {
                span,
                message: message.into(),
                help: "name a label as the gateway's pods carry it".into(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Placement, Placements, Target};

    fn labels(namespace: &'static str, labels: &[(&'static str, &'static str)]) -> Placement<'static> {
        Placement { namespace, target: Target::Labels(labels.to_vec()) }
    }

    #[test]
    fn labels_that_contradict_do_not_overlap() {
        let objects = [labels("a", &[("app", "x")]), labels("a", &[("app", "y"), ("version", "v1")])];
        let index = Placements::new(objects.iter());
        assert_eq!(index.overlapping(&labels("a", &[("app", "x")])), Some(0));
        assert_eq!(index.overlapping(&labels("a", &[("app", "y")])), Some(1));
        assert_eq!(index.overlapping(&labels("a", &[("app", "z")])), None);
        assert_eq!(index.overlapping(&labels("a", &[("app", "y"), ("version", "v2")])), None);
        assert_eq!(index.overlapping(&labels("b", &[("app", "x")])), None);
        assert!(index.overlapping(&labels("a", &[("istio", "gateway")])).is_some());
    }

    #[test]
    fn the_root_namespace_is_for_the_mesh() {
        let objects = [Placement { namespace: "istio-system", target: Target::Everything }];
        let index = Placements::new(objects.iter());
        assert_eq!(index.overlapping(&labels("a", &[("app", "x")])), Some(0));
    }
}
