//! What rules are asked about: the files, their resources, and what is known of each plugin.

use gwauthz_policy::{Config, Issue, IssueKind, Parsed as ParsedConfig, Segment};

use crate::{
    resource::{ModuleUrl, Placements, Resources, WasmPlugin},
    rules::Code,
    settings::Settings,
    source::{Location, Source, SourceId, Span, Spanned},
    suppression::Suppressions,
    tree::{Node, Parsed},
};

/// A whole run.
pub(crate) struct Context<'a> {
    pub(crate) files: &'a [File<'a>],
    pub(crate) resources: &'a Resources<'a>,
    pub(crate) plugins: Vec<Plugin<'a>>,
    /// Of [`Resources::request_authentications`], those that verify tokens.
    pub(crate) authentication: Placements<'a>,
    /// Of [`Resources::authorization_policies`], those that require a token.
    pub(crate) token_required: Placements<'a>,
    /// Whether a rule runs at all.
    pub(crate) runs: &'a dyn Fn(Code) -> bool,
}

/// One source and what it holds.
pub(crate) struct File<'a> {
    pub(crate) id: SourceId,
    pub(crate) source: &'a Source,
    pub(crate) parsed: Parsed<'a>,
    pub(crate) suppressions: Suppressions,
}

/// A plugin and what can be known of it.
pub(crate) struct Plugin<'a> {
    pub(crate) wasm: &'a WasmPlugin<'a>,
    pub(crate) source: &'a Source,
    /// `url`, where both of Istio's parsers accept it.
    pub(crate) module: Option<Spanned<ModuleUrl<'a>>>,
    pub(crate) role: Role,
    /// The configuration as this project's plugin reads it.
    pub(crate) config: Option<Result<ParsedConfig, Vec<Issue>>>,
}

/// How many issues of one configuration are looked at: finding the place of one costs a pass over its object.
const MAX_ISSUES: usize = 100;

/// What a plugin is for, as far as the manifest and `gwauthz.toml` tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// This project's plugin: its configuration has our keys, or its repository is listed.
    Ours,
    /// Another one that decides who may pass.
    Auth,
    /// Anything else.
    Other,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        files: &'a [File<'a>],
        resources: &'a Resources<'a>,
        settings: &Settings,
        runs: &'a dyn Fn(Code) -> bool,
    ) -> Self {
        // A source's id is its place among the files.
        let plugin = |wasm: &'a WasmPlugin<'a>| {
            files.get(wasm.head.source.index()).map(|file| Plugin::new(wasm, file.source, settings))
        };
        Self {
            files,
            resources,
            plugins: resources.plugins.iter().filter_map(plugin).collect(),
            authentication: Placements::new(resources.request_authentications.iter().map(|policy| &policy.placement)),
            token_required: Placements::new(
                resources
                    .authorization_policies
                    .iter()
                    .filter(|policy| policy.requires_token)
                    .map(|policy| &policy.placement),
            ),
            runs,
        }
    }

    /// The plugins that are this project's.
    pub(crate) fn ours(&self) -> impl Iterator<Item = &Plugin<'a>> {
        self.plugins.iter().filter(|plugin| plugin.role == Role::Ours)
    }

    /// The plugins that rely on tokens verified by Istio: those that decide who may pass and name no `issuers`.
    pub(crate) fn trusting(&self) -> impl Iterator<Item = &Plugin<'a>> {
        self.plugins.iter().filter(|plugin| plugin.role != Role::Other && !plugin.has_key("issuers"))
    }
}

impl<'a> Plugin<'a> {
    fn new(wasm: &'a WasmPlugin<'a>, source: &'a Source, settings: &Settings) -> Self {
        let module = wasm
            .url
            .and_then(|url| ModuleUrl::parse(url.value).ok().map(|module| Spanned { value: module, span: url.span }));
        let repository = match module {
            Some(Spanned { value: ModuleUrl::Oci(image), .. }) => image.repository,
            _ => wasm.url.map_or("", |url| url.value),
        };
        let config = wasm.config.map(|entry| {
            Config::from_json(&entry.value.to_json())
                .map_err(|errors| errors.issues().iter().take(MAX_ISSUES).cloned().collect())
        });
        let role = if settings.is_ours(repository)
            || wasm.config.is_some_and(|entry| has_our_keys(&entry.value, config.as_ref()))
        {
            Role::Ours
        } else if settings.is_auth(repository) {
            Role::Auth
        } else {
            Role::Other
        };
        Self { wasm, source, module, role, config }
    }

    /// Every issue that this project's plugin has with its configuration: errors, then warnings.
    pub(crate) fn issues(&self) -> &[Issue] {
        match &self.config {
            Some(Ok(parsed)) => parsed.warnings.get(..MAX_ISSUES).unwrap_or(&parsed.warnings),
            Some(Err(issues)) => issues,
            None => &[],
        }
    }

    /// Where an issue stands, and the text that stands there.
    pub(crate) fn place(&self, issue: &Issue) -> (Location, &'a str) {
        let Some(config) = self.wasm.config else { return (self.location(), "") };
        let mut span = config.key.span;
        let mut node = &config.value;
        for segment in &issue.path {
            match segment {
                Segment::Key(key) => match node.entry(key) {
                    Some(entry) => {
                        span = if matches!(issue.kind, IssueKind::UnknownKey { .. }) {
                            entry.key.span
                        } else {
                            entry.label()
                        };
                        node = &entry.value;
                    }
                    None => break,
                },
                Segment::Index(index) => match node.items().get(*index) {
                    Some(item) => {
                        span = item.span;
                        node = item;
                    }
                    None => break,
                },
            }
        }
        (self.wasm.head.at(span), node.text().map_or("", |text| text.value))
    }

    /// A text of the configuration, such as `cluster`.
    pub(crate) fn config_text(&self, key: &str) -> Option<Spanned<&'a str>> {
        self.wasm.config?.value.get(key).and_then(Node::text)
    }

    /// The clusters that the configuration names: of the service and its fallbacks, of keys, of revocations.
    pub(crate) fn clusters(&self) -> Vec<Spanned<&'a str>> {
        let Some(config) = self.wasm.config.map(|config| &config.value) else { return Vec::new() };
        let below = |path: &[&str]| path.iter().try_fold(config, |node, key| node.get(key));
        let fallbacks = below(&["callout", "fallbacks"]).map(Node::items).unwrap_or_default();
        let issuers = below(&["issuers"]).map(Node::items).unwrap_or_default();
        let keys = issuers.iter().filter_map(|issuer| issuer.get("jwks"));
        let places = [config].into_iter().chain(fallbacks).chain(keys).chain(below(&["revocation", "snapshot"]));
        places.filter_map(|place| place.get("cluster")?.text()).collect()
    }

    pub(crate) fn has_key(&self, key: &str) -> bool {
        self.wasm.config.is_some_and(|config| config.value.get(key).is_some())
    }

    /// The place that stands for the whole plugin.
    pub(crate) fn location(&self) -> Location {
        self.wasm.head.at(self.wasm.head.label())
    }

    pub(crate) fn at(&self, span: Span) -> Location {
        self.wasm.head.at(span)
    }

    /// Whether the image is named by its content.
    pub(crate) fn is_pinned(&self) -> bool {
        let by_url = matches!(self.module, Some(Spanned { value: ModuleUrl::Oci(image), .. }) if image.is_pinned());
        by_url || self.wasm.sha256.is_some()
    }

    /// Whether a scalar stands as it reads, so that a like text can stand in its place.
    pub(crate) fn is_plain(&self, scalar: Spanned<&str>) -> bool {
        self.source.slice(scalar.span) == scalar.value
    }

    /// The bytes of `part` within a scalar, or all of it where the scalar is written with escapes.
    pub(crate) fn within(&self, scalar: Spanned<&str>, part: &str) -> Location {
        let whole = self.at(scalar.span);
        let offset = scalar.value.rfind(part).zip(self.source.slice(scalar.span).find(scalar.value));
        let Some((in_text, in_source)) = offset else { return whole };
        let bytes = |length: usize| u32::try_from(length).unwrap_or_default();
        let start = scalar.span.start + bytes(in_source + in_text);
        self.at(Span::new(start, start + bytes(part.len())))
    }
}

/// Whether a configuration has one of the keys that every configuration of this project's plugin has, and does not
/// consist of strange ones: other plugins have a `cluster`, too.
fn has_our_keys(config: &Node<'_>, parsed: Option<&Result<ParsedConfig, Vec<Issue>>>) -> bool {
    let entries = config.entries();
    let telling =
        |key: &str| ["cluster", "issuers", "authorizeUrl"].iter().any(|known| key.eq_ignore_ascii_case(known));
    let strange = match parsed {
        Some(Ok(parsed)) => parsed.warnings.as_slice(),
        Some(Err(issues)) => issues,
        None => &[],
    };
    let strange = strange
        .iter()
        .filter(|issue| matches!((&issue.kind, issue.path.as_slice()), (IssueKind::UnknownKey { nearest: None }, [_])))
        .count();
    entries.iter().any(|entry| telling(&entry.key.value)) && strange * 2 <= entries.len()
}
