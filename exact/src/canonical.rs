//! One text for all spellings of a value.

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, Object};

use crate::Decimal;

/// The text that every value has that equals this one as JSON Schema has it: numbers by their value, members in any order.
pub fn canonical<F: Json>(node: F::Node<'_>) -> String {
    let mut text = String::new();
    write::<F>(&node, &mut text);
    text
}

/// A number as a decimal, if it is one.
pub(crate) fn decimal<F: Json>(node: &F::Node<'_>) -> Option<Decimal> {
    Decimal::parse(&node.as_number()?.as_str())
}

fn write<'a, F: Json>(node: &F::Node<'a>, text: &mut String) {
    match node.json_type() {
        JsonType::Null => text.push_str("null"),
        JsonType::Boolean => text.push_str(if node.as_boolean() == Some(true) { "true" } else { "false" }),
        JsonType::Number | JsonType::Integer => {
            text.extend(decimal::<F>(node).iter().map(Decimal::to_string));
        }
        JsonType::String => text.extend(node.as_string().iter().map(|text| format!("{text:?}"))),
        JsonType::Array => {
            text.push('[');
            for element in node.as_array().iter().flat_map(|array| array.elements()) {
                write::<F>(&element, text);
                text.push(',');
            }
            text.push(']');
        }
        JsonType::Object => {
            let object = node.as_object();
            let mut members: Vec<_> = object.iter().flat_map(|object| object.members()).collect();
            members.sort_by(|(one, _), (other, _)| one.as_ref().cmp(other.as_ref()));
            text.push('{');
            for (name, member) in members {
                text.push_str(&format!("{:?}:", name.as_ref()));
                write::<F>(&member, text);
                text.push(',');
            }
            text.push('}');
        }
    }
}
