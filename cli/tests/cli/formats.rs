//! Every format of findings, through the binary, read by a parser of the format.

use std::collections::HashSet;

use crate::support::{Folder, Run};
use eventsmith_codegen::schema::Validator;
use serde_json::{Value, json};

const SCHEMA: &str = r#"{
  "title": "ItemAdded",
  "description": "An item was added.",
  "type": "object",
  "properties": {
    "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 9000, "description": "What it is called."},
    "price": {"type": "integer", "minimum": 0, "maximum": 9000, "description": "What it costs, in cents."}
  },
  "examples": [{"name": "tea", "price": 250}]
}"#;

const FORMATS: [&str; 5] = ["json", "github", "gitlab", "sarif", "junit"];

/// A repository with a catalogue in a folder of it.
fn repository() -> Folder {
    Folder::with(&[
        (".git/HEAD", ""),
        ("schemas/eventsmith.toml", "root = \"shop\"\n"),
        ("schemas/domain/item/added.v1.json", SCHEMA),
    ])
}

/// A repository whose catalogue has an error.
fn broken() -> Folder {
    let folder = repository();
    let key = "{\"title\": \"Moved\", \"type\": \"object\",\n \"x-event\": {\"key\": \"/nowhere\"}}";
    folder.write("schemas/domain/item/moved.v1.json", key);
    folder
}

/// A repository with a file whose name needs escapes everywhere.
fn oddly_named() -> Folder {
    let folder = repository();
    folder.write("schemas/domain/item/ga,l%e:d.v1.json", "{");
    folder
}

fn lint(folder: &Folder, format: &str) -> Run {
    folder.run_below("schemas", &["lint", "--format", format], "")
}

/// Compares the catalogue with an earlier one whose event could cost more.
fn breaking(format: &str) -> Run {
    let folder = repository();
    folder.write("old/eventsmith.toml", "root = \"shop\"\n");
    folder.write("old/domain/item/added.v1.json", &SCHEMA.replace("\"maximum\": 9000", "\"maximum\": 9999"));
    folder.run(&["breaking", "--against", "old", "--schemas", "schemas", "--format", format])
}

/// Checks payloads of the event of the catalogue, one on every line.
fn validate(folder: &Folder, format: &str, payloads: &str) -> Run {
    let arguments = ["validate", "--event", "item.added", "--schemas", "schemas", "--format", format, "-"];
    folder.run_with(&arguments, payloads)
}

fn parsed(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

fn faults(schema: &str, instance: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let faults = Validator::new(&schema).unwrap().faults(instance);
    faults.into_iter().map(|fault| format!("{} {}", fault.pointer, fault.message)).collect()
}

#[test]
fn the_text_shows_the_line_with_a_caret_and_the_way_out() {
    let run = broken().run(&["lint", "--schemas", "schemas"]);

    assert_eq!(run.status, 1, "{run:?}");
    let shown = "schemas/domain/item/moved.v1.json:2:14: error[bad-x-event]: ";
    let at = run.stdout.find(shown).expect("the finding is printed");
    let lines: Vec<&str> = run.stdout[at..].lines().skip(1).take(3).collect();
    assert_eq!(lines[..2], ["2 |  \"x-event\": {\"key\": \"/nowhere\"}}", "  |              ^ /x-event/key"]);
    assert!(lines[2].starts_with("    help: "), "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}'), "nobody asked for colours in a pipe");
}

#[test]
fn the_text_cuts_a_long_line_around_the_caret() {
    let payload = format!(r#"{{"note": "{}", "price": "much", "more": "{}"}}"#, "x".repeat(3000), "y".repeat(3000));

    let run = validate(&repository(), "text", &payload);

    let lines: Vec<&str> = run.stdout.lines().collect();
    let column = lines[2].find('^').unwrap();
    assert!(lines[1][column..].starts_with("\"price\""), "{}", run.stdout);
    assert!(lines[1].starts_with("1 | ...x") && lines[1].ends_with("y...") && lines[1].len() < 140, "{}", run.stdout);
}

#[test]
fn the_text_lets_no_payload_steer_the_terminal() {
    let payload = "{\"name\": \"\u{9b}31m\u{202e}\",\t\"\u{7f}\": 1, \"price\": \"\u{85}\"}";

    let run = validate(&repository(), "text", payload);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains(r"\u{9b}31m\u{202e}"), "{}", run.stdout);
    let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!run.stdout.contains(steers), "{:?}", run.stdout);
}

#[test]
fn the_json_is_as_its_schema_says() {
    let schema = include_str!("../../../docs/findings.schema.json");
    let payloads = "{\"price\": 1.5}\n{oops\n{\"price\": 1}\n";

    for run in [
        lint(&repository(), "json"),
        lint(&broken(), "json"),
        lint(&oddly_named(), "json"),
        validate(&repository(), "json", payloads),
        validate(&repository(), "json", "{}"),
        breaking("json"),
    ] {
        assert_eq!(faults(schema, &parsed(&run)), Vec::<String>::new(), "{}", run.stdout);
    }
    assert_ne!(faults(schema, &json!({"findings": [{"rule": "x"}]})), Vec::<String>::new());
}

#[test]
fn the_schema_of_the_json_knows_comparisons() {
    let schema = include_str!("../../../docs/findings.schema.json");
    let comparison = |status: &str| {
        json!({"findings": [], "comparisons": [{
            "event_type": "item.added", "version": 1, "direction": "forward", "status": status, "revision": "main",
            "changes": [{"pointer": "/properties/price", "message": "type integer became number"}],
            "witness": {"price": 1.5}, "instance_pointer": "/price", "schema_pointer": "/properties/price/type"
        }]})
    };

    assert_eq!(faults(schema, &comparison("breaking")), Vec::<String>::new());
    assert_eq!(faults(schema, &comparison("broken")).len(), 1);
}

/// A workflow command, read as the runner of GitHub reads it.
fn command(line: &str) -> (String, Vec<(String, String)>, String) {
    let unescaped = |text: &str| {
        let text = text.replace("%0A", "\n").replace("%0D", "\r").replace("%3A", ":").replace("%2C", ",");
        text.replace("%25", "%")
    };
    let (head, data) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
    let (name, properties) = head.split_once(' ').unwrap();
    let properties = properties.split(',').map(|property| property.split_once('=').unwrap());
    let properties = properties.map(|(name, value)| (name.to_owned(), unescaped(value))).collect();
    (name.to_owned(), properties, unescaped(data))
}

#[test]
fn github_gets_the_path_from_the_root_of_the_repository() {
    let run = lint(&broken(), "github");

    assert_eq!(run.status, 1, "{run:?}");
    let commands: Vec<_> = run.stdout.lines().map(command).collect();
    let (name, properties, message) = commands.iter().find(|(_, _, message)| message.contains("/x-event/key")).unwrap();
    let properties: Vec<(&str, &str)> = properties.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(name, "error");
    assert_eq!(
        properties,
        [("file", "schemas/domain/item/moved.v1.json"), ("line", "2"), ("col", "14"), ("title", "bad-x-event")]
    );
    assert!(message.contains("\nat /x-event/key\nhelp: "), "{message}");
    let odd = lint(&oddly_named(), "github");
    let (_, properties, _) = command(odd.stdout.lines().next().unwrap());
    assert_eq!(properties[0].1, "schemas/domain/item/ga,l%e:d.v1.json");
}

#[test]
fn a_payload_cannot_give_github_commands_of_its_own() {
    let run = validate(&repository(), "github", r#"{"name": "\n::error::gotcha", "price": "%0A::set-env::"}"#);

    assert_eq!((run.status, run.stdout.lines().count()), (1, 2), "{run:?}");
    assert!(run.stdout.lines().all(|line| line.starts_with("::error file=-,line=1,")), "{}", run.stdout);
    assert!(run.stdout.contains("%250A::set-env"), "{}", run.stdout);
}

#[test]
fn gitlab_gets_issues_with_fingerprints_that_survive_other_edits() {
    let payloads = "{\"price\": \"a\"}\n{\"price\": \"a\"}\n{\"price\": \"b\", \"name\": \"B\"}\n";
    let folder = repository();
    let arguments = ["validate", "--event", "item.added", "--format", "gitlab", "../items.ndjson"];
    folder.write("items.ndjson", payloads);
    let before = parsed(&folder.run_below("schemas", &arguments, ""));
    folder.write("items.ndjson", &format!("{{\"price\": 1}}\n{payloads}"));
    let after = parsed(&folder.run_below("schemas", &arguments, ""));

    let prints = |report: &Value| -> Vec<String> {
        report.as_array().unwrap().iter().map(|issue| issue["fingerprint"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(prints(&before), prints(&after));
    assert_eq!(prints(&before).into_iter().collect::<HashSet<_>>().len(), 4);
    assert_eq!(after[0]["location"], json!({"path": "items.ndjson", "lines": {"begin": 2}}));
    assert_eq!((&after[0]["check_name"], &after[0]["severity"]), (&json!("bad-payload"), &json!("major")));
    let description = after[0]["description"].as_str().unwrap();
    assert!(description.starts_with("expected an integer"), "{after}");
    assert!(description.contains("\nat /price\nhelp: the schema says so: "), "{after}");
}

#[test]
fn sarif_is_valid_and_names_rule_place_and_fingerprint() {
    // The official schema holds one expression that ECMA-262 forbids, for the language, which we do not print.
    let schema = include_str!("fixtures/sarif-schema-2.1.0.json").replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    let clean = parsed(&lint(&repository(), "sarif"));
    let payloads = parsed(&validate(&repository(), "sarif", "{\"price\": 1.5}\n{oops\n"));
    let log = parsed(&lint(&broken(), "sarif"));

    for log in [&clean, &payloads, &log] {
        assert_eq!(faults(&schema, log), Vec::<String>::new(), "{log:#}");
    }
    assert_ne!(faults(&schema, &json!({"version": "2.1.0"})), Vec::<String>::new());
    assert_eq!(clean["runs"][0]["results"], json!([]));
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let results = run["results"].as_array().unwrap();
    let result = results.iter().find(|result| result["ruleId"] == "bad-x-event").unwrap();
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "bad-x-event");
    let location = &result["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "schemas/domain/item/moved.v1.json");
    assert_eq!(location["region"], json!({"startLine": 2, "startColumn": 14}));
    assert_eq!(result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "/x-event/key");
    let odd = &parsed(&lint(&oddly_named(), "sarif"))["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(odd["artifactLocation"]["uri"], "schemas/domain/item/ga%2Cl%25e%3Ad.v1.json");
}

#[test]
fn what_github_does_not_take_is_left_out_and_told() {
    let payloads = "{\"price\": 1.5}\n".repeat(25_001);

    let log = parsed(&validate(&repository(), "sarif", &payloads));
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 25_000);
    let last = &results[24_999]["message"]["text"];
    assert!(last.as_str().unwrap().starts_with("2 more findings are left out"), "{last}");

    let commands = |count: usize| validate(&repository(), "github", &"{\"price\": 1.5}\n".repeat(count)).stdout;
    assert!(!commands(10).contains("::notice"));
    let more = commands(12);
    let notice = more.lines().position(|line| line.starts_with("::notice title=eventsmith::GitHub shows the first 10"));
    assert_eq!((notice, more.lines().count()), (Some(10), 13), "{more}");
}

#[test]
fn junit_has_a_test_case_for_every_file() {
    let run = lint(&broken(), "junit");

    let document = roxmltree::Document::parse(&run.stdout).unwrap();
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    let cases: Vec<_> = suite.children().filter(|node| node.has_tag_name("testcase")).collect();
    assert_eq!(suite.attribute("tests"), Some(cases.len().to_string().as_str()));
    let failed = |name: &str| {
        let case = cases.iter().find(|case| case.attribute("name") == Some(name)).unwrap();
        case.children().find(|node| node.has_tag_name("failure"))
    };
    assert!(failed("domain/item/added.v1.json").is_none() && failed("eventsmith.toml").is_none());
    let failure = failed("domain/item/moved.v1.json").unwrap();
    assert_eq!(failure.attribute("type"), Some("bad-x-event"));
    assert!(failure.text().unwrap().starts_with("domain/item/moved.v1.json:2:14: error[bad-x-event]"), "{run:?}");
}

#[test]
fn junit_holds_whatever_a_payload_holds() {
    let folder = repository();
    let payload = "{\"name\": \"<&\\\"'>]]>\u{fffe}\u{85}\\u0001\", \"price\": \"\u{7f}\"}";
    folder.write("<&\".json", payload);

    let run =
        folder.run(&["validate", "--event", "item.added", "--schemas", "schemas", "--format", "junit", "<&\".json"]);

    let document = roxmltree::Document::parse(&run.stdout).unwrap();
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert!(failure.attribute("message").unwrap().ends_with("(and 1 more)"), "{}", run.stdout);
    let text = failure.text().unwrap();
    assert!(text.starts_with("<&\".json:1:2: error[bad-payload]: "), "{text}");
    assert!(text.contains("<&\\\"'>]]>\\u{fffe}\\u{85}\\u0001"), "{text}");
}

#[test]
fn a_clean_run_is_clean_in_every_format() {
    for format in FORMATS {
        let run = validate(&repository(), format, "{\"price\": 1}");

        assert_eq!(run.status, 0, "{run:?}");
        match format {
            "github" => assert_eq!(run.stdout, ""),
            "junit" => {
                let document = roxmltree::Document::parse(&run.stdout).unwrap();
                assert_eq!(document.root_element().attribute("failures"), Some("0"));
                assert_eq!(document.descendants().filter(|node| node.has_tag_name("testcase")).count(), 1);
            }
            _ => assert!(!parsed(&run).is_null()),
        }
    }
}

#[test]
fn a_breaking_change_is_reported_in_every_format() {
    for format in FORMATS {
        let run = breaking(format);

        assert_eq!(run.status, 1, "{run:?}");
        assert!(run.stdout.contains("breaking-change"), "{run:?}");
        assert!(run.stdout.contains("schemas/domain/item/added.v1.json"), "{run:?}");
    }
    let comparisons = &parsed(&breaking("json"))["comparisons"];
    assert_eq!((&comparisons[0]["status"], &comparisons[1]["status"]), (&json!("breaking"), &json!("compatible")));
    assert!(comparisons[0]["witness"]["price"].as_u64() > Some(9000), "{comparisons}");
    assert_eq!(comparisons[0]["schema_pointer"], "/properties/price/maximum");
}

#[test]
fn explanations_do_not_spoil_a_document() {
    let run = repository().run_below("schemas", &["lint", "--explain-paths", "--format", "json"], "");

    assert_eq!((run.status, parsed(&run)), (0, json!({"findings": []})));
    assert!(run.stderr.contains("1 of 1 payloads take the fast path"), "{run:?}");
}
