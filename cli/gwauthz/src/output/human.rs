//! Findings with the lines that they are about.

use std::{borrow::Cow, collections::HashMap, fmt, iter};

use gwauthz_lint::{Diagnostic, Label, Report, Severity, Source, SourceId, Sources, Span};
use miette::{
    GraphicalReportHandler, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

/// How much of a line is shown around a label, in bytes; whole lines of ordinary length.
const WINDOW: usize = 160;
/// The longest text that two labels share, in bytes.
const MAX_SNIPPET: usize = 2000;

/// Every finding as a diagnostic, then a line that sums up.
pub(crate) fn render(sources: &Sources, report: &Report, handler: &GraphicalReportHandler) -> String {
    let views: Views<'_> = sources.iter().map(|(id, source)| (id, View::new(source))).collect();
    let mut text = String::new();
    for diagnostic in &report.diagnostics {
        // Writing to a String fails only where a label lies outside of its source, which a test rules out.
        let _ = handler.render_report(&mut text, &Rendered::new(diagnostic, &views));
        let source = diagnostic.primary.location.source;
        for label in diagnostic.secondary.iter().filter(|label| label.location.source != source) {
            let _ = handler.render_report(&mut text, &Rendered::elsewhere(label, &views));
        }
        text.push('\n');
    }
    text.push_str(&summary(report, views.len()));
    text
}

fn summary(report: &Report, files: usize) -> String {
    let count = |number: usize, thing: &str| format!("{number} {thing}{}", if number == 1 { "" } else { "s" });
    let read = format!("{} in {}", count(report.documents, "document"), count(files, "file"));
    if report.diagnostics.is_empty() {
        return format!("No findings: {read}.\n");
    }
    let of = |severity: Severity| {
        let number = report.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        (number > 0).then(|| format!("{number} {severity}"))
    };
    let severities = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];
    let severities: Vec<String> = severities.into_iter().filter_map(of).collect();
    format!("{} ({}) in {read}.\n", count(report.diagnostics.len(), "finding"), severities.join(", "))
}

type Views<'a> = HashMap<SourceId, View<'a>>;

/// A diagnostic as miette asks for it.
struct Rendered<'a> {
    message: &'a str,
    code: Option<String>,
    severity: miette::Severity,
    help: Option<String>,
    view: Option<&'a View<'a>>,
    labels: Vec<LabeledSpan>,
}

impl<'a> Rendered<'a> {
    fn new(diagnostic: &'a Diagnostic, views: &'a Views<'a>) -> Self {
        let Diagnostic { rule, severity, message, primary, secondary, help, .. } = diagnostic;
        let view = views.get(&primary.location.source);
        let here = secondary.iter().filter(|label| label.location.source == primary.location.source);
        let others = here.map(|label| LabeledSpan::new_with_span(Some(label.text.clone()), shown(label, view)));
        let main = LabeledSpan::new_primary_with_span(Some(primary.text.clone()), shown(primary, view));
        Self {
            message,
            code: Some(format!("{} {} ({severity} {:.1})", rule.code, rule.name, rule.vector.score())),
            severity: match severity {
                Severity::Critical | Severity::High => miette::Severity::Error,
                Severity::Medium => miette::Severity::Warning,
                Severity::Low => miette::Severity::Advice,
            },
            help: Some(format!("{help}\nattack: {}\nmore: gwauthz explain {}", rule.gain, rule.code)),
            view,
            labels: iter::once(main).chain(others).collect(),
        }
    }

    /// A label in another source than the primary one's.
    fn elsewhere(label: &'a Label, views: &'a Views<'a>) -> Self {
        let view = views.get(&label.location.source);
        Self {
            message: &label.text,
            code: None,
            severity: miette::Severity::Advice,
            help: None,
            view,
            labels: vec![LabeledSpan::underline(shown(label, view))],
        }
    }
}

/// The part of a label that is underlined: what of it stands on its first line.
fn shown(label: &Label, view: Option<&View<'_>>) -> SourceSpan {
    let Span { start, end } = label.location.span;
    let line_end = view.map_or(end, |view| view.line_end(view.source.position(start).line));
    let end = end.min(line_end).min(start + 80).max(start);
    (start as usize, (end - start) as usize).into()
}

impl fmt::Debug for Rendered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for Rendered<'_> {}

impl miette::Diagnostic for Rendered<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.code.as_ref().map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.view.map(|view| view as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

/// A source as miette reads it: by the index of its lines, since miette's own scans from the start for each label.
struct View<'a> {
    source: &'a Source,
    name: Cow<'a, str>,
    text: Cow<'a, str>,
}

impl<'a> View<'a> {
    fn new(source: &'a Source) -> Self {
        Self { source, name: harmless(source.name()), text: harmless(source.text()) }
    }

    /// The offset behind the last byte of a line, without its line break.
    fn line_end(&self, line: usize) -> u32 {
        let (start, next) = (self.source.line_start(line), self.source.line_start(line + 1));
        let text = self.text.get(start as usize..next as usize).unwrap_or_default();
        start + u32::try_from(text.trim_end_matches(['\n', '\r']).len()).unwrap_or_default()
    }

    fn boundary(&self, mut offset: usize) -> usize {
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

impl SourceCode for View<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        // Labels that are far apart are shown apart: one line that held both would be wider than any terminal.
        if span.len() > MAX_SNIPPET {
            return Err(MietteError::OutOfBounds);
        }
        let offset = |offset: usize| u32::try_from(offset).map_err(|_| MietteError::OutOfBounds);
        let (first, last) = (span.offset(), span.offset() + span.len());
        let (first_line, last_line) =
            (self.source.position(offset(first)?).line, self.source.position(offset(last)?).line);
        let (mut start, mut end) = (first, last);
        if before + after > 0 {
            let line_start = self.source.line_start(first_line.saturating_sub(before).max(1)) as usize;
            let line_end = self.source.line_start(last_line + after + 1) as usize;
            start = if first - line_start <= WINDOW * (before + 1) {
                line_start
            } else {
                self.boundary(first - first.min(WINDOW))
            };
            end = if line_end - last <= WINDOW * (after + 1) {
                line_end
            } else {
                self.boundary((last + WINDOW).min(self.text.len()))
            };
            // A line break at the end would show as an empty line more.
            end -= usize::from(end > last && self.text.as_bytes().get(end - 1) == Some(&b'\n'));
        }
        let data = self.text.as_bytes().get(start..end).ok_or(MietteError::OutOfBounds)?;
        let position = self.source.position(offset(start)?);
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.to_string(),
            data,
            (start, end - start).into(),
            position.line - 1,
            position.column - 1,
            last_line - first_line + 1,
        )))
    }
}

/// The same number of bytes without what could move a terminal's cursor or turn its text around.
fn harmless(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
            || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if harmful(c) {
            shown.extend(iter::repeat_n('?', c.len_utf8()));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}
