//! `eventsmith generate`, through the binary.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::Folder;

const CREATED: &str = r#"{
  "title": "RuleCreated",
  "description": "A rule has been created.",
  "type": "object",
  "properties": {"rule_id": {"type": "string", "minLength": 1}},
  "required": ["rule_id"]
}"#;

fn catalogue() -> Folder {
    Folder::with(&[("eventsmith.toml", "root = \"rules\"\n"), ("domain/rule/created.v1.json", CREATED)])
}

#[test]
fn the_text_goes_to_stdout() {
    let folder = catalogue();

    let run = folder.run(&["generate"]);

    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("pub struct RuleCreated"), "{}", run.stdout);
    assert_eq!(run.stderr, "1 event generated to stdout\n");
}

#[test]
fn the_documentation_of_types_and_fields_leads_to_the_site() {
    let folder = catalogue();
    folder.write("eventsmith.toml", "root = \"rules\"\nsite = \"https://example.com/catalogue/\"\n");

    let run = folder.run(&["generate"]);
    let site = folder.run(&["docs", "--out", "site"]);

    assert_eq!((run.status, site.status), (0, 0), "{run:?} {site:?}");
    let page = "https://example.com/catalogue/domain/rule.created.html";
    assert!(run.stdout.contains(&format!("[its page in the catalogue]({page}#v1)")), "{}", run.stdout);
    assert!(run.stdout.contains(&format!("[In the catalogue]({page}#v1.rule_id).")), "{}", run.stdout);
    let html = fs::read_to_string(folder.path().join("site/domain/rule.created.html")).unwrap();
    assert!(html.contains("id=\"v1\"") && html.contains("id=\"v1.rule_id\""), "{html}");

    folder.write("eventsmith.toml", "root = \"rules\"\nsite = \"javascript:alert(1)\"\n");
    assert_eq!(folder.run(&["generate"]).status, 1);
}

#[test]
fn the_nearest_manifest_upward_is_found() {
    let folder = catalogue();
    folder.write("a/b/c.txt", "");
    let here = folder.path().join("a/b");

    let output = Command::new(env!("CARGO_BIN_EXE_eventsmith")).arg("generate").current_dir(here).output().unwrap();

    assert_eq!(output.status.code(), Some(0));
    assert!(!output.stdout.is_empty());
}

#[test]
fn a_written_file_is_fresh_until_a_schema_changes() {
    let folder = catalogue();

    let written = folder.run(&["generate", "--out", "events.rs"]);
    let fresh = folder.run(&["generate", "--out", "events.rs", "--check"]);
    folder.write("domain/rule/created.v1.json", &CREATED.replace("has been", "was"));
    let before = fs::read_to_string(folder.path().join("events.rs")).unwrap();
    let stale = folder.run(&["generate", "--out", "events.rs", "--check"]);

    assert_eq!((written.status, written.stdout.as_str()), (0, ""), "{written:?}");
    assert_eq!((fresh.status, fresh.stdout.as_str()), (0, ""), "{fresh:?}");
    assert_eq!(stale.status, 1, "{stale:?}");
    assert!(stale.stdout.starts_with("events.rs:"), "{}", stale.stdout);
    assert!(stale.stdout.contains("error[stale]"), "{}", stale.stdout);
    assert!(stale.stdout.contains("A rule has been created."), "{}", stale.stdout);
    assert!(stale.stdout.contains("A rule was created."), "{}", stale.stdout);
    assert_eq!(fs::read_to_string(folder.path().join("events.rs")).unwrap(), before, "a check must not write");
}

#[test]
fn line_ends_of_another_system_are_named() {
    let folder = catalogue();
    folder.run(&["generate", "--out", "events.rs"]);
    let text = fs::read_to_string(folder.path().join("events.rs")).unwrap();

    folder.write("events.rs", &text.replace('\n', "\r\n"));
    let all = folder.run(&["generate", "--out", "events.rs", "--check"]);
    folder.write("events.rs", &text.replacen('\n', "\r\n", 1).replacen("A rule", "No rule", 1));
    let one = folder.run(&["generate", "--out", "events.rs", "--check"]);

    assert_eq!(all.status, 1, "{all:?}");
    assert!(all.stdout.contains("its lines end in CRLF") && all.stdout.contains(".gitattributes"), "{}", all.stdout);
    assert_eq!(one.status, 1, "{one:?}");
    let lines: Vec<&str> = one.stdout.lines().filter(|line| line.starts_with(['-', '+'])).collect();
    assert_ne!(lines[2][1..], lines[3][1..], "what differs is seen: {}", one.stdout);
}

#[test]
fn a_missing_file_is_stale() {
    let run = catalogue().run(&["generate", "--out", "events.rs", "--check"]);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("does not exist"), "{}", run.stdout);
    assert_eq!(run.stderr, "1 event compared: events.rs is stale\n");
}

#[test]
fn every_problem_of_a_broken_catalogue_is_reported_on_stdout() {
    let folder = catalogue();
    folder.write("domain/rule/renamed.v1.json", "{\n  \"type\": \"strnig\"\n}");
    folder.write("domain/rule/moved.v1.json", "{");

    let run = folder.run(&["generate"]);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("domain/rule/renamed.v1.json:2:3: error[bad-schema]"), "{}", run.stdout);
    assert!(run.stdout.contains("domain/rule/moved.v1.json:1:"), "{}", run.stdout);
    assert!(!run.stdout.contains("pub struct"), "{}", run.stdout);
    assert!(run.stderr.ends_with("nothing generated: 2 errors, 0 warnings, 0 advice\n"), "{}", run.stderr);
}

#[test]
fn findings_name_files_as_seen_from_here() {
    let folder = Folder::with(&[("schemas/eventsmith.toml", "root = \"rules\"\n")]);
    folder.write("schemas/domain/rule/moved.v1.json", "{");

    let run = folder.run(&["generate", "--schemas", "schemas"]);

    assert!(run.stdout.starts_with("schemas/domain/rule/moved.v1.json:1:"), "{}", run.stdout);
}

#[test]
fn what_cannot_run_exits_with_two() {
    let folder = catalogue();
    let empty = Folder::with(&[]);

    for (run, said) in [
        (empty.run(&["generate"]), "no eventsmith.toml"),
        (folder.run(&["generate", "--schemas", "nowhere"]), "nowhere: there is no such folder"),
        (folder.run(&["generate", "--out", "no/such/folder.rs"]), "cannot be written"),
        (folder.run(&["generate", "--check"]), "--out"),
        (folder.run(&["generate", "--frobnicate"]), "--frobnicate"),
        (folder.run(&["no-such-command"]), "no-such-command"),
    ] {
        assert_eq!(run.status, 2, "{run:?}");
        assert_eq!(run.stdout, "");
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = catalogue();
    let mut child = Command::new(env!("CARGO_BIN_EXE_eventsmith"))
        .arg("generate")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(0));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(&*stderr, "" | "1 event generated to stdout\n"), "{stderr}");
}
