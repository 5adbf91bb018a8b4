//! `docs/evolution.md` is true: its commands are run in a repository of their own, and print what the page says.
//!
//! What a block is for stands in the comment before it:
//!
//! - `<!-- file: PATH -->`: the block is the text of a file.
//! - `<!-- do: COMMAND -->`: a command that the page does not show, without a block. It must succeed.
//! - `<!-- run: COMMAND ; status N -->`: the block is a command, and then all that it prints.
//! - `<!-- quote: PATH -->`: the block stands in a file of this repository, line by line, however far it is indented; a line
//!   `...` stands for what is left out.
//!
//! `UPDATE_GUIDE=1 cargo test -p eventsmith-cli --test cli guide` writes the outputs anew, and the code that is generated from the
//! catalogue of the page. Look at the difference.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const GUIDE: &str = "docs/evolution.md";
/// What the compiler is shown in `tests/ui/missing_upcast.rs`, and with an upcast in `tests/tests/evolution/guide.rs`.
const GENERATED: &str = "tests/ui/missing_upcast/golden/events.rs";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn is_update() -> bool {
    env::var_os("UPDATE_GUIDE").is_some()
}

/// A part of the page, in order.
enum Part<'a> {
    /// Text, as it is.
    Text(&'a str),
    /// A comment that says what to do, and the block after it.
    Step { comment: &'a str, fence: &'a str, block: String },
}

fn parts(page: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let comment = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        match comment {
            Some(comment) if !comment.starts_with("do:") => {
                let fence = lines.next().unwrap_or_default();
                assert!(fence.starts_with("```"), "no block follows {line}");
                let block = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
                parts.push(Part::Step { comment, fence, block });
            }
            Some(comment) => {
                parts.push(Part::Step { comment, fence: "", block: String::new() });
            }
            None => parts.push(Part::Text(line)),
        }
    }
    parts
}

/// The repository that the page works in.
struct Replay {
    dir: TempDir,
}

impl Replay {
    fn new() -> Self {
        let replay = Self { dir: TempDir::new().unwrap() };
        replay.done("git init --quiet --initial-branch main");
        replay
    }

    /// The status of a command, and all that it prints.
    fn run(&self, command: &str) -> (i32, String) {
        let binary = Path::new(env!("CARGO_BIN_EXE_eventsmith")).parent().unwrap().to_owned();
        let path =
            env::join_paths(std::iter::once(binary).chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())));
        let mut bash = Command::new("bash");
        bash.args(["-o", "pipefail", "-c", &format!("{{ {command}; }} 2>&1")]);
        bash.current_dir(self.dir.path()).env("PATH", path.unwrap()).env("HOME", self.dir.path());
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "guide"),
            ("GIT_AUTHOR_EMAIL", "guide@example.org"),
            ("GIT_COMMITTER_NAME", "guide"),
            ("GIT_COMMITTER_EMAIL", "guide@example.org"),
        ] {
            bash.env(name, value);
        }
        let output = bash.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    fn done(&self, command: &str) {
        let (status, output) = self.run(command);
        assert_eq!(status, 0, "{command}: {output}");
    }

    /// Does a step; what its block should say.
    fn step(&self, comment: &str, block: &str) -> String {
        let (kind, argument) = comment.split_once(": ").unwrap_or_else(|| panic!("what is <!-- {comment} -->?"));
        match kind {
            "file" => {
                let path = self.dir.path().join(argument);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, block).unwrap();
                block.to_owned()
            }
            "do" => {
                self.done(argument);
                String::new()
            }
            "run" => {
                let (command, wanted) = argument.split_once(" ; status ").unwrap_or((argument, "0"));
                let (status, output) = self.run(command);
                assert_eq!(status.to_string(), wanted, "the status of {command}, which printed: {output}");
                format!("$ {command}\n{output}")
            }
            // What is quoted may come from what is about to be written.
            "quote" if is_update() => block.to_owned(),
            "quote" => {
                let text = fs::read_to_string(repository().join(argument)).unwrap();
                let trimmed = |text: &str| text.lines().map(|line| format!("{}\n", line.trim())).collect::<String>();
                let (text, quoted) = (trimmed(&text), trimmed(block));
                let mut rest = text.as_str();
                for passage in quoted.split("...\n") {
                    let (_, after) =
                        rest.split_once(passage).unwrap_or_else(|| panic!("{argument} does not say:\n{passage}"));
                    rest = after;
                }
                block.to_owned()
            }
            _ => panic!("what is <!-- {comment} -->?"),
        }
    }
}

#[test]
fn every_command_of_the_guide_prints_what_the_page_says() {
    let page = fs::read_to_string(repository().join(GUIDE)).unwrap();
    let replay = Replay::new();
    let mut written = String::new();
    let mut runs = 0;
    for part in parts(&page) {
        match part {
            Part::Text(line) => written.push_str(&format!("{line}\n")),
            Part::Step { comment, fence, block } => {
                let wanted = replay.step(comment, &block);
                if !is_update() {
                    assert_eq!(block, wanted, "{GUIDE} after <!-- {comment} -->; UPDATE_GUIDE=1 writes it anew");
                }
                runs += usize::from(comment.starts_with("run:"));
                written.push_str(&format!("<!-- {comment} -->\n"));
                if !fence.is_empty() {
                    written.push_str(&format!("{fence}\n{wanted}```\n"));
                }
            }
        }
    }
    assert!(runs >= 6, "the page shows only {runs} commands");

    // Without the summary, which goes to stderr.
    let (status, generated) = replay.run("eventsmith generate 2> /dev/null");
    assert_eq!(status, 0, "{generated}");
    let golden = repository().join(GENERATED);
    if is_update() {
        fs::write(repository().join(GUIDE), &written).unwrap();
        fs::write(golden, generated).unwrap();
    } else {
        assert_eq!(written, page, "the page is not what was read of it");
        let is_fresh = fs::read_to_string(golden).unwrap_or_default() == generated;
        assert!(is_fresh, "{GENERATED} is stale; UPDATE_GUIDE=1 writes it anew");
    }
}
