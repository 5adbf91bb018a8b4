//! Small crates that the checks of files and floors must tell apart.

use std::collections::BTreeMap;

use crate::circles::{Arrows, arrows, circle_findings};
use crate::floors::{Floors, floor_findings};
use crate::modules::Modules;

/// The arrows of a crate of these files, of which `src/lib.rs` is the first.
#[expect(clippy::panic, reason = "a test fails by panicking")]
fn arrows_of(files: &[(&str, &str)]) -> Arrows {
    let texts: BTreeMap<&str, &str> = files.iter().copied().collect();
    match Modules::read("src/lib.rs", &|path| texts.get(path).copied()) {
        Ok(modules) => arrows(&modules),
        Err(error) => panic!("{error}"),
    }
}

/// Which file uses which, `src/` and `.rs` left out.
fn arrows_as_text(files: &[(&str, &str)]) -> Vec<String> {
    let short = |file: &String| file.trim_start_matches("src/").trim_end_matches(".rs").to_owned();
    let all = arrows_of(files);
    let pairs = all.iter().flat_map(|(from, others)| others.keys().map(move |to| (from, to)));
    pairs.map(|(from, to)| format!("{} -> {}", short(from), short(to))).collect()
}

/// The arrows of a crate of the modules `a`, which defines a struct and a macro, and `b`, which has this text.
fn arrows_of_b(text: &str) -> Vec<String> {
    arrows_as_text(&[
        ("src/lib.rs", "mod a;\nmod b;\npub use a::A;\npub struct Root;\n"),
        ("src/a.rs", "pub struct A;\n#[macro_export]\nmacro_rules! make { () => {} }\n"),
        ("src/b.rs", text),
    ])
}

#[test]
fn every_way_to_name_what_another_file_defines_is_an_arrow() {
    let ways = [
        "use crate::a::A;",
        "use crate::{Root as _, a::{A as B}};",
        "use super::a::*;\nfn f(_: A) {}",
        "use crate::a;\nfn f(_: a::A) {}",
        "fn f() { use crate::a::A; }",
        "fn f(_: crate::a::A) {}",
        "fn f() { let _ = vec![super::a::A]; }",
        "crate::make!();",
        "make!();",
        "macro_rules! other { () => { $crate::a::A } }",
        "#[serde(with = \"crate::a::A\")]\nstruct B;",
        "mod inline { use super::super::a::A; }",
    ];
    for way in ways {
        assert!(arrows_of_b(way).contains(&"b -> a".to_owned()), "{way}");
    }
}

#[test]
fn an_arrow_leads_to_where_a_name_is_defined_whoever_re_exports_it() {
    assert_eq!(arrows_of_b("use crate::A;"), ["b -> a"]);
    assert_eq!(arrows_of_b("use super::*;\nfn f(_: A) {}"), ["b -> a"]);
    assert_eq!(arrows_of_b("use crate::Root;"), ["b -> lib"]);
}

#[test]
fn what_is_no_use_is_no_arrow() {
    let others = [
        "use std::a::A;",
        "use ::a::A;",
        "use crate::a;",
        "use super::*;",
        "/// See [`crate::a::A`].\nfn f() {}",
        "#[cfg(test)]\nmod tests { use crate::a::A; }",
        "#[cfg(all(test, unix))]\nuse crate::a::A;",
        "impl B { #[cfg(test)] fn f() -> crate::a::A { crate::a::A } }",
        "fn f() { quote! { crate::a::A }; }",
        "struct A;\nfn f(_: A) {}",
    ];
    for other in others {
        assert_eq!(arrows_of_b(other), Vec::<String>::new(), "{other}");
    }
}

#[test]
fn code_behind_a_test_is_product_code_again() {
    let text = "impl B { #[cfg(test)] fn f() {} fn g() -> crate::a::A { crate::a::A } }";

    assert_eq!(arrows_of_b(text), ["b -> a"]);
}

#[test]
fn a_name_that_only_a_macro_can_have_made_is_its_modules() {
    assert_eq!(arrows_of_b("use crate::a::Made;"), ["b -> a"]);
}

/// A parent and its child.
fn family(parent: &str, child: &str) -> Vec<String> {
    let files = [("src/lib.rs", "mod parent;"), ("src/parent.rs", parent), ("src/parent/child.rs", child)];
    circle_findings(&[arrows_of(&files)], &[])
}

#[test]
fn a_parent_that_passes_on_its_child_is_in_no_circle_with_it() {
    let child = "use super::Parent;\npub struct Child(Parent);";

    assert!(family("mod child;\npub use child::Child;\npub struct Parent;", child).is_empty());
    assert!(family("mod child;\npub struct Parent;", child).is_empty());
    assert!(family("mod child;\nuse child::Child;\npub struct Parent(Child);", "pub struct Child;").is_empty());
}

#[test]
fn a_parent_and_a_child_that_use_each_other_are_a_circle() {
    let child = "use super::Parent;\npub struct Child(Parent);";

    for parent in [
        "mod child;\nuse child::Child;\npub struct Parent(Child);",
        "mod child;\npub use child::Child;\npub struct Parent(Child);",
        "mod child;\npub struct Parent(child::Child);",
    ] {
        assert_eq!(family(parent, child).len(), 1, "{parent}");
    }
}

/// Three modules, each of which uses the next.
const CIRCLE: &[(&str, &str)] = &[
    ("src/lib.rs", "mod a;\nmod b;\nmod c;\n"),
    ("src/a.rs", "use crate::b::B;\npub struct A(B);\n"),
    ("src/b.rs", "\nuse crate::c::C;\npub struct B(C);\n"),
    ("src/c.rs", "pub struct C;\n\nimpl C {\n    fn a(_: crate::a::A) {}\n}\n"),
];

#[test]
fn a_circle_is_reported_with_its_files_and_lines() {
    let findings = circle_findings(&[arrows_of(CIRCLE)], &[]);

    assert_eq!(
        findings,
        ["3 files use each other in a circle: src/a.rs, src/b.rs, src/c.rs\
          \n  src/a.rs uses src/b.rs:\n    line 1: crate::b::B\
          \n  src/b.rs uses src/c.rs:\n    line 2: crate::c::C\
          \n  src/c.rs uses src/a.rs:\n    line 4: crate::a::A"]
    );
}

#[test]
fn a_known_circle_may_stand_and_must_leave_the_list_when_it_is_cut() {
    let known: &[&[&str]] = &[&["src/c.rs", "src/b.rs", "src/a.rs"]];
    let cut = &[CIRCLE[0], CIRCLE[1], CIRCLE[2], ("src/c.rs", "pub struct C;")];
    let smaller = &[CIRCLE[0], CIRCLE[1], ("src/b.rs", "pub struct B(crate::a::A);"), CIRCLE[3]];

    assert!(circle_findings(&[arrows_of(CIRCLE)], known).is_empty());
    assert_eq!(circle_findings(&[arrows_of(CIRCLE)], &[&["src/a.rs", "src/b.rs"]]).len(), 2, "a circle that has grown");
    assert_eq!(
        circle_findings(&[arrows_of(cut)], known),
        ["the circle of src/a.rs, src/b.rs, src/c.rs is gone: take it from KNOWN_CIRCLES"]
    );
    assert_eq!(
        circle_findings(&[arrows_of(smaller)], known),
        ["of the circle of src/a.rs, src/b.rs, src/c.rs only this is left: say so in KNOWN_CIRCLES\
          \n    &[\"src/a.rs\", \"src/b.rs\"],"]
    );
}

/// A transport below, with its contract at the bottom, and the bus above.
const FLOORS: Floors =
    Floors { of: "src", floors: &[&["transport"], &["jetstream", "memory"], &["jetstream/upkeep", "bus"]], known: &[] };

/// What the floors find in a bus, of which one file has this text.
fn floors_with(table: &Floors, changed: &str, text: &str) -> Vec<String> {
    let mut files = vec![
        ("src/lib.rs", "mod bus;\nmod jetstream;\nmod memory;\nmod transport;\npub use bus::Bus;\nfn f(_: Bus) {}"),
        ("src/transport.rs", "pub struct Message;"),
        ("src/jetstream.rs", "mod pull;\nmod upkeep;\npub struct JetStream(crate::transport::Message);"),
        ("src/jetstream/pull.rs", "use super::JetStream;"),
        ("src/jetstream/upkeep.rs", "use crate::bus::Bus;"),
        ("src/memory.rs", "use crate::transport::Message;"),
        ("src/bus.rs", "use crate::{jetstream::JetStream, transport::Message};\npub struct Bus;"),
    ];
    files.retain(|(path, _)| *path != changed);
    files.push((changed, text));
    floor_findings(table, &arrows_of(&files))
}

#[test]
fn arrows_down_and_sideways_are_free() {
    assert_eq!(floors_with(&FLOORS, "src/memory.rs", "use crate::jetstream::JetStream;"), Vec::<String>::new());
}

#[test]
fn an_arrow_upward_is_found_with_its_line() {
    assert_eq!(
        floors_with(&FLOORS, "src/transport.rs", "\npub struct Message(crate::jetstream::JetStream);"),
        ["src/transport.rs:2 uses crate::jetstream::JetStream, but jetstream stands above transport in src"]
    );
    assert_eq!(
        floors_with(&FLOORS, "src/jetstream/pull.rs", "use crate::Bus;"),
        ["src/jetstream/pull.rs:1 uses crate::Bus, but bus stands above jetstream in src"]
    );
    assert_eq!(
        floors_with(&FLOORS, "src/bus.rs", "use crate::f;\npub struct Bus;"),
        ["src/bus.rs:1 uses crate::f, but the root stands above bus in src"]
    );
}

#[test]
fn a_known_arrow_upward_may_stand_and_must_leave_the_list_when_it_is_cut() {
    let table = Floors { known: &[("transport", "memory")], ..FLOORS };

    let upward = "pub struct Message(crate::memory::Made);";
    assert_eq!(floors_with(&table, "src/transport.rs", upward), Vec::<String>::new());
    assert_eq!(
        floors_with(&table, "src/transport.rs", "pub struct Message;"),
        ["transport does not use memory any more in src: take it from the known ones"]
    );
}

#[test]
fn a_file_without_a_floor_and_a_floor_without_a_file_are_found() {
    const LACKING: Floors = Floors { floors: &[&["transport", "publish"], &["jetstream", "memory"]], ..FLOORS };

    assert_eq!(
        floors_with(&LACKING, "src/memory.rs", ""),
        [
            "src/bus.rs stands on no floor of src: add it to the table FLOORS",
            "src/publish is gone: mend the table FLOORS"
        ]
    );
}
