//! The ways in that are no program of ours: the GitHub Action, the hooks of pre-commit, and what docs/ci.md shows.
//!
//! Their files are read as YAML, as their users read them, and their scripts are run with the program that was just built.

mod action;
mod hooks;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Folder;
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

const GOOD: &str = r#"{
  "title": "OrderPlaced",
  "description": "An order was placed.",
  "type": "object",
  "required": ["id"],
  "properties": {"id": {"type": "string", "maxLength": 40, "description": "The number of the order."}},
  "examples": [{"id": "a"}]
}"#;
/// The same with a property that readers of the published schema know nothing of, and that must be there.
const BREAKING: &str = r#"{
  "title": "OrderPlaced",
  "description": "An order was placed.",
  "type": "object",
  "required": ["id", "note"],
  "properties": {
    "id": {"type": "string", "maxLength": 40, "description": "The number of the order."},
    "note": {"type": "string", "maxLength": 40, "description": "What the buyer says."}
  },
  "examples": [{"id": "a", "note": "b"}]
}"#;
const BROKEN: &str = r##"{"type": "object", "properties": {"id": {"$ref": "#/$defs/Id"}}}"##;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn yaml(text: &str) -> Yaml {
    YamlLoader::load_from_str(text).unwrap().remove(0)
}

fn file(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

fn catalogue(schema: &str) -> Folder {
    Folder::with(&[("schemas/eventsmith.toml", "root = \"shop\"\n"), ("schemas/domain/order/placed.v1.json", schema)])
}

fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn git(dir: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]);
    done(git.args(arguments).current_dir(dir)).trim().to_owned()
}

fn built() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_eventsmith"))
}

/// A program that prints its arguments, each in brackets.
fn echo(folder: &Folder) -> PathBuf {
    let path = folder.path().join("echo.sh");
    // Another process writes it: whatever a test starts beside this one would inherit the open file for a moment, and nothing
    // runs a program that is open for writing.
    let script = "#!/bin/sh\nprintf '[%s]' \"$@\"\n";
    done(Command::new("sh").args(["-c", "printf %s \"$1\" >\"$0\" && chmod +x \"$0\""]).arg(&path).arg(script));
    path
}

/// The blocks of one language in docs/ci.md.
fn snippets(language: &str) -> Vec<String> {
    let start = format!("```{language}\n");
    file("docs/ci.md").split(&start).skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_guide_uses_inputs_and_hooks_that_there_are() {
    let action = yaml(&file("action.yml"));
    let hooks = file(".pre-commit-hooks.yaml");
    let [github, gitlab, pre_commit] = snippets("yaml").try_into().unwrap_or_else(|all| panic!("{all:?}"));

    let github = yaml(&github);
    let steps = github["jobs"]["events"]["steps"].as_vec().unwrap();
    let ours = steps.iter().filter(|step| step["uses"].as_str().unwrap().starts_with("OWNER/eventsmith@"));
    let commands: Vec<&str> = ours.clone().filter_map(|step| step["with"]["command"].as_str()).collect();
    assert_eq!(commands, ["lint", "breaking", "validate"]);
    for input in ours.flat_map(|step| step["with"].as_hash().unwrap().keys()) {
        assert!(!action["inputs"][input.as_str().unwrap()].is_badvalue(), "the action has no input {input:?}");
    }

    let report = &yaml(&gitlab)["events"]["artifacts"]["reports"]["codequality"];
    assert_eq!(report.as_str(), Some("code-quality.json"));

    for hook in yaml(&pre_commit)["repos"][0]["hooks"].as_vec().unwrap() {
        let id = hook["id"].as_str().unwrap();
        assert!(hooks.contains(&format!("- id: {id}\n")), "there is no hook {id}");
    }
}

#[test]
fn the_job_of_the_guide_leaves_a_code_quality_report() {
    let folder = catalogue(GOOD);
    git(folder.path(), &["init", "--quiet"]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "--message", "base"]);
    folder.write("schemas/domain/order/placed.v1.json", &GOOD.replace("40", "30"));
    fs::create_dir_all(folder.path().join(".eventsmith/bin")).unwrap();
    symlink(built(), folder.path().join(".eventsmith/bin/eventsmith")).unwrap();
    let job = yaml(&snippets("yaml")[1]);
    let script = job["events"]["script"][0].as_str().unwrap();

    let mut bash = Command::new("bash");
    bash.args(["-c", script]).current_dir(folder.path()).env("CI_MERGE_REQUEST_DIFF_BASE_SHA", "HEAD");
    let output = bash.output().unwrap();

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = fs::read_to_string(folder.path().join("code-quality.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report[0]["check_name"], "breaking-change", "{report}");
    assert_eq!(report[0]["location"]["path"], "schemas/domain/order/placed.v1.json", "{report}");
}
