//! The client for Python, which implements the protocols of NATS on its own.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tokio::task::spawn_blocking;

use crate::common::Outcome;

const VERSION: &str = "2.16.0";

/// The folder of the client, which the first call puts under `target/`. Any number of processes may call it at once.
fn client_for_python() -> std::io::Result<PathBuf> {
    let under = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = under.join(format!("nats-py-{VERSION}"));
    let lock = File::create(under.join(format!("nats-py-{VERSION}.lock")))?;
    lock.lock()?;
    if !folder.is_dir() {
        let scratch = tempfile::tempdir_in(under)?;
        let pip =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-user", "--target"];
        let package = format!("nats-py=={VERSION}");
        let installed = Command::new("python3").args(pip).arg(scratch.path()).arg(package).output()?;
        assert!(installed.status.success(), "python3 -m pip: {}", String::from_utf8_lossy(&installed.stderr));
        std::fs::rename(scratch.keep(), &folder)?;
    }
    Ok(folder)
}

/// Begins a program in Python, beside the tests, in one of its roles.
pub(crate) async fn python(script: &'static str, role: &'static str, url: String) -> Outcome<Running> {
    let started = spawn_blocking(move || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bus").join(script);
        let mut command = Command::new("python3");
        command.arg(script).args([role, &url]).env("PYTHONPATH", client_for_python()?).stdout(Stdio::piped());
        std::io::Result::Ok(Running(command.spawn()?))
    });
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
