//! `eventsmith new`: what it makes builds, runs, passes its own tests, and has nothing that lint finds.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::Folder;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Cargo in a folder, with the dependencies that this repository has, built where the tests build generated code.
fn cargo(folder: &Path, arguments: &[&str]) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).args(["--quiet", "--offline"]).current_dir(folder).env_remove("RUSTFLAGS");
    cargo.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated"));
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_PROFILE_DEV_INCREMENTAL", "false");
    cargo.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_new_workspace_builds_runs_and_passes_its_tests() {
    let folder = Folder::with(&[]);

    let made = folder.run(&["new", "corner-shop"]);
    assert_eq!(made.status, 0, "{made:?}");
    assert!(made.stdout.contains("corner-shop/schemas/domain/order/placed.v1.json\n"), "{made:?}");
    assert!(made.stderr.ends_with("now: cd corner-shop && cargo run\n"), "{made:?}");

    let lint = folder.run(&["lint", "--schemas", "corner-shop/schemas"]);
    assert_eq!((lint.status, lint.stdout.as_str()), (0, ""), "{lint:?}");

    let shop = folder.path().join("corner-shop");
    fs::copy(repository().join("Cargo.lock"), shop.join("Cargo.lock")).unwrap();
    let run = cargo(&shop, &["run"]);
    let printed = "o-1 is placed\nletter: o-1 is on its way\n1 event handled\n";
    assert_eq!(text(&run.stdout), printed, "{}", text(&run.stderr));
    assert_eq!(text(&run.stderr), "");
    let tested = cargo(&shop, &["test"]);
    assert!(tested.status.success(), "{}{}", text(&tested.stdout), text(&tested.stderr));
    assert_eq!(text(&tested.stderr), "");
    for test in ["whoever_places_an_order_gets_a_letter", "an_expensive_order_is_refused"] {
        assert!(fs::read_to_string(shop.join("service/tests/in_memory.rs")).unwrap().contains(test));
    }
    let format = cargo_fmt(&shop);
    assert!(format.status.success(), "{}", text(&format.stdout));
}

fn cargo_fmt(folder: &Path) -> Output {
    Command::new(env!("CARGO")).args(["fmt", "--all", "--check"]).current_dir(folder).output().unwrap()
}

#[test]
fn a_workspace_depends_on_what_can_be_had() {
    let folder = Folder::with(&[("eventsmith/runtime/Cargo.toml", ""), ("deeper/.keep", "")]);
    let manifest = |path: &str, arguments: &[&str]| {
        let run = folder.run(&[&["new", path], arguments].concat());
        assert_eq!(run.status, 0, "{run:?}");
        fs::read_to_string(folder.path().join(path).join("Cargo.toml")).unwrap()
    };

    let built_from = repository().join("runtime").display().to_string();
    assert!(manifest("one", &[]).contains(&format!("path = {built_from:?}")));
    assert!(manifest("two", &["--eventsmith", "eventsmith"]).contains("path = \"../eventsmith/runtime\""));
    assert!(
        manifest("deeper/three", &["--eventsmith", "./eventsmith"]).contains("path = \"../.././eventsmith/runtime\"")
    );
    let url = "https://example.org/acme/eventsmith";
    assert!(manifest("four", &["--eventsmith", url]).contains(&format!("eventsmith = {{ git = {url:?}")));
    let workflow = fs::read_to_string(folder.path().join("four/.github/workflows/events.yml")).unwrap();
    assert!(workflow.contains("uses: acme/eventsmith@main"), "{workflow}");
}

#[test]
fn what_is_to_be_done_in_a_workspace_or_a_repository_is_told() {
    let folder = Folder::with(&[
        ("all/Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n"),
        ("all/.git/HEAD", ""),
        ("all/crates/.keep", ""),
    ]);

    let inner = folder.run(&["new", "all/crates/shop"]);
    let outer = folder.run(&["new", "shop"]);

    assert_eq!((inner.status, outer.status), (0, 0), "{inner:?}");
    assert!(inner.stderr.contains("all is a workspace of Cargo"), "{inner:?}");
    assert!(inner.stderr.contains("write exclude = [\"crates/shop\"] below its [workspace]\n"), "{inner:?}");
    assert!(inner.stderr.contains("move crates/shop/.github/workflows/events.yml there"), "{inner:?}");
    assert!(!outer.stderr.contains("note:"), "{outer:?}");
}

#[test]
fn nothing_is_overwritten_and_no_name_is_taken_that_cannot_be_one() {
    let folder = Folder::with(&[("there/a.txt", ""), ("file", "")]);
    fs::create_dir(folder.path().join("empty")).unwrap();

    let refused = |path: &str, arguments: &[&str]| {
        let run = folder.run(&[&["new", path], arguments].concat());
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
        run.stderr
    };
    for path in ["there", "file"] {
        assert!(refused(path, &[]).contains("is there already"));
    }
    for name in [
        "Shop",
        "2shop",
        "a.b",
        "a b",
        "shöp",
        ".",
        "..",
        "match",
        "serde",
        "a>",
        "build",
        "deps",
        "examples",
        "incremental",
        "a--b",
        "a-_b",
        "a-",
    ] {
        assert!(refused(name, &[]).contains("cannot be the name of a crate"), "{name}");
    }
    assert!(refused("other", &["--eventsmith", "nowhere"]).contains("nowhere is no checkout"));
    assert!(!folder.path().join("other").exists());
    assert_eq!(folder.run(&["new", "empty"]).status, 0);
}
