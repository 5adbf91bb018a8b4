//! The one call of a build script.

mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::diagnostic::Diagnostic;
use crate::emit::{self, Runtime};
use crate::generate::{generate_all, load};
use crate::load::locate;
use watch::Watch;

/// Generates the events of a catalogue from a build script.
///
/// The text goes to `events.rs` in `OUT_DIR`, from where `eventsmith::include_events!()` takes it. It takes in a file of the folder
/// `events` for each module, so that the compiler has little to do after an edit of one schema:
///
/// ```no_run
/// // build.rs
/// eventsmith_codegen::Builder::new().build();
/// ```
///
/// `events.md`, beside it, is a front page for the documentation of the crate: its events by group, with links to their types. A line
/// at the top of `lib.rs` takes it in: `#![doc = include_str!(concat!(env!("OUT_DIR"), "/events.md"))]`.
#[derive(Debug, Clone, Default)]
#[must_use = "nothing is generated until `build` is called"]
pub struct Builder {
    schemas: Option<PathBuf>,
    runtime: Option<String>,
}

impl Builder {
    /// A builder for the catalogue of the crate: the folder that `[package.metadata.eventsmith] schemas = ".."` names in its
    /// `Cargo.toml`, else the nearest `eventsmith.toml` from the crate's folder upward. `#[domain_event]` looks there, too.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the catalogue in another folder, relative to the crate's.
    pub fn schemas(mut self, dir: impl Into<PathBuf>) -> Self {
        self.schemas = Some(dir.into());
        self
    }

    /// Names the dependency on `eventsmith`, where `Cargo.toml` gives it another name:
    /// `events = { package = "eventsmith", .. }` is `runtime("events")`.
    pub fn runtime(mut self, name: impl Into<String>) -> Self {
        self.runtime = Some(name.into());
        self
    }

    /// Writes `events.rs` and `events.md` into `OUT_DIR`, and makes Cargo do it again when a schema changes, comes or goes.
    ///
    /// A broken catalogue ends the build script: every problem is printed with its file, line and help.
    pub fn build(self) {
        if let Err(problems) = self.run() {
            eprintln!("\n{problems}\n");
            std::process::exit(1);
        }
    }

    fn run(self) -> Result<(), String> {
        let variable = |name| {
            env::var_os(name)
                .map(PathBuf::from)
                .ok_or_else(|| format!("{name} is not set: call this from a build script"))
        };
        let (crate_dir, out_dir) = (variable("CARGO_MANIFEST_DIR")?, variable("OUT_DIR")?);
        let dir = match &self.schemas {
            Some(dir) => crate_dir.join(dir),
            None => locate(&crate_dir)?,
        };
        let runtime = match &self.runtime {
            Some(name) => Runtime::named(name).ok_or_else(|| format!("no crate can have the name {name:?}"))?,
            None => Runtime::default(),
        };
        let loaded = load(&dir);
        let looked_from = self.schemas.is_none().then_some(&*crate_dir);
        let watch = Watch { looked_from, out_dir: &out_dir, catalogue: &dir, files: &loaded.files };
        for path in watch.paths() {
            let path = path.display().to_string();
            // What stands behind the end of a line would be a directive of its own.
            if !path.contains(['\n', '\r']) {
                println!("cargo::rerun-if-changed={path}");
            }
        }
        let generated = generate_all(&loaded, &runtime).map_err(|diagnostics| report(&dir, &diagnostics))?;
        for diagnostic in &loaded.diagnostics {
            println!("cargo::warning={}", diagnostic.to_string().replace('\n', " "));
        }
        let emit::Text { text, files } = generated.text;
        let folder = out_dir.join(emit::FOLDER);
        only(&folder, &files).map_err(|error| format!("{} cannot be written: {error}", folder.display()))?;
        let beside = [("events.rs".to_owned(), text), ("events.md".to_owned(), generated.front_page)];
        for (name, text) in files.into_iter().chain(beside) {
            let target = out_dir.join(name);
            if fs::read(&target).is_ok_and(|there| there == text.as_bytes()) {
                continue;
            }
            fs::write(&target, text).map_err(|error| format!("{} cannot be written: {error}", target.display()))?;
        }
        Ok(())
    }
}

/// Makes the folder of the modules' files, and takes away those of modules that are no more.
fn only(folder: &Path, files: &BTreeMap<String, String>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_written =
            entry.file_name().to_str().is_some_and(|name| files.contains_key(&format!("{}/{name}", emit::FOLDER)));
        if !is_written {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn report(dir: &Path, diagnostics: &[Diagnostic]) -> String {
    let findings: Vec<String> = diagnostics.iter().map(Diagnostic::to_string).collect();
    let plural = if findings.len() == 1 { "problem" } else { "problems" };
    format!("eventsmith: {} {plural} in the catalogue {}\n\n{}", findings.len(), dir.display(), findings.join("\n\n"))
}
