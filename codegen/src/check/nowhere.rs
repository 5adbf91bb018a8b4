//! What to do about a reference that leads nowhere: whether its file or the part of it is missing, and which one was meant.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::lookup::{did_you_mean, nearest};
use crate::model::Document;
use crate::pointer::join;
use crate::references::References;

/// What is missing, as the end of a sentence that begins with the reference, and help; `None` where neither is plain.
pub(super) fn explained(
    document: &Document,
    documents: &BTreeMap<String, Document>,
    references: &References,
    reference: &str,
) -> Option<(String, String)> {
    let (resource, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let is_url = resource.contains("://");
    if resource.contains('%') || fragment.contains('%') {
        return None;
    }
    let path = if is_url {
        references.path_below_mount(resource)?
    } else if resource.is_empty() {
        document.path.clone()
    } else if document.schema.get("$id").is_some() {
        return None;
    } else {
        normalized(&document.path, resource)?
    };
    let Some(target) = documents.get(&path) else {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let beside = |other: &&String| name(other) == name(&path);
        let moved = documents.keys().filter(beside).map(String::as_str);
        let mut near: Vec<&str> = moved.take(3).collect();
        if near.is_empty() {
            near = nearest(&path, documents.keys().map(String::as_str));
        }
        let written: Vec<String> =
            near.iter().map(|near| if is_url { (*near).to_owned() } else { relative(&document.path, near) }).collect();
        let help = did_you_mean(&written).unwrap_or_else(|| {
            "a reference is a path relative to this file, with a pointer: ../../common.json#/$defs/RuleId".to_owned()
        });
        return Some((format!("leads nowhere: the catalogue has no file {path:?}"), help));
    };
    let (holder, missing) = first_missing(&target.schema, fragment)?;
    let message = format!("leads nowhere: {path} has no {}", join(&holder, &missing));
    let names = target.schema.pointer(&holder)?.as_object()?.keys();
    let near: Vec<String> = nearest(&missing, names.map(String::as_str))
        .into_iter()
        .map(|near| {
            let rest = fragment.strip_prefix(&join(&holder, &missing)).unwrap_or_default();
            format!("{resource}#{}{rest}", join(&holder, near))
        })
        .collect();
    let help = did_you_mean(&near).unwrap_or_else(|| format!("write it into {path}, or refer to what is there"));
    Some((message, help))
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

/// The path of a relative reference within the catalogue.
fn normalized(from: &str, reference: &str) -> Option<String> {
    let mut folders: Vec<&str> = from.split('/').collect();
    folders.pop();
    for part in reference.split('/') {
        match part {
            "." => {}
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
