//! Random edits of schemas, as people make them and as nobody would.

use eventsmith_codegen::sample::Choices;
use serde_json::{Map, Value, json};

use crate::random_schema::random_schema;

/// A schema with one to three changes; the same choices give the same ones. It may be no schema any more.
pub fn edited(schema: &Value, choices: &mut Choices) -> Value {
    let mut edited = schema.clone();
    for _ in 0..=choices.pick(3) {
        let mut places = Vec::new();
        places_of(&edited, String::new(), &mut places);
        let place = places[choices.pick(places.len())].clone();
        if let Some(Value::Object(members)) = edited.pointer_mut(&place) {
            edit(members, choices);
        }
    }
    edited
}

/// The places of objects, most of which are schemas.
fn places_of(value: &Value, at: String, found: &mut Vec<String>) {
    let step = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(members) => {
            let is_data = |name: &str| ["enum", "const", "examples", "default"].contains(&name);
            for (name, member) in members.iter().filter(|(name, _)| !is_data(name)) {
                places_of(member, step(name), found);
            }
            found.push(at);
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places_of(item, step(&index.to_string()), found));
        }
        _ => {}
    }
}

fn edit(members: &mut Map<String, Value>, choices: &mut Choices) {
    let keywords: Vec<String> = members.keys().filter(|keyword| !keyword.starts_with('$')).cloned().collect();
    let chosen = keywords.get(choices.pick(keywords.len())).cloned();
    match choices.pick(8) {
        0 => {
            if let Some(keyword) = chosen {
                members.shift_remove(&keyword);
            }
        }
        1 => {
            // A part of some other schema.
            let other = random_schema(choices.pick(5_000) as u64);
            let parts: Vec<(String, Value)> = match other {
                Value::Object(parts) => parts.into_iter().filter(|(name, part)| plain(name, part)).collect(),
                _ => Vec::new(),
            };
            if let Some((keyword, part)) = parts.get(choices.pick(parts.len())) {
                members.insert(keyword.clone(), part.clone());
            }
        }
        2 => {
            let name = ["id", "kind", "extra", "a", "note"][choices.pick(5)];
            let schema = [json!({"type": "string"}), json!({"type": "integer", "minimum": 0}), json!(true)];
            let properties = members.entry("properties").or_insert_with(|| json!({}));
            if let Value::Object(properties) = properties {
                properties.insert(name.to_owned(), schema[choices.pick(3)].clone());
            }
        }
        3 => {
            let name = ["id", "kind", "extra", "a", "note"][choices.pick(5)];
            match members.entry("required").or_insert_with(|| json!([])) {
                Value::Array(names) if !names.contains(&json!(name)) => names.push(json!(name)),
                _ => {}
            }
        }
        4 => {
            let rules = [
                ("additionalProperties", json!(false)),
                ("additionalProperties", json!({"type": "string"})),
                ("minProperties", json!(1)),
                ("maxLength", json!(3)),
                ("minimum", json!(1)),
                ("type", json!("object")),
                ("type", json!(["string", "null"])),
                ("type", json!("number")),
                ("uniqueItems", json!(true)),
                ("not", json!({"required": ["a"]})),
            ];
            let (keyword, value) = &rules[choices.pick(rules.len())];
            members.insert((*keyword).to_owned(), value.clone());
        }
        _ => {
            let Some(keyword) = chosen else { return };
            if let Some(value) = members.get_mut(&keyword) {
                change(value, choices);
            }
        }
    }
}

/// Whether a keyword means the same in another document.
fn plain(keyword: &str, part: &Value) -> bool {
    !keyword.starts_with('$') && keyword != "definitions" && !part.to_string().contains("\"$")
}

fn change(value: &mut Value, choices: &mut Choices) {
    match value {
        Value::Number(number) => {
            let by = [1.0, -1.0, 2.0, 10.0, 0.5][choices.pick(5)];
            let changed = number.as_f64().unwrap_or_default() + by;
            *value = if changed.fract() == 0.0 { json!(changed as i64) } else { json!(changed) };
        }
        Value::Array(items) => match choices.pick(3) {
            0 if items.len() > 1 => {
                items.remove(choices.pick(items.len()));
            }
            1 => items.push(json!("another")),
            _ => items.reverse(),
        },
        Value::Bool(yes) => *yes = !*yes,
        Value::String(text) => {
            let words = ["string", "integer", "number", "^[a-z]*$", "^[a-z0-9]{1,9}$", "date", "uuid"];
            *text = words[choices.pick(words.len())].to_owned();
        }
        Value::Object(members) => {
            let names: Vec<String> = members.keys().cloned().collect();
            if let Some(name) = names.get(choices.pick(names.len())) {
                members.shift_remove(name);
            }
        }
        Value::Null => {}
    }
}
