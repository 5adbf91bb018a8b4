//! The rules and their tests hold for the program that will read them: promtool.
//!
//! The program that `$PROMTOOL` names, else the first on `PATH`, else that of Debian's package `prometheus`, which the first test that needs
//! it puts under `target/`, without being root: `apt-get download` and `dpkg -x`. Where none of this is possible the tests fail, and say
//! how to get one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../tests/src/installed.rs"]
#[expect(unreachable_pub, dead_code, reason = "it belongs to the tests of the whole house, which use more of it")]
mod installed;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use eventsmith_operations::alerts::{RUNBOOKS, files};
use eventsmith_operations::{Consumer, Landscape, Service, Stream};

fn promtool() -> PathBuf {
    if let Some(program) = env::var_os("PROMTOOL").filter(|program| !program.is_empty()) {
        return program.into();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(found) = env::split_paths(&path).map(|folder| folder.join("promtool")).find(|found| found.is_file()) {
        return found;
    }
    let folder = installed::debian(Path::new(env!("CARGO_TARGET_TMPDIR")), "prometheus");
    match folder {
        Ok(folder) => folder.join("usr/bin/promtool"),
        Err(error) => panic!("no promtool: {error}; install Prometheus, or name the program by $PROMTOOL"),
    }
}

/// What Prometheus has to be told of: streams with every limit and with none, consumers with other settings than most, odd names.
fn landscape() -> Landscape {
    let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<String>>();
    let consumer = |name: &str, stream: &str, seconds: u64| Consumer {
        name: name.to_owned(),
        stream: stream.to_owned(),
        ack_wait: Duration::from_secs(seconds),
        max_ack_pending: 7,
        max_deliver: Some(100),
        ..Consumer::default()
    };
    let stream = |name: &str| Stream { name: name.to_owned(), replicas: 1, ..Stream::default() };
    Landscape {
        root: "shop".to_owned(),
        services: vec![
            Service {
                name: "mail".to_owned(),
                description: "sends {{ mail }} \"quickly\"".to_owned(),
                consumes: texts(&["order.placed"]),
                handles: texts(&["mail.send"]),
                consumers: vec![
                    consumer("mail", "ORDERS", 15),
                    consumer("mail", "HISTORIES", 120),
                    Consumer { max_deliver: None, ..consumer("saga_pay_v1", "HISTORIES", 15) },
                ],
                ..Service::default()
            },
            Service { name: "a_b-C".to_owned(), consumers: vec![consumer("a_b-C", "SHORT", 1)], ..Service::default() },
        ],
        streams: vec![
            Stream {
                max_age: Some(Duration::from_secs(30 * 86_400)),
                max_bytes: Some(10 << 30),
                max_messages: Some(1_000_003),
                replicas: 3,
                ..stream("ORDERS")
            },
            Stream { refuses: true, max_bytes: Some(1 << 20), ..stream("HISTORIES") },
            Stream { max_age: Some(Duration::from_secs(600)), ..stream("SHORT") },
            Stream { max_age: Some(Duration::from_secs(86_400)), holds_dead_letters: true, ..stream("LETTERS") },
        ],
        ..Landscape::default()
    }
}

fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files(&landscape(), RUNBOOKS) {
        let path = folder.path().join(&file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.text).unwrap();
    }
    folder
}

fn run(folder: &Path, arguments: &[&str], end: &str) -> Output {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.to_string_lossy().ends_with(end));
    found.sort();
    assert!(found.len() >= 3, "{found:?}");
    Command::new(promtool()).args(arguments).args(found).output().unwrap()
}

#[test]
fn promtool_takes_every_rule() {
    let folder = written();

    let checked = run(folder.path(), &["check", "rules", "--lint=all", "--lint-fatal"], ".rules.yml");

    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn every_rule_fires_and_stays_silent_where_its_tests_say() {
    let folder = written();

    let tested = run(&folder.path().join("tests"), &["test", "rules"], ".test.yml");

    let said = String::from_utf8_lossy(&tested.stdout).into_owned() + &String::from_utf8_lossy(&tested.stderr);
    assert!(tested.status.success(), "{said}");
}

#[test]
fn a_rule_with_another_threshold_is_found_out_by_its_tests() {
    let folder = written();
    let rules = folder.path().join("mail.rules.yml");
    let text = fs::read_to_string(&rules).unwrap();
    let changed = text.replace("> 2570400", "> 99999999");
    assert_ne!(text, changed, "the threshold of 30 days without 6 hours is not there: {text}");
    fs::write(&rules, changed).unwrap();

    let tested = run(&folder.path().join("tests"), &["test", "rules"], ".test.yml");

    let said = String::from_utf8_lossy(&tested.stdout).into_owned() + &String::from_utf8_lossy(&tested.stderr);
    assert!(!tested.status.success() && said.contains("EventsmithConsumerExpiring"), "{said}");
}
