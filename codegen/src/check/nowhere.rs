//! What to do about a reference that leads nowhere: whether its file or the part of it is missing, and which one was meant.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::lookup::{did_you_mean, nearest};
use crate::model::Document;
use crate::pointer::{join, of_fragment, steps};
use crate::references::References;

/// What is missing, as the end of a sentence that begins with the reference, and help; `None` where neither is plain.
pub(super) fn explained(
    document: &Document,
    documents: &BTreeMap<String, Document>,
    references: &References,
    reference: &str,
) -> Option<(String, String)> {
    let (resource, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let (decoded, fragment) = (of_fragment(resource), of_fragment(fragment));
    let is_url = resource.contains("://");
    let path = if is_url {
        Some(references.path_below_mount(&decoded)?)
    } else if resource.is_empty() {
        Some(document.path.clone())
    } else if document.schema.get("$id").is_some() {
        return None;
    } else {
        normalized(&document.path, &decoded)
    };
    let Some(target) = path.as_ref().and_then(|path| documents.get(path)) else {
        let near = near_files(documents, path.as_deref().unwrap_or(&decoded));
        let written: Vec<String> = near
            .iter()
            .map(|near| if is_url { (*near).to_owned() } else { relative(&document.path, near) })
            .map(|near| if fragment.is_empty() { near } else { format!("{near}#{fragment}") })
            .collect();
        let help = did_you_mean(&written).unwrap_or_else(|| {
            "a reference is a path relative to this file, with a pointer: ../../common.json#/$defs/RuleId".to_owned()
        });
        let message = match path {
            Some(path) => format!("leads nowhere: the catalogue has no file {path:?}"),
            None => "leads out of the folder of the catalogue, of which nothing else is read".to_owned(),
        };
        return Some((message, help));
    };
    let path = &target.path;
    // Somebody who means a pointer may leave out how it begins.
    let pointer = if fragment.starts_with('/') { fragment.to_string() } else { format!("/{fragment}") };
    let message = match first_missing(&target.schema, &pointer) {
        _ if fragment.is_empty() => return None,
        _ if !fragment.starts_with('/') => format!("leads nowhere: {path} has no schema with the $anchor {fragment:?}"),
        Some((holder, missing)) => format!("leads nowhere: {path} has no {}", join(&holder, &missing)),
        None => format!("leads nowhere: what {path} has there is no schema"),
    };
    let mut near: Vec<String> = repaired(&target.schema, String::new(), &steps(&pointer)?, MOST_SLIPS)
        .iter()
        .map(|pointer| format!("{resource}{}", crate::pointer::fragment(pointer)))
        .collect();
    if near.is_empty() {
        near = elsewhere(document, documents, &pointer);
    }
    near.truncate(MOST_NEAR);
    let help = did_you_mean(&near).unwrap_or_else(|| format!("write it into {path}, or refer to what is there"));
    Some((message, help))
}

/// How many names are offered, and how many steps of a pointer are taken for misspelt.
const MOST_NEAR: usize = 3;
const MOST_SLIPS: usize = 2;

/// The files that may have been meant: of the same name elsewhere, written alike, or without the ending.
fn near_files<'a>(documents: &'a BTreeMap<String, Document>, path: &str) -> Vec<&'a str> {
    let name = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
    let stem = |path: &str| name(path).trim_end_matches(".json").to_owned();
    let all = || documents.keys().map(String::as_str);
    let whole: Vec<&str> = all().filter(|other| other.to_lowercase() == path.to_lowercase()).collect();
    let named: Vec<&str> = all().filter(|other| name(other) == name(path)).collect();
    let begun: Vec<&str> = all().filter(|other| stem(other) == stem(path)).collect();
    let found = [whole, named, begun].into_iter().find(|found| !found.is_empty());
    let mut found = found.unwrap_or_else(|| nearest(path, all()));
    found.truncate(MOST_NEAR);
    found
}

/// The pointers to schemas that may have been meant by steps from a place.
fn repaired(schema: &Value, at: String, steps: &[String], slips: usize) -> Vec<String> {
    let Some((first, rest)) = steps.split_first() else {
        let is_schema = schema.pointer(&at).is_some_and(|found| found.is_object() || found.is_boolean());
        return if is_schema { vec![at] } else { Vec::new() };
    };
    let next = join(&at, first);
    if schema.pointer(&next).is_some() {
        return repaired(schema, next, rest, slips);
    }
    let Some(Value::Object(members)) = schema.pointer(&at) else { return Vec::new() };
    let through = |name: &str, rest: &[String], slips| repaired(schema, join(&at, name), rest, slips);
    // A name with a slash in it takes several steps where the slash is not escaped.
    let longest = members.keys().map(String::len).max().unwrap_or_default();
    let mut length = first.len();
    let counts = (2..=steps.len()).take_while(|count| {
        length += 1 + steps[count - 1].len();
        length <= longest
    });
    let slashed = counts.flat_map(|count| {
        let name = steps[..count].join("/");
        if members.contains_key(&name) { through(&name, &steps[count..], slips) } else { Vec::new() }
    });
    let found: Vec<String> = slashed.collect();
    if !found.is_empty() {
        return found;
    }
    let other = match first.as_str() {
        "definitions" => "$defs",
        "$defs" | "defs" | "$definitions" => "definitions",
        _ => "",
    };
    let otherwise: Vec<String> = ["$defs", "definitions"]
        .into_iter()
        .filter(|keyword| members.contains_key(*keyword))
        .flat_map(|keyword| {
            let is_left_out = members[keyword].get(first).is_some();
            let rest = if *keyword == *other { rest } else { steps };
            if *keyword == *other || is_left_out { through(keyword, rest, slips) } else { Vec::new() }
        })
        .collect();
    if !otherwise.is_empty() || slips == 0 {
        return otherwise;
    }
    let alike: Vec<&str> =
        members.keys().map(String::as_str).filter(|name| name.to_lowercase() == first.to_lowercase()).collect();
    let near = if alike.is_empty() { nearest(first, members.keys().map(String::as_str)) } else { alike };
    near.into_iter().flat_map(|name| through(name, rest, slips - 1)).collect()
}

/// References to definitions of the last name of a pointer in other files.
fn elsewhere(document: &Document, documents: &BTreeMap<String, Document>, pointer: &str) -> Vec<String> {
    let Some(name) = steps(pointer).and_then(|mut steps| steps.pop()) else { return Vec::new() };
    let places = ["$defs", "definitions"].map(|keyword| join(&join("", keyword), &name));
    let has = |other: &Document, place: &str| other.schema.pointer(place).is_some_and(Value::is_object);
    let found = documents
        .values()
        .flat_map(|other| places.iter().filter(|place| has(other, place)).map(move |place| (other, place)));
    found
        .map(|(other, place)| format!("{}{}", relative(&document.path, &other.path), crate::pointer::fragment(place)))
        .take(MOST_NEAR)
        .collect()
}

/// The pointer of the last value that there is on the way of a pointer, and the name that it does not have.
fn first_missing(schema: &Value, pointer: &str) -> Option<(String, String)> {
    let mut at = String::new();
    for token in pointer.strip_prefix('/')?.split('/') {
        let token = token.replace("~1", "/").replace("~0", "~");
        let next = join(&at, &token);
        if schema.pointer(&next).is_none() {
            return Some((at, token));
        }
        at = next;
    }
    None
}

/// The path of a relative reference within the catalogue; nothing where it leads out of it.
fn normalized(from: &str, reference: &str) -> Option<String> {
    let mut folders: Vec<&str> = from.split('/').collect();
    folders.pop();
    if reference.starts_with('/') {
        folders.clear();
    }
    for part in reference.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(folders.pop()?),
            part => folders.push(part),
        }
    }
    Some(folders.join("/"))
}

/// How a file refers to another one.
fn relative(from: &str, to: &str) -> String {
    let (from, to): (Vec<&str>, Vec<&str>) = (from.split('/').collect(), to.split('/').collect());
    let folders = from.len().min(to.len()).saturating_sub(1);
    let shared = from.iter().zip(&to).take(folders).take_while(|(one, other)| one == other).count();
    let up = "../".repeat(from.len() - 1 - shared);
    format!("{up}{}", to[shared..].join("/"))
}
