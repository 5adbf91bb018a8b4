//! Editing a schema and running `cargo build` is all it takes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;

use eventsmith_tests::small_crate;

const SCHEMA: &str = r#"{
  "title": "RuleCreated",
  "type": "object",
  "required": ["rule_id"],
  "properties": {"rule_id": {"type": "string"}}
}"#;

const MAIN: &str = r#"
eventsmith::include_events!();

fn main() {
    let event = rule::v1::RuleCreated { rule_id: "rule-1".to_owned() };
    assert!(eventsmith::Event::validate(&event).is_ok());
    for event in CATALOGUE {
        println!("{} {} {}", event.event_type, event.version, event.subject);
    }
}
"#;

/// A small crate with a catalogue of its own.
struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    /// Crates that are built at the same time need names of their own, as they share the target folder.
    fn new(name: &str) -> Self {
        let project = Self { dir: tempfile::tempdir().unwrap() };
        small_crate::write_manifest(project.dir.path(), name, true).unwrap();
        project.write("build.rs", "fn main() {\n    eventsmith_codegen::Builder::new().build();\n}\n");
        project.write("src/main.rs", MAIN);
        project.write("eventsmith.toml", "root = \"rules\"\n");
        project.write("domain/rule/created.v1.json", SCHEMA);
        project
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Lets Cargo build into the folder of the catalogue, as it does unless it is told otherwise: there is a link to the
    /// folder that all tests build in.
    fn built_here(name: &str) -> Self {
        let project = Self::new(name);
        let shared = small_crate::target(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(&shared).unwrap();
        std::os::unix::fs::symlink(shared, project.path("target")).unwrap();
        project
    }

    fn target(&self) -> PathBuf {
        let here = self.path("target");
        if here.exists() { here } else { small_crate::target(env!("CARGO_TARGET_TMPDIR")) }
    }

    /// Whether a build has nothing to do.
    fn is_fresh(&self) -> bool {
        let mut cargo = small_crate::cargo("build", self.dir.path(), &self.target());
        let output = cargo.arg("--message-format=json").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let artifacts = String::from_utf8(output.stdout).unwrap();
        let mut fresh = artifacts.lines().filter(|line| line.contains("compiler-artifact"));
        fresh.all(|line| line.contains("\"fresh\":true"))
    }

    /// Builds and runs; what it prints, or what the build complains about.
    fn run(&self) -> Result<String, String> {
        self.run_in("")
    }

    /// The same where the crate lies below.
    fn run_in(&self, folder: &str) -> Result<String, String> {
        self.cargo("run", folder, &[])
    }

    fn cargo(&self, command: &str, folder: &str, arguments: &[&str]) -> Result<String, String> {
        let mut cargo = small_crate::cargo(command, &self.path(folder), &self.target());
        let output = cargo.args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }
}

#[test]
fn every_edit_of_a_schema_arrives_with_the_next_build() {
    let project = Project::new("edited");
    assert_eq!(project.run().unwrap(), "rule.created 1 rules.domain.rule.created\n");

    // A new required property: the compiler shows the line that lacks it.
    let owned = SCHEMA
        .replace("[\"rule_id\"]", "[\"rule_id\", \"owner\"]")
        .replace("{\"rule_id\"", "{\"owner\": {\"type\": \"string\"}, \"rule_id\"");
    project.write("domain/rule/created.v1.json", &owned);
    let error = project.run().unwrap_err();
    assert!(error.contains("missing field `owner`") && error.contains("src/main.rs:5"), "{error}");

    project.write("domain/rule/created.v1.json", SCHEMA);
    assert!(project.run().is_ok());

    // A new version.
    project.write(
        "domain/rule/created.v2.json",
        &SCHEMA.replace("{\"rule_id\"", "{\"note\": {\"type\": \"string\"}, \"rule_id\""),
    );
    assert_eq!(
        project.run().unwrap(),
        "rule.created 1 rules.domain.rule.created\nrule.created 2 rules.domain.rule.created\n"
    );

    // A removed file.
    fs::remove_file(project.path("domain/rule/created.v2.json")).unwrap();
    assert_eq!(project.run().unwrap(), "rule.created 1 rules.domain.rule.created\n");

    // A new subject.
    project.write("eventsmith.toml", "root = \"acme\"\n");
    assert_eq!(project.run().unwrap(), "rule.created 1 acme.domain.rule.created\n");

    // A new event in a new group.
    project.write("domain/coupon/issued.v1.json", "true");
    assert_eq!(
        project.run().unwrap(),
        "coupon.issued 1 acme.domain.coupon.issued\nrule.created 1 acme.domain.rule.created\n"
    );

    // A broken schema: file, place, and what to do.
    project.write("domain/coupon/issued.v1.json", "{\"type\": \"strng\"}");
    let error = project.run().unwrap_err();
    assert!(error.contains("domain/coupon/issued.v1.json:1:2 at /type: error[bad-schema]: unknown type"), "{error}");
    assert!(error.contains("help: did you mean string?"), "{error}");
}

const CREATED: &str = "rule.created 1 rules.domain.rule.created\n";

#[test]
fn the_first_folder_of_a_kind_is_seen_where_cargo_builds_into_the_catalogue() {
    let project = Project::built_here("beside");
    assert_eq!(project.run().unwrap(), CREATED);
    assert!(project.is_fresh(), "nothing changed");

    project.write("integration/sync/failed.v1.json", "true");
    let failed = "sync.failed 1 rules.integration.sync.failed\n";
    assert_eq!(project.run().unwrap(), format!("{CREATED}{failed}"));
    assert!(project.is_fresh(), "nothing changed after that");

    project.write("integration/sync/started.v1.json", "true");
    let started = "sync.started 1 rules.integration.sync.started\n";
    assert_eq!(project.run().unwrap(), format!("{CREATED}{failed}{started}"));

    fs::remove_dir_all(project.path("integration")).unwrap();
    assert_eq!(project.run().unwrap(), CREATED);
    assert!(project.is_fresh(), "nothing changed since the folder went");

    project.write("notes.txt", "What is no part of the catalogue is none of its business.");
    assert!(project.is_fresh(), "nothing changed but a note");
    project.write("eventsmith.toml", "root = \"acme\"\n");
    assert_eq!(project.run().unwrap(), CREATED.replace("rules.domain", "acme.domain"));
}

#[test]
fn a_catalogue_that_comes_nearer_and_one_that_is_named_anew_are_seen() {
    let project = Project::built_here("nearer");
    let far = "rule.created 1 far.domain.rule.created\n";
    for file in ["build.rs", "src/main.rs", "Cargo.toml", "Cargo.lock"] {
        let text = fs::read_to_string(project.path(file)).unwrap();
        project.write(&format!("services/one/{file}"), &text);
        fs::remove_file(project.path(file)).unwrap();
    }
    project.write("eventsmith.toml", "root = \"far\"\n");
    let run = || project.run_in("services/one").unwrap();
    assert_eq!(run(), far);

    project.write("services/domain/rule/created.v1.json", SCHEMA);
    project.write("services/eventsmith.toml", "root = \"near\"\n");
    assert_eq!(run(), far.replace("far", "near"));

    project.write("services/one/domain/rule/created.v1.json", SCHEMA);
    project.write("services/one/eventsmith.toml", "root = \"own\"\n");
    assert_eq!(run(), far.replace("far", "own"));

    let manifest = fs::read_to_string(project.path("services/one/Cargo.toml")).unwrap();
    project
        .write("services/one/Cargo.toml", &format!("{manifest}\n[package.metadata.eventsmith]\nschemas = \"../..\"\n"));
    assert_eq!(run(), far);
}

#[test]
fn the_runtime_may_be_a_dependency_of_another_name() {
    let project = Project::new("renamed");
    let manifest = fs::read_to_string(project.path("Cargo.toml")).unwrap();
    project.write("Cargo.toml", &manifest.replace("\neventsmith = {", "\nour_events = { package = \"eventsmith\","));
    project
        .write("build.rs", "fn main() {\n    eventsmith_codegen::Builder::new().runtime(\"our_events\").build();\n}\n");
    let bound = "\n#[our_events::domain_event(\"rule.created\", version = 1, crate = \"our_events\")]\n\
                 #[derive(serde::Serialize, serde::Deserialize)]\nstruct Bound { rule_id: String }\n";
    let main = MAIN.replace("eventsmith::", "our_events::").replace("\nfn main", &format!("{bound}\nfn main"));
    project.write("src/main.rs", &main);

    assert_eq!(project.run().unwrap(), "rule.created 1 rules.domain.rule.created\n");
}

#[test]
fn the_manifest_of_the_crate_says_where_the_catalogue_of_both_is() {
    let project = Project::new("elsewhere");
    fs::remove_file(project.path("eventsmith.toml")).unwrap();
    let manifest = fs::read_to_string(project.path("Cargo.toml")).unwrap();
    let metadata = "\n[package.metadata.eventsmith]\nschemas = \"far/schemas\"\n";
    project.write("Cargo.toml", &format!("{manifest}{metadata}"));
    project.write("far/schemas/eventsmith.toml", "root = \"far\"\n");
    project.write("far/schemas/domain/rule/created.v1.json", SCHEMA);
    let bound = "\n#[eventsmith::domain_event(\"rule.created\", version = 1)]\n\
                 #[derive(serde::Serialize, serde::Deserialize)]\nstruct Bound { rule_id: String }\n";
    project.write("src/main.rs", &MAIN.replace("\nfn main", &format!("{bound}\nfn main")));

    assert_eq!(project.run().unwrap(), "rule.created 1 far.domain.rule.created\n");

    project.write("Cargo.toml", &format!("{manifest}{}", metadata.replace("far/", "fra/")));
    let error = project.run().unwrap_err();
    let told = "there is no eventsmith.toml in \"fra/schemas\"; mend [package.metadata.eventsmith] in Cargo.toml";
    assert!(error.contains(told), "{error}");
}

#[test]
fn a_struct_in_a_function_is_told_where_its_test_would_never_run() {
    let project = Project::new("in-a-function");
    let main = "fn main() {\n    #[eventsmith::domain_event(\"rule.created\", version = 1)]\n    \
                #[derive(serde::Serialize, serde::Deserialize)]\n    struct Inner { rule_id: String }\n    \
                println!(\"{}\", <Inner as eventsmith::Event>::TYPE);\n}\n";
    project.write("src/main.rs", main);

    assert_eq!(project.run().unwrap(), "rule.created\n");

    let error = project.cargo("check", "", &["--tests"]).unwrap_err();
    assert!(error.contains("Inner_stands_in_a_function_where_no_test_can_run_so_move_it_to_a_module"), "{error}");
    assert!(error.contains("src/main.rs:4:12"), "at its name: {error}");
}

#[test]
fn text_of_another_generator_does_not_compile() {
    let project = Project::new("mismatched");
    project.write("src/main.rs", &format!("eventsmith::generated::generated_by!(\"0.0.9\");\n{MAIN}"));

    let error = project.run().unwrap_err();

    let message = "generated by eventsmith-codegen 0.0.9, but the runtime is eventsmith";
    assert!(error.contains(message) && error.contains("depend on the same version of both"), "{error}");
}

#[test]
fn a_command_is_no_event() {
    let project = Project::new("commanding");
    project.write("command/rule/create.v1.json", &SCHEMA.replace("RuleCreated", "RuleCreate"));
    let wants_event = "\nfn publish(_: &impl eventsmith::Event) {}\n";
    let main =
        MAIN.replace("let event =", "publish(&rule::v1::RuleCreate { rule_id: String::new() });\n    let event =");
    project.write("src/main.rs", &format!("{main}{wants_event}"));

    let error = project.run().unwrap_err();

    assert!(error.contains("the trait bound `RuleCreate: Event` is not satisfied"), "{error}");
}

#[test]
fn a_type_that_several_files_define_is_one_under_the_path_of_each() {
    let project = Project::new("shared");
    let schema = r##"{"type": "object", "required": ["by"], "properties": {"by": {"$ref": "#/$defs/user"}},
        "$defs": {"user": {"type": "object", "required": ["role"], "properties": {"role": {"enum": ["owner", "guest"]},
        "type": {"type": "string"}}}}}"##;
    for path in ["domain/cart/filled.v1.json", "domain/order/paid.v1.json", "domain/order/placed.v3.json"] {
        project.write(path, schema);
    }
    let main = r#"
#![deny(unused_imports)]

pub mod events {
    eventsmith::include_events!();
}

fn main() {
    use events::{cart, order, shared};

    let by: shared::User = order::v3::User::from(order::v1::UserRequired { role: cart::UserRole::Owner }).with_type("t");
    let placed = order::OrderPlaced::from(order::OrderPlacedRequired { by: by.clone() });
    let filled = cart::CartFilled { by: cart::v1::User { role: order::UserRole::Guest, ..placed.by } };
    println!("{}", serde_json::to_string(&[by, filled.by]).unwrap());
}
"#;
    project.write("src/main.rs", main);

    assert_eq!(project.run().unwrap(), "[{\"role\":\"owner\",\"type\":\"t\"},{\"role\":\"guest\",\"type\":\"t\"}]\n");
}
