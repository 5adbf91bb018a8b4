//! CloudEvents in structured mode among payloads: one JSON document, which names its event as an envelope does.

use serde_json::{Value, json};

/// What stands in for the name of a schema file.
pub(super) const CLOUD_EVENT_FILE: &str = "CloudEvents 1.0";

/// The member by which a CloudEvent is known; no envelope has it.
pub(super) const MARK: &str = "specversion";

/// What every CloudEvent must be that a consumer reads.
pub(super) fn schema() -> Value {
    let text = json!({"type": "string", "minLength": 1});
    json!({
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text, "source": text, "type": text,
            "time": {"type": ["string", "null"], "format": "date-time"},
            "datacontenttype": {
                "type": ["string", "null"],
                "pattern": "^ *([aA][pP][pP][lL][iI][cC][aA][tT][iI][oO][nN]|[tT][eE][xX][tT])/([^;]*\\+)?[jJ][sS][oO][nN] *(;.*)?$"
            },
            "metadata": {"type": ["string", "null"]},
            "data": true
        },
        "required": ["specversion", "id", "source", "type", "data"],
        "propertyNames": {"pattern": "^[a-z0-9]+$"},
        "additionalProperties": {"type": ["string", "boolean", "number", "null"]}
    })
}

/// The version of the schema that a CloudEvent names: by its attribute `dataversion`, or by what `dataschema` ends in.
pub fn cloud_event_version(event: &Value) -> Option<String> {
    let text = match event.get("dataversion") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return version_of_schema(event.get("dataschema")?.as_str()?),
    };
    is_version(&text).then_some(text)
}

/// `….v2.json`, `…/v2`, or `:2` of a URN.
fn version_of_schema(schema: &str) -> Option<String> {
    let path = schema.split(['?', '#']).next()?;
    let last = path.strip_suffix(".json").unwrap_or(path).rsplit('/').next()?;
    let text = match last.rsplit_once(".v") {
        Some((_, version)) => version,
        None if schema.to_ascii_lowercase().starts_with("urn:") => last.rsplit(':').next()?,
        None => last.strip_prefix('v')?,
    };
    is_version(text).then(|| text.to_owned())
}

fn is_version(text: &str) -> bool {
    !text.starts_with('0') && text.parse::<u32>().is_ok() && text.bytes().all(|byte| byte.is_ascii_digit())
}
