//! For programs: schema `gwauthz.scenarios/v1`.

use gwauthz_host::scenario::{Event, Failure as Finding};
use serde::Serialize;

use super::{Outcome, Summary, Verdict, files::ScenarioFile};
use crate::{exit::Failure, output};

/// One object, on one line.
pub(super) fn render(summary: &Summary) -> Result<String, Failure> {
    let results = summary.outcomes.iter().map(ResultEntry::new).collect();
    output::json(&Document {
        schema: "gwauthz.scenarios/v1",
        held: summary.held(),
        failed: summary.failed(),
        wrong: summary.wrong(),
        virtual_only: summary.virtual_only(),
        not_run: summary.not_run,
        results,
    })
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    held: usize,
    failed: usize,
    wrong: usize,
    virtual_only: usize,
    not_run: usize,
    results: Vec<ResultEntry<'a>>,
}

#[derive(Serialize)]
struct ResultEntry<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<FailureEntry<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timeline: Vec<EventEntry<'a>>,
}

/// Lines and columns from 1, columns in characters; `place` is the way through the file's keys.
#[derive(Serialize)]
struct FailureEntry<'a> {
    what: &'a str,
    expected: &'a str,
    found: &'a str,
    place: String,
    line: usize,
    column: usize,
}

/// `at_ns` is the time on the gateway's clock since the start.
#[derive(Serialize)]
struct EventEntry<'a> {
    at_ns: u64,
    from: &'static str,
    to: &'static str,
    text: &'a str,
}

impl<'a> ResultEntry<'a> {
    fn new(Outcome { file, verdict }: &'a Outcome) -> Self {
        let entry = |result| Self {
            file: &file.name,
            name: file.title.as_deref(),
            result,
            message: None,
            failures: Vec::new(),
            differences: &[],
            logs: None,
            timeline: Vec::new(),
        };
        match verdict {
            Verdict::Held(timeline) => {
                let events = timeline.iter().flat_map(|timeline| &timeline.events);
                Self { timeline: events.map(EventEntry::new).collect(), ..entry("held") }
            }
            Verdict::Failed(findings, timeline) => Self {
                failures: findings.iter().map(|finding| FailureEntry::new(finding, file)).collect(),
                timeline: timeline.events.iter().map(EventEntry::new).collect(),
                ..entry("failed")
            },
            Verdict::Parted(parting) => Self {
                failures: parting.findings.iter().map(|finding| FailureEntry::new(finding, file)).collect(),
                differences: &parting.differences,
                logs: Some(parting.logs.display().to_string()),
                ..entry("parted")
            },
            Verdict::VirtualOnly(reason) => Self { message: Some(reason.clone()), ..entry("virtual-only") },
            Verdict::Wrong(failure) => Self { message: Some(failure.diagnostic().to_string()), ..entry("wrong") },
        }
    }
}

impl<'a> FailureEntry<'a> {
    fn new(finding: &'a Finding, file: &ScenarioFile) -> Self {
        let Finding { what, expected, found, place, range } = finding;
        let (line, column) = file.position(range);
        Self { what, expected, found, place: place.to_string(), line, column }
    }
}

impl<'a> EventEntry<'a> {
    fn new(event: &'a Event) -> Self {
        Self {
            at_ns: u64::try_from(event.at.as_nanos()).unwrap_or(u64::MAX),
            from: event.from.name(),
            to: event.to.name(),
            text: &event.text,
        }
    }
}
