//! Catalogues as companies write them, of any size, for benchmarks and comparisons.
//!
//! An event has 8 to 25 properties: identifiers with patterns, UUIDs, date-times, enums, money, addresses, nested
//! objects, arrays, maps, unions; most of it typed in the event's own file, some of it shared through `common.json`.
//! The same size and seed give the same files.

mod draw;
mod properties;

use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use draw::Draw;
use properties::{KINDS, Property, object, reference};

/// The types that all events share.
const COMMON: &str = include_str!("realistic/common.json");

/// The seed of the published figures.
pub const SEED: u64 = 2026;

const ENTITIES: &[&str] = &[
    "account",
    "alert",
    "booking",
    "campaign",
    "card",
    "cart",
    "claim",
    "contract",
    "coupon",
    "customer",
    "device",
    "document",
    "driver",
    "employee",
    "flight",
    "inventory",
    "invoice",
    "loan",
    "meter",
    "offer",
    "order",
    "payment",
    "payslip",
    "policy",
    "price",
    "product",
    "purchase",
    "reading",
    "refund",
    "review",
    "room",
    "shipment",
    "statement",
    "subscription",
    "supplier",
    "ticket",
    "transfer",
    "trip",
    "vehicle",
    "warehouse",
];

const ACTIONS: &[&str] = &[
    "created",
    "updated",
    "submitted",
    "approved",
    "rejected",
    "cancelled",
    "completed",
    "started",
    "paused",
    "resumed",
    "expired",
    "renewed",
    "assigned",
    "escalated",
    "archived",
    "restored",
    "imported",
    "exported",
    "flagged",
    "verified",
    "scheduled",
    "dispatched",
    "delivered",
    "reopened",
    "merged",
];

/// One event in so many has a second version, which adds a property.
const SECOND_VERSIONS: usize = 20;

/// A schema file.
#[derive(Debug, Clone)]
pub struct File {
    /// The path below the catalogue's folder.
    pub path: String,
    /// The schema.
    pub schema: Value,
}

/// The files of a catalogue with so many schemas of events; the first one is `common.json`.
pub fn files(events: usize, seed: u64) -> Vec<File> {
    let mut files = vec![File { path: "common.json".to_owned(), schema: common() }];
    let mut number = 0;
    while files.len() <= events {
        let (path, name, entity) = identity(number);
        // Every event has a seed of its own, so that a larger catalogue begins with the smaller one.
        let mut draw = Draw::new(seed.wrapping_add(number as u64));
        let first = event(&mut draw, &name, entity);
        let second = number.is_multiple_of(SECOND_VERSIONS).then(|| with_another_property(first.clone()));
        files.push(File { path: format!("{path}.v1.json"), schema: Value::Object(first) });
        if let Some(second) = second.filter(|_| files.len() <= events) {
            files.push(File { path: format!("{path}.v2.json"), schema: Value::Object(second) });
        }
        number += 1;
    }
    files
}

/// Writes a catalogue with so many schemas of events into a folder.
///
/// # Errors
/// When the disk does not take it.
pub fn write(dir: &Path, events: usize, seed: u64) -> io::Result<()> {
    write_files(dir, &files(events, seed))
}

/// Writes the files of a catalogue into a folder, with an `eventsmith.toml` beside them.
///
/// # Errors
/// When the disk does not take it.
pub fn write_files(dir: &Path, files: &[File]) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let manifest = "root = \"shop\"\n\n[streams.SHOP]\nsubjects = [\"shop.domain.>\"]\n";
    std::fs::write(dir.join("eventsmith.toml"), manifest)?;
    for file in files {
        let path = dir.join(&file.path);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(path, format!("{:#}\n", file.schema))?;
    }
    Ok(())
}

fn common() -> Value {
    serde_json::from_str(COMMON).unwrap_or_default()
}

/// Path without version, title and entity of the event with a number.
fn identity(number: usize) -> (String, String, &'static str) {
    let (entity, rest) = (ENTITIES[number % ENTITIES.len()], number / ENTITIES.len());
    let (action, round) = (ACTIONS[rest % ACTIONS.len()], rest / ACTIONS.len());
    let group = if round == 0 { entity.to_owned() } else { format!("{entity}_{round}") };
    let name = format!(
        "{}{}{}",
        capitalised(entity),
        if round == 0 { String::new() } else { round.to_string() },
        capitalised(action)
    );
    (format!("domain/{group}/{action}"), name, entity)
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

fn event(draw: &mut Draw, name: &str, entity: &str) -> Map<String, Value> {
    let id = format!("{entity}_id");
    let prefix = &entity[..3];
    let mut properties: Vec<Property> = vec![
        (
            id.clone(),
            json!({"description": format!("Identifies the {entity}."), "type": "string", "pattern": format!("^{prefix}_[0-9A-Za-z]{{10,32}}$")}),
        ),
        (
            "occurred_at".to_owned(),
            json!({"description": "When it happened.", "type": "string", "format": "date-time"}),
        ),
        ("actor".to_owned(), reference("Actor")),
    ];
    let count = 5 + draw.below(18);
    let kinds: Vec<&properties::Kind> = KINDS.iter().collect();
    for kind in draw.some(&kinds, count) {
        let (name, schema) = kind.property(draw);
        if properties.iter().all(|(known, _)| *known != name) {
            properties.push((name, schema));
        }
    }
    let may_be_rejected =
        properties.iter().any(|(name, schema)| name == "status" && schema.to_string().contains("rejected"))
            && properties.iter().any(|(name, _)| name == "reason");
    let body = object(draw, properties, 55);
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!(name));
    schema.insert("description".to_owned(), json!(format!("Something happened to a {entity}: {name}.")));
    schema.insert("x-event".to_owned(), json!({"key": format!("/{id}")}));
    schema.extend(body);
    require(&mut schema, &["actor", "occurred_at", &id]);
    if draw.percent(20) {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
    if may_be_rejected {
        require(&mut schema, &["status"]);
        schema.insert("if".to_owned(), json!({"properties": {"status": {"const": "rejected"}}}));
        schema.insert("then".to_owned(), json!({"required": ["reason"]}));
    }
    schema
}

/// Makes properties required that are not yet.
fn require(schema: &mut Map<String, Value>, names: &[&str]) {
    if let Value::Array(required) = schema.entry("required").or_insert_with(|| json!([])) {
        for name in names {
            if !required.iter().any(|known| known == name) {
                required.insert(0, json!(name));
            }
        }
    }
}

fn with_another_property(mut schema: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let added = json!({"description": "Where it was recorded.", "type": "string", "maxLength": 64});
        properties.insert("recorded_in".to_owned(), added);
    }
    schema
}
