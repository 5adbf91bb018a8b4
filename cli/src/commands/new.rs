//! `eventsmith new`: a workspace with a catalogue and a service, which builds and runs as it is.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use eventsmith_codegen::{Runtime, editor};
use handlebars::{Handlebars, no_escape};
use serde_json::{Value, json};

use crate::exit::ExitStatus;
use crate::output::{Out, counted, note};

/// Make a workspace with a catalogue of two events and a command, and a service that uses it
///
/// The last part of the path is the name of the service and the root of all subjects.
#[derive(Args)]
pub(crate) struct New {
    /// The folder to make, such as shop
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Where eventsmith comes from: a checkout of it, or the URL of a git repository [default: the checkout that this program was
    /// built from]
    #[arg(long, value_name = "DIR|URL")]
    eventsmith: Option<String>,
}

/// The files, and what they are made of.
const FILES: [(&str, &str); 21] = [
    (".eventsmith/event.schema.json", editor::EVENT),
    (".eventsmith/eventsmith.schema.json", editor::MANIFEST),
    (".github/workflows/events.yml", include_str!("../../templates/new/github/events.yml.hbs")),
    (".gitignore", include_str!("../../templates/new/gitignore.hbs")),
    (".vscode/settings.json", include_str!("../../templates/new/vscode/settings.json.hbs")),
    ("Cargo.toml", include_str!("../../templates/new/Cargo.toml.hbs")),
    ("README.md", include_str!("../../templates/new/README.md.hbs")),
    ("schemas/Cargo.toml", include_str!("../../templates/new/schemas/Cargo.toml.hbs")),
    ("schemas/build.rs", include_str!("../../templates/new/schemas/build.rs.hbs")),
    (
        "schemas/command/order/place.v1.error.json",
        include_str!("../../templates/new/schemas/command/order/place.v1.error.json.hbs"),
    ),
    (
        "schemas/command/order/place.v1.json",
        include_str!("../../templates/new/schemas/command/order/place.v1.json.hbs"),
    ),
    (
        "schemas/command/order/place.v1.reply.json",
        include_str!("../../templates/new/schemas/command/order/place.v1.reply.json.hbs"),
    ),
    ("schemas/common.json", include_str!("../../templates/new/schemas/common.json.hbs")),
    (
        "schemas/domain/order/cancelled.v1.json",
        include_str!("../../templates/new/schemas/domain/order/cancelled.v1.json.hbs"),
    ),
    (
        "schemas/domain/order/placed.v1.json",
        include_str!("../../templates/new/schemas/domain/order/placed.v1.json.hbs"),
    ),
    ("schemas/eventsmith.toml", include_str!("../../templates/new/schemas/eventsmith.toml.hbs")),
    ("schemas/src/lib.rs", include_str!("../../templates/new/schemas/src/lib.rs.hbs")),
    ("service/Cargo.toml", include_str!("../../templates/new/service/Cargo.toml.hbs")),
    ("service/src/lib.rs", include_str!("../../templates/new/service/src/lib.rs.hbs")),
    ("service/src/main.rs", include_str!("../../templates/new/service/src/main.rs.hbs")),
    ("service/tests/in_memory.rs", include_str!("../../templates/new/service/tests/in_memory.rs.hbs")),
];

impl New {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let name = name(&self.path)?;
        let data = data(name, &Source::of(self.eventsmith.as_deref(), &self.path)?);
        if fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_some()) || self.path.is_file() {
            bail!("{} is there already; name a folder that is empty, or is not there", self.path.display());
        }
        let mut templates = Handlebars::new();
        templates.set_strict_mode(true);
        templates.register_escape_fn(no_escape);
        let texts = FILES.iter().map(|(file, template)| Ok((file, templates.render_template(template, &data)?)));
        for (file, text) in texts.collect::<Result<Vec<_>, handlebars::RenderError>>()? {
            let path = self.path.join(file);
            let folder = path.parent().unwrap_or(&self.path);
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
            fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
            writeln!(out, "{}", path.display())?;
        }
        out.finish()?;
        self.surroundings(name)?;
        note(format_args!("{} made; now: cd {} && cargo run", counted(FILES.len(), "file"), self.path.display()));
        Ok(ExitStatus::Clean)
    }
}

impl New {
    /// Says what is to be done where the new folder lies within a workspace of Cargo or a repository of git.
    fn surroundings(&self, name: &str) -> anyhow::Result<()> {
        let new = fs::canonicalize(&self.path).with_context(|| format!("{} is not there", self.path.display()))?;
        let is_workspace = |dir: &&Path| {
            let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap_or_default();
            manifest.lines().any(|line| line.trim_start().starts_with("[workspace"))
        };
        let below = |dir: &Path| new.strip_prefix(dir).unwrap_or(&new).display().to_string();
        let above = || new.ancestors().skip(1);
        if let Some(dir) = above().find(is_workspace) {
            note(format_args!(
                "note: {} is a workspace of Cargo, and {name} is one of its own; write exclude = [{:?}] below its [workspace]",
                dir.display(),
                below(dir)
            ));
        }
        if let Some(dir) = above().find(|dir| dir.join(".git").exists()) {
            note(format_args!(
                "note: {} is a repository, and workflows run from its own folder .github alone: move {below}/.github/workflows/events.yml \
                 there, and write schemas: {below}/schemas in it",
                dir.display(),
                below = below(dir),
            ));
        }
        Ok(())
    }
}

/// The name of the workspace: of a crate, and a token of subjects.
fn name(path: &Path) -> anyhow::Result<&str> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_legal = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        // Two at once, or one at the end, are no snake case.
        && !name.replace('-', "_").contains("__")
        && !name.ends_with(['-', '_']);
    // Each is a crate that generated code names, a module of the workspace, a keyword of the newest edition alone, or a folder that
    // Cargo builds into.
    let is_taken = matches!(
        name,
        "gen"
            | "core"
            | "std"
            | "alloc"
            | "serde"
            | "tokio"
            | "eventsmith"
            | "order"
            | "test"
            | "build"
            | "deps"
            | "examples"
            | "incremental"
    );
    if !is_legal || is_taken || Runtime::named(name).is_none() {
        bail!(
            "{name:?} cannot be the name of a crate and of subjects; write lower-case letters, digits and hyphens, as in my-shop, and no \
             name that Rust has already"
        );
    }
    Ok(name)
}

/// Where the crates of eventsmith come from.
enum Source {
    /// A checkout, as seen from the new folder.
    Checkout(PathBuf),
    /// A git repository.
    Repository(String),
}

impl Source {
    fn of(given: Option<&str>, new: &Path) -> anyhow::Result<Self> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
        let checkout = match given {
            Some(url) if url.contains("://") || url.starts_with("git@") => return Ok(Self::Repository(url.to_owned())),
            Some(folder) => Path::new(folder),
            None => own,
        };
        if !checkout.join("runtime/Cargo.toml").is_file() {
            match given {
                Some(folder) => bail!("{folder} is no checkout of eventsmith, and no URL of a git repository"),
                None => {
                    bail!("say where eventsmith comes from: --eventsmith DIR|URL, a checkout of it or a git repository")
                }
            }
        }
        if checkout.is_absolute() {
            return Ok(Self::Checkout(checkout.to_owned()));
        }
        // As many folders up as the new one is deep; where that goes up itself, only the whole path is right.
        let steps: Vec<Component<'_>> = new.components().filter(|step| *step != Component::CurDir).collect();
        match steps.iter().all(|step| matches!(step, Component::Normal(_))) {
            true => Ok(Self::Checkout(steps.iter().map(|_| "..").collect::<PathBuf>().join(checkout))),
            false => {
                Ok(Self::Checkout(env::current_dir().context("cannot determine the current folder")?.join(checkout)))
            }
        }
    }

    /// How a manifest names one of the crates.
    fn of_crate(&self, folder: &str) -> String {
        match self {
            Self::Checkout(checkout) => format!("path = {}", Value::from(checkout.join(folder).display().to_string())),
            Self::Repository(url) => format!("git = {}", Value::from(url.as_str())),
        }
    }

    /// Whose copy it is, where that can be seen.
    fn owner(&self) -> &str {
        match self {
            Self::Checkout(_) => "OWNER",
            Self::Repository(url) => url.trim_end_matches('/').rsplit(['/', ':']).nth(1).unwrap_or("OWNER"),
        }
    }
}

/// What the templates name.
fn data(name: &str, source: &Source) -> Value {
    json!({
        "name": name,
        "root": name,
        "runtime": source.of_crate("runtime"),
        "codegen": source.of_crate("codegen"),
        "owner": source.owner(),
    })
}
