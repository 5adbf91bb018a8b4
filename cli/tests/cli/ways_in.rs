//! The ways in that are no program of ours: the GitHub Action, the hooks of pre-commit, and what docs/ci.md shows.
//!
//! Their files are read as YAML, as their users read them, and their scripts are run with the program that was just built.

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

/// The steps of the action that run a script, with their text.
fn scripts(action: &Yaml) -> Vec<(&Yaml, &str)> {
    let steps = action["runs"]["steps"].as_vec().unwrap();
    steps.iter().filter_map(|step| Some((step, step["run"].as_str()?))).collect()
}

/// Runs the last step of the action as GitHub would: with what its `env` says for these inputs.
fn act(dir: &Path, program: &Path, base: &str, inputs: &[(&str, &str)]) -> (i32, String) {
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
            None => base,
        };
        bash.env(name.as_str().unwrap(), value);
    }
    let output = bash.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
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
        (2, "::error title=eventsmith::the input `command` must be lint, breaking or validate\n")
    );
}

#[test]
fn the_action_fetches_what_a_shallow_clone_lacks() {
    let folder = catalogue(GOOD);
    let program = echo(&folder);
    let origin = folder.path().join("schemas");
    git(&origin, &["init", "--quiet"]);
    git(&origin, &["add", "."]);
    git(&origin, &["commit", "--quiet", "--message", "base"]);
    let base = git(&origin, &["rev-parse", "HEAD"]);
    git(&origin, &["switch", "--quiet", "--create", "change"]);
    git(&origin, &["commit", "--quiet", "--allow-empty", "--message", "change"]);
    let url = format!("file://{}", origin.display());
    let clone = |name: &str| {
        git(folder.path(), &["clone", "--quiet", "--depth=1", "--branch=change", &url, name]);
        folder.path().join(name)
    };

    let pull_request = clone("one");
    let (status, arguments) = act(&pull_request, &program, &base, &[("command", "breaking"), ("policy", "full")]);
    assert_eq!(
        (status, arguments.as_str()),
        (0, format!("[breaking][--against][{base}][--policy][full][--format][github]").as_str())
    );
    assert_eq!(git(&pull_request, &["ls-tree", "-r", "--name-only", &base, "eventsmith.toml"]), "eventsmith.toml");

    let (status, arguments) = act(&clone("two"), &program, "", &[("command", "breaking"), ("against", "main")]);
    assert_eq!((status, arguments.as_str()), (0, format!("[breaking][--against][{base}][--format][github]").as_str()));

    for (against, reason) in [("", "no pull request"), ("--all", "begins like an option"), ("nothing", "neither here")]
    {
        let (status, said) =
            act(&clone(&format!("three-{against}")), &program, "", &[("command", "breaking"), ("against", against)]);
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("::error title=eventsmith::") && said.contains(reason), "{said}");
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
    for path in ["cli/src/main.rs", "codegen/src/lib.rs", "macros/src/lib.rs", "runtime/src/lib.rs"] {
        folder.write(path, "");
    }
    let here = folder.path().display().to_string();

    let before = key(&here);
    folder.write("codegen/src/lib.rs", "//! Changed.");

    assert!(before.starts_with("key=eventsmith-Linux-X64-v1-"), "{before}");
    assert_ne!(before, key(&here));
}

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
        let arguments = hook["args"].as_vec().cloned().unwrap_or_default();
        let arguments: Vec<&str> = entry.chain(arguments.iter().filter_map(Yaml::as_str)).collect();
        let printed = done(Command::new(script).args(&arguments).env("EVENTSMITH", &program));
        assert_eq!(printed, arguments.iter().map(|word| format!("[{word}]")).collect::<String>(), "{id}");
        assert_eq!(id.strip_prefix("eventsmith-"), arguments.first().copied());
        assert_eq!(hook["language"].as_str(), Some("script"), "{id}");
        ids.push(id);
    }
    assert_eq!(ids, ["eventsmith-lint", "eventsmith-breaking", "eventsmith-validate"]);
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
