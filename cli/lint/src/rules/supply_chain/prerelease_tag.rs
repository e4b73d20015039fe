//! GW105 prerelease-tag.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::Finding,
    resource::ModuleUrl,
    rules::{Code, Confidence, Persona, Rule, fixture},
    spelling,
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(105),
    name: "prerelease-tag",
    summary: "the image of a plugin is a prerelease",
    why: "A version such as `v1.0.0-alpha` promises nothing: neither that its limits are known nor that holes in it are repaired.",
    gain: "Known defects of an unfinished version.",
    source: "Semantic Versioning 2.0.0, section 9",
    vector: vectors::HYGIENE,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW105-prerelease-tag", "bad"),
    good: fixture!("GW105-prerelease-tag", "good"),
    check,
};

/// The identifiers that announce an unfinished version.
const WORDS: [&str; 8] = ["alpha", "beta", "rc", "pre", "preview", "dev", "snapshot", "nightly"];

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        let ModuleUrl::Oci(image) = plugin.module?.value else { return None };
        let tag = image.tag.filter(|tag| is_prerelease(tag))?;
        Some(Finding::new(
            plugin.within(plugin.wasm.url?, tag),
            format!("`{}` is a prerelease", spelling::shown(tag)),
            "not a release",
            "deploy a released version",
        ))
    };
    context.plugins.iter().filter_map(finding).collect()
}

fn is_prerelease(tag: &str) -> bool {
    tag.split(['-', '.', '_', '+']).any(|identifier| {
        let word = identifier.trim_end_matches(|last: char| last.is_ascii_digit());
        WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::is_prerelease;

    #[test]
    fn words_are_whole() {
        for tag in ["v0.0.1-alpha", "1.0.0-rc1", "1.0.0-RC.2", "nightly", "2.0-beta3"] {
            assert!(is_prerelease(tag), "{tag}");
        }
        for tag in ["v1.0.0", "1.2.3-amd64", "prefix", "v1-device", "latest"] {
            assert!(!is_prerelease(tag), "{tag}");
        }
    }
}
