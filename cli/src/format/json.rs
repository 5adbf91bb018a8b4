//! `json`: one object for programs. `docs/findings.schema.json` is made from the structs here.

use std::io::Write;

use serde::Serialize;

use super::comparison::Extra;
use super::finding::{Finding, Report, severity_name};

/// What a command has found.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Findings"))]
struct FindingsDocument<'a> {
    /// Everything that was found, in the order of the files.
    findings: Vec<FindingObject<'a>>,
    #[serde(flatten)]
    extra: &'a Extra,
}

/// One finding.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Finding"))]
struct FindingObject<'a> {
    /// The stable id of the rule, `bad-payload`.
    rule: &'a str,
    /// How bad it is: errors and warnings make the exit status 1, advice does not.
    #[cfg_attr(test, schemars(extend("enum" = ["advice", "warning", "error"])))]
    severity: &'static str,
    /// The file, as it can be opened from the folder that the command ran in; `-` is standard input.
    file: &'a str,
    /// The line, counted from 1; null if it is about the whole file.
    line: Option<usize>,
    /// The column, counted in characters from 1.
    column: Option<usize>,
    /// JSON pointer of the place, in NDJSON within its line; empty for the whole document.
    pointer: &'a str,
    /// What is wrong.
    message: &'a str,
    /// What to do about it.
    help: &'a str,
    #[serde(flatten)]
    demand: Option<DemandObject<'a>>,
}

/// `validate`: the demand of a schema that a payload violates.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Demand"))]
struct DemandObject<'a> {
    /// The schema file, relative to the catalogue's folder.
    schema: &'a str,
    /// JSON pointer of the violated keyword.
    schema_pointer: &'a str,
    /// What was expected.
    expected: &'a str,
    /// What was found; absent with `--mask`.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<&'a str>,
}

pub(super) fn write(out: &mut impl Write, report: &Report<'_>) -> anyhow::Result<()> {
    let document = FindingsDocument { findings: report.findings.iter().map(object).collect(), extra: &report.extra };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)?;
    Ok(())
}

fn object(finding: &Finding) -> FindingObject<'_> {
    let diagnostic = &finding.diagnostic;
    FindingObject {
        rule: diagnostic.rule,
        severity: severity_name(diagnostic.severity),
        file: &diagnostic.file,
        line: diagnostic.position.map(|position| position.line),
        column: diagnostic.position.map(|position| position.column),
        pointer: &diagnostic.pointer,
        message: &diagnostic.message,
        help: &diagnostic.help,
        demand: finding.demand.as_ref().map(|demand| DemandObject {
            schema: &demand.file,
            schema_pointer: &demand.pointer,
            expected: &demand.expected,
            found: demand.found.as_deref(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use schemars::generate::SchemaSettings;

    use super::*;

    /// `EVENTSMITH_WRITE=1 cargo test -p eventsmith-cli` writes the file anew.
    #[test]
    fn the_committed_schema_is_that_of_the_structs() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/findings.schema.json");
        let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let schema = format!("{:#}\n", generator.into_root_schema_for::<FindingsDocument<'static>>().to_value());
        if std::env::var_os("EVENTSMITH_WRITE").is_some() {
            fs::write(&file, &schema).unwrap();
        }

        assert_eq!(fs::read_to_string(&file).unwrap_or_default(), schema, "run again with EVENTSMITH_WRITE=1");
    }
}
