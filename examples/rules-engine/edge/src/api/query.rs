//! From the parameters of a URL to the payload of a query.

use eventsmith::Value;
use serde_json::Map;

/// The payload that parameters mean: numbers and booleans where the schema wants some, arrays where a parameter of a property that is one
/// is repeated, and text otherwise. What does not fit is left as text, for the schema to say so.
pub(super) fn payload(query: &str, schema: &Value) -> Result<Value, String> {
    let mut payload = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        let property = resolved(schema, schema.pointer("/properties").and_then(|properties| properties.get(&name)));
        if is(property, "array") {
            let items = resolved(schema, property.and_then(|property| property.get("items")));
            let item = literal(value, items);
            match payload.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(array) => array.push(item),
                other => *other = item,
            }
        } else if payload.insert(name.clone(), literal(value, property)).is_some() {
            return Err(format!("{name} stands there twice"));
        }
    }
    Ok(Value::Object(payload))
}

/// A value as the schema of its property wants it.
fn literal(text: String, property: Option<&Value>) -> Value {
    let wants_literal = ["integer", "number", "boolean"].iter().any(|kind| is(property, kind));
    match serde_json::from_str(&text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) if wants_literal => value,
        _ => Value::String(text),
    }
}

fn is(property: Option<&Value>, kind: &str) -> bool {
    match property.and_then(|property| property.get("type")) {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => false,
    }
}

/// The schema that a property refers to, or its own.
fn resolved<'a>(schema: &'a Value, property: Option<&'a Value>) -> Option<&'a Value> {
    let property = property?;
    match property.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => schema.pointer(pointer).or(Some(property)),
        None => Some(property),
    }
}

/// Undoes the encoding of a form. (WHATWG URL, 5.1.)
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err("a % has no two digits behind it".to_owned());
                };
                u8::try_from(high * 16 + low).unwrap_or_default()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| "a parameter is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_become_what_the_schema_wants() {
        let schema = json!({
            "properties": {
                "id": {"type": "string"}, "limit": {"$ref": "#/$defs/Limit"}, "tags": {"type": "array", "items": {"type": "string"}},
                "all": {"type": "boolean"}
            },
            "$defs": {"Limit": {"type": "integer"}}
        });

        let read = payload("id=17&limit=5&tags=a&tags=b+c&all=true&odd=%C3%BC", &schema);

        assert_eq!(read, Ok(json!({"id": "17", "limit": 5, "tags": ["a", "b c"], "all": true, "odd": "ü"})));
        assert_eq!(payload("limit=many", &schema), Ok(json!({"limit": "many"})));
    }

    #[test]
    fn what_is_no_form_is_an_error() {
        for query in ["a=%", "a=%F", "a=%zz", "a=%FF", "a=1&a=2"] {
            assert!(payload(query, &json!({})).is_err(), "{query}");
        }
    }
}
