//! The files of a catalogue's folder. What lies outside of it is never read: a stranger's pull request may hold any link.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::manifest;

use super::part::{Texts, is_part, is_skipped};

/// The longest file that is read, 16 MiB; the largest public schemas have a third of it.
const LONGEST: u64 = 16 << 20;

/// The most bytes that all files together have, 512 MiB.
const MOST: u64 = 512 << 20;

/// The most bytes that links stand for, 32 MiB: a link takes a few bytes, and each is read as a file of its own.
const MOST_LINKED: u64 = 32 << 20;

/// The folder of the nearest `eventsmith.toml`, from `start` upward.
pub fn find(start: &Path) -> Option<PathBuf> {
    start.ancestors().find(|dir| dir.join(manifest::FILE_NAME).is_file()).map(Path::to_owned)
}

/// Reads every file of a folder that is part of its catalogue.
pub(super) fn read(dir: &Path, diagnostics: &mut Vec<Diagnostic>) -> Texts {
    let mut texts = Texts::new();
    let reader = Reader::new(dir);
    for path in paths(dir, diagnostics) {
        match reader.text(&path) {
            Ok(text) => {
                texts.insert(path, text);
            }
            Err(message) => {
                let help = "copy the file here; a link may lead to another file of the catalogue only";
                diagnostics.push(Diagnostic::error("bad-link", path, message, help));
            }
        }
    }
    texts
}

/// The files of a folder that are part of its catalogue, the manifest first.
pub(super) fn paths(dir: &Path, diagnostics: &mut Vec<Diagnostic>) -> Vec<String> {
    let mut files = vec![manifest::FILE_NAME.to_owned()];
    list(dir, "", &mut files, diagnostics);
    files
}

/// Reads the files of a folder.
pub(super) struct Reader<'a> {
    dir: &'a Path,
    /// The folder itself, where links lead to it.
    top: PathBuf,
    /// How many bytes may still be read.
    left: Cell<u64>,
    /// How many of them through links.
    left_linked: Cell<u64>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(dir: &'a Path) -> Self {
        // A folder that is not there is found out, and said, by those who read it.
        let top = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        Self { dir, top, left: Cell::new(MOST), left_linked: Cell::new(MOST_LINKED) }
    }

    /// The text of a file, or why it has none; an error if it is a link that is not followed.
    pub(super) fn text(&self, path: &str) -> Result<Result<String, String>, String> {
        let file = self.dir.join(path);
        let is_link = fs::symlink_metadata(&file).is_ok_and(|found| found.is_symlink());
        if is_link {
            self.check_link(path, &file)?;
        }
        let length = match fs::metadata(&file) {
            Ok(found) if !found.is_file() => return Ok(Err("it is no regular file".to_owned())),
            Ok(found) if found.len() > LONGEST => return Ok(Err(format!("it is longer than {} MiB", LONGEST >> 20))),
            Ok(found) => found.len(),
            Err(error) => return Ok(Err(error.to_string())),
        };
        if is_link && !take(&self.left_linked, length) {
            return Err(format!("symbolic links lead to more than {} MiB", MOST_LINKED >> 20));
        }
        if !take(&self.left, length) {
            return Ok(Err(format!("the files of the catalogue have more than {} MiB", MOST >> 20)));
        }
        Ok(fs::read_to_string(&file).map_err(|error| error.to_string()))
    }

    /// Whether a folder below the catalogue's is one itself, and is reached through no link.
    pub(super) fn is_plain_folder(&self, below: &str) -> bool {
        let place = if below.is_empty() { self.top.clone() } else { self.top.join(below) };
        fs::canonicalize(&place).is_ok_and(|found| found == place)
    }

    fn check_link(&self, path: &str, file: &Path) -> Result<(), String> {
        let target = fs::canonicalize(file).map_err(|_| "the symbolic link leads nowhere".to_owned())?;
        let below = target.strip_prefix(&self.top);
        let below = below.map_err(|_| "the symbolic link leads out of the catalogue".to_owned())?;
        let below = below.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
        if !is_part(&below) || (below == manifest::FILE_NAME) != (path == manifest::FILE_NAME) {
            return Err("the symbolic link leads to what is no schema file".to_owned());
        }
        Ok(())
    }
}

/// Takes some of what is left, if there is as much.
fn take(left: &Cell<u64>, wanted: u64) -> bool {
    match left.get().checked_sub(wanted) {
        Some(rest) => {
            left.set(rest);
            true
        }
        None => false,
    }
}

fn list(dir: &Path, below: &str, files: &mut Vec<String>, diagnostics: &mut Vec<Diagnostic>) {
    let unreadable = |message: String, help: &str| Diagnostic::error("unreadable", below, message, help);
    let entries = match fs::read_dir(dir.join(below)) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("{} cannot be read: {error}", dir.join(below).display());
            diagnostics.push(unreadable(message, "check that the folder exists"));
            return;
        }
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                diagnostics.push(unreadable(format!("a file cannot be read: {error}"), "look at the disk"));
                continue;
            }
        };
        let Ok(name) = entry.file_name().into_string() else {
            let message = format!("the name of {} is not UTF-8", entry.path().display());
            diagnostics.push(unreadable(message, "rename the file"));
            continue;
        };
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if entry.path().is_dir() {
            if is_skipped(&name, below.is_empty()) {
                continue;
            }
            if is_link {
                // It may lead out of the catalogue or back up, and git's revisions do not hold what is in it.
                let message = "a folder that is a symbolic link is not looked at";
                let help = "make it a folder of its own, or link single files within the catalogue";
                diagnostics.push(Diagnostic::error("bad-link", path, message, help));
            } else {
                list(dir, &path, files, diagnostics);
            }
        } else if path != manifest::FILE_NAME && is_part(&path) {
            files.push(path);
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("schemas/domain/rule")).unwrap();
        fs::write(dir.path().join("secret"), "hunter2").unwrap();
        fs::write(dir.path().join("schemas/.env"), "hunter2").unwrap();
        fs::write(dir.path().join("schemas/eventsmith.toml"), "root = \"rules\"").unwrap();
        fs::write(dir.path().join("schemas/domain/rule/a.v1.json"), "{}").unwrap();
        dir
    }

    fn links(at: &str, target: &str) -> (Vec<String>, Vec<Diagnostic>) {
        let dir = folder();
        let schemas = dir.path().join("schemas");
        let _ = fs::remove_file(schemas.join(at));
        symlink(target, schemas.join(at)).unwrap();
        let loaded = super::super::read(&schemas);
        (loaded.files, loaded.diagnostics)
    }

    #[test]
    fn a_folder_that_is_not_there_is_reported() {
        let dir = folder();
        let rules: Vec<&str> =
            super::super::read(&dir.path().join("nowhere")).diagnostics.iter().map(|found| found.rule).collect();

        assert_eq!(rules, ["unreadable", "no-manifest"]);
    }

    #[test]
    fn a_link_to_a_schema_of_the_catalogue_is_that_schema() {
        let (files, diagnostics) = links("domain/rule/b.v1.json", "a.v1.json");

        assert_eq!((files.len(), diagnostics.len()), (2, 0), "{diagnostics:?}");
    }

    #[test]
    fn a_link_elsewhere_is_an_error_that_shows_nothing_of_what_is_there() {
        for (at, target) in [
            ("domain/rule/b.v1.json", "../../../secret"),
            ("domain/rule/b.v1.json", "../../.env"),
            ("domain/rule/b.v1.json", "/etc/passwd"),
            ("domain/rule/b.v1.json", "nowhere.json"),
            ("domain/rule/b.v1.json", "b.v1.json"),
            ("domain/rule/b.v1.json", "/dev/zero"),
            ("eventsmith.toml", "../secret"),
        ] {
            let (_, diagnostics) = links(at, target);
            assert!(diagnostics.iter().any(|found| found.rule == "bad-link" && found.file == at), "{diagnostics:?}");
            assert!(!format!("{diagnostics:?}").contains("hunter2"));
        }
    }

    #[test]
    fn links_stand_for_no_more_than_some_files() {
        let dir = folder();
        let schemas = dir.path().join("schemas");
        let long = format!("{{\"description\": \"{}\"}}", "a".repeat(9 << 20));
        fs::write(schemas.join("domain/rule/a.v1.json"), long).unwrap();
        for version in 2..6 {
            symlink("a.v1.json", schemas.join(format!("domain/rule/a.v{version}.json"))).unwrap();
        }
        let loaded = super::super::read(&schemas);

        // Three of them have 27 MiB.
        let refused: Vec<&str> = loaded.diagnostics.iter().map(|found| found.file.as_str()).collect();
        assert_eq!((loaded.files.len(), refused.len()), (4, 1), "{refused:?}");
        assert!(loaded.diagnostics[0].message.contains("more than 32 MiB"), "{:?}", loaded.diagnostics);
    }

    #[test]
    fn folders_that_are_links_are_not_walked_however_they_turn() {
        let dir = folder();
        let schemas = dir.path().join("schemas");
        for name in ["one", "two"] {
            symlink(".", schemas.join("domain").join(name)).unwrap();
        }
        let loaded = super::super::read(&schemas);

        assert_eq!(loaded.files, ["domain/rule/a.v1.json"]);
        let found: Vec<(&str, &str)> =
            loaded.diagnostics.iter().map(|found| (found.rule, found.file.as_str())).collect();
        assert_eq!(found.len(), 2);
        assert!(found.contains(&("bad-link", "domain/one")) && found.contains(&("bad-link", "domain/two")));
    }
}
