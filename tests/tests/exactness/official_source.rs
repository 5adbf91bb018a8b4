//! The official JSON Schema test suite, as it comes with a Python package.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The newest release of the package `jsonschema` of Python, whose source archive holds a copy of the suite. The archive
/// does not say of which day the copy is.
const VERSION: &str = "4.26.0";

/// A file of the suite.
pub(crate) struct SuiteFile {
    /// Its path below the folder of its draft.
    pub(crate) path: String,
    /// Its groups.
    pub(crate) groups: Vec<Group>,
}

/// A schema with instances.
#[derive(serde::Deserialize)]
pub(crate) struct Group {
    pub(crate) description: String,
    pub(crate) schema: Value,
    pub(crate) tests: Vec<Test>,
}

/// An instance with the suite's verdict.
#[derive(serde::Deserialize)]
pub(crate) struct Test {
    pub(crate) description: String,
    pub(crate) data: Value,
    pub(crate) valid: bool,
}

/// The suite's folder, which the first call puts under `target/`. Any number of processes may call it at once.
pub(crate) fn find_or_download() -> PathBuf {
    let under = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = under.join(format!("jsonschema-{VERSION}"));
    let suite = folder.join("json");
    let lock = File::create(under.join(format!("jsonschema-{VERSION}.lock"))).unwrap();
    lock.lock().unwrap();
    if suite.is_dir() {
        return suite;
    }
    let scratch = tempfile::tempdir_in(under).unwrap();
    let python = |arguments: &[&str]| {
        let output = Command::new("python3").args(arguments).current_dir(scratch.path()).output();
        let output = output.expect("the suite comes with a Python package: install python3 with pip");
        assert!(output.status.success(), "python3 {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let package = format!("jsonschema=={VERSION}");
    let pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"];
    python(&[pip.as_slice(), &["--no-binary", "jsonschema", &package]].concat());
    python(&["-m", "tarfile", "-e", &format!("jsonschema-{VERSION}.tar.gz")]);
    fs::rename(scratch.path().join(format!("jsonschema-{VERSION}")), &folder).unwrap();
    suite
}

/// The files of a draft, the required ones first.
pub(crate) fn files(suite: &Path, draft: &str) -> Vec<SuiteFile> {
    let root = suite.join("tests").join(draft);
    let mut files = Vec::new();
    for folder in ["", "optional", "optional/format"] {
        for name in json_files(&root.join(folder)) {
            let path = Path::new(folder).join(&name);
            let groups = serde_json::from_str(&fs::read_to_string(root.join(&path)).unwrap()).unwrap();
            files.push(SuiteFile { path: path.to_str().unwrap().to_owned(), groups });
        }
    }
    files
}

/// The documents that schemas of the suite refer to, with their paths below its server.
pub(crate) fn remotes(suite: &Path) -> Vec<(String, Value)> {
    let root = suite.join("remotes");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        folders.extend(fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()));
        for name in json_files(&folder) {
            let path = folder.join(name);
            let document = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            found.push((path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), document));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

fn json_files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".json")).collect();
    names.sort();
    names
}
