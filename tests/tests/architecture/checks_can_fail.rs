//! Counterexamples: each check finds what it is there to find, and nothing else.

use crate::checks::*;
use crate::repository::{Crate, Source};

const NATS: Confined = Confined {
    words: &["async_nats"],
    everywhere_below: "",
    except: &["runtime/src/jetstream*", "codegen/src/nats.rs"],
    why: "only the transport knows it",
};

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

fn depends(name: &str, on: &[&str]) -> Crate {
    let dependencies = on.iter().map(ToString::to_string).collect();
    Crate { name: name.to_owned(), dependencies, test_dependencies: Vec::new(), roots: Vec::new() }
}

fn depends_for_tests(name: &str, on: &[&str]) -> Crate {
    let tested = depends(name, on);
    Crate { test_dependencies: tested.dependencies, dependencies: Vec::new(), ..tested }
}

fn confined_in(path: &str, text: &str) -> Vec<String> {
    confined(&NATS, &[source(path, text)])
}

#[test]
fn a_confined_word_is_found_with_its_line_and_the_reason() {
    let findings = confined_in("runtime/src/bus.rs", "//! A bus.\n\nuse async_nats::Client;\n");

    assert_eq!(findings.len(), 1);
    assert!(findings[0].starts_with("runtime/src/bus.rs:3 names `async_nats`"), "{}", findings[0]);
    assert!(findings[0].ends_with("only the transport knows it"), "{}", findings[0]);
}

#[test]
fn the_modules_that_may_hold_a_confined_word_are_left_alone() {
    for path in ["runtime/src/jetstream.rs", "runtime/src/jetstream/pull.rs", "codegen/src/nats.rs"] {
        assert!(confined_in(path, "use async_nats::Client;").is_empty(), "{path}");
    }
    for path in ["runtime/src/jet.rs", "codegen/src/nats/more.rs", "cli/src/jetstream.rs"] {
        assert_eq!(confined_in(path, "use async_nats::Client;").len(), 1, "{path}");
    }
}

#[test]
fn a_rule_for_one_folder_is_silent_about_others() {
    let rule = Confined { words: &["fs::"], everywhere_below: "codegen/src/", except: &[], why: "" };

    assert_eq!(confined(&rule, &[source("codegen/src/emit.rs", "std::fs::read(path)")]).len(), 1);
    assert!(confined(&rule, &[source("cli/src/main.rs", "std::fs::read(path)")]).is_empty());
}

#[test]
fn test_code_may_name_anything() {
    assert!(confined_in("tests/tests/bus.rs", "use async_nats::Client;").is_empty());
    assert!(confined_in("runtime/tests/bus.rs", "use async_nats::Client;").is_empty());
    assert!(confined_in("runtime/src/bus/tests.rs", "use async_nats::Client;").is_empty());
    assert!(
        confined_in("runtime/src/bus.rs", "#[cfg(test)]\nmod tests {\n    use async_nats::Client;\n}\n").is_empty()
    );
}

#[test]
fn what_follows_a_test_module_is_product_code_again() {
    let text = "#[cfg(all(test, unix))]\nmod tests {\n    fn a() {}\n}\nuse async_nats::Client;\n";

    assert!(confined_in("runtime/src/bus.rs", text)[0].starts_with("runtime/src/bus.rs:5 "));
}

#[test]
fn a_longer_word_is_another_word() {
    assert!(confined_in("runtime/src/bus.rs", "let my_async_nats = async_nats_url;").is_empty());
    let rule = Confined { words: &["fs::"], everywhere_below: "", except: &[], why: "" };
    assert!(confined(&rule, &[source("codegen/src/emit.rs", "defs::emit()")]).is_empty());
}

#[test]
fn a_dependent_that_is_not_listed_is_found() {
    let rule = Dependents { of: "async-nats", only: &["eventsmith"] };
    let crates = [depends("eventsmith", &["async-nats"]), depends("eventsmith-cli", &["clap", "async-nats"])];

    assert_eq!(dependents(&rule, &crates), ["eventsmith-cli depends on async-nats, which only eventsmith may"]);
    assert_eq!(dependents(&rule, &[depends_for_tests("quickstart", &["async-nats"])]).len(), 1);
}

#[test]
fn a_dependency_upwards_or_sideways_is_found() {
    let layers = [Layer(&["codegen"]), Layer(&["runtime"]), Layer(&["cli", "example"])];

    assert!(one_way(&layers, "runtime", &[depends("cli", &["codegen", "runtime", "serde"])]).is_empty());
    for (from, to) in [("codegen", "runtime"), ("example", "cli"), ("runtime", "runtime")] {
        let findings = one_way(&layers, "runtime", &[depends(from, &[to])]);
        assert_eq!(findings, [format!("{from} depends on {to}, which is not below it: dependencies point one way")]);
    }
}

#[test]
fn only_tests_may_depend_on_the_face_above() {
    let layers = [Layer(&["event"]), Layer(&["face"]), Layer(&["cli"])];

    assert!(one_way(&layers, "face", &[depends_for_tests("event", &["face"])]).is_empty());
    assert_eq!(one_way(&layers, "face", &[depends("event", &["face"])]).len(), 1);
    assert_eq!(one_way(&layers, "face", &[depends_for_tests("event", &["cli"])]).len(), 1);
}

#[test]
fn a_face_that_defines_something_is_found() {
    let passing_on = "//! Docs.\npub use event::Event;\npub mod admin {\n    pub use admin::*;\n}\n#[macro_export]\nmacro_rules! m { () => {} }\n";
    assert!(reexports_only(&source("runtime/src/lib.rs", passing_on)).is_empty());

    for more in
        ["pub struct Bus;", "use event::Event;", "pub mod admin {\n    fn plan() {}\n}", "macro_rules! a { () => {} }"]
    {
        let findings = reexports_only(&source("runtime/src/lib.rs", &format!("{passing_on}{more}")));
        assert_eq!(findings, ["runtime/src/lib.rs:8 is no re-export, and the face holds nothing else"], "{more}");
    }
}

#[test]
fn a_root_with_too_many_names_is_found() {
    let root = |text: &str| few_names(3, &source("runtime/src/lib.rs", text));
    let three = "pub mod admin;\npub use event::{Event, kind::Kind};\nmacro_rules! m { () => {} }\n";

    assert!(root(three).is_empty());
    assert_eq!(root(&format!("{three}pub use bus::Bus as B;")).len(), 1);
    assert_eq!(root("pub use event::*;").len(), 1);
    assert_eq!(root("pub use").len(), 1);
}

#[test]
fn a_crate_without_a_layer_is_found() {
    let findings = one_way(&[Layer(&["codegen"])], "runtime", &[depends("newcomer", &[])]);

    assert_eq!(findings, ["newcomer is in no layer: add it to the table LAYERS"]);
}

#[test]
fn a_heavy_dependency_is_found() {
    let all = ["codegen", "syn", "tokio-macros", "tokio"].map(str::to_owned);

    let findings = without("codegen", &["tokio", "hyper"], &all);

    assert_eq!(findings.len(), 1);
    assert!(findings[0].contains("cargo tree -p codegen -i tokio"), "{}", findings[0]);
    assert!(without("codegen", &["hyper"], &all).is_empty());
    assert_eq!(without("codegen", &["hyper"], &[]).len(), 1, "an empty list proves nothing");
}

#[test]
fn a_crate_that_goes_without_the_lints_is_found() -> Result<(), toml::de::Error> {
    let workspace = "[workspace.lints.rust]\nunsafe_code = \"forbid\"".parse()?;
    let member = |text: &str| Ok::<_, toml::de::Error>(vec![("cli/Cargo.toml".to_owned(), text.parse()?)]);

    assert!(lints(&workspace, &member("[lints]\nworkspace = true")?).is_empty());
    for text in ["", "[lints]\nworkspace = false", "[lints.rust]\nunsafe_code = \"allow\""] {
        assert!(lints(&workspace, &member(text)?)[0].starts_with("cli/Cargo.toml does not inherit"), "{text}");
    }
    Ok(())
}

#[test]
fn a_workspace_that_only_denies_unsafe_code_is_found() -> Result<(), toml::de::Error> {
    let unsafe_code = |level: &str| format!("[workspace.lints.rust]\nunsafe_code = {level}").parse();

    assert!(lints(&unsafe_code("{ level = \"forbid\", priority = 1 }")?, &[]).is_empty());
    assert_eq!(lints(&unsafe_code("\"deny\"")?, &[]).len(), 1);
    assert_eq!(lints(&toml::Table::new(), &[]).len(), 1);
    Ok(())
}

#[test]
fn a_file_is_too_long_from_the_first_line_beyond() {
    let lines = |count: usize| "line\n".repeat(count);

    assert!(too_long(500, &[source("a.rs", &lines(500))]).is_empty());
    assert_eq!(too_long(500, &[source("a.rs", &lines(501))]), ["a.rs has 501 lines: split it before 500"]);
    assert!(too_long(500, &[source("codegen/tests/goldens/a.rs", &lines(501))]).is_empty());
}
