//! `eventsmith watch`: what it prints when files are saved, made and removed.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::support::Folder;

const CLEAN: &str = r#"{
  "title": "OrderPlaced",
  "description": "An order was placed.",
  "type": "object",
  "required": ["id"],
  "properties": {"id": {"type": "string", "maxLength": 40, "description": "Its number."}},
  "x-event": {"key": "/id"},
  "examples": [{"id": "a"}]
}"#;
const MANIFEST: &str = "root = \"shop\"\n\n[streams.ORDERS]\nsubjects = [\"shop.domain.>\"]\n\n[streams.DEAD]\nsubjects = [\"shop.dlq.>\"]\n";

/// The program at work; it is stopped when this is dropped.
struct Watching {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Watching {
    fn begin(folder: &Folder) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_eventsmith"))
            .args(["watch", "--schemas", "schemas"])
            .current_dir(folder.path())
            .env("GIT_CEILING_DIRECTORIES", folder.path().parent().unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, stderr) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Self { child, stdout, stderr }
    }

    /// Waits until a finding is printed that has this in it.
    fn finds(&self, words: &str) {
        wait(&self.stdout, words);
    }

    /// Waits until a note is printed that has this in it.
    fn says(&self, words: &str) {
        wait(&self.stderr, words);
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}

fn wait(lines: &Receiver<String>, words: &str) {
    let mut seen = Vec::new();
    loop {
        match lines.recv_timeout(Duration::from_secs(60)) {
            Ok(line) if line.contains(words) => return,
            Ok(line) => seen.push(line),
            Err(_) => panic!("{words:?} is not printed: {seen:#?}"),
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn git(folder: &Folder, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=test", "-c", "user.email=test@example.org"]).args(arguments).current_dir(folder.path());
    assert!(git.status().unwrap().success(), "{arguments:?}");
}

#[test]
fn every_save_is_linted_and_compared() {
    let folder = Folder::with(&[("schemas/eventsmith.toml", MANIFEST), ("schemas/domain/order/placed.v1.json", CLEAN)]);
    git(&folder, &["init", "--quiet"]);
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "--quiet", "--message", "published"]);
    let watching = Watching::begin(&folder);
    watching.says("2 files: 0 errors");
    watching.says("2 identical");
    watching.says("---");

    folder.write("schemas/domain/order/placed.v1.json", &CLEAN.replace("40", "30"));
    watching.finds("[breaking-change]");
    watching.says("---");
    folder.write("schemas/domain/order/placed.v1.json", CLEAN);
    watching.says("2 identical");
    watching.says("---");

    folder.write("schemas/integration/tax/paid.v1.json", "{");
    watching.finds("schemas/integration/tax/paid.v1.json:1:1: error[bad-json]");
    watching.says("---");
    fs::remove_dir_all(folder.path().join("schemas/integration")).unwrap();
    watching.says("2 files: 0 errors");
    watching.says("---");

    folder.write("schemas/eventsmith.toml", "rot = \"shop\"\n");
    watching.finds("eventsmith.toml:1");
    watching.says("---");
    folder.write("schemas/eventsmith.toml", MANIFEST);
    watching.says("2 files: 0 errors");
}

#[test]
fn a_catalogue_in_no_repository_is_linted() {
    let folder = Folder::with(&[("schemas/eventsmith.toml", MANIFEST), ("schemas/domain/order/placed.v1.json", CLEAN)]);
    let watching = Watching::begin(&folder);

    watching.says("2 files: 0 errors");
    watching.says("not compared with an earlier catalogue");
    watching.says("---");
    folder.write("schemas/domain/order/placed.v1.json", "{}");
    watching.says("2 files: 0 errors");
}
