//! The files that one event needs: its versions, and those that they refer to.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::manifest;
use crate::model::Kind;

use super::disk::{Reader, paths};
use super::part::{Texts, version_name};

/// The texts of the manifest, of the files of an event, of all they refer to, and of files that no event has: any of those may be what
/// an absolute reference means. `None` if one of them cannot be read.
pub(super) fn read(dir: &Path, event_type: &str) -> Option<Texts> {
    let mut diagnostics = Vec::new();
    let all = paths(dir, &mut diagnostics);
    if !diagnostics.is_empty() {
        return None;
    }
    let files: BTreeSet<&str> = all.iter().map(String::as_str).collect();
    let mut open: Vec<&str> =
        files.iter().copied().filter(|file| type_of(file).is_none_or(|of| of == event_type)).collect();
    let (reader, mut texts) = (Reader::new(dir), Texts::new());
    while let Some(file) = open.pop() {
        if texts.contains_key(file) {
            continue;
        }
        let text = reader.text(file).ok()?.ok()?;
        if file != manifest::FILE_NAME {
            let mut targets = Vec::new();
            references(&serde_json::from_str(&text).ok()?, &mut targets);
            let paths = targets.iter().map(|target| path_of(file, target));
            open.extend(paths.filter_map(|path| files.get(path.as_str()).copied()));
        }
        texts.insert(file.to_owned(), Ok(text));
    }
    Some(texts)
}

/// The type of the event that a file describes; nothing for files that belong to none.
fn type_of(file: &str) -> Option<String> {
    let (kind, path) = file.split_once('/')?;
    let name = version_name(path.rsplit_once('.')?.0)?;
    Kind::of_folder(kind).map(|_| name.name.replace('/', "."))
}

fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (keyword, value) in members {
                match value {
                    Value::String(target) if keyword.ends_with("ef") && keyword.starts_with('$') => {
                        found.push(target.clone())
                    }
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// The path that a relative reference of a file leads to.
fn path_of(file: &str, target: &str) -> String {
    let mut steps: Vec<&str> = file.split('/').collect();
    steps.pop();
    for step in target.split('#').next().unwrap_or_default().split('/') {
        match step {
            "." | "" => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_needs_its_versions_and_what_they_refer_to() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            ("eventsmith.toml", "root = \"rules\""),
            ("common.json", "{}"),
            ("domain/rule/created.v1.json", r##"{"$ref": "../order/./placed.v1.json#/$defs/A"}"##),
            ("domain/rule/created.v2.json", "{}"),
            ("domain/rule/deleted.v1.json", "not read"),
            ("domain/order/placed.v1.json", r##"{"$ref": "packed.v1.json"}"##),
            ("domain/order/packed.v1.json", "{}"),
            ("query/rule/created.v1.reply.json", "{}"),
        ];
        for (path, text) in files {
            std::fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
            std::fs::write(dir.path().join(path), text).unwrap();
        }

        let texts = read(dir.path(), "rule.created").unwrap();

        let read: Vec<&str> = texts.keys().map(String::as_str).collect();
        assert!(!read.contains(&"domain/rule/deleted.v1.json"), "{read:?}");
        assert_eq!(read.len(), files.len() - 1, "{read:?}");
    }
}
