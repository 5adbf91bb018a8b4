//! A workspace with one crate for each side, and how long `cargo check` takes for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::bail;

/// One of the compared generators with what it wrote.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    pub(crate) seconds: f64,
}

impl Side {
    pub(crate) fn generated(name: &'static str, make: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<Self> {
        let started = Instant::now();
        let text = make()?;
        Ok(Self { name, text, seconds: started.elapsed().as_secs_f64() })
    }
}

/// The workspace on disk.
pub(crate) struct Project(PathBuf);

impl Project {
    /// Writes the crates. Both have the same dependencies.
    pub(crate) fn write(dir: &Path, sides: &[Side]) -> anyhow::Result<Self> {
        let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime").canonicalize()?;
        let members: Vec<String> = sides.iter().map(|side| format!("{:?}", side.name.to_owned() + "-events")).collect();
        fs::create_dir_all(dir)?;
        fs::write(
            dir.join("Cargo.toml"),
            format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", members.join(", ")),
        )?;
        for side in sides {
            let folder = dir.join(format!("{}-events", side.name));
            fs::create_dir_all(folder.join("src"))?;
            fs::write(folder.join("Cargo.toml"), manifest(side.name, &runtime))?;
            fs::write(folder.join("src/lib.rs"), format!("#![allow(warnings)]\n{}", side.text))?;
        }
        Ok(Self(dir.to_owned()))
    }

    /// The median of so many runs over one crate, in seconds, with its dependencies ready.
    pub(crate) fn check(&self, name: &str, runs: usize) -> anyhow::Result<f64> {
        let package = format!("{name}-events");
        self.cargo_check(&package)?;
        let source = self.0.join(&package).join("src/lib.rs");
        let mut seconds = Vec::new();
        for _ in 0..runs {
            fs::write(&source, fs::read(&source)?)?;
            let started = Instant::now();
            self.cargo_check(&package)?;
            seconds.push(started.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        Ok(seconds[seconds.len() / 2])
    }

    fn cargo_check(&self, package: &str) -> anyhow::Result<()> {
        let mut cargo = Command::new("cargo");
        cargo.args(["check", "--quiet", "--package", package]).current_dir(&self.0).env("CARGO_INCREMENTAL", "0");
        let output = cargo.output()?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            bail!("{package} does not compile:\n{}", words.lines().take(30).collect::<Vec<_>>().join("\n"));
        }
        Ok(())
    }
}

fn manifest(name: &str, runtime: &Path) -> String {
    format!(
        r#"[package]
name = "{name}-events"
version = "0.1.0"
edition = "2024"

[dependencies]
chrono = {{ version = "0.4", features = ["serde"] }}
eventsmith = {{ path = {runtime:?} }}
regress = "0.10"
serde = {{ version = "1.0", features = ["derive"] }}
serde_json = "1.0"
uuid = {{ version = "1", features = ["serde"] }}
"#
    )
}
