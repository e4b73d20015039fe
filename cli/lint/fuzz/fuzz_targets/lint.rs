//! Any bytes as a manifest: every label and every fix lies in the text, on the bounds of characters.
#![no_main]

use gwauthz_lint::{Persona, Settings, Source, Sources, deployed_plugins, lint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let source = Source::new("fuzz.yaml", bytes.to_vec()).expect("the fuzzer bounds its inputs");
    let plugins = deployed_plugins(&source);
    for plugin in plugins.iter().flatten() {
        assert!(source.text().get(plugin.span.range()).is_some(), "{:?}", plugin.span);
    }
    let mut sources = Sources::default();
    sources.add(source);

    let report = lint(&sources, &Settings::default(), Persona::Auditor);
    assert_eq!(report.has_syntax_errors(), plugins.is_err(), "{plugins:?}");
    for found in &report.diagnostics {
        for label in std::iter::once(&found.primary).chain(&found.secondary) {
            let source = sources.get(label.location.source).expect("a place in a source of this run");
            let span = label.location.span;
            assert!(source.text().get(span.range()).is_some(), "{}: {span:?}", found.rule.name);
            let position = source.position(span.start);
            assert!((1..=source.line_count()).contains(&position.line) && position.column >= 1, "{position:?}");
        }
        if let Some(fix) = &found.fix {
            let source = sources.get(found.primary.location.source).expect("a place in a source of this run");
            assert!(source.text().get(fix.span.range()).is_some(), "{}: {:?}", found.rule.name, fix.span);
        }
    }
});
