//! The GitHub Action: its last step is run as GitHub runs it, in repositories as actions/checkout leaves them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use yaml_rust2::Yaml;

use super::{BREAKING, BROKEN, GOOD, built, catalogue, done, echo, file, git, repository, yaml};
use crate::support::Folder;

/// The steps of the action that run a script, with their text.
fn scripts(action: &Yaml) -> Vec<(&Yaml, &str)> {
    let steps = action["runs"]["steps"].as_vec().unwrap();
    steps.iter().filter_map(|step| Some((step, step["run"].as_str()?))).collect()
}

/// Runs the last step of the action as GitHub would: with what its `env` says for these inputs.
fn act(dir: &Path, program: &Path, base: &str, inputs: &[(&str, &str)]) -> (i32, String) {
    act_in(dir, program, base, inputs, &[])
}

/// The same in the surroundings of a pull request with the number 7, with more variables.
fn act_in(
    dir: &Path,
    program: &Path,
    base: &str,
    inputs: &[(&str, &str)],
    variables: &[(&str, &str)],
) -> (i32, String) {
    let action = yaml(&file("action.yml"));
    let (step, script) = scripts(&action).pop().unwrap();
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]).current_dir(dir);
    bash.env("GITHUB_ACTION_PATH", repository()).env("GITHUB_WORKSPACE", dir).env("EVENTSMITH", program);
    for (name, value) in step["env"].as_hash().unwrap() {
        let value = value.as_str().unwrap();
        let value = match value.strip_prefix("${{ inputs.").and_then(|rest| rest.strip_suffix(" }}")) {
            Some(input) => inputs
                .iter()
                .find(|(name, _)| *name == input)
                .map_or_else(|| action["inputs"][input]["default"].as_str().unwrap_or_default(), |(_, value)| value),
            None if value.contains("pull_request.number") => "7",
            None => base,
        };
        bash.env(name.as_str().unwrap(), value);
    }
    bash.envs(variables.iter().copied());
    let output = bash.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn inputs_reach_the_scripts_of_the_action_as_variables_and_never_as_code() {
    let action = yaml(&file("action.yml"));

    for (step, script) in scripts(&action) {
        assert!(!script.contains("${{"), "an input could end up in {script:?}");
        assert_eq!(step["shell"].as_str(), Some("bash"), "{script}");
        let path = script.split('"').nth(1).and_then(|path| path.strip_prefix("$GITHUB_ACTION_PATH/")).unwrap();
        assert!(repository().join(path).is_file(), "{path} is gone");
    }
    let given = scripts(&action).pop().unwrap().0["env"].as_hash().unwrap().values();
    let given: Vec<&str> = given.filter_map(Yaml::as_str).collect();
    for input in action["inputs"].as_hash().unwrap().keys() {
        let wanted = format!("${{{{ inputs.{} }}}}", input.as_str().unwrap());
        assert!(given.contains(&wanted.as_str()), "{wanted} is given to nobody");
    }
}

#[test]
fn the_action_lints_and_its_status_is_that_of_the_program() {
    // The format of this command is left to the program.
    let inputs = [("command", "lint"), ("schemas", "schemas"), ("format", "")];

    let (clean, silence) = act(catalogue(GOOD).path(), built(), "", &inputs);
    let (found, findings) = act(catalogue(BROKEN).path(), built(), "", &inputs);
    let (nowhere, reason) = act(Folder::with(&[]).path(), built(), "", &inputs);

    assert_eq!((clean, silence.as_str()), (0, "2 files: 0 errors, 0 warnings, 0 advice\n"));
    assert_eq!(found, 1, "{findings}");
    assert!(findings.contains("schemas/domain/order/placed.v1.json:1:"), "{findings}");
    assert_eq!(nowhere, 2, "{reason}");
}

#[test]
fn the_action_validates_files_that_patterns_name() {
    let folder = catalogue(GOOD);
    folder.write("payloads/a.json", r#"{"id": "a"}"#);
    folder.write("payloads/deeper/b c.json", r#"{"id": 7}"#);

    let inputs = [
        ("command", "validate"),
        ("schemas", "schemas"),
        ("format", "json"),
        ("arguments", "--event order.placed\npayloads/**/*.json"),
    ];
    let (status, report) = act(folder.path(), built(), "", &inputs);

    assert_eq!(status, 1, "{report}");
    assert!(report.contains("payloads/deeper/b c.json"), "{report}");
    assert!(report.ends_with("1 valid, 1 invalid\n"), "{report}");
}

#[test]
fn nothing_in_the_inputs_of_the_action_is_evaluated() {
    let folder = Folder::with(&[]);
    let program = echo(&folder);
    let evil = "$(touch${IFS}pwned) `id` a;b '\"";

    let (status, arguments) =
        act(folder.path(), &program, "", &[("command", "validate"), ("schemas", evil), ("arguments", evil)]);

    assert_eq!(status, 0, "{arguments}");
    let words = "[$(touch${IFS}pwned)][`id`][a;b]['\"]";
    assert_eq!(arguments, format!("[validate][--schemas][{evil}][--format][github]{words}"));
    assert!(!folder.path().join("pwned").exists());

    let (status, said) = act(folder.path(), &program, "", &[("command", "lint\n::set-env::"), ("schemas", "")]);
    assert_eq!(
        (status, said.as_str()),
        (2, "::error title=eventsmith::the input `command` must be lint, breaking, validate or changes\n")
    );
}

/// The command line of GitHub, as far as the action uses it: it writes down what it was asked, and finds the comment that is said.
const GH: &str = r#"#!/bin/sh
printf '%s\n' "$*" >>"$ASKED"
case "$*" in *--jq*) printf '%s' "$FOUND" ;; esac
for word in "$@"; do case $word in body=@*) cat "${word#body=@}" >>"$ASKED" ;; esac; done
exit "${STATUS:-0}"
"#;

#[test]
fn the_action_says_what_changes_mean_in_the_summary_and_in_one_comment() {
    let remote = Remote::with(PLAIN, 1);
    let base = remote.git(&["rev-parse", "main"]);
    let clone = remote.clone("change", &["--depth=1"]);
    let tools = Folder::with(&[("gh", GH)]);
    done(Command::new("chmod").arg("+x").arg(tools.path().join("gh")));
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    let [asked, summary] = ["asked", "summary"].map(|name| tools.path().join(name).display().to_string());
    let run = |comment: &str, found: &str, status: &str| {
        let inputs = [("command", "changes"), ("schemas", "schemas"), ("comment", comment), ("token", "secret")];
        let variables = [
            ("PATH", &*path),
            ("ASKED", &*asked),
            ("GITHUB_STEP_SUMMARY", &*summary),
            ("FOUND", found),
            ("STATUS", status),
            ("GITHUB_REPOSITORY", "shop/events"),
        ];
        for file in [&asked, &summary] {
            std::fs::write(file, "").unwrap();
        }
        let (ended, said) = act_in(clone.path(), built(), &base, &inputs, &variables);
        let read = |file: &str| std::fs::read_to_string(file).unwrap();
        (ended, said, read(&summary), read(&asked))
    };

    let (status, said, summary, asked) = run("false", "", "0");
    assert_eq!((status, asked.as_str()), (0, ""), "{said}");
    assert!(summary.starts_with("<!-- written by eventsmith changes -->\n# Changes of the catalogue"), "{summary}");
    assert!(summary.contains("`order.placed v1`: breaking"), "{summary}");

    let (status, said, _, asked) = run("true", "", "0");
    assert_eq!(status, 0, "{said}");
    assert!(asked.contains("--method POST repos/shop/events/issues/7/comments -F body=@"), "{asked}");
    assert!(asked.contains("`order.placed v1`: breaking"), "{asked}");

    let (status, said, _, asked) = run("true", "41\n42", "0");
    assert_eq!(status, 0, "{said}");
    assert!(asked.contains("--method PATCH repos/shop/events/issues/comments/41 -F body=@"), "{asked}");

    let (status, said, _, _) = run("true", "", "1");
    assert_eq!(status, 0, "a fork may not comment, and its change is no worse for that");
    assert!(said.contains("::warning title=eventsmith::the comment could not be written"), "{said}");
}

/// A remote repository with a catalogue on `main`, and a pull request of some commits that breaks it, as GitHub has them.
struct Remote {
    folder: Folder,
}

impl Remote {
    fn with(manifest: &str, commits: usize) -> Self {
        let remote = Self { folder: catalogue(GOOD) };
        remote.folder.write("schemas/eventsmith.toml", manifest);
        remote.git(&["init", "--quiet"]);
        remote.commit("published");
        remote.git(&["switch", "--quiet", "--create", "change"]);
        remote.folder.write("schemas/domain/order/placed.v1.json", BREAKING);
        remote.commit("a change");
        for _ in 1..commits {
            remote.git(&["commit", "--quiet", "--allow-empty", "--message", "more"]);
        }
        remote
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(self.folder.path(), arguments)
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all", "."]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// A clone of a branch, in a folder of its own.
    fn clone(&self, branch: &str, options: &[&str]) -> Folder {
        let clone = Folder::with(&[]);
        let url = format!("file://{}", self.folder.path().display());
        git(clone.path(), &[&["clone", "--quiet", "--branch", branch], options, &[&url, "."]].concat());
        clone
    }
}

/// Runs `breaking` of the action. A breaking change has status 1.
fn breaking(clone: &Folder, base: &str, against: &str) -> (i32, String) {
    let inputs = [("command", "breaking"), ("schemas", "schemas"), ("format", "text"), ("against", against)];
    act(clone.path(), built(), base, &inputs)
}

fn is_shallow(clone: &Folder) -> bool {
    git(clone.path(), &["rev-parse", "--is-shallow-repository"]) == "true"
}

const PLAIN: &str = "root = \"shop\"\n";
const TRANSITIVE: &str = "root = \"shop\"\n\n[compatibility]\ntransitive = true\n";

#[test]
fn a_breaking_change_is_found_in_clones_of_every_depth() {
    for manifest in [PLAIN, TRANSITIVE] {
        let remote = Remote::with(manifest, 60);
        let base = remote.git(&["rev-parse", "main"]);
        for options in [&[] as &[&str], &["--depth=1"], &["--depth=20"], &["--depth=1", "--no-single-branch"]] {
            let by_steps = [("", "HEAD~60"), ("", "HEAD^~58^"), ("", "main~0"), ("", "origin/main^0")];
            for (base, against) in
                [(&*base, ""), ("", "main"), ("", "origin/main"), ("", &*base)].into_iter().chain(by_steps)
            {
                let clone = remote.clone("change", options);

                let (status, said) = breaking(&clone, base, against);

                assert_eq!(status, 1, "{manifest} {options:?} {against}: {said}");
                assert!(said.contains("[breaking-change]") && said.contains("1 breaking"), "{options:?}: {said}");
            }
        }
    }
}

#[test]
fn a_whole_clone_stays_whole_and_a_shallow_one_gets_no_more_than_is_needed() {
    let remote = Remote::with(PLAIN, 3);
    for number in 0..120 {
        remote.git(&["commit", "--quiet", "--allow-empty", "--message", &number.to_string()]);
    }
    remote.git(&["branch", "other", "main"]);
    let whole = remote.clone("change", &["--single-branch"]);
    remote.git(&["switch", "--quiet", "--create", "next"]);
    remote.git(&["commit", "--quiet", "--allow-empty", "--message", "next"]);
    let shallow = remote.clone("next", &["--depth=1"]);

    let (status, said) = breaking(&whole, "", "other");
    assert_eq!((status, is_shallow(&whole)), (1, false), "{said}");

    let (status, said) = breaking(&shallow, "", "change");
    assert_eq!((status, is_shallow(&shallow)), (0, true), "{said}");
}

#[test]
fn what_a_branch_does_not_have_yet_is_not_removed_by_it() {
    let remote = Remote::with(PLAIN, 1);
    remote.git(&["switch", "--quiet", "main"]);
    remote.folder.write("schemas/domain/order/paid.v1.json", GOOD);
    remote.commit("another event");

    let (status, said) = breaking(&remote.clone("change", &["--depth=1"]), "", "main");

    assert_eq!(status, 1, "{said}");
    assert!(!said.contains("removed"), "{said}");
}

#[test]
fn the_merge_of_a_pull_request_is_compared_with_its_base() {
    let remote = Remote::with(PLAIN, 2);
    let base = remote.git(&["rev-parse", "main"]);
    remote.git(&["switch", "--quiet", "--detach", "main"]);
    remote.git(&["merge", "--quiet", "--no-ff", "--message", "a merge", "change"]);
    remote.git(&["update-ref", "refs/pull/1/merge", "HEAD"]);
    remote.git(&["switch", "--quiet", "main"]);
    // As actions/checkout does it.
    let clone = Folder::with(&[]);
    git(clone.path(), &["init", "--quiet"]);
    git(clone.path(), &["remote", "add", "origin", &format!("file://{}", remote.folder.path().display())]);
    let reference = "+refs/pull/1/merge:refs/remotes/pull/1/merge";
    git(clone.path(), &["fetch", "--quiet", "--no-tags", "--depth=1", "origin", reference]);
    git(clone.path(), &["checkout", "--quiet", "--force", "refs/remotes/pull/1/merge"]);

    let (status, said) = breaking(&clone, &base, "");

    assert_eq!(status, 1, "{said}");
}

#[test]
fn the_pull_request_that_adds_a_catalogue_passes_and_the_one_that_moves_it_does_not() {
    let remote = Remote { folder: Folder::with(&[("README.md", "A shop.")]) };
    remote.git(&["init", "--quiet"]);
    remote.commit("nothing yet");
    remote.git(&["switch", "--quiet", "--create", "first"]);
    remote.folder.write("schemas/eventsmith.toml", PLAIN);
    remote.folder.write("schemas/domain/order/placed.v1.json", GOOD);
    remote.commit("a catalogue");

    let (status, said) = breaking(&remote.clone("first", &["--depth=1"]), "", "main");
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("there is no catalogue in "), "{said}");

    remote.git(&["switch", "--quiet", "--create", "second"]);
    remote.git(&["mv", "schemas", "catalogue"]);
    remote.commit("moved");
    let clone = remote.clone("second", &[]);
    let inputs = [("command", "breaking"), ("schemas", "catalogue"), ("format", "text"), ("against", "first")];
    let (status, said) = act(clone.path(), built(), "", &inputs);
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("was the catalogue moved from schemas?"), "{said}");
}

#[test]
fn a_folder_is_not_taken_for_the_branch_of_its_name() {
    let remote = Remote::with(PLAIN, 2);
    // It holds what is on the branch of the pull request, so that nothing would be found.
    for path in ["eventsmith.toml", "domain/order/placed.v1.json"] {
        let text = std::fs::read_to_string(remote.folder.path().join("schemas").join(path)).unwrap();
        remote.folder.write(&format!("main/{path}"), &text);
        remote.folder.write(&format!("older/{path}"), &text);
    }
    remote.commit("folders");

    for options in [&[] as &[&str], &["--depth=1"]] {
        let (status, said) = breaking(&remote.clone("change", options), "", "main");
        assert_eq!(status, 1, "the branch is meant: {said}");
        for folder in ["./main", "older", "main/"] {
            let (status, said) = breaking(&remote.clone("change", options), "", folder);
            assert_eq!(status, 0, "the folder {folder} is meant: {said}");
        }
    }
}

#[test]
fn what_cannot_be_compared_with_is_told() {
    let remote = Remote::with(PLAIN, 1);

    let cases = [
        ("", "no pull request"),
        ("--all", "begins like an option"),
        ("nothing", "neither here"),
        ("nothing~1", "neither here"),
        ("HEAD~100", "no commit so far back"),
    ];
    for (against, reason) in cases {
        for options in [&[] as &[&str], &["--depth=1"]] {
            let (status, said) = breaking(&remote.clone("change", options), "", against);
            assert_eq!(status, 2, "{said}");
            assert!(said.contains("::error title=eventsmith::") && said.contains(reason), "{said}");
        }
    }

    let clone = remote.clone("change", &["--depth=1"]);
    git(clone.path(), &["remote", "set-url", "origin", "file:///nowhere"]);
    let (status, said) = breaking(&clone, "", "main");
    assert_eq!(status, 2, "{said}");
}

#[test]
fn the_action_passes_patterns_on_however_many_files_they_match() {
    let folder = catalogue(GOOD);
    // More than fit into the arguments of a program.
    let deep = "payloads/of/a/folder/whose/path/is/as/long/as/those/of/real/repositories/often/are";
    folder.write(&format!("{deep}/0.json"), "{}");
    for number in 1..40_000 {
        std::fs::write(folder.path().join(deep).join(format!("{number}.json")), r#"{"id": "a"}"#).unwrap();
    }
    let inputs = [
        ("command", "validate"),
        ("schemas", "schemas"),
        ("format", "json"),
        ("arguments", "--event order.placed payloads/**/*.json"),
    ];

    let (status, report) = act(folder.path(), built(), "", &inputs);

    assert_eq!(status, 1, "{report}");
    assert!(report.ends_with("39999 valid, 1 invalid\n"), "{report}");
}

#[test]
fn the_scripts_need_nothing_that_bash_3_2_lacks() {
    for script in ["run.sh", "install.sh", "key.sh"] {
        let text = file(&format!(".github/action/{script}"));
        for word in [
            "mapfile",
            "readarray",
            "globstar",
            "declare -A",
            "declare -n",
            "local -n",
            "coproc",
            "&>>",
            "|&",
            ",,}",
            "^^}",
        ] {
            assert!(!text.contains(word), "{script} has {word}, which macOS's own bash does not know");
        }
    }
}

#[test]
fn what_the_action_installs_is_cached_by_what_it_is_built_from() {
    let key = |path: &str| {
        let mut key = Command::new(repository().join(".github/action/key.sh"));
        let key = key.env("GITHUB_ACTION_PATH", path).env("RUNNER_OS", "Linux").env("RUNNER_ARCH", "X64");
        done(key.env("ACTION_REF", "v1"))
    };
    let folder = Folder::with(&[("Cargo.toml", ""), ("Cargo.lock", "")]);
    let here = folder.path().display().to_string();
    assert!(key(&here).starts_with("key=eventsmith-Linux-X64-v1-"), "{}", key(&here));

    // What the program is built of, as Cargo says.
    let tree = |arguments: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        done(
            cargo
                .current_dir(repository())
                .args(["tree", "--offline", "--prefix=none", "--format={p}", "--edges=normal,build"])
                .args(arguments),
        )
    };
    let own = tree(&["--package=eventsmith-cli"]);
    let folders =
        own.lines().filter_map(|line| line.split_once(" (").map(|(_, rest)| rest.split(')').next().unwrap_or(rest)));
    let folders: BTreeSet<&str> =
        folders.filter_map(|folder| Path::new(folder).strip_prefix(repository()).ok()?.to_str()).collect();
    assert!(folders.contains("documents") && folders.contains("runtime/bus"), "{folders:?}");
    for path in folders {
        let before = key(&here);
        folder.write(&format!("{path}/src/lib.rs"), "//! Changed.");
        assert_ne!(before, key(&here), "{path}");
    }

    let before = key(&here);
    folder.write("docs/ci.md", "Prose.");
    assert_eq!(before, key(&here));
}
