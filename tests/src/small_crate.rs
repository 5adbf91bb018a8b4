//! Small crates of generated code, which tests write, compile and run.
//!
//! All of them are built in one target folder with one profile, so that what they depend on is compiled once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// Writes what Cargo needs to build the crate `name` in a folder: it depends on `eventsmith` without features, which is all
/// that generated code needs, and on the generator if it has a build script.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_manifest(folder: &Path, name: &str, has_build_script: bool) -> io::Result<()> {
    let path = |member: &str| workspace().join(member).display().to_string();
    let mut manifest = format!(
        "[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         eventsmith = {{ path = {:?}, default-features = false }}\n\
         serde = {{ version = \"1\", features = [\"derive\"] }}\n\
         serde_json = {{ version = \"1\", features = [\"preserve_order\"] }}\n\n\
         [profile.dev]\ndebug = false\nincremental = false\n\n[workspace]\n",
        path("runtime"),
    );
    if has_build_script {
        let dependency = format!("\n[build-dependencies]\neventsmith-codegen = {{ path = {:?} }}\n", path("codegen"));
        manifest.push_str(&dependency);
    }
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::copy(workspace().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    Ok(())
}

/// A command of Cargo in the folder of a small crate, which builds in `target`. The workspace's own build has downloaded all
/// that there is to download.
pub fn cargo(command: &str, folder: &Path, target: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([command, "--quiet", "--offline"]).current_dir(folder).env("CARGO_TARGET_DIR", target);
    cargo.env_remove("RUSTFLAGS");
    cargo
}

/// The target folder of all small crates, below the one that Cargo gives to tests.
pub fn target(of_tests: &str) -> PathBuf {
    Path::new(of_tests).join("generated")
}

fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}
