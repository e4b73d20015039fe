//! Whatever the bytes are, linting ends soon, points into the text, and still reads the next document.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::time::{Duration, Instant};

use gwauthz_lint::{Persona, Report, Settings, Source, Sources, lint};
use proptest::prelude::*;

fn run(bytes: Vec<u8>) -> (Sources, Report) {
    let mut sources = Sources::default();
    sources.add(Source::new("hostile.yaml", bytes).unwrap());
    let report = lint(&sources, &Settings::default(), Persona::Auditor);
    (sources, report)
}

/// Far above what any of these takes, on a busy machine and unoptimised; what is quadratic or worse takes longer.
const SOON: Duration = Duration::from_secs(60);

/// What stands behind each hostile document: its finding shows that it was read.
const NEXT: &str = "\n---\nnext: 1\nnext: 2\n";

fn assert_error_and_next_document(hostile: &[u8], words: &str) {
    let started = Instant::now();
    let (_, report) = run([hostile, NEXT.as_bytes()].concat());
    let found: Vec<_> = report.diagnostics.iter().map(|found| (found.rule.name, found.message.as_str())).collect();
    let shown = String::from_utf8_lossy(&hostile[..hostile.len().min(60)]);
    assert!(found.iter().any(|(name, message)| *name == "syntax" && message.contains(words)), "{shown}: {found:?}");
    assert!(found.iter().any(|(name, _)| *name == "duplicate-key"), "{shown}: {found:?}");
    assert!(started.elapsed() < SOON, "{shown}: {:?}", started.elapsed());
}

#[test]
fn each_is_an_error_at_its_place() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert_error_and_next_document(bomb.as_bytes(), "aliases repeat");
    let long = format!("a: &a \"{}\\n\"\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 10_000].join(", "));
    assert_error_and_next_document(long.as_bytes(), "aliases repeat");
    assert_error_and_next_document(b"a: &a [*a]", "inside the node");
    assert_error_and_next_document("[".repeat(200_000).as_bytes(), "");
    assert_error_and_next_document("- ".repeat(200_000).as_bytes(), "");
    assert_error_and_next_document("{a: ".repeat(200_000).as_bytes(), "");
    assert_error_and_next_document(b"a: \xff\xfe\x00", "UTF-8");
    assert_error_and_next_document(b"a: x\0y", "");
    assert_error_and_next_document(b"a:\n\tb: 1", "tab");
    assert_error_and_next_document(b"name: {{ .Values.name }}", "template");
    assert_error_and_next_document(b"name: {{ .Values.name }}-plugin", "template");
    assert_error_and_next_document(b"a: 1\n{{- if .Values.on }}\nb: 1\n{{- end }}", "template");
    assert_error_and_next_document(b"? [a, b]\n: 1", "key");
    assert_error_and_next_document(b"<<: 5", "merge");
    assert_error_and_next_document(b"a: *nowhere", "anchor");
}

#[test]
fn long_lines_and_many_comments_are_read() {
    for text in [
        format!("a: {}", "x".repeat(1_000_000)),
        format!("a: \"{}\"", "x\\n".repeat(500_000)),
        format!("a:\n{}  b: 1", "  # comment\n".repeat(30_000)),
        format!("{}a: 1", "# gwauthz: ignore[GW101] reason\n".repeat(15_000)),
    ] {
        let started = Instant::now();
        let (_, report) = run(format!("{text}{NEXT}").into_bytes());
        assert_eq!(report.documents, 2, "{}", &text[..40]);
        assert!(started.elapsed() < SOON, "{}: {:?}", &text[..40], started.elapsed());
    }
}

#[test]
fn many_mistakes_are_told_in_linear_time() {
    let plugin = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nspec:\n  url: file:///x.wasm\n";
    let keys = |indent: &str| (0..15_000).map(|number| format!("{indent}timeuot{number}: 1\n")).collect::<String>();
    for text in [
        format!("{plugin}{}", keys("  ")),
        format!("{plugin}  pluginConfig:\n    cluster: c\n    timeout: 1\n{}", keys("    ")),
        format!("{plugin}  pluginConfig:\n    cluster: c\n    bypassPaths: [{}]\n", "'%', ".repeat(30_000)),
        format!("{plugin}  selector:\n    matchLabels:\n{}", keys("      ")),
        "a: 1\n".repeat(15_000),
        "a: [\n---\n".repeat(15_000),
        (0..15_000).map(|number| format!("# gwauthz: ignore[unpinned-imag{number}] reason\n")).collect(),
    ] {
        let started = Instant::now();
        let (_, report) = run(text.clone().into_bytes());
        assert!(report.diagnostics.len() < 12_000, "{}", report.diagnostics.len());
        assert!(started.elapsed() < SOON, "{}: {:?}", &text[..200], started.elapsed());
    }
}

/// Pieces that make a random text more likely to reach the rules.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nspec:\n".to_owned()),
        Just("  url: oci://r/x:v1\n".to_owned()),
        Just("  pluginConfig: {cluster: \"é|*|\", bypassPaths: ['', \"\\x2f\"], timeout: 0}\n".to_owned()),
        Just("  selector: {matchLabels: {a: \"*\"}}\n".to_owned()),
        Just("  match: [{mode: SERVER}]\n".to_owned()),
        Just("---\n".to_owned()),
        Just("  # gwauthz: ignore[GW101] é\n".to_owned()),
        Just("  <<: *a\n".to_owned()),
        Just("  x: &a {y: 1}\n".to_owned()),
        "[ -~é\n]{0,20}",
    ]
}

fn assert_spans_lie_in_the_text(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let (sources, report) = run(bytes);
    for diagnostic in &report.diagnostics {
        for label in std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary) {
            let source = sources.get(label.location.source).unwrap();
            let range = label.location.span.range();
            prop_assert!(source.text().get(range.clone()).is_some(), "{range:?} of {:?}", source.text());
            let position = source.position(label.location.span.start);
            prop_assert!(position.line >= 1 && position.line <= source.line_count() && position.column >= 1);
        }
        if let Some(fix) = &diagnostic.fix {
            let source = sources.get(diagnostic.primary.location.source).unwrap();
            prop_assert!(source.text().get(fix.span.range()).is_some());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        assert_spans_lie_in_the_text(bytes)?;
    }

    #[test]
    fn any_fragments(fragments in prop::collection::vec(fragment(), 0..20)) {
        assert_spans_lie_in_the_text(fragments.concat().into_bytes())?;
    }
}
