//! A payload can be valid.

use std::collections::HashSet;

use crate::diagnostic::Severity;
use crate::lint::file::{File, Report};
use crate::rule::{Family, Rule};
use crate::schema::Empty;

pub(crate) const RULE: Rule = Rule {
    id: "unsatisfiable",
    family: Family::Lint,
    severity: Severity::Error,
    purpose: "A payload whose schema provably accepts nothing can never be published. Most often a required property \
              contradicts itself, or two branches of `allOf` contradict each other.",
    bad: r#"{
  "type": "object",
  "required": ["priority"],
  "properties": {"priority": {"type": "integer", "minimum": 10, "maximum": 1}}
}"#,
    good: r#"{
  "type": "object",
  "required": ["priority"],
  "properties": {"priority": {"type": "integer", "minimum": 1, "maximum": 10}}
}"#,
};

pub(crate) fn check(file: &File<'_>, report: &mut Report<'_>) {
    let Some(root) = empty_root(file) else { return };
    // The innermost location is the one to correct.
    let location = innermost(file).next().unwrap_or(root);
    let at = if file.document.schema.pointer(&location.pointer).is_some() { location.pointer.as_str() } else { "" };
    let message = format!("no payload can be valid: {}", explanation(location));
    let help = match location.causes.is_empty() {
        true => "make optional what leads back to it; a payload of this version can never be published",
        false => "take one of them away, or make room for a value; a payload of this version can never be published",
    };
    report.at(file.document, at, message, help);
}

/// The root of a payload, if it accepts nothing.
pub(super) fn empty_root<'f>(file: &'f File<'_>) -> Option<&'f Empty> {
    if !file.is_payload {
        return None;
    }
    file.empties().iter().find(|empty| empty.pointer.is_empty())
}

/// The locations that accept nothing though all that they are made of accepts something.
pub(super) fn innermost<'f>(file: &'f File<'_>) -> impl Iterator<Item = &'f Empty> {
    let empties = file.empties();
    let mut holders: HashSet<&str> = HashSet::new();
    for empty in empties {
        let slashes = empty.pointer.match_indices('/');
        holders.extend(slashes.map(|(at, _)| &empty.pointer[..at]));
    }
    empties.iter().filter(move |empty| !holders.contains(empty.pointer.as_str()))
}

/// What contradicts what.
pub(super) fn explanation(empty: &Empty) -> String {
    let cause = |(pointer, keywords): &(String, Vec<String>)| {
        let location = pointer.strip_prefix(&empty.pointer).unwrap_or(pointer);
        match (keywords.as_slice(), location) {
            ([], location) => location.to_owned(),
            (keywords, "") => keywords.join(" and "),
            (keywords, location) => format!("{} of {location}", keywords.join(" and ")),
        }
    };
    let parts: usize = empty.causes.iter().map(|(_, keywords)| keywords.len().max(1)).sum();
    let causes: Vec<String> = empty.causes.iter().map(cause).filter(|cause| !cause.is_empty()).collect();
    match causes.join(" and ") {
        causes if causes.is_empty() => {
            "every value of it must hold another one, by `required` or `minItems`, without end".to_owned()
        }
        causes if parts > 1 => format!("nothing satisfies {causes} together"),
        causes => {
            let keyword = empty.causes.iter().flat_map(|(_, keywords)| keywords).next().map_or("", String::as_str);
            let reason = match keyword {
                "anyOf" => ": each of its alternatives accepts nothing",
                "oneOf" => ": what one of its alternatives accepts, another accepts as well, or none accepts anything",
                "enum" => ": it lists no value",
                _ => "",
            };
            format!("nothing satisfies {causes}{reason}")
        }
    }
}
