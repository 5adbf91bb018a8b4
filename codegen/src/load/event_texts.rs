//! The files that one event needs: its versions, and those that they refer to.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::manifest;
use crate::model::Kind;

use super::disk::{Reader, paths};
use super::part::{Texts, is_part, version_name};

/// The texts of the manifest, of the files of an event, and of all they refer to. `None` if one of them cannot be read.
///
/// Where nothing but relative references is used, only the folders that may hold the event are looked into, so that this takes the
/// same time in a catalogue of any size. An absolute reference may mean any file that no event has, so that those are read, too.
pub(super) fn read(dir: &Path, event_type: &str) -> Option<Texts> {
    at_their_places(dir, event_type).or_else(|| of_all(dir, event_type))
}

/// The texts, by looking for files where they must be. `None` as well where they may be elsewhere, or are not there.
fn at_their_places(dir: &Path, event_type: &str) -> Option<Texts> {
    let reader = Reader::new(dir);
    let mut open = Vec::new();
    for kind in Kind::ALL {
        open.extend(versions(dir, &reader, kind.as_str(), event_type)?);
    }
    if open.is_empty() {
        return None;
    }
    let mut texts = Texts::from([(manifest::FILE_NAME.to_owned(), Ok(reader.text(manifest::FILE_NAME).ok()?.ok()?))]);
    while let Some(file) = open.pop() {
        if texts.contains_key(&file) {
            continue;
        }
        let (text, schema) = read_schema(&reader, &file)?;
        if has_identifiers(&schema) {
            return None;
        }
        let mut targets = Vec::new();
        references(&schema, &mut targets);
        let targets = targets.iter().map(|target| target.split('#').next().unwrap_or_default());
        for target in targets.filter(|target| !target.is_empty()) {
            let path = path_of(&file, target);
            if target.contains(':') || target.starts_with('/') || !is_part(&path) {
                return None;
            }
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !texts.contains_key(&path) {
                reader.is_plain_folder(folder).then(|| open.push(path))?;
            }
        }
        texts.insert(file, Ok(text));
    }
    Some(texts)
}

/// The files of an event below the folder of a kind; `None` where they may be in a folder that is not looked at.
fn versions(dir: &Path, reader: &Reader<'_>, kind: &str, event_type: &str) -> Option<Vec<String>> {
    if event_type.split('.').any(|step| step.is_empty() || step.contains(['/', '\\'])) {
        return None;
    }
    let below = format!("{kind}/{}", event_type.replace('.', "/"));
    let (folder, _) = below.rsplit_once('/')?;
    if !dir.join(folder).is_dir() {
        return Some(Vec::new());
    }
    reader.is_plain_folder(folder).then_some(())?;
    let mut files = Vec::new();
    for entry in fs::read_dir(dir.join(folder)).ok()? {
        let Ok(name) = entry.ok()?.file_name().into_string() else { continue };
        let file = format!("{folder}/{name}");
        if file.starts_with(&below) && is_part(&file) && type_of(&file).is_some_and(|of| of == event_type) {
            files.push(file);
        }
    }
    Some(files)
}

/// The texts, by looking through the whole catalogue.
fn of_all(dir: &Path, event_type: &str) -> Option<Texts> {
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
        if file == manifest::FILE_NAME {
            texts.insert(file.to_owned(), Ok(reader.text(file).ok()?.ok()?));
            continue;
        }
        let (text, schema) = read_schema(&reader, file)?;
        let mut targets = Vec::new();
        references(&schema, &mut targets);
        let paths = targets.iter().map(|target| path_of(file, target));
        open.extend(paths.filter_map(|path| files.get(path.as_str()).copied()));
        texts.insert(file.to_owned(), Ok(text));
    }
    Some(texts)
}

fn read_schema(reader: &Reader<'_>, file: &str) -> Option<(String, Value)> {
    let text = reader.text(file).ok()?.ok()?;
    let schema = serde_json::from_str(&text).ok()?;
    Some((text, schema))
}

/// Whether anything in a file may have a name of its own, which references are relative to. A property may be called so, too, which
/// costs time and nothing else.
fn has_identifiers(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(keyword, value)| match value {
            Value::String(_) => matches!(keyword.as_str(), "$id" | "id"),
            _ => has_identifiers(value),
        }),
        Value::Array(items) => items.iter().any(has_identifiers),
        _ => false,
    }
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

        let texts = at_their_places(dir.path(), "rule.created").unwrap();

        let read: Vec<&str> = texts.keys().map(String::as_str).collect();
        assert!(!read.contains(&"domain/rule/deleted.v1.json"), "{read:?}");
        assert!(!read.contains(&"common.json"), "{read:?}");
        assert_eq!(read.len(), files.len() - 2, "{read:?}");
    }

    #[test]
    fn an_absolute_reference_may_mean_any_file_that_no_event_has() {
        for schema in [
            r#"{"$ref": "https://example.com/common.json"}"#,
            r#"{"$id": "https://example.com/created.json", "$ref": "common.json"}"#,
        ] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(dir.path().join("domain/rule")).unwrap();
            std::fs::write(dir.path().join("eventsmith.toml"), "root = \"rules\"").unwrap();
            std::fs::write(dir.path().join("common.json"), r#"{"$id": "https://example.com/common.json"}"#).unwrap();
            std::fs::write(dir.path().join("domain/rule/created.v1.json"), schema).unwrap();

            let texts = read(dir.path(), "rule.created").unwrap();

            assert_eq!(texts.len(), 3, "{schema}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_that_is_a_link_is_not_looked_into() {
        let dir = tempfile::tempdir().unwrap();
        let schemas = dir.path().join("schemas");
        std::fs::create_dir_all(dir.path().join("elsewhere")).unwrap();
        std::fs::create_dir_all(schemas.join("domain")).unwrap();
        std::fs::write(schemas.join("eventsmith.toml"), "root = \"rules\"").unwrap();
        std::fs::write(dir.path().join("elsewhere/created.v1.json"), "{}").unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), schemas.join("domain/rule")).unwrap();

        assert!(read(&schemas, "rule.created").is_none());
    }
}
