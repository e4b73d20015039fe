//! Every rule fires on its bad fixture and is silent on its good one, and every fix repairs what it says.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;

use gwauthz_lint::{Diagnostic, Persona, RULES, Settings, Source, Sources, lint};

fn diagnostics(text: &str, persona: Persona) -> Vec<Diagnostic> {
    let mut sources = Sources::default();
    sources.add(Source::new("fixture.yaml", text.into()).unwrap());
    lint(&sources, &Settings::default(), persona).diagnostics
}

fn codes(diagnostics: &[Diagnostic]) -> BTreeSet<String> {
    diagnostics.iter().map(|diagnostic| diagnostic.rule.code.to_string()).collect()
}

#[test]
fn bad_fixtures_fire_and_good_ones_are_silent() {
    for rule in RULES {
        // A fixture that cannot but break another rule as well says so in its first line.
        let also = rule.bad.lines().next().and_then(|line| line.strip_prefix("# Also: ")).unwrap_or_default();
        let mut expected: BTreeSet<String> = also.split_whitespace().map(str::to_owned).collect();
        expected.insert(rule.code.to_string());
        assert_eq!(codes(&diagnostics(rule.bad, rule.persona)), expected, "{}: bad.yaml", rule.code);
        assert_eq!(codes(&diagnostics(rule.good, rule.persona)), BTreeSet::new(), "{}: good.yaml", rule.code);
    }
}

#[test]
fn labels_lie_on_what_they_are_about() {
    for rule in RULES {
        for diagnostic in diagnostics(rule.bad, rule.persona) {
            for label in std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary) {
                let text = &rule.bad[label.location.span.range()];
                assert!(!text.trim().is_empty() && text == text.trim(), "{}: {text:?}", rule.code);
                assert!(!text.contains('\n'), "{}: {text:?}", rule.code);
            }
        }
    }
}

#[test]
fn a_fix_silences_its_finding() {
    let mut fixed = 0;
    for rule in RULES {
        for diagnostic in diagnostics(rule.bad, rule.persona) {
            let Some(fix) = diagnostic.fix else { continue };
            let mut text = rule.bad.to_owned();
            text.replace_range(fix.span.range(), &fix.replacement);
            let code = diagnostic.rule.code.to_string();
            assert!(!codes(&diagnostics(&text, rule.persona)).contains(&code), "{code}:\n{text}");
            fixed += 1;
        }
    }
    assert!(fixed > 5, "only {fixed} fixes were tried");
}

#[test]
fn the_published_example_gets_what_is_argued_for() {
    let text = include_str!("../../../fixtures/lint/published-example/deploy.yaml");
    let found: Vec<String> = diagnostics(text, Persona::Regular)
        .iter()
        .map(|diagnostic| format!("{} {}", diagnostic.rule.code, &text[diagnostic.primary.location.span.range()]))
        .collect();
    assert_eq!(
        found,
        [
            "GW401 jwt-revocation",
            "GW101 oci://ghcr.io/klazomenai/istio-jwt-wasm:v0.0.1-alpha",
            "GW105 v0.0.1-alpha",
            "GW203 AUTHN",
        ]
    );
}

#[test]
fn every_cluster_is_looked_at() {
    let good = gwauthz_lint::find("GW302").unwrap().good;
    let config = r#"    issuers: [{issuer: "https://a", audiences: [b], jwks: {cluster: JWKS}}]
    revocation: {snapshot: {cluster: SNAPSHOT}}
    callout: {fallbacks: [{cluster: "outbound|80||a.b"}, {cluster: FALLBACK}]}
---
"#;
    for (cluster, code) in [("outbound|0||a.b", "GW302"), ("outbound|80||*", "GW301"), ("PassthroughCluster", "GW301")]
    {
        for place in ["JWKS", "SNAPSHOT", "FALLBACK"] {
            let mut text = good.replacen("---\n", config, 1);
            for known in ["JWKS", "SNAPSHOT", "FALLBACK"] {
                let name = if known == place { cluster } else { "outbound|80||c.d" };
                text = text.replace(known, &format!("\"{name}\""));
            }
            let found = codes(&diagnostics(&text, Persona::Regular));
            assert!(found.contains(code), "{place} {cluster}: {found:?}");
            let others = found.iter().filter(|found| ["GW301", "GW302"].contains(&found.as_str())).count();
            assert_eq!(others, 1, "{place} {cluster}: {found:?}");
        }
    }
}

#[test]
fn one_file_answers_for_another() {
    let rule = gwauthz_lint::find("GW401").unwrap();
    let Some((plugin, policies)) = rule.good.split_once("---\n") else { panic!("expected several documents") };
    let mut sources = Sources::default();
    sources.add(Source::new("plugin.yaml", plugin.into()).unwrap());
    assert_eq!(codes(&lint(&sources, &Settings::default(), Persona::Regular).diagnostics), ["GW401".to_owned()].into());
    sources.add(Source::new("policies.yaml", policies.into()).unwrap());
    assert_eq!(codes(&lint(&sources, &Settings::default(), Persona::Regular).diagnostics), BTreeSet::new());
}

#[test]
fn settings_turn_rules_off_and_plugins_into_ours() {
    let mut sources = Sources::default();
    let text = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nspec:\n  phase: AUTHN\n  url: oci://r.example/authz:v1\n";
    sources.add(Source::new("plugin.yaml", text.into()).unwrap());
    let of =
        |settings: &str| codes(&lint(&sources, &Settings::from_toml(settings).unwrap(), Persona::Regular).diagnostics);
    let set = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(of(""), set(&["GW101"]));
    assert_eq!(of("[lint.rules]\nunpinned-image = 'off'"), set(&[]));
    assert_eq!(of("[lint.plugins]\nauth = ['r.example/*']"), set(&["GW101", "GW203", "GW401"]));
    assert_eq!(of("[lint.plugins]\nours = ['r.example/authz']"), set(&["GW101", "GW203", "GW305", "GW401"]));
}

#[test]
fn suppressions_hold_for_a_line_or_a_document() {
    let bad = gwauthz_lint::find("GW201").unwrap().bad;
    let on_line = bad.replace("FAIL_OPEN", "FAIL_OPEN  # gwauthz: ignore[GW201] accepted until the migration is over");
    assert_eq!(codes(&diagnostics(&on_line, Persona::Regular)), BTreeSet::new());
    let above_document = format!("# gwauthz: ignore[fail-open] accepted\n# See the ticket.\n---\n{bad}");
    assert_eq!(codes(&diagnostics(&above_document, Persona::Regular)), BTreeSet::new());
    let other_document = format!("# gwauthz: ignore[GW201] accepted\n---\na: 1\n---\n{bad}");
    assert_eq!(codes(&diagnostics(&other_document, Persona::Regular)), ["GW201".to_owned(), "GW905".to_owned()].into());
    for incomplete in ["ignore[GW201]", "ignore it", "ignore[GW999] why"] {
        let text = bad.replace("FAIL_OPEN", &format!("FAIL_OPEN  # gwauthz: {incomplete}"));
        assert_eq!(codes(&diagnostics(&text, Persona::Regular)), ["GW201".to_owned(), "GW905".to_owned()].into());
    }
}
