//! The hooks of pre-commit, and pre-commit itself running them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BREAKING, GOOD, built, catalogue, done, echo, file, git, repository, yaml};
use crate::installed::pip;
use crate::support::Folder;

/// The program that runs hooks.
const PRE_COMMIT: &str = "pre-commit==4.3.0";

#[test]
fn every_hook_runs_the_command_of_its_name() {
    let hooks = yaml(&file(".pre-commit-hooks.yaml"));
    let folder = Folder::with(&[]);
    let program = echo(&folder);

    let mut ids = Vec::new();
    for hook in hooks.as_vec().unwrap() {
        let id = hook["id"].as_str().unwrap();
        let mut entry = hook["entry"].as_str().unwrap().split(' ');
        let script = repository().join(entry.next().unwrap());
        let arguments: Vec<&str> = entry.collect();
        let folder = clone_with_a_branch();
        let printed =
            done(Command::new(script).args(&arguments).current_dir(folder.path()).env("EVENTSMITH", &program));
        let expected = if arguments == ["breaking"] {
            "[breaking][--against][origin/main]"
        } else {
            &*format!("[{}]", arguments[0])
        };
        assert_eq!(printed, expected, "{id}");
        assert_eq!(id.strip_prefix("eventsmith-"), arguments.first().copied());
        assert_eq!(hook["language"].as_str(), Some("script"), "{id}");
        ids.push(id);
    }
    assert_eq!(ids, ["eventsmith-lint", "eventsmith-breaking", "eventsmith-validate"]);
}

/// A clone made by init and fetch, which has no `origin/HEAD`.
fn clone_with_a_branch() -> Folder {
    let folder = Folder::with(&[]);
    let origin = folder.path().join("origin");
    fs::create_dir(&origin).unwrap();
    git(&origin, &["init", "--quiet"]);
    git(&origin, &["commit", "--quiet", "--allow-empty", "--message", "published"]);
    git(folder.path(), &["init", "--quiet"]);
    git(folder.path(), &["remote", "add", "origin", "./origin"]);
    git(folder.path(), &["fetch", "--quiet", "origin"]);
    folder
}

#[test]
fn the_hook_compares_with_what_its_arguments_name_and_says_if_nobody_knows() {
    let hook = repository().join(".ci/hook");
    let folder = clone_with_a_branch();
    let program = echo(&folder);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&hook);
        command.arg("breaking").args(arguments).current_dir(folder.path()).env("EVENTSMITH", &program).output().unwrap()
    };

    for arguments in [["--against", "origin/release"].as_slice(), &["--against=origin/release"]] {
        let words: String = arguments.iter().map(|word| format!("[{word}]")).collect();
        assert_eq!(String::from_utf8(run(arguments).stdout).unwrap(), format!("[breaking]{words}"));
    }
    git(folder.path(), &["remote", "remove", "origin"]);
    let lost = run(&[]);
    assert_eq!(lost.status.code(), Some(2));
    assert!(String::from_utf8(lost.stderr).unwrap().contains("--against, origin/BRANCH"), "the way out is named");
}

/// Where pre-commit is, which the first test that needs it puts under `target/`.
fn pre_commit() -> PathBuf {
    pip(Path::new(env!("CARGO_TARGET_TMPDIR")), PRE_COMMIT).unwrap()
}

/// A repository of events whose commits pre-commit checks by our hooks.
struct Checked {
    folder: Folder,
    /// A repository with our hooks, as pre-commit clones it.
    hooks: Folder,
    home: Folder,
}

impl Checked {
    fn new() -> Self {
        let hooks = Folder::with(&[(".pre-commit-hooks.yaml", &file(".pre-commit-hooks.yaml"))]);
        fs::create_dir(hooks.path().join(".ci")).unwrap();
        fs::copy(repository().join(".ci/hook"), hooks.path().join(".ci/hook")).unwrap();
        git(hooks.path(), &["init", "--quiet"]);
        git(hooks.path(), &["add", "."]);
        git(hooks.path(), &["commit", "--quiet", "--message", "hooks"]);
        let revision = git(hooks.path(), &["rev-parse", "HEAD"]);
        let folder = catalogue(GOOD);
        folder.write("schemas/domain/order/paid.v1.json", &GOOD.replace("Placed", "Paid").replace("placed", "paid"));
        folder.write("payloads/a.jsonl", "");
        let configuration = format!(
            "repos:\n  - repo: {}\n    rev: {revision}\n    hooks:\n      - id: eventsmith-lint\n        args: [--schemas, schemas]\n      \
             - id: eventsmith-breaking\n        args: [--schemas, schemas]\n      - id: eventsmith-validate\n        \
             args: [--schemas, schemas, --event, order.placed]\n",
            hooks.path().display()
        );
        folder.write(".pre-commit-config.yaml", &configuration);
        fs::remove_file(folder.path().join("payloads/a.jsonl")).unwrap();
        git(folder.path(), &["init", "--quiet"]);
        git(folder.path(), &["add", "."]);
        git(folder.path(), &["commit", "--quiet", "--message", "published"]);
        git(folder.path(), &["update-ref", "refs/remotes/origin/main", "HEAD"]);
        Self { folder, hooks, home: Folder::with(&[]) }
    }

    /// Commits everything in a folder, by git, which runs the hook of pre-commit. What it said where it was refused.
    fn commit(&self, here: &Path) -> Result<(), String> {
        self.prepare(Command::new("git").args(["add", "--all", "."]).current_dir(here));
        let mut commit = Command::new("git");
        commit.args(["-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "--message", "a change"]);
        let output = self.environment(commit.current_dir(here)).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8(said).unwrap()) }
    }

    fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("EVENTSMITH", built()).env("PYTHONPATH", pre_commit()).env("PRE_COMMIT_HOME", self.home.path())
    }

    fn prepare(&self, command: &mut Command) {
        done(self.environment(command));
    }

    /// Lets git run pre-commit before each commit.
    fn install(&self) {
        self.prepare(Command::new("python3").args(["-m", "pre_commit", "install"]).current_dir(self.folder.path()));
    }
}

#[test]
fn pre_commit_refuses_what_breaks_the_catalogue_also_where_files_are_only_deleted() {
    let checked = Checked::new();
    checked.install();
    let here = checked.folder.path();
    let refused = |what: &str, rule: &str| {
        let said = checked.commit(here).expect_err(what);
        assert!(said.contains(rule), "{what}: {said}");
        git(here, &["reset", "--quiet", "--hard"]);
    };

    checked.folder.write("a file.txt", "that is none of our business");
    checked.commit(here).unwrap();

    checked.folder.write("schemas/domain/order/placed.v1.json", BREAKING);
    refused("a required property", "breaking-change");
    fs::remove_file(here.join("schemas/domain/order/paid.v1.json")).unwrap();
    refused("a deleted event", "removed-event");
    fs::remove_file(here.join("schemas/eventsmith.toml")).unwrap();
    refused("a deleted manifest", "eventsmith.toml");
    checked.folder.write("payloads/of a day.jsonl", "{\"id\": \"a\"}\n{\"id\": 7}\n");
    refused("an invalid payload", "payloads/of a day.jsonl:2");
    assert!(checked.hooks.path().is_dir());
}

#[test]
fn pre_commit_checks_a_linked_worktree_by_its_own_files() {
    let checked = Checked::new();
    checked.install();
    git(checked.folder.path(), &["worktree", "add", "--quiet", "-b", "other", "tree"]);
    let tree = checked.folder.path().join("tree");
    fs::write(tree.join("schemas/domain/order/placed.v1.json"), BREAKING).unwrap();

    let said = checked.commit(&tree).expect_err("a required property");
    assert!(said.contains("breaking-change"), "{said}");

    git(&tree, &["reset", "--quiet", "--hard"]);
    fs::write(checked.folder.path().join("schemas/domain/order/placed.v1.json"), BREAKING).unwrap();
    fs::write(tree.join("note.txt"), "a change").unwrap();
    checked.commit(&tree).unwrap();
}
