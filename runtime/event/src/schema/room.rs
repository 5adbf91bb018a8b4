//! Numbers that a Rust type has no room for.

use std::collections::HashMap;

use eventsmith_exact::{Decimal, Node, numerals};
use serde_json::Value;

use crate::invalid::Violation;

/// The violation of a number at which a type stopped reading a text, as line and column; `value` is what the text says.
pub(super) fn unfit(text: &str, value: &Value, (line, column): (usize, usize)) -> Option<Violation> {
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let (index, numeral) = numerals::number_at(text, (start + column).checked_sub(1)?)?;
    let mut left = index;
    Some(violation(nth_number(value, &mut left)?, numeral))
}

/// The violation of the first wide number that a value was read with, and that is not written back.
pub(super) fn rounded(node: Node<'_>, written: Option<Node<'_>>) -> Option<Violation> {
    // What is not kept at all is not rounded.
    let written = written?;
    if let Some(numeral) = node.wide() {
        let kept = Decimal::parse(&written.number()?);
        return (kept != Decimal::parse(numeral)).then(|| violation(String::new(), numeral));
    }
    let others: HashMap<_, _> = written.children().into_iter().collect();
    node.children().into_iter().filter(|(_, child)| child.has_wide()).find_map(|(name, child)| {
        let violation = rounded(child, others.get(&name).copied())?;
        Some(Violation { instance: below(&name, &violation.instance), ..violation })
    })
}

fn violation(instance: String, numeral: &str) -> Violation {
    Violation {
        instance,
        schema: String::new(),
        expected: "a number that the Rust type can hold".to_owned(),
        found: Some(numeral.to_owned()),
    }
}

/// The pointer of the number before which so many others stand.
fn nth_number(value: &Value, left: &mut usize) -> Option<String> {
    match value {
        Value::Number(_) => match left.checked_sub(1) {
            Some(fewer) => {
                *left = fewer;
                None
            }
            None => Some(String::new()),
        },
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| Some(below(&index.to_string(), &nth_number(item, left)?)))
        }
        Value::Object(members) => {
            members.iter().find_map(|(name, member)| Some(below(name, &nth_number(member, left)?)))
        }
        _ => None,
    }
}

fn below(name: &str, pointer: &str) -> String {
    format!("/{}{pointer}", name.replace('~', "~0").replace('/', "~1"))
}
