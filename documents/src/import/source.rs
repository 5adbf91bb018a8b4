//! The documents that are imported, and where references in them lead: within a file, or to files beside it in the same folder or below.

use std::collections::BTreeMap;

use serde_json::Value;

use super::yaml;

/// The most files that are read.
const MOST_FILES: usize = 200;
/// The most bytes of all of them.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// How many references may follow one another.
const LONGEST_CHAIN: usize = 64;

/// A place: a file as seen from the folder, and a JSON pointer in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) pointer: String,
}

impl Place {
    pub(super) fn below(&self, step: &str) -> Self {
        let step = step.replace('~', "~0").replace('/', "~1");
        Self { file: self.file.clone(), pointer: format!("{}/{step}", self.pointer) }
    }

    /// The last step of the pointer; of a whole file, its name without what it ends in.
    pub(super) fn name(&self) -> String {
        match self.pointer.rsplit_once('/') {
            Some((_, step)) => step.replace("~1", "/").replace("~0", "~"),
            None => {
                let file = self.file.rsplit('/').next().unwrap_or_default();
                file.split('.').next().unwrap_or_default().to_owned()
            }
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.file, self.pointer)
    }
}

/// Reads a file by its path as seen from the folder, with `/` between steps.
pub type Read<'r> = dyn FnMut(&str) -> Result<String, String> + 'r;

/// All documents that were read.
pub(super) struct Source<'r> {
    read: &'r mut Read<'r>,
    documents: BTreeMap<String, Value>,
    bytes: usize,
}

impl<'r> Source<'r> {
    pub(super) fn new(read: &'r mut Read<'r>) -> Self {
        Self { read, documents: BTreeMap::new(), bytes: 0 }
    }

    fn open(&mut self, file: &str) -> Result<&Value, String> {
        if !self.documents.contains_key(file) {
            if self.documents.len() == MOST_FILES {
                return Err(format!("more than {MOST_FILES} files are referred to"));
            }
            let text = (self.read)(file)?;
            self.bytes += text.len();
            if self.bytes > MOST_BYTES {
                return Err(format!("the files have more than {MOST_BYTES} bytes"));
            }
            let is_json = text.trim_start().starts_with(['{', '[']);
            let json = if is_json { eventsmith_exact::schema::read(&text).ok() } else { None };
            // What begins like JSON and is none may be YAML.
            let value = match json {
                Some(value) => value,
                None => yaml::read(&text).map_err(|reason| format!("{file} is neither JSON nor YAML: {reason}"))?,
            };
            self.documents.insert(file.to_owned(), value);
        }
        self.documents.get(file).ok_or_else(|| format!("{file} was not read"))
    }

    /// The value at a place, if there is one.
    pub(super) fn at(&mut self, place: &Place) -> Result<Option<&Value>, String> {
        Ok(self.open(&place.file)?.pointer(&place.pointer))
    }

    /// A copy of the value at a place; null if there is none.
    pub(super) fn value(&mut self, place: &Place) -> Result<Value, String> {
        Ok(self.at(place)?.cloned().unwrap_or_default())
    }

    /// Where a reference leads that stands in a file.
    pub(super) fn target(&self, file: &str, reference: &str) -> Result<Place, String> {
        let (path, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let pointer = decoded(pointer).ok_or_else(|| format!("{reference:?} has a `%` that encodes nothing"))?;
        if path.is_empty() {
            return Ok(Place { file: file.to_owned(), pointer });
        }
        if path.contains("://") || path.starts_with("urn:") {
            return Err(format!(
                "{reference:?} leads into the network, which is not read; save it beside the document"
            ));
        }
        let path = decoded(path).ok_or_else(|| format!("{reference:?} has a `%` that encodes nothing"))?;
        let mut steps: Vec<&str> = file.split('/').collect();
        steps.pop();
        for step in path.split('/') {
            match step {
                "" if path.starts_with('/') => return Err(format!("{reference:?} leads out of the folder")),
                "" | "." => {}
                ".." if steps.pop().is_none() => return Err(format!("{reference:?} leads out of the folder")),
                ".." => {}
                step if step.contains('\\') || step.contains(':') => {
                    return Err(format!("{reference:?} is no path of files beside the document"));
                }
                step => steps.push(step),
            }
        }
        Ok(Place { file: steps.join("/"), pointer })
    }

    /// The place at the end of the references that begin at one.
    pub(super) fn follow(&mut self, place: &Place) -> Result<Place, String> {
        let mut place = place.clone();
        for _ in 0..LONGEST_CHAIN {
            let reference = match self.at(&place)? {
                None => return Err(format!("nothing is at {place}")),
                Some(value) => value.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned),
            };
            match reference {
                None => return Ok(place),
                Some(reference) => place = self.target(&place.file, &reference)?,
            }
        }
        Err(format!("references lead in a circle at {place}"))
    }

    /// The places of the members of an object, or of the items of a list.
    pub(super) fn children(&mut self, place: &Place) -> Result<Vec<Place>, String> {
        Ok(match self.at(place)? {
            Some(Value::Object(members)) => members.keys().map(|name| place.below(name)).collect(),
            Some(Value::Array(items)) => (0..items.len()).map(|index| place.below(&index.to_string())).collect(),
            _ => Vec::new(),
        })
    }
}

fn decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        rest = behind;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(file: &str, reference: &str) -> Result<String, String> {
        let mut read = |_: &str| Err(String::new());
        Source::new(&mut read).target(file, reference).map(|place| place.to_string())
    }

    #[test]
    fn references_stay_in_the_folder() {
        assert_eq!(target("a.yaml", "#/x").unwrap(), "a.yaml#/x");
        assert_eq!(target("sub/a.yaml", "../b.json#/x%20y").unwrap(), "b.json#/x y");
        assert_eq!(target("sub/a.yaml", "./c/b.json").unwrap(), "sub/c/b.json#");
        for reference in ["../../b", "/etc/passwd", "http://example.com/x", "file:///etc/passwd", "c:\\x", "x%"] {
            target("sub/a.yaml", reference).unwrap_err();
        }
    }

    #[test]
    fn a_circle_of_references_ends() {
        let mut read = |_: &str| Ok(r##"{"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}}"##.to_owned());
        let place = Place { file: "x".to_owned(), pointer: "/a".to_owned() };

        let error = Source::new(&mut read).follow(&place).unwrap_err();

        assert!(error.contains("circle"), "{error}");
    }
}
