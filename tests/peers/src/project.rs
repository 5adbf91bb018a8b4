//! A workspace with one crate for each side, and what `cargo check` and `cargo build` cost for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail};

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

/// What a command of cargo costs.
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    /// Peak memory of the compiler.
    pub(crate) megabytes: u64,
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

    /// What a cargo command costs for one crate, with its dependencies ready.
    pub(crate) fn cost(&self, name: &str, command: &str) -> anyhow::Result<Cost> {
        let package = format!("{name}-events");
        let source = self.0.join(&package).join("src/lib.rs");
        let text = fs::read(&source)?;
        fs::write(&source, "")?;
        self.cargo(command, &package)?;
        fs::write(&source, text)?;
        self.cargo(command, &package)
    }

    fn cargo(&self, command: &str, package: &str) -> anyhow::Result<Cost> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("measure.py");
        let mut cargo = Command::new("python3");
        cargo.arg(script).args(["cargo", command, "--quiet", "--package", package]);
        // Dependencies are built once for all workspaces.
        let target = self.0.with_file_name("target");
        let output =
            cargo.current_dir(&self.0).env("CARGO_INCREMENTAL", "0").env("CARGO_TARGET_DIR", target).output()?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            bail!("{package} does not compile:\n{}", words.lines().take(30).collect::<Vec<_>>().join("\n"));
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        let (seconds, megabytes) = printed.trim().split_once(' ').context("measure.py printed no figures")?;
        Ok(Cost { seconds: seconds.parse()?, megabytes: megabytes.parse()? })
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
