//! Does what a page says, in a folder of its own.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use eventsmith::testing::NatsServer;
use serde_json::Value;
use tempfile::TempDir;

use super::page::{Block, Step};
use super::{is_update, repository};

/// The server of the pages; the real one has a port of its own.
const SERVER: &str = "nats://127.0.0.1:4222";

/// The folder that a page works in.
pub(super) struct Replay {
    page: &'static str,
    folder: TempDir,
    /// Where the next command begins: `cd` goes on to hold.
    here: PathBuf,
    server: Option<NatsServer>,
    /// Whether programs are told of the server by their environment.
    is_told: bool,
    /// What the last command printed to stdout.
    printed: String,
}

/// How a command ended.
struct Ended {
    status: String,
    stdout: String,
    stderr: String,
}

/// Where to print what goes to stderr.
#[derive(Clone, Copy, PartialEq)]
enum Stderr {
    WithStdout,
    Apart,
}

impl Replay {
    pub(super) fn new(page: &'static str) -> Self {
        let folder = TempDir::new().unwrap();
        let here = folder.path().to_owned();
        Self { page, folder, here, server: None, is_told: false, printed: String::new() }
    }

    /// Does a step; what its block should say.
    pub(super) fn step(&mut self, step: &Step) -> String {
        let text = step.block.as_ref().map_or("", |block| block.text.as_str());
        let argument = step.argument.as_str();
        match step.kind.as_str() {
            "file" => self.write(argument, text),
            "append" => {
                let before = fs::read_to_string(self.here.join(argument)).unwrap_or_default();
                self.write(argument, &format!("{before}\n{text}"));
            }
            "files" => {
                for line in text.lines() {
                    let (path, text) = line.split_once(' ').unwrap();
                    self.write(path, text.trim_start());
                }
            }
            "there" => {
                for path in text.lines().filter_map(|line| line.split_whitespace().next()) {
                    assert!(repository().join(path).exists(), "{}: {path} is not there", self.page);
                }
            }
            "do" => {
                let ended = self.shell(argument, Stderr::WithStdout, "0");
                assert_eq!(ended.status, "0", "{}: {argument}: {}", self.page, ended.stdout);
            }
            "server" => self.start_server(argument == "in the environment"),
            "sh" => self.block(step.block.as_ref().unwrap(), argument),
            "run" => {
                let (command, ended) = self.command(argument, Stderr::WithStdout);
                return format!("$ {command}\n{}", ended.stdout);
            }
            "prints" if argument.is_empty() => return self.printed.clone(),
            "prints" => return self.command(argument, Stderr::Apart).1.stdout,
            "within" => {
                let whole: Value = serde_json::from_str(&self.command(argument, Stderr::Apart).1.stdout).unwrap();
                let part: Value = serde_json::from_str(text).unwrap();
                assert!(is_within(&part, &whole), "{}: {argument} prints {whole:#}", self.page);
            }
            "quote" => self.quote(argument, text),
            "read" => {
                let test = fs::read_to_string(repository().join(argument)).unwrap();
                let name = self.page.rsplit('/').next().unwrap();
                assert!(test.contains(name), "{argument} does not read {}", self.page);
            }
            "shown" => assert!(!argument.is_empty(), "{}: say why nothing runs a block", self.page),
            kind => panic!("{}: what is <!-- {kind} -->?", self.page),
        }
        text.to_owned()
    }

    /// What a command that succeeds writes to stdout.
    pub(super) fn output(&mut self, command: &str) -> String {
        self.command(command, Stderr::Apart).1.stdout
    }

    /// A line of shell with the status that it should have, and how it ended.
    fn command<'a>(&mut self, argument: &'a str, stderr: Stderr) -> (&'a str, Ended) {
        let (command, wanted) = argument.split_once(" ; status ").unwrap_or((argument, "0"));
        let ended = self.shell(command, stderr, wanted);
        assert_eq!(ended.status, wanted, "{}: {command} printed: {}{}", self.page, ended.stdout, ended.stderr);
        (command, ended)
    }

    /// A block of commands with the status of each, or of all.
    fn block(&mut self, block: &Block, statuses: &str) {
        let statuses: Vec<&str> = statuses.split_whitespace().collect();
        let commands = block.commands();
        assert!(
            statuses.len() <= 1 || statuses.len() == commands.len(),
            "{}: {} commands in {commands:?}",
            self.page,
            commands.len()
        );
        for (index, command) in commands.iter().enumerate() {
            let wanted = statuses.get(index).or(statuses.first()).copied().unwrap_or("0");
            if self.is_done_already(command) {
                continue;
            }
            let ended = self.shell(command, Stderr::Apart, wanted);
            assert_eq!(ended.status, wanted, "{}: {command}: {}{}", self.page, ended.stdout, ended.stderr);
            self.printed = ended.stdout;
        }
    }

    /// What is not ours, or was done before the test began: the clone is this repository, the program was just built.
    fn is_done_already(&self, command: &str) -> bool {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["git", "clone", ..] => symlink(repository(), self.here.join("eventsmith")).is_ok(),
            ["cargo", "install", .., "--path", path] => {
                assert!(self.here.join(path).join("Cargo.toml").is_file(), "{}: {command}", self.page);
                true
            }
            ["cargo", "install", .., "eventsmith-cli"] => true,
            // The command line of NATS.
            ["nats", ..] => true,
            ["nats-server", ..] => {
                assert!(self.server.is_some(), "{}: no server runs", self.page);
                true
            }
            _ => false,
        }
    }

    fn start_server(&mut self, is_told: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        self.server = Some(runtime.block_on(NatsServer::start()).unwrap());
        self.is_told = is_told;
    }

    /// Writes a file. Dependencies lie in this repository, whatever folder the page calls it.
    fn write(&self, path: &str, text: &str) {
        let mut text = text.to_owned();
        if path.ends_with("Cargo.toml") {
            text = text.replace("../eventsmith/", &format!("{}/", repository().display()));
        }
        let path = self.here.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, self.on_the_server(&text)).unwrap();
    }

    fn on_the_server(&self, text: &str) -> String {
        match &self.server {
            Some(server) => text.replace(SERVER, &server.url()),
            None => text.to_owned(),
        }
    }

    fn shell(&mut self, command: &str, stderr: Stderr, wanted: &str) -> Ended {
        let state = self.folder.path().with_extension("here");
        let merged = if stderr == Stderr::WithStdout { "2>&1" } else { "" };
        // What is built depends on what this repository depends on, and nothing has to be downloaded for it.
        let script = format!(
            "if [ -f Cargo.toml ] && [ ! -f Cargo.lock ]; then cp \"$REPOSITORY/Cargo.lock\" .; fi\n{{ {}\n}} {merged}\nstatus=$?\n\
             pwd >'{}'\nexit $status",
            self.on_the_server(command),
            state.display()
        );
        let mut bash = match wanted {
            // What goes on until it is stopped is stopped.
            "124" => {
                let mut timeout = Command::new("timeout");
                timeout.args(["1", "bash"]);
                timeout
            }
            _ => Command::new("bash"),
        };
        bash.args(["-o", "pipefail", "-c", &script]).current_dir(&self.here).stdin(Stdio::null());
        self.prepare(&mut bash);
        let output = bash.output().unwrap();
        if let Ok(here) = fs::read_to_string(&state) {
            self.here = PathBuf::from(here.trim_end());
            fs::remove_file(state).unwrap();
        }
        Ended {
            status: output.status.code().unwrap().to_string(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn prepare(&self, bash: &mut Command) {
        let beside = |program: &str| Path::new(program).parent().unwrap().to_owned();
        let own = [beside(env!("CARGO_BIN_EXE_eventsmith")), beside(env!("CARGO"))];
        let others = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(own.into_iter().chain(env::split_paths(&others))).unwrap();
        let home = PathBuf::from(env::var_os("HOME").unwrap_or_default());
        let cargo_home = env::var_os("CARGO_HOME").map_or(home.join(".cargo"), PathBuf::from);
        bash.env("PATH", path).env("HOME", self.folder.path()).env("CARGO_HOME", cargo_home);
        bash.env("REPOSITORY", repository()).env_remove("RUSTFLAGS");
        bash.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated"));
        for (name, value) in [
            ("CARGO_NET_OFFLINE", "true"),
            ("CARGO_TERM_QUIET", "true"),
            ("CARGO_PROFILE_DEV_DEBUG", "false"),
            ("CARGO_PROFILE_DEV_INCREMENTAL", "false"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "guide"),
            ("GIT_AUTHOR_EMAIL", "guide@example.org"),
            ("GIT_COMMITTER_NAME", "guide"),
            ("GIT_COMMITTER_EMAIL", "guide@example.org"),
        ] {
            bash.env(name, value);
        }
        bash.env_remove("EVENTSMITH_SERVERS");
        if let (Some(server), true) = (&self.server, self.is_told) {
            bash.env("EVENTSMITH_SERVERS", server.url());
        }
    }

    /// What a block quotes stands in a file of this repository, however far it is indented.
    fn quote(&self, path: &str, text: &str) {
        // What is quoted may come from what is about to be written.
        if is_update() {
            return;
        }
        let file = fs::read_to_string(repository().join(path)).unwrap();
        let trimmed = |text: &str| text.lines().map(|line| format!("{}\n", line.trim())).collect::<String>();
        let (file, quoted) = (trimmed(&file), trimmed(text));
        let mut rest = file.as_str();
        for passage in quoted.split("...\n") {
            let (_, after) = rest.split_once(passage).unwrap_or_else(|| panic!("{path} does not say:\n{passage}"));
            rest = after;
        }
    }
}

/// Whether a value is a part of another one, however deep.
fn is_within(part: &Value, whole: &Value) -> bool {
    part == whole
        || match whole {
            Value::Array(items) => items.iter().any(|item| is_within(part, item)),
            Value::Object(members) => members.values().any(|member| is_within(part, member)),
            _ => false,
        }
}
