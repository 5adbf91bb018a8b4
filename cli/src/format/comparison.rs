//! What `validate` and `breaking` report beyond their findings, as the format `json` writes it.

use eventsmith_codegen::breaking::{self, changes};
use eventsmith_codegen::model::VersionPart;
use serde::Serialize;

/// What some commands report beyond their findings.
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
    pub(crate) comparisons: Option<Vec<ComparisonObject>>,
}

/// A version of an event, compared with its earlier revision in one direction.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Comparison"))]
pub(crate) struct ComparisonObject {
    /// The type of the event, `rule.created`.
    event_type: String,
    /// The version of the event.
    version: u32,
    /// Whether the reply of a request is meant.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    reply: bool,
    /// Whether the refusal of a request is meant.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    error: bool,
    /// Who reads whose events.
    direction: DirectionName,
    /// What came out.
    status: StatusName,
    /// The earlier catalogue: its folder or revision.
    revision: String,
    /// `breaking`: a payload that is written and not understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<serde_json::Value>,
    /// `breaking`: JSON pointer into the witness, to what is rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_pointer: Option<String>,
    /// `breaking` and `undecided`: JSON pointer of the keyword that rejects the witness, or that could not be decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_pointer: Option<String>,
    /// `breaking` and `undecided`: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What has changed in the schema, whether it matters or not.
    changes: Vec<ChangeObject>,
}

/// One change of a schema.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Change"))]
struct ChangeObject {
    /// JSON pointer into the schema.
    pointer: String,
    /// What is different now, in words.
    message: String,
}

/// Who reads whose events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Direction"))]
enum DirectionName {
    /// New readers read stored, old events.
    Backward,
    /// Old readers read new events.
    Forward,
}

/// What came out of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Status"))]
enum StatusName {
    /// Both revisions say the same.
    Identical,
    /// The readers provably understand all that is written.
    Compatible,
    /// A witness shows that they do not.
    Breaking,
    /// Neither a proof nor a witness was found.
    Undecided,
}

impl From<breaking::Comparison> for ComparisonObject {
    fn from(comparison: breaking::Comparison) -> Self {
        let change = |change: changes::Change| ChangeObject { pointer: change.pointer, message: change.message };
        Self {
            event_type: comparison.event_type,
            version: comparison.version,
            reply: comparison.part == VersionPart::Reply,
            error: comparison.part == VersionPart::Error,
            direction: match comparison.direction {
                breaking::Direction::Backward => DirectionName::Backward,
                breaking::Direction::Forward => DirectionName::Forward,
            },
            status: match comparison.status {
                breaking::Status::Identical => StatusName::Identical,
                breaking::Status::Compatible => StatusName::Compatible,
                breaking::Status::Undecided => StatusName::Undecided,
                breaking::Status::Breaking => StatusName::Breaking,
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
