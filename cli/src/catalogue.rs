//! Finds and loads the catalogue that a command works on.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use eventsmith_codegen::diagnostic::has_errors;
use eventsmith_codegen::model::{Event, Kind, Version, VersionPart};
use eventsmith_codegen::{Diagnostic, Loaded, load, lookup, manifest};

use crate::output::note;
use crate::outside::refuse_link_out;

/// Where the schemas are.
#[derive(Args, Clone)]
pub(crate) struct Schemas {
    /// The folder that holds eventsmith.toml [default: the nearest one, from the current folder upward]
    #[arg(long, value_name = "DIR")]
    schemas: Option<PathBuf>,
}

impl Schemas {
    /// Loads the catalogue, whatever is wrong with it.
    pub(crate) fn load(&self) -> anyhow::Result<Loaded> {
        Ok(load(&self.folder()?))
    }

    /// The folder of the catalogue.
    pub(crate) fn folder(&self) -> anyhow::Result<PathBuf> {
        match &self.schemas {
            Some(dir) if dir.join(manifest::FILE_NAME).is_file() => {
                refuse_link_out(dir).map_err(|problem| anyhow!("{problem}; name the real folder"))?;
                Ok(dir.clone())
            }
            Some(dir) if dir.is_file() => {
                bail!("--schemas {} is a file; name the folder that holds {}", dir.display(), manifest::FILE_NAME)
            }
            Some(dir) if !dir.exists() => bail!("--schemas {}: there is no such folder", dir.display()),
            Some(dir) => bail!("no {} in {}", manifest::FILE_NAME, dir.display()),
            None => nearest(),
        }
    }

    /// Loads a catalogue whose eventsmith.toml must be free of errors, whatever is wrong with its schemas.
    pub(crate) fn load_readable(&self) -> anyhow::Result<Loaded> {
        let loaded = self.load()?;
        let is_manifest = |found: &&Diagnostic| found.file == manifest::FILE_NAME && found.rule.ends_with("-manifest");
        match loaded.diagnostics.iter().find(is_manifest) {
            Some(diagnostic) => {
                note(format_args!("{}", shown(&loaded, diagnostic)));
                bail!("the catalogue {} has errors", loaded.catalogue.dir.display())
            }
            None => Ok(loaded),
        }
    }

    /// Loads a catalogue that must be free of errors; they go to stderr, as the command does not look for them.
    pub(crate) fn load_sound(&self) -> anyhow::Result<Loaded> {
        let loaded = self.load()?;
        if has_errors(&loaded.diagnostics) {
            loaded.diagnostics.iter().for_each(|diagnostic| note(format_args!("{}", shown(&loaded, diagnostic))));
            bail!("the catalogue {} has errors", loaded.catalogue.dir.display());
        }
        Ok(loaded)
    }

    /// Loads a catalogue that must be free of errors, and whose schemas validators can hold values against in time.
    pub(crate) fn load_bearable(&self) -> anyhow::Result<Loaded> {
        let loaded = self.load_sound()?;
        if let Some(costly) = loaded.diagnostics.iter().find(|found| found.rule == "costly-schema") {
            note(format_args!("{}", shown(&loaded, costly)));
            bail!(
                "the catalogue {} has a schema that no value can be held against in time",
                loaded.catalogue.dir.display()
            );
        }
        Ok(loaded)
    }
}

/// A payload that a command is about.
pub(crate) struct Payload<'a> {
    pub(crate) event: &'a Event,
    pub(crate) version: &'a Version,
    /// Its schema file: that of the part that is meant.
    pub(crate) file: &'a str,
}

/// Which part of a command or query is meant.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct Part {
    /// The reply to this command or query is meant
    #[arg(long, requires = "event", conflicts_with = "error")]
    reply: bool,
    /// Its refusal is meant: what its .error.json describes
    #[arg(long, requires = "event")]
    error: bool,
}

impl Part {
    pub(crate) fn of(self) -> VersionPart {
        match self {
            Self { reply: true, .. } => VersionPart::Reply,
            Self { error: true, .. } => VersionPart::Error,
            _ => VersionPart::Itself,
        }
    }
}

impl<'a> Payload<'a> {
    /// A part of what `TYPE[@N]` names.
    pub(crate) fn find(loaded: &'a Loaded, name: &str, part: VersionPart) -> anyhow::Result<Self> {
        let catalogue = &loaded.catalogue;
        let found = lookup::part(catalogue, name, part).map(|(event, version, file)| Self { event, version, file });
        found.map_err(|unknown| {
            // Listings call it `rule.get v1 reply`, its file `get.v1.reply.json`.
            for answer in VersionPart::ANSWERS.into_iter().filter(|_| !part.is_answer()) {
                let what = answer.as_str();
                let request =
                    name.trim_end().strip_suffix(what).map(|rest| rest.trim_end_matches(['.', ' ', '-', '_']));
                if let Some(request) = request.filter(|request| lookup::part(catalogue, request, answer).is_ok()) {
                    return anyhow!("{}; for the {what} of {request} write: {request} --{what}", unknown.message);
                }
            }
            unknown.into()
        })
    }
}

fn nearest() -> anyhow::Result<PathBuf> {
    let here = env::current_dir().context("cannot determine the current folder")?;
    let Some(dir) = load::find(&here) else {
        let way_out = match below(&here).as_slice() {
            [] => "name its folder with --schemas, or make a workspace by `eventsmith new`".to_owned(),
            [dir] => format!("did you mean --schemas {}", dir.display()),
            dirs => {
                let dirs: Vec<String> = dirs.iter().map(|dir| format!("--schemas {}", dir.display())).collect();
                format!("did you mean {}", dirs.join(" or "))
            }
        };
        bail!("no {} in {} or above; {way_out}", manifest::FILE_NAME, here.display());
    };
    Ok(match dir.strip_prefix(&here) {
        Ok(below) if below == Path::new("") => PathBuf::from("."),
        Ok(below) => below.to_owned(),
        Err(_) => dir,
    })
}

/// The catalogues in the folders below one, relative to it, nearest first. In a large tree not all of it is looked at.
fn below(here: &Path) -> Vec<PathBuf> {
    const DEEPEST: usize = 4;
    const MOST_FOLDERS: usize = 1_000;
    const MOST_SHOWN: usize = 3;
    let mut found = Vec::new();
    let mut open = VecDeque::from([PathBuf::new()]);
    for _ in 0..MOST_FOLDERS {
        let Some(dir) = open.pop_front() else { break };
        if here.join(&dir).join(manifest::FILE_NAME).is_file() {
            found.push(dir);
            continue;
        }
        if found.len() == MOST_SHOWN || dir.components().count() == DEEPEST {
            continue;
        }
        let entries = fs::read_dir(here.join(&dir)).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut names: Vec<_> = folders.map(|entry| entry.file_name()).collect();
        names.retain(|name| {
            name.to_str().is_some_and(|name| !name.starts_with('.') && !["target", "node_modules"].contains(&name))
        });
        names.sort();
        open.extend(names.into_iter().map(|name| dir.join(name)));
    }
    found.truncate(MOST_SHOWN);
    found
}

/// A diagnostic whose file, and those that its help names, can be opened from here.
pub(crate) fn shown(loaded: &Loaded, diagnostic: &Diagnostic) -> Diagnostic {
    let help = files_from_here(loaded, &diagnostic.help);
    Diagnostic { file: file_from_here(loaded, &diagnostic.file), help, ..diagnostic.clone() }
}

/// A text whose files of the catalogue, those that are there and those that somebody is to write, can be opened from here.
fn files_from_here(loaded: &Loaded, text: &str) -> String {
    let is_of_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let is_file = |word: &str| {
        let kind = word.split_once('/').and_then(|(kind, _)| Kind::of_folder(kind));
        word.ends_with(".json") && (kind.is_some() || loaded.files.iter().any(|file| file == word))
    };
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = &rest[..rest.find(|c| !is_of_path(c)).unwrap_or(rest.len())];
        if is_file(word) {
            shown.push_str(&file_from_here(loaded, word));
        } else {
            shown.push_str(word);
        }
        rest = &rest[word.len()..];
        let other = rest.find(is_of_path).unwrap_or(rest.len());
        shown.push_str(&rest[..other]);
        rest = &rest[other..];
    }
    shown
}

/// The files of a catalogue that a command looks at, as they can be opened from here.
pub(crate) fn checked(loaded: &Loaded) -> Vec<String> {
    let files = [manifest::FILE_NAME].into_iter().chain(loaded.files.iter().map(String::as_str));
    files.map(|file| file_from_here(loaded, file)).collect()
}

/// The path of a catalogue's file, as it can be opened from here.
pub(crate) fn file_from_here(loaded: &Loaded, file: &str) -> String {
    let path = loaded.catalogue.dir.join(file);
    path.strip_prefix(".").unwrap_or(&path).display().to_string()
}
