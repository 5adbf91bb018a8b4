//! `json`: one object for programs. `docs/findings.schema.json` is made from the structs here.

use std::io::Write;

use eventsmith_codegen::breaking::{self, changes};
use serde::Serialize;

use super::{Finding, Report, severity};

/// What a command has found.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Findings"))]
struct Document<'a> {
    /// Everything that was found, in the order of the files.
    findings: Vec<Object<'a>>,
    #[serde(flatten)]
    extra: &'a Extra,
}

/// What some commands tell beyond their findings.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Extra {
    /// `validate`: the number of payloads without findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) valid: Option<usize>,
    /// `validate`: the number of payloads with findings, or that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invalid: Option<usize>,
    /// `validate`: whether it stopped at the limit of `--max-errors`, so that payloads may be unchecked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stopped: Option<bool>,
    /// `breaking`: every comparison of a version with its earlier revision, one for each direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) comparisons: Option<Vec<Comparison>>,
}

/// A version of an event, compared with its earlier revision in one direction.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Comparison {
    /// The type of the event, `rule.created`.
    pub(crate) event_type: String,
    /// The version of the event.
    pub(crate) version: u32,
    /// Whether the reply of a request is meant.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) reply: bool,
    /// Who reads whose events.
    pub(crate) direction: Direction,
    /// What came out.
    pub(crate) status: Status,
    /// The earlier catalogue: its folder or revision.
    pub(crate) revision: String,
    /// `breaking`: a payload that is written and not understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) witness: Option<serde_json::Value>,
    /// `breaking`: JSON pointer into the witness, to what is rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_pointer: Option<String>,
    /// `breaking` and `undecided`: JSON pointer of the keyword that rejects the witness, or that could not be decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schema_pointer: Option<String>,
    /// `breaking` and `undecided`: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What has changed in the schema, whether it matters or not.
    pub(crate) changes: Vec<Change>,
}

/// One change of a schema.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Change {
    /// JSON pointer into the schema.
    pub(crate) pointer: String,
    /// What is different now, in words.
    pub(crate) message: String,
}

impl From<breaking::Comparison> for Comparison {
    fn from(comparison: breaking::Comparison) -> Self {
        let change = |change: changes::Change| Change { pointer: change.pointer, message: change.message };
        Self {
            event_type: comparison.event_type,
            version: comparison.version,
            reply: comparison.is_reply,
            direction: match comparison.direction {
                breaking::Direction::Backward => Direction::Backward,
                breaking::Direction::Forward => Direction::Forward,
            },
            status: match comparison.status {
                breaking::Status::Identical => Status::Identical,
                breaking::Status::Compatible => Status::Compatible,
                breaking::Status::Undecided => Status::Undecided,
                breaking::Status::Breaking => Status::Breaking,
            },
            revision: comparison.revision,
            witness: comparison.witness,
            instance_pointer: comparison.instance_pointer,
            schema_pointer: comparison.schema_pointer,
            reason: comparison.reason,
            changes: comparison.changes.into_iter().map(change).collect(),
        }
    }
}

/// Who reads whose events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum Direction {
    /// New readers read stored, old events.
    Backward,
    /// Old readers read new events.
    Forward,
}

/// What came out of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum Status {
    /// Both revisions say the same.
    Identical,
    /// The readers provably understand all that is written.
    Compatible,
    /// A witness shows that they do not.
    Breaking,
    /// Neither a proof nor a witness was found.
    Undecided,
}

/// One finding.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Finding"))]
struct Object<'a> {
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
    demand: Option<Demand<'a>>,
}

/// `validate`: the demand of a schema that a payload violates.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Demand<'a> {
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
    let document = Document { findings: report.findings.iter().map(object).collect(), extra: &report.extra };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)?;
    Ok(())
}

fn object(finding: &Finding) -> Object<'_> {
    let diagnostic = &finding.diagnostic;
    Object {
        rule: diagnostic.rule,
        severity: severity(diagnostic.severity),
        file: &diagnostic.file,
        line: diagnostic.position.map(|position| position.line),
        column: diagnostic.position.map(|position| position.column),
        pointer: &diagnostic.pointer,
        message: &diagnostic.message,
        help: &diagnostic.help,
        demand: finding.demand.as_ref().map(|demand| Demand {
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
        let schema = format!("{:#}\n", generator.into_root_schema_for::<Document<'static>>().to_value());
        if std::env::var_os("EVENTSMITH_WRITE").is_some() {
            fs::write(&file, &schema).unwrap();
        }

        assert_eq!(fs::read_to_string(&file).unwrap_or_default(), schema, "run again with EVENTSMITH_WRITE=1");
    }
}
