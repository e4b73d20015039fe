//! RULES.md is what the registry says. `GWAUTHZ_BLESS=1 cargo test -p gwauthz-lint --test rules_md` writes it anew.

use std::{env, fs, path::Path};

use gwauthz_lint::{RULES, Rule};

#[test]
fn rules_md_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RULES.md");
    let fresh = rules_md();
    if env::var_os("GWAUTHZ_BLESS").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == fresh, "RULES.md is stale: run this test with GWAUTHZ_BLESS=1 and commit the file");
}

fn rules_md() -> String {
    let mut text = String::from(
        "# Lint rules\n\n\
         Generated from the registry in `src/rules`; do not edit. `gwauthz explain CODE` shows the same with a wrong and a\n\
         right manifest. The severity is that of the CVSS 3.1 base score. A rule of the pedantic persona fires with\n\
         `--persona pedantic` or when `gwauthz.toml` names it. A finding of medium confidence may be answered by a file\n\
         that was not given.\n\n\
         ```yaml\n\
         failStrategy: FAIL_OPEN  # gwauthz: ignore[GW201] accepted until the migration is over\n\
         ```\n\n\
         accepts a finding on its line; such a comment on a line of its own is for the next line, and above a document\n\
         for all of it. A reason is required. `gwauthz.toml`, found from the working folder upwards, is for everything:\n\n\
         ```toml\n\
         [lint.rules]\n\
         prerelease-tag = \"off\"           # off, on, or a severity: low, medium, high, critical\n\
         GW202 = \"on\"                     # by name or by code, whatever the persona\n\n\
         [lint.plugins]                   # repositories without tag and digest; `*` stands for any rest\n\
         ours = [\"ghcr.io/acme/gwauthz\"]  # builds of this project's plugin, whatever their configuration\n\
         auth = [\"ghcr.io/acme/auth-*\"]   # others that decide who may pass\n\
         ```\n\n\
         | code | name | severity | persona | confidence | defect |\n|---|---|---|---|---|---|\n",
    );
    for rule in RULES {
        let Rule { code, name, summary, vector, persona, confidence, .. } = rule;
        let (severity, score) = (vector.severity(), vector.score());
        text += &format!(
            "| [{code}](#{}) | {name} | {severity} {score:.1} | {persona} | {confidence} | {summary} |\n",
            anchor(rule)
        );
    }
    for rule in RULES {
        let Rule { code, name, why, gain, source, vector, .. } = rule;
        let folder = format!("../../fixtures/lint/{code}-{name}");
        text += &format!(
            "\n## {code} {name}\n\n{why}\n\n\
             - An attacker gains: {gain}\n\
             - Severity: {vector}\n\
             - Source: {source}\n\
             - [Wrong]({folder}/bad.yaml), [right]({folder}/good.yaml)\n",
        );
    }
    text
}

fn anchor(rule: &Rule) -> String {
    format!("{}-{}", rule.code, rule.name).to_lowercase()
}
