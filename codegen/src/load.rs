//! From files to the model: the only code that reads disk.
//!
//! Loading never stops at the first problem: it returns what it could make of the files, and everything that is
//! wrong with them.

mod disk;
mod event_files;
mod event_options;
mod event_texts;
mod locate;
mod manifest_help;
mod part;
mod request_options;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::manifest::{self, Manifest};
use crate::model::{Catalogue, Document};
use crate::references::References;

pub use disk::find;
pub use locate::{locate, locate_in};
use part::Texts;
pub use part::is_part;
pub(crate) use part::version_name;

/// A catalogue with all that is wrong with it.
#[derive(Debug)]
pub struct Loaded {
    /// What could be made of the files.
    pub catalogue: Catalogue,
    /// Every JSON file of the folder, whether it could be read or not.
    pub files: Vec<String>,
    /// Where its references lead.
    pub references: References,
    /// Everything that is wrong, sorted by file and line.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the catalogue in a folder that holds `eventsmith.toml`.
pub(crate) fn read(dir: &Path) -> Loaded {
    let mut diagnostics = Vec::new();
    let texts = disk::read(dir, &mut diagnostics);
    assemble(dir.to_owned(), texts, diagnostics)
}

/// Reads what one event of a catalogue needs: the manifest, the files of its versions, and those that they refer to. `None` if a
/// file cannot be read.
pub(crate) fn read_event(dir: &Path, event_type: &str) -> Option<Loaded> {
    let texts = event_texts::read(dir, event_type)?;
    Some(assemble(dir.to_owned(), texts, Vec::new()))
}

/// Makes a catalogue of files that need not be on disk, by their paths relative to its folder.
///
/// `label` stands where the folder of a catalogue on disk would: it names the catalogue in messages.
/// Files that [`is_part`] does not want are left out, so that it does not matter what else the folder holds.
pub(crate) fn from_files(label: impl Into<PathBuf>, files: BTreeMap<String, Vec<u8>>) -> Loaded {
    let wanted = files.into_iter().filter(|(path, _)| is_part(path));
    let texts = wanted.map(|(path, bytes)| (path, String::from_utf8(bytes).map_err(|error| error.to_string())));
    assemble(label.into(), texts.collect(), Vec::new())
}

fn assemble(dir: PathBuf, mut texts: Texts, mut diagnostics: Vec<Diagnostic>) -> Loaded {
    let (manifest, manifest_source) = manifest(&dir, texts.remove(manifest::FILE_NAME), &mut diagnostics);
    texts.retain(|path, _| {
        let is_plain = !path.chars().any(char::is_control);
        diagnostics.extend((!is_plain).then(|| unprintable(path)));
        is_plain
    });
    texts.retain(|path, _| {
        let format = part::other_format(path);
        diagnostics.extend(format.map(|format| other_format(path, format)));
        format.is_none()
    });
    let files: Vec<String> = texts.keys().cloned().collect();
    let documents = documents(texts, &mut diagnostics);
    let events = event_files::events(&manifest, &files, &documents, &mut diagnostics);
    let catalogue = Catalogue { dir, manifest, manifest_source, events, documents };
    let references = References::new(&catalogue.documents, catalogue.manifest.mounts());
    Loaded { catalogue, files, references, diagnostics }
}

fn manifest(dir: &Path, text: Option<Result<String, String>>, diagnostics: &mut Vec<Diagnostic>) -> (Manifest, String) {
    let source = match text.unwrap_or_else(|| Err("there is none".to_owned())) {
        Ok(source) => source,
        Err(error) => {
            let message = format!("{} cannot be read: {error}", dir.join(manifest::FILE_NAME).display());
            diagnostics.push(Diagnostic::error("no-manifest", manifest::FILE_NAME, message, manifest_help::ROOT));
            return (manifest::placeholder(), String::new());
        }
    };
    match toml::from_str(&source) {
        Ok(manifest) => (manifest, source),
        Err(error) => {
            let position = error.span().map(|span| Position::of(&source, span.start));
            let (message, help) = manifest_help::split(&error);
            diagnostics.push(Diagnostic::error("bad-manifest", manifest::FILE_NAME, message, help).at(position));
            (manifest::placeholder(), source)
        }
    }
}

/// A name that whoever prints it would not print as one: it may end a line, and begin what is read as something else.
fn unprintable(path: &str) -> Diagnostic {
    let shown: String = path.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let message = format!("the name {path:?} has a character that controls how text is printed");
    Diagnostic::error("bad-token", shown, message, "rename the file or folder")
}

fn other_format(path: &str, format: &str) -> Diagnostic {
    let message = format!("schema files are JSON; this one is named .{format} and is not read");
    let help = format!("write it as JSON, to {}json", path.strip_suffix(format).unwrap_or(path));
    let finding = Diagnostic::error("stray-file", path, message, help);
    Diagnostic { severity: Severity::Warning, ..finding }
}

fn documents(texts: Texts, diagnostics: &mut Vec<Diagnostic>) -> BTreeMap<String, Document> {
    let mut documents = BTreeMap::new();
    for (path, text) in texts {
        let source = match text {
            Ok(source) => source,
            Err(error) => {
                let message = format!("the file cannot be read: {error}");
                let help = "schema files are UTF-8 text: save it so, where it is UTF-16 or of another encoding";
                diagnostics.push(Diagnostic::error("unreadable", path, message, help));
                continue;
            }
        };
        let is_marked = source.starts_with('\u{feff}');
        let is_pointer = source.starts_with("version https://git-lfs.github.com/");
        match Document::parse(&path, source) {
            Ok(document) if places_are_too_long(&document.schema, 0, &mut { MOST_PLACES }) => {
                let message =
                    "the names in this file are so long, or lie so deep, that the places of its schemas take gigabytes";
                let help = "shorten the names, or put what lies deep into $defs, and refer to it";
                diagnostics.push(document.error("bad-schema", "", message, help));
            }
            Ok(document) => {
                documents.insert(path, document);
            }
            Err(error) => {
                let position = Position { line: error.line().max(1), column: error.column().max(1) };
                let is_too_large = error.to_string().contains("number out of range");
                let message = match is_too_large {
                    true => "this number is too large to be read".to_owned(),
                    false => format!("this is not JSON: {error}"),
                };
                let help = if is_marked {
                    "the file begins with a byte order mark; save it as UTF-8 without one"
                } else if is_pointer {
                    "this is a pointer of Git LFS: fetch the file itself, by git lfs pull"
                } else if is_too_large {
                    "numbers are read up to 1.8e308, as most readers of JSON hold them in doubles; use a string for what is beyond"
                } else if message.contains("recursion limit") {
                    "JSON is read to a depth of 127; put what lies deeper into $defs, and refer to it"
                } else {
                    "mend the syntax; comments and trailing commas are not JSON"
                };
                diagnostics.push(Diagnostic::error("bad-json", path, message, help).at(Some(position)));
            }
        }
    }
    documents
}

/// How many bytes the pointers to all objects and lists of a file may have together; those of honest files of 5 MB have half of it.
const MOST_PLACES: usize = 64 << 20;

/// Whether the pointers to all objects and lists in a value have more bytes than are left.
fn places_are_too_long(value: &Value, length: usize, left: &mut usize) -> bool {
    let mut step = |name: usize, inner: &Value| {
        let at = length + 1 + name;
        let is_scalar = !inner.is_object() && !inner.is_array();
        *left = left.saturating_sub(if is_scalar { 0 } else { at });
        *left == 0 || !is_scalar && places_are_too_long(inner, at, left)
    };
    match value {
        Value::Object(members) => members.iter().any(|(name, member)| step(name.len(), member)),
        // Indexes are short, and lists of values are no schemas.
        Value::Array(items) => items.iter().any(|item| step(1, item)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
        files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect()
    }

    #[test]
    fn files_in_memory_make_the_same_catalogue_as_files_on_disk() {
        let texts: &[(&str, &[u8])] = &[
            ("eventsmith.toml", b"root = \"rules\""),
            ("common.json", b"{\"$defs\": {\"Id\": {\"type\": \"string\"}}}"),
            ("domain/rule/created.v1.json", b"{\"$ref\": \"../../common.json#/$defs/Id\"}"),
            ("domain/rule/broken.v1.json", b"{"),
            ("target/domain/rule/old.v1.json", b"{}"),
            ("domain/.hidden/old.v1.json", b"{}"),
        ];
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in texts {
            std::fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
            std::fs::write(dir.path().join(path), text).unwrap();
        }

        let (disk, memory) = (read(dir.path()), from_files("memory", files(texts)));

        assert_eq!(memory.files, ["common.json", "domain/rule/broken.v1.json", "domain/rule/created.v1.json"]);
        assert_eq!(memory.files, disk.files);
        assert_eq!(memory.diagnostics, disk.diagnostics);
        assert_eq!(memory.catalogue.events.len(), disk.catalogue.events.len());
    }

    #[test]
    fn a_name_that_ends_a_line_is_an_error_and_no_file() {
        let loaded = from_files(
            "memory",
            files(&[("eventsmith.toml", b"root = \"rules\""), ("domain/a\ncargo::rustc-env=A=B\n.json", b"{}")]),
        );

        let [found] = loaded.diagnostics.as_slice() else { panic!("{:?}", loaded.diagnostics) };
        assert_eq!((found.rule, loaded.files.len()), ("bad-token", 0));
        assert!(!found.to_string().lines().any(|line| line.starts_with("cargo::")), "{found}");
    }

    #[test]
    fn names_that_multiply_are_a_finding() {
        let name = "a".repeat(100_000);
        let parts: Vec<String> = (0..1_000).map(|at| format!("\"p{at}\": {{}}")).collect();
        let text = format!("{{\"properties\": {{{name:?}: {{\"properties\": {{{}}}}}}}}}", parts.join(", "));
        let manifest: &[u8] = b"root = \"rules\"";

        let loaded =
            from_files("memory", files(&[("eventsmith.toml", manifest), ("domain/a.v1.json", text.as_bytes())]));

        assert!(loaded.diagnostics.iter().any(|found| found.rule == "bad-schema"), "{:?}", loaded.diagnostics);
    }

    #[test]
    fn bytes_that_are_no_text_are_a_finding() {
        let loaded =
            from_files("memory", files(&[("eventsmith.toml", b"root = \"rules\""), ("domain/a.v1.json", b"\xff")]));

        assert_eq!(loaded.diagnostics.iter().map(|diagnostic| diagnostic.rule).collect::<Vec<_>>(), ["unreadable"]);
    }
}
