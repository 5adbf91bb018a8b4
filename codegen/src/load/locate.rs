//! Where the catalogue of a crate is.

use std::fs;
use std::path::{Path, PathBuf};

use crate::manifest::FILE_NAME;

/// The folder of the catalogue that a crate belongs to: what its `Cargo.toml` says, else the nearest
/// `eventsmith.toml` from the crate's folder upward.
///
/// ```toml
/// [package.metadata.eventsmith]
/// schemas = "../schemas"
/// ```
///
/// # Errors
/// When there is none, with what to write where.
pub fn locate(crate_dir: &Path) -> Result<PathBuf, String> {
    if let Some(schemas) = metadata(crate_dir)? {
        return locate_in(crate_dir, &schemas)
            .map_err(|error| format!("{error}; mend [package.metadata.eventsmith] in Cargo.toml"));
    }
    let found = super::find(crate_dir).and_then(|dir| fs::canonicalize(dir).ok());
    found.ok_or_else(|| {
        format!(
            "no {FILE_NAME} in {} or above; write one with the line root = \"rules\", or say where the schemas are in \
             Cargo.toml: [package.metadata.eventsmith] schemas = \"../schemas\"",
            crate_dir.display()
        )
    })
}

/// The folder `schemas`, relative to another one, if it holds a catalogue.
///
/// # Errors
/// When it holds none.
pub fn locate_in(base: &Path, schemas: &str) -> Result<PathBuf, String> {
    let dir = base.join(schemas);
    let found = fs::canonicalize(&dir).ok().filter(|dir| dir.join(FILE_NAME).is_file());
    found.ok_or_else(|| format!("there is no {FILE_NAME} in {schemas:?}"))
}

/// What `Cargo.toml` says; nothing where it says nothing or cannot be read, which is Cargo's to report.
fn metadata(crate_dir: &Path) -> Result<Option<String>, String> {
    let text = fs::read_to_string(crate_dir.join("Cargo.toml")).unwrap_or_default();
    let manifest: toml::Table = toml::from_str(&text).unwrap_or_default();
    let at = |table: &toml::Table, key: &str| table.get(key)?.as_table().cloned();
    let metadata = at(&manifest, "package").and_then(|package| at(&package, "metadata")).unwrap_or_default();
    let said = match metadata.get("eventsmith") {
        None => return Ok(None),
        Some(toml::Value::Table(said)) => said,
        Some(other) => &toml::Table::from_iter([("eventsmith".to_owned(), other.clone())]),
    };
    let mut found = None;
    for (key, value) in said {
        match (key.as_str(), value) {
            ("schemas", toml::Value::String(schemas)) => found = Some(schemas.clone()),
            _ => {
                return Err(format!(
                    "[package.metadata.eventsmith] in Cargo.toml has one key, schemas = \"../schemas\"; `{key} = {value}` is not it"
                ));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn what_cargo_toml_says_comes_first() {
        let metadata = "[package.metadata.eventsmith]\nschemas = \"../schemas\"\n";
        let dir = folder(&[
            ("eventsmith.toml", "root = \"far\""),
            ("schemas/eventsmith.toml", "root = \"near\""),
            ("service/Cargo.toml", metadata),
        ]);

        let found = locate(&dir.path().join("service")).unwrap();

        assert_eq!(found, fs::canonicalize(dir.path().join("schemas")).unwrap());
    }

    #[test]
    fn else_the_nearest_catalogue_upward_is_taken() {
        let dir = folder(&[("eventsmith.toml", "root = \"rules\""), ("services/billing/Cargo.toml", "")]);

        let found = locate(&dir.path().join("services/billing")).unwrap();

        assert_eq!(found, fs::canonicalize(dir.path()).unwrap());
    }

    #[test]
    fn a_folder_without_a_catalogue_is_named() {
        let dir = folder(&[("Cargo.toml", "[package.metadata.eventsmith]\nschemas = \"schemes\"\n")]);

        let error = locate(dir.path()).unwrap_err();

        assert_eq!(
            error,
            "there is no eventsmith.toml in \"schemes\"; mend [package.metadata.eventsmith] in Cargo.toml"
        );
    }

    #[test]
    fn a_key_that_nobody_reads_is_told() {
        for (table, line) in [
            ("package.metadata.eventsmith", "schema = \"../schemas\""),
            ("package.metadata.eventsmith", "schemas = [\"../schemas\"]"),
            ("package.metadata", "eventsmith = \"../schemas\""),
        ] {
            let dir = folder(&[("Cargo.toml", &format!("[{table}]\n{line}\n"))]);

            let error = locate(dir.path()).unwrap_err();

            assert!(error.contains("has one key, schemas = \"../schemas\"") && error.contains(line), "{error}");
        }
    }
}
