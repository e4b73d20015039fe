//! `gwauthz lint` and `explain` as processes: what they print, and how they end.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

fn gwauthz(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gwauthz"));
    command.args(arguments).current_dir(folder).env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lint");
    gwauthz(&fixtures, arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What README and SECURITY advise is what the linter asks for.
#[test]
fn the_careful_deployment_is_clean() {
    let output = run(&["lint", "--persona", "pedantic", "../deploy"]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
}

#[test]
fn human() {
    let output = run(&["lint", "published-example"]);
    assert_eq!(code(&output), 1);
    assert_eq!(stderr(&output), "");
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn human_with_the_reason_in_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lint/GW402-tokenless-accepted/bad.yaml"),
    );
    let text = text.unwrap();
    let (plugin, authentication) = text.split_once("---\n").unwrap();
    fs::write(folder.path().join("plugin.yaml"), plugin).unwrap();
    fs::write(folder.path().join("authentication.yaml"), authentication).unwrap();
    let output = gwauthz(folder.path(), &["lint", "plugin.yaml", "authentication.yaml"]).output().unwrap();
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn json() {
    let output = run(&["lint", "published-example", "--format", "json"]);
    assert_eq!(code(&output), 1);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn sarif() {
    let output = run(&["lint", "published-example", "GW402-tokenless-accepted/bad.yaml", "--format", "sarif"]);
    assert_eq!(code(&output), 1);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(value.pointer("/runs/0/results").unwrap()).unwrap());
    let rules = value.pointer("/runs/0/tool/driver/rules").unwrap().as_array().unwrap();
    for result in value.pointer("/runs/0/results").unwrap().as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules.get(index).unwrap()["id"], result["ruleId"]);
    }
}

#[test]
fn github() {
    let output = run(&["lint", "published-example", "--format", "github"]);
    assert_eq!(code(&output), 1);
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn explain_shows_the_fixtures() {
    let output = run(&["explain", "jwt-plugin-before-authn"]);
    assert_eq!(code(&output), 0);
    insta::assert_snapshot!(stdout(&output));
    let output = run(&["explain", "GW20"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("did you mean GW20"), "{}", stderr(&output));
    assert_eq!(stdout(&run(&["explain"])).lines().count(), gwauthz_lint::RULES.len());
}

#[test]
fn the_exit_code_is_the_answer() {
    let ends = |arguments: &[&str]| code(&run(arguments));
    assert_eq!(ends(&["lint", "GW201-fail-open/good.yaml"]), 0);
    assert_eq!(ends(&["lint", "GW201-fail-open/bad.yaml"]), 1);
    assert_eq!(ends(&["lint", "GW201-fail-open/bad.yaml", "--fail-on", "critical"]), 0);
    assert_eq!(ends(&["lint", "GW202-implicit-fail-strategy/bad.yaml"]), 0);
    assert_eq!(
        ends(&["lint", "GW202-implicit-fail-strategy/bad.yaml", "--persona", "pedantic", "--fail-on", "low"]),
        1
    );
    assert_eq!(ends(&["lint", "GW904-syntax/bad.yaml"]), 2);
    assert_eq!(ends(&["lint"]), 2);
    assert_eq!(ends(&["lint", "no-such-file.yaml"]), 4);
}

#[test]
fn a_broken_document_hides_no_other() {
    let output = run(&["lint", "GW904-syntax/bad.yaml", "GW201-fail-open/bad.yaml"]);
    assert_eq!(code(&output), 2);
    assert!(stdout(&output).contains("GW904") && stdout(&output).contains("GW201"), "{}", stdout(&output));
}

#[test]
fn standard_input_is_a_dash() {
    let mut child = gwauthz(Path::new("."), &["lint", "-", "--format", "github"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"a: 1\na: 2\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).starts_with("::warning file=-,line=2,endLine=2,col=1,endColumn=2,title=GW902"));
}

#[test]
fn the_configuration_is_found_upwards_and_told_where_it_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("below");
    fs::create_dir(&below).unwrap();
    fs::write(below.join("a.yaml"), "a: 1\na: 2\n").unwrap();
    fs::write(folder.path().join("gwauthz.toml"), "[lint.rules]\nduplicate-key = \"off\"\n").unwrap();
    assert_eq!(code(&gwauthz(&below, &["lint", "."]).output().unwrap()), 0);
    fs::write(folder.path().join("gwauthz.toml"), "[lint.rules]\nduplicate-keys = \"off\"\n").unwrap();
    let output = gwauthz(&below, &["lint", "."]).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("did you mean GW902 `duplicate-key`"), "{}", stderr(&output));
    assert!(stderr(&output).contains("2 │ duplicate-keys"), "{}", stderr(&output));
}

#[test]
fn folders_are_read_in_order_without_hidden_files() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.yaml", "a.yml", "c.json", ".hidden.yaml", "notes.txt", "sub/d.yaml", ".git/e.yaml"] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "{\"a\": 1, \"a\": 2}\n").unwrap();
    }
    let output = gwauthz(folder.path(), &["lint", ".", "--format", "github"]).output().unwrap();
    let files: Vec<String> = stdout(&output)
        .lines()
        .filter_map(|line| Some(line.strip_prefix("::warning file=")?.split(',').next()?.to_owned()))
        .collect();
    assert_eq!(files, ["./a.yml", "./b.yaml", "./c.json", "./sub/d.yaml"]);

    let empty = tempfile::tempdir().unwrap();
    assert_eq!(code(&gwauthz(empty.path(), &["lint", "."]).output().unwrap()), 2);
}

#[test]
fn what_a_manifest_holds_does_not_reach_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), "a: x # \u{1b}]0;owned\u{7} \u{202e}\nb: 1\nb: \u{1b}[31m\n").unwrap();
    let output = gwauthz(folder.path(), &["lint", "a.yaml", "--color", "always"]).output().unwrap();
    let text = stdout(&output);
    assert!(!text.contains("\u{1b}]") && !text.contains('\u{7}') && !text.contains('\u{202e}'), "{text:?}");
    assert!(text.contains("]0;owned"), "{text:?}");
}

#[test]
fn a_line_of_any_length_is_shown_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let long = "é".repeat(100_000);
    fs::write(folder.path().join("a.yaml"), format!("{{k: \"{long}\", a: 1, a: 2, z: \"{long}\"}}\n")).unwrap();
    let output = gwauthz(folder.path(), &["lint", "a.yaml"]).output().unwrap();
    let text = stdout(&output);
    assert!(text.contains("[a.yaml:1:100015]"), "{text}");
    assert!(text.contains("the one in force") && text.len() < 5000, "{text}");

    fs::write(folder.path().join("a.yaml"), format!("{{a: 1, k: \"{long}\", a: 2}}\n")).unwrap();
    let output = gwauthz(folder.path(), &["lint", "a.yaml"]).output().unwrap();
    let text = stdout(&output);
    assert!(text.contains("the one in force") && text.contains("read first") && text.len() < 5000, "{text}");
}
