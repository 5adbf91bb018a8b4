//! `junit`: every checked file as a test case, which fails for its errors and warnings.
//! <https://github.com/testmoapp/junitxml> describes what most readers of the format understand.

use std::fmt::Write as _;
use std::io::Write;

use eventsmith_codegen::Severity;
use eventsmith_codegen::diagnostic::Position;
use indexmap::IndexMap;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::finding::{Finding, Report, severity_name};
use super::visible::{visible, visible_lines};

pub(super) fn write(out: &mut impl Write, report: &Report<'_>) -> anyhow::Result<()> {
    let mut files: IndexMap<&str, Vec<&Finding>> =
        report.checked.iter().map(|file| (file.as_str(), Vec::new())).collect();
    for finding in report.findings {
        files.entry(&finding.diagnostic.file).or_default().push(finding);
    }
    if files.is_empty() {
        // Some readers take a report without a test for a run that broke off.
        files.insert(report.command, Vec::new());
    }
    let mut suite = TestSuite::new(format!("eventsmith {}", report.command));
    suite.add_test_cases(files.iter().map(|(file, findings)| test_case(report.command, file, findings)));
    let mut document = quick_junit::Report::unnamed();
    document.add_test_suite(suite);
    document.serialize(out)?;
    Ok(())
}

/// Many readers show only one failure of a test case, so that one holds all findings.
fn test_case(command: &str, file: &str, findings: &[&Finding]) -> TestCase {
    let (failures, advice): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|finding| finding.diagnostic.severity > Severity::Advice);
    let status = match failures.as_slice() {
        [] => TestCaseStatus::success(),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(format!("{}{more}", visible(&first.diagnostic.message)));
            status.set_type(first.diagnostic.rule);
            status.set_description(described(&failures));
            status
        }
    };
    let mut case = TestCase::new(visible(file), status);
    case.set_classname(format!("eventsmith.{command}"));
    if !findings.is_empty() {
        case.extra.insert("file".into(), visible(file).into());
    }
    if !advice.is_empty() {
        case.set_system_out(described(&advice));
    }
    case
}

/// The findings in lines. XML 1.0 cannot hold most control characters at all, so that they are spelled out.
fn described(findings: &[&Finding]) -> String {
    let mut text = String::new();
    for Finding { diagnostic, .. } in findings {
        text.push_str(&diagnostic.file);
        if let Some(Position { line, column }) = diagnostic.position {
            let _ = write!(text, ":{line}:{column}");
        }
        let _ = write!(text, ": {}[{}]: {}", severity_name(diagnostic.severity), diagnostic.rule, diagnostic.message);
        if !diagnostic.pointer.is_empty() {
            let _ = write!(text, " (at {})", diagnostic.pointer);
        }
        if !diagnostic.help.is_empty() {
            let _ = write!(text, "\n    help: {}", diagnostic.help);
        }
        text.push('\n');
    }
    visible_lines(&text)
}
