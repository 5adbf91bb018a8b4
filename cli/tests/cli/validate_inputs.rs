//! What `eventsmith validate` reads, how much of it at once, and what it keeps to itself.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Folder, Run};
use serde_json::{Value, json};

const ADDED: &str = r#"{
  "type": "object",
  "properties": {
    "name": {"type": "string", "pattern": "^[a-z]+$"},
    "price": {"type": "integer"},
    "parts": {"type": "object", "additionalProperties": {"type": "integer"}},
    "kind": {"enum": ["new", "used"]}
  },
  "propertyNames": {"maxLength": 12}
}"#;

const GOOD: &str = "{\"price\": 1}\n";
const BAD: &str = "{\"price\": \"much\"}\n";

fn catalogue() -> Folder {
    Folder::with(&[("schemas/eventsmith.toml", "root = \"shop\"\n"), ("schemas/domain/item/added.v1.json", ADDED)])
}

fn validate(folder: &Folder, arguments: &[&str]) -> Run {
    folder.run(&[&["validate", "--schemas", "schemas", "--event", "item.added"], arguments].concat())
}

/// The program with its standard input left open.
fn started(folder: &Folder, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_eventsmith"))
        .args(["validate", "--schemas", "schemas", "--event", "item.added", "-"])
        .args(arguments)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_folder_stands_for_the_payload_files_below_it() {
    let folder = catalogue();
    for (path, text) in [
        ("in/a.json", GOOD),
        ("in/deep/er/b.ndjson", BAD),
        ("in/deep/c.jsonl", GOOD),
        ("in/notes.txt", "no payload"),
        ("in/.hidden/d.json", BAD),
    ] {
        folder.write(path, text);
    }

    let run = validate(&folder, &["in"]);

    assert_eq!((run.status, run.stderr.as_str()), (1, "2 valid, 1 invalid\n"), "{run:?}");
    assert!(run.stdout.starts_with("in/deep/er/b.ndjson:1:2: error[bad-payload]"), "{}", run.stdout);
}

#[test]
fn a_pattern_stands_for_the_files_that_it_matches() {
    let folder = catalogue();
    folder.write("in/a.json", GOOD);
    folder.write("in/deep/b.json", GOOD);
    folder.write("in/deep/c.txt", BAD);
    folder.write("in/[1].json", BAD);

    let deep = validate(&folder, &["in/**/*.json"]);
    let literal = validate(&folder, &["in/[1].json"]);

    assert_eq!(deep.stderr, "2 valid, 1 invalid\n", "{deep:?}");
    assert_eq!(literal.stderr, "0 valid, 1 invalid\n", "a file of that name comes first: {literal:?}");
}

#[test]
fn what_stands_for_no_file_is_an_error_but_all_other_files_are_checked() {
    let folder = catalogue();
    folder.write("bad.json", BAD);
    fs::create_dir(folder.path().join("empty")).unwrap();

    let run = validate(&folder, &["nothing-*.json", "empty", "bad.json", "nowhere.json"]);

    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stdout.starts_with("bad.json:1:2: error[bad-payload]"), "{}", run.stdout);
    for said in ["nothing-*.json matches no file", "empty holds no payload", "nowhere.json cannot be read"] {
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
    let junit = validate(&folder, &["--format", "junit", "bad.json", "nowhere.json"]);
    assert!(!junit.stdout.contains("nowhere.json"), "what was not checked has not passed: {}", junit.stdout);
}

#[test]
fn an_input_of_nothing_has_not_passed() {
    let folder = catalogue();
    folder.write("empty.ndjson", "\n");
    folder.write("good.json", GOOD);

    let run = folder.run_with(
        &["validate", "--schemas", "schemas", "--event", "item.added", "good.json", "-", "empty.ndjson"],
        " \n",
    );
    let none = validate(&folder, &["--quiet", "empty.ndjson"]);

    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
    for said in ["1 valid, 0 invalid", "standard input holds no payload", "empty.ndjson holds no payload"] {
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
    assert_eq!(none.status, 2);
}

#[test]
fn findings_of_many_chunks_come_in_order_with_their_lines() {
    let folder = catalogue();
    let text: String = (0..60_000).map(|index| if index % 1000 == 999 { BAD } else { GOOD }).collect();
    folder.write("many.ndjson", &format!("\n{text}"));
    folder.write("few.ndjson", BAD);

    let run = validate(&folder, &["--format", "json", "many.ndjson", "few.ndjson", "many.ndjson"]);

    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&report["valid"], &report["invalid"]), (&json!(119_880), &json!(121)));
    let lines: Vec<u64> =
        report["findings"].as_array().unwrap().iter().map(|finding| finding["line"].as_u64().unwrap()).collect();
    let many: Vec<u64> = (1..=60).map(|index| index * 1000 + 1).collect();
    assert_eq!(lines, [many.as_slice(), &[1], &many].concat());
}

#[test]
fn the_elements_of_a_long_array_keep_their_places() {
    let folder = catalogue();
    let elements: Vec<&str> = (0..3000).map(|index| if index == 2500 { BAD } else { GOOD }).collect();
    folder.write("long.json", &format!("[{}]", elements.join(",")));

    let run = validate(&folder, &["long.json"]);

    assert_eq!(run.stderr, "2999 valid, 1 invalid\n");
    assert!(run.stdout.starts_with("long.json:2501:3: error"), "{}", run.stdout);
    assert!(run.stdout.contains("/2500/price"), "{}", run.stdout);
}

#[test]
fn a_line_that_is_not_utf_8_spoils_no_other() {
    let folder = catalogue();
    fs::write(folder.path().join("x.ndjson"), b"{\"price\": 1}\n{\"name\": \"a\xff\"}\n{\"price\": 1}\n{oops}\n")
        .unwrap();
    fs::write(folder.path().join("x.json"), b"{\n\"name\": \"\xff\"}").unwrap();

    let lines = validate(&folder, &["x.ndjson"]);
    let document = validate(&folder, &["x.json"]);

    assert_eq!(lines.stderr, "2 valid, 2 invalid\n", "{lines:?}");
    assert!(lines.stdout.starts_with("x.ndjson:2:12: error[bad-json]: this is not JSON: it is not UTF-8"), "{lines:?}");
    assert!(lines.stdout.contains("x.ndjson:4:2: error[bad-json]"), "{lines:?}");
    assert!(document.stdout.starts_with("x.json:2:10: error[bad-json]"), "{document:?}");
}

#[test]
fn quiet_leaves_only_the_status() {
    let folder = catalogue();
    folder.write("good.json", GOOD);
    folder.write("bad.json", BAD);

    for (file, status) in [("good.json", 0), ("bad.json", 1)] {
        let run = validate(&folder, &["--quiet", file]);
        assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (status, "", ""));
    }
    let run = validate(&folder, &["--quiet", "nowhere.json"]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("nowhere.json cannot be read"), "{run:?}");
}

#[test]
fn it_stops_after_as_many_findings_as_it_is_asked_to() {
    let folder = catalogue();
    folder.write("bad.ndjson", &BAD.repeat(5));

    let text = validate(&folder, &["--max-errors", "2", "bad.ndjson"]);
    let json = validate(&folder, &["--max-errors", "2", "--format", "json", "bad.ndjson"]);
    let enough = validate(&folder, &["--max-errors", "6", "bad.ndjson"]);

    assert_eq!(text.status, 1);
    assert_eq!(text.stdout.matches("error[bad-payload]").count(), 2, "{}", text.stdout);
    assert_eq!(text.stderr, "stopped after 2 findings (--max-errors); there may be more\n");
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&report["stopped"], report["findings"].as_array().unwrap().len()), (&json!(true), 2));
    assert_eq!(enough.stderr, "0 valid, 5 invalid\n");
}

#[test]
fn nothing_that_only_the_payload_knows_is_reported_when_masked() {
    const SECRETS: [&str; 6] = ["4111", "anna", "hush", "s3cret", "loud", "rule.x"];
    let folder = catalogue();
    let bare =
        r#"{"price": "4111", "name": "4111", "parts": {"anna": "hush"}, "kind": "hush", "a-s3cret-name-too-long": 1}"#;
    folder.write("bare.ndjson", &format!("{bare}\n{{\"price\": 4111 loud}}\n"));
    let envelope = json!({"type": "rule.x-s3cret", "version": "s3cret", "id": 4111, "data": {}});
    folder.write("envelope.json", &envelope.to_string());

    for format in ["text", "json", "github", "gitlab", "sarif", "junit"] {
        for arguments in [vec!["--event", "item.added", "bare.ndjson"], vec!["envelope.json"]] {
            let run = folder.run(
                &[&["validate", "--schemas", "schemas", "--mask", "--format", format], arguments.as_slice()].concat(),
            );

            assert_eq!(run.status, 1, "{run:?}");
            for secret in SECRETS {
                assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{secret}: {run:?}");
            }
        }
    }
    let run = validate(&folder, &["--mask", "bare.ndjson"]);
    assert!(run.stdout.contains("    at /parts/*\n"), "{}", run.stdout);
    assert!(run.stdout.contains("expected one of \"new\", \"used\"\n"), "{}", run.stdout);
}

#[test]
fn a_finding_is_printed_while_the_stream_goes_on_and_the_last_one_ends_the_run() {
    let folder = catalogue();
    let mut child = started(&folder, &["--max-errors", "2"]);
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();

    input.write_all(BAD.as_bytes()).unwrap();
    output.read_line(&mut line).unwrap();
    assert!(line.starts_with("-:1:2: error[bad-payload]"), "{line}");
    input.write_all(BAD.as_bytes()).unwrap();

    let started = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(started.elapsed() < Duration::from_secs(20), "it waits for input that it does not want"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(1));
}

/// Long lines take little time to check, even without optimisation, and as much memory as many short ones.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_stream() {
    const MOST_KB: u64 = 64 << 10;
    let folder = catalogue();
    let block = format!("{{\"price\": 1, \"note\": \"{}\"}}\n", "x".repeat(16 << 10)).repeat(64);
    let mut child = started(&folder, &["--quiet"]);
    let mut input = child.stdin.take().unwrap();

    let mut written = 0;
    while written < 200 << 20 {
        input.write_all(block.as_bytes()).unwrap();
        written += block.len();
    }

    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(peak < MOST_KB, "{peak} kB for a stream of {written} bytes");
}

#[test]
fn a_payload_with_very_many_violations_is_reported_in_a_hundred() {
    let folder = catalogue();
    let parts: Vec<String> = (0..50_000).map(|part| format!("\"p{part}\": \"x\"")).collect();
    folder.write("a.json", &format!("{{\"parts\": {{{}}}}}", parts.join(",")));
    folder.write("b.json", &json!({ "price": "y".repeat(100_000), "name": "Z".repeat(100_000) }).to_string());

    let many = validate(&folder, &["a.json"]);
    let long = validate(&folder, &["b.json"]);

    assert_eq!((many.status, many.stdout.matches("error[bad-payload]").count()), (1, 101), "{many:?}");
    assert!(many.stdout.contains("49900 more violations of the same schema"), "{}", many.stdout);
    assert_eq!((long.status, long.stdout.matches("error[bad-payload]").count()), (1, 2), "{long:?}");
    assert!(long.stdout.len() < 4_000, "{} bytes", long.stdout.len());
}

#[test]
fn what_a_schema_describes_in_too_many_ways_is_refused_at_once() {
    // Every level doubles the errors: 2^61 for the deepest.
    let schema = |keyword: &str| {
        let nested = r##"{"type": "array", "items": {"$ref": "#"}}"##;
        format!(r#"{{"{keyword}": [{nested}, {nested}]}}"#)
    };
    for keyword in ["anyOf", "allOf"] {
        let folder = Folder::with(&[("eventsmith.toml", "root = \"r\""), ("domain/a/b.v1.json", &schema(keyword))]);
        let run = |depth: usize| {
            let payload = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
            folder.run_with(&["validate", "--event", "a.b", "-"], &payload)
        };

        let (few, many) = (run(4), run(61));

        assert_eq!((few.status, many.status), (1, 1), "{few:?} {many:?}");
        assert!(few.stdout.contains("^ /0/0/0/0"), "{}", few.stdout);
        assert!(many.stdout.contains("refers to itself in too many ways"), "{}", many.stdout);
    }
}

#[cfg(unix)]
#[test]
fn what_cannot_be_checked_in_a_folder_is_named_and_all_else_is_checked() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;

    let folder = catalogue();
    folder.write("in/z.json", BAD);
    symlink("gone.json", folder.path().join("in/dangling.json")).unwrap();
    // Nobody knows whether payloads were there.
    symlink("../gone", folder.path().join("in/july")).unwrap();
    // A path that is longer than the system takes cannot be listed, whoever asks.
    let script = "n=$(printf %0200d 0); cd in; for i in $(seq 22); do mkdir $n; cd $n; done";
    assert!(Command::new("bash").args(["-c", script]).current_dir(folder.path()).status().unwrap().success());
    assert!(Command::new("mkfifo").arg(folder.path().join("in/pipe.json")).status().unwrap().success());
    let name = OsStr::from_bytes(b"in/caf\xe9.json");
    fs::write(folder.path().join(name), GOOD).unwrap();

    for argument in ["in", "in/**/*.json", "./in/**/*.json"] {
        let run = validate(&folder, &[argument]);
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stdout.contains("in/z.json:1:2: error[bad-payload]"), "{run:?}");
        for said in ["in/dangling.json is a link that leads nowhere", "000 cannot be read", "in/pipe.json is no file"] {
            assert!(run.stderr.contains(said), "{argument}: {}", run.stderr);
        }
        assert!(run.stderr.contains("in/july is a link that leads nowhere") || argument != "in", "{}", run.stderr);
        assert!(run.stderr.contains("1 valid, 1 invalid"), "the name that is no UTF-8 is a file: {}", run.stderr);
        assert!(run.stderr.contains("not everything could be checked: "), "{}", run.stderr);
    }
    // A folder that is not looked into need not be readable.
    let flat = validate(&folder, &["in/*.json"]);
    assert!(flat.stderr.contains("1 valid, 1 invalid") && !flat.stderr.contains("000"), "{flat:?}");
    let mut named = Command::new(env!("CARGO_BIN_EXE_eventsmith"));
    named.args(["validate", "--schemas", "schemas", "--event", "item.added"]).arg(name).current_dir(folder.path());
    let run = Run::of(named.output().unwrap());
    assert_eq!((run.status, run.stderr.as_str()), (0, "1 valid, 0 invalid\n"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_are_not_followed_and_not_passed() {
    use std::os::unix::fs::symlink;

    let outside = Folder::with(&[("secret.json", "hunter2"), ("schemas/eventsmith.toml", "root = \"hunter2\"")]);
    let folder = Folder::with(&[
        ("schemas/eventsmith.toml", "root = \"rules\""),
        ("schemas/domain/rule/created.v1.json", "{}"),
        ("payloads/a.json", "{}"),
    ]);
    symlink(outside.path().join("secret.json"), folder.path().join("payloads/b.json")).unwrap();
    symlink(outside.path().join("schemas"), folder.path().join("linked")).unwrap();
    symlink(".", folder.path().join("payloads/one")).unwrap();
    symlink(".", folder.path().join("payloads/two")).unwrap();

    for argument in ["payloads", "payloads/b.json", "payloads/**/*.json", "payloads/*.json"] {
        let run = folder.run(&["validate", "--schemas", "schemas", "--event", "rule.created", argument]);
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.contains("b.json is a symbolic link out of"), "{run:?}");
        assert!(!format!("{run:?}").contains("hunter2"), "{run:?}");
    }
    let run = folder.run(&["lint", "--schemas", "linked"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("linked is a symbolic link out of") && !run.stderr.contains("hunter2"), "{run:?}");
}

#[test]
fn a_file_may_refer_to_itself_by_its_name() {
    let references = ["b.v1.json", "./b.v1.json#", "../a/b.v1.json", "/domain/a/b.v1.json", "b.v1.json#top", "#"];
    for reference in references {
        let schema = format!(
            r#"{{"$anchor": "top", "type": "object", "required": ["id"], "properties": {{"id": {{"type": "integer"}}, "inner": {{"$ref": "{reference}"}}}}}}"#
        );
        let folder = Folder::with(&[("eventsmith.toml", "root = \"r\""), ("domain/a/b.v1.json", &schema)]);

        let [good, bad] = [r#"{"id":1,"inner":{"id":2}}"#, r#"{"id":1,"inner":{"id":"2"}}"#]
            .map(|payload| folder.run_with(&["validate", "--event", "a.b", "-"], payload));

        assert_eq!((good.status, bad.status), (0, 1), "{reference}: {good:?} {bad:?}");
    }
}
