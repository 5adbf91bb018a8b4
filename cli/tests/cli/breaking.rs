//! `eventsmith breaking`, through the binary and real repositories.

mod moves;
mod revisions;

use std::path::Path;
use std::process::Command;

use crate::support::{Folder, Run};
use serde_json::Value;

const MANIFEST: &str = "root = \"rules\"\n";
const EVENT: &str = "schemas/domain/rule/created.v1.json";

/// A schema whose one limit is known to be wider when it is larger.
fn named(limit: u32) -> String {
    format!(
        "{{\n  \"type\": \"object\",\n  \"properties\": {{\"name\": {{\"type\": \"string\", \"maxLength\": {limit}}}}}\n}}\n"
    )
}

/// A repository with the catalogue in its folder `schemas`, committed once.
struct Repository(Folder);

impl Repository {
    fn with(files: &[(&str, &str)]) -> Self {
        let repository = Self::without_catalogue();
        repository.0.write("schemas/eventsmith.toml", MANIFEST);
        repository.commit(files);
        repository
    }

    /// A repository with nothing in it.
    fn without_catalogue() -> Self {
        let repository = Self(Folder::with(&[]));
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository
    }

    /// Writes files and commits everything.
    fn commit(&self, files: &[(&str, &str)]) {
        files.iter().for_each(|(path, text)| self.0.write(path, text));
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "a change"]);
    }

    fn remove(&self, path: &str) {
        std::fs::remove_file(self.0.path().join(path)).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        git(self.0.path(), arguments);
    }

    fn run(&self, arguments: &[&str]) -> Run {
        run_in(self.0.path(), arguments)
    }
}

/// Git without anybody's configuration.
fn git(here: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    isolate(&mut git);
    let output = git.current_dir(here).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn isolate(command: &mut Command) {
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Ada").env(format!("GIT_{role}_EMAIL"), "ada@example.org");
    }
}

fn run_in(here: &Path, arguments: &[&str]) -> Run {
    run_with(here, arguments, &[])
}

fn run_with(here: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventsmith"));
    isolate(&mut command);
    command.current_dir(here).arg("breaking").args(arguments).envs(environment.iter().copied());
    let output = command.output().unwrap();
    Run::of(output)
}

/// What `--format json` prints.
fn object(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

/// The statuses of all comparisons, each with its direction.
fn statuses(run: &Run) -> Vec<(String, String)> {
    let object = object(run);
    let text = |comparison: &Value, name: &str| comparison[name].as_str().unwrap().to_owned();
    let comparisons = object["comparisons"].as_array().unwrap();
    comparisons.iter().map(|comparison| (text(comparison, "direction"), text(comparison, "status"))).collect()
}

#[test]
fn nothing_changed_is_clean() {
    let repository = Repository::with(&[(EVENT, &named(10))]);

    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas"]);

    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{run:?}");
    assert_eq!(run.stderr, "0 compatible, 2 identical, 0 breaking, 0 undecided\n");
}

#[test]
fn the_working_files_are_compared_and_not_what_is_committed() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.0.write(EVENT, &named(20));

    let run =
        repository.run(&["--against", "main", "--schemas", "schemas", "--policy", "backward", "--format", "json"]);

    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(statuses(&run), [("backward".to_owned(), "compatible".to_owned())]);
    let comparison = &object(&run)["comparisons"][0];
    assert_eq!((&comparison["event_type"], &comparison["version"]), (&"rule.created".into(), &1.into()));
    assert_eq!(comparison["changes"][0]["message"], "maxLength 10 became 20");
    assert_eq!(comparison["changes"][0]["pointer"], "/properties/name");
}

#[test]
fn the_policy_of_both_manifests_applies_unless_another_is_asked_for() {
    let manifest = "root = \"rules\"\n[compatibility]\npolicy = \"forward\"\n";
    let repository = Repository::with(&[("schemas/eventsmith.toml", manifest), (EVENT, &named(20))]);
    repository.commit(&[(EVENT, &named(10))]);
    let run = |more: &[&str]| {
        repository.run(&[&["--against", "HEAD~1", "--schemas", "schemas", "--format", "json"], more].concat())
    };

    assert_eq!(statuses(&run(&[])), [("forward".to_owned(), "compatible".to_owned())]);
    assert_eq!(statuses(&run(&["--policy", "full"])).len(), 2);
}

#[test]
fn a_schema_that_now_rejects_what_was_written_is_found_with_its_place() {
    let repository = Repository::with(&[(EVENT, &named(20))]);
    repository.0.write(EVENT, &named(10));

    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas", "--policy", "backward"]);

    // With the engine that decides containment this is a breaking change with a witness, without it undecided.
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.starts_with("schemas/domain/rule/created.v1.json:"), "{run:?}");
    assert!(run.stdout.contains("maxLength 20 became 10"), "{run:?}");
    assert!(run.stdout.contains("created.v2.json"), "{run:?}");
}

#[test]
fn a_removed_event_is_found_at_the_path_that_it_had() {
    let repository = Repository::with(&[(EVENT, &named(10)), ("schemas/domain/rule/deleted.v1.json", &named(10))]);
    repository.remove(EVENT);

    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas", "--format", "json"]);

    let finding = &object(&run)["findings"][0];
    assert_eq!(run.status, 1, "{run:?}");
    assert_eq!((&finding["rule"], &finding["severity"]), (&"removed-event".into(), &"error".into()));
    assert_eq!(finding["file"], EVENT);
    let help = finding["help"].as_str().unwrap();
    assert!(help.starts_with("put schemas/domain/rule/created.v1.json back; "), "{help}");
}

#[test]
fn the_catalogue_is_found_from_any_folder_below() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.0.write(EVENT, &named(20));

    let run = run_in(&repository.0.path().join("schemas/domain/rule"), &["--against", "HEAD", "--policy", "backward"]);

    assert_eq!(
        (run.status, run.stderr.as_str()),
        (0, "1 compatible, 0 identical, 0 breaking, 0 undecided\n"),
        "{run:?}"
    );
}

#[test]
fn a_catalogue_at_the_top_of_its_repository_is_read() {
    let repository = Repository(Folder::with(&[("eventsmith.toml", MANIFEST), ("domain/a.v1.json", &named(1))]));
    repository.git(&["init", "--quiet"]);
    repository.commit(&[("target/broken.json", "{")]);

    let run = repository.run(&["--against", "HEAD", "--transitive"]);

    assert_eq!(
        (run.status, run.stderr.as_str()),
        (0, "0 compatible, 2 identical, 0 breaking, 0 undecided\n"),
        "{run:?}"
    );
}

#[test]
fn a_folder_with_a_catalogue_is_compared_without_git() {
    let folder = Folder::with(&[
        ("old/eventsmith.toml", MANIFEST),
        ("old/domain/rule/created.v1.json", &named(10)),
        ("new/eventsmith.toml", MANIFEST),
        ("new/domain/rule/created.v1.json", &named(10)),
        ("new/domain/rule/created.v3.json", &named(10)),
    ]);

    let run = folder.run(&["breaking", "--against", "old", "--schemas", "new"]);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.starts_with("new/domain/rule/created.v3.json: warning[version-gap]: "), "{run:?}");
    assert_eq!(run.stderr, "0 compatible, 2 identical, 0 breaking, 0 undecided, 1 version-gap\n");
}

#[test]
fn what_is_neither_folder_nor_revision_is_told_as_both() {
    let repository = Repository::with(&[(EVENT, &named(10)), ("empty/readme", "")]);
    let error = |against: &str| {
        let run = repository.run(&["--schemas", "schemas", &format!("--against={against}")]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
        run.stderr
    };

    assert!(error("nowhere").contains("\"nowhere\" is neither a folder with an eventsmith.toml nor a git revision"));
    assert!(error("empty").contains("the folder empty holds no eventsmith.toml"));
    assert!(error("--output=/tmp/x").contains("is no revision"));
    assert!(error("").contains("is no revision"));
}

#[test]
fn a_folder_outside_of_any_repository_has_no_revisions() {
    let folder = Folder::with(&[("eventsmith.toml", MANIFEST), ("domain/a.v1.json", &named(1))]);
    let ceiling = folder.path().parent().unwrap().to_str().unwrap().to_owned();

    let run = run_with(folder.path(), &["--against", "HEAD"], &[("GIT_CEILING_DIRECTORIES", &ceiling)]);

    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("not a git repository"), "{run:?}");
}

#[test]
fn a_revision_without_the_catalogue_is_told() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.git(&["mv", "schemas", "events"]);
    repository.commit(&[]);

    let run = repository.run(&["--against", "HEAD~1", "--schemas", "events"]);

    let said = "error: the revision HEAD~1 has no eventsmith.toml in events; was the catalogue moved from schemas? check HEAD~1 out \
                into a folder, and compare with that: --against FOLDER\n";
    assert_eq!((run.status, run.stderr.as_str()), (2, said), "{run:?}");
}

#[test]
fn what_is_broken_now_is_found_and_the_rest_is_compared() {
    let other = "schemas/domain/rule/deleted.v1.json";
    let typo = "schemas/domain/rule/renamed.v1.json";
    let repository = Repository::with(&[(EVENT, &named(10)), (other, &named(10)), (typo, &named(10))]);
    repository.0.write(EVENT, "{");
    repository.0.write(typo, r#"{"type": "strin"}"#);

    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas"]);

    assert_eq!(
        (run.status, run.stderr.as_str()),
        (1, "0 compatible, 2 identical, 0 breaking, 2 undecided, 1 bad-json, 1 bad-schema\n"),
        "{run:?}"
    );
    assert!(run.stdout.starts_with(&format!("{EVENT}:1:1: error[bad-json]: ")), "{run:?}");
    assert!(run.stdout.contains(&format!("{typo}:1:2: error[bad-schema]: unknown type")), "{run:?}");
    assert!(!run.stdout.contains("removed-event"), "{run:?}");
}

#[test]
fn a_broken_manifest_cannot_be_compared() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.0.write("schemas/eventsmith.toml", "root =");

    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas"]);

    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(run.stderr.contains("error[bad-manifest]"), "{run:?}");
}

#[test]
fn what_was_broken_before_is_a_warning_and_the_rest_is_compared() {
    let other = "schemas/domain/rule/deleted.v1.json";
    let repository = Repository::with(&[(EVENT, "{"), (other, &named(10))]);
    repository.0.write(EVENT, &named(10));

    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas"]);

    assert_eq!(
        (run.status, run.stderr.as_str()),
        (1, "0 compatible, 2 identical, 0 breaking, 0 undecided, 1 unsound-previous\n"),
        "{run:?}"
    );
    assert!(run.stdout.starts_with(&format!("{EVENT}: warning[unsound-previous]: ")), "{run:?}");
}

#[test]
fn every_earlier_text_counts_where_the_policy_is_transitive() {
    let repository = Repository::with(&[(EVENT, &named(30))]);
    repository.commit(&[(EVENT, &named(10))]);
    repository.commit(&[("readme", "nothing of the catalogue"), (EVENT, &named(20))]);
    let arguments = ["--against", "HEAD", "--schemas", "schemas", "--policy", "backward", "--format", "json"];
    let run = |more: &str| repository.run(&[&arguments[..], &[more]].concat());

    assert_eq!(statuses(&run("--transitive=false")), [("backward".to_owned(), "identical".to_owned())]);
    // 10 is understood; 30 is not, which the engine will prove.
    let transitive = run("--transitive");
    assert_eq!(transitive.status, 1, "{transitive:?}");
    let comparison = &object(&transitive)["comparisons"][0];
    assert_eq!(comparison["changes"][0]["message"], "maxLength 30 became 20");
    assert_eq!(comparison["revision"].as_str().map(str::len), Some(12));
    let message = object(&transitive)["findings"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(comparison["revision"].as_str().unwrap()), "{message}");
}

#[test]
fn the_manifest_may_ask_for_the_whole_history() {
    let repository = Repository::with(&[(EVENT, &named(30))]);
    let manifest = "root = \"rules\"\n[compatibility]\npolicy = \"backward\"\ntransitive = true\n";
    repository.commit(&[(EVENT, &named(10)), ("schemas/eventsmith.toml", manifest)]);

    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas"]);

    assert_eq!(run.status, 1, "{run:?}");
    assert_eq!(repository.run(&["--against", "HEAD", "--schemas", "schemas", "--transitive=false"]).status, 0);
}

#[test]
fn undecided_changes_may_be_let_pass() {
    let with = |pattern: &str| named(10).replace("\"maxLength\": 10", &format!("\"pattern\": \"{pattern}\""));
    // Both mean "ab", but no proof looks around.
    let repository = Repository::with(&[(EVENT, &with("^a(?=b)b$"))]);
    repository.0.write(EVENT, &with("^ab(?!c)$"));
    let arguments = ["--against", "HEAD", "--schemas", "schemas", "--policy", "backward", "--format", "json"];

    let strict = repository.run(&arguments);
    let lenient = repository.run(&[&arguments[..], &["--allow-undecided"]].concat());

    assert_eq!((strict.status, lenient.status), (1, 0), "{strict:?}");
    assert_eq!(statuses(&lenient), [("backward".to_owned(), "undecided".to_owned())]);
    assert_eq!(object(&strict)["findings"][0]["rule"], "undecided-change");
    assert_eq!(object(&strict)["findings"][0]["severity"], "error");
    assert_eq!(object(&lenient)["findings"][0]["severity"], "advice");
}

#[test]
fn replies_are_compared_too() {
    let (request, reply) = ("schemas/query/rule/get.v1.json", "schemas/query/rule/get.v1.reply.json");
    let error = "schemas/query/rule/get.v1.error.json";
    let repository = Repository::with(&[(request, &named(10)), (reply, &named(20)), (error, &named(20))]);
    repository.0.write(reply, &named(10));
    repository.0.write(error, &named(10));

    let run =
        repository.run(&["--against", "HEAD", "--schemas", "schemas", "--policy", "backward", "--format", "json"]);

    let object = object(&run);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(object["comparisons"][0].get("reply"), None);
    assert_eq!(object["comparisons"][1]["reply"], true);
    assert_eq!(object["comparisons"][1]["status"], "compatible");
    assert_eq!(object["comparisons"][1]["direction"], "forward", "callers read what servers write");
    assert_eq!(object["comparisons"][2]["error"], true);
    assert_eq!(object["comparisons"][2].get("reply"), None);
}
