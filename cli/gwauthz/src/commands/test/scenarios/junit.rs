//! JUnit XML, as CI systems read it: a suite a folder, a case a scenario.

use std::path::Path;

use gwauthz_host::scenario::Failure as Finding;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Outcome, Summary, Verdict};
use crate::exit::Failure;

pub(super) fn render(summary: &Summary) -> Result<String, Failure> {
    let mut report = Report::new("gwauthz test");
    let mut suites: Vec<TestSuite> = Vec::new();
    for outcome in &summary.outcomes {
        let folder = Path::new(&outcome.file.name).parent().map(|folder| folder.display().to_string());
        let name = folder.filter(|folder| !folder.is_empty()).unwrap_or_else(|| ".".to_owned());
        // Files are in order, so that those of a folder follow each other.
        match suites.last_mut().filter(|suite| suite.name.as_str() == name) {
            Some(suite) => suite.add_test_case(case(outcome)),
            None => {
                let mut suite = TestSuite::new(name);
                suite.add_test_case(case(outcome));
                suites.push(suite);
                continue;
            }
        };
    }
    report.add_test_suites(suites);
    report.to_string().map_err(Failure::bug)
}

fn case(Outcome { file, verdict }: &Outcome) -> TestCase {
    let status = match verdict {
        Verdict::Held(_) => TestCaseStatus::success(),
        Verdict::Failed(findings, timeline) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            if let Some(Finding { what, expected, found, .. }) = findings.first() {
                status.set_message(format!("{what}: expected {expected}, found {found}"));
            }
            let shown = |finding: &Finding| {
                let (line, column) = file.position(&finding.range);
                let Finding { what, expected, found, .. } = finding;
                format!("{}:{line}:{column}: {what}\n  expected {expected}\n  found {found}\n", file.name)
            };
            let findings: String = findings.iter().map(shown).collect();
            status.set_description(format!("{findings}\n{timeline}"));
            status
        }
        Verdict::Parted(parting) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message("Envoy makes something else of it");
            let findings = parting.findings.iter().map(|Finding { what, expected, found, .. }| {
                format!("{what} on Envoy\n  expected {expected}\n  found {found}\n")
            });
            let differences = parting.differences.iter().map(|difference| format!("{difference}\n"));
            let logs = format!("Envoy's log and configuration are in {}\n", parting.logs.display());
            status.set_description(findings.chain(differences).chain([logs]).collect::<String>());
            status
        }
        Verdict::VirtualOnly(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("virtual-only: {reason}"));
            status
        }
        Verdict::Wrong(failure) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(failure.diagnostic().to_string());
            status
        }
    };
    let mut case = TestCase::new(file.title.as_deref().unwrap_or(&file.name), status);
    case.set_classname(file.name.as_str());
    case
}
