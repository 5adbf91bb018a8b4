//! Resolves arguments to inputs: files, folders, patterns, and standard input.

use std::ffi::OsString;
use std::fs::{self, DirEntry, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use eventsmith_codegen::payload::Input;
use glob::{MatchOptions, Pattern};

use crate::outside::{refuse_link_out, refuse_link_out_of};

/// The extensions of payload files in a folder.
const EXTENSIONS: [&str; 3] = ["json", "ndjson", "jsonl"];

/// What arguments stand for.
#[derive(Default)]
pub(super) struct Found {
    /// The files, in the order of the arguments.
    pub(super) files: Vec<PathBuf>,
    /// What cannot be checked, each with the reason. All else is checked all the same.
    pub(super) problems: Vec<(String, String)>,
}

impl Found {
    /// What the arguments stand for.
    pub(super) fn of(arguments: &[OsString]) -> Self {
        let mut found = Self::default();
        for argument in arguments {
            let (files, problems) = (found.files.len(), found.problems.len());
            let none = found.add(argument);
            if files == found.files.len() && problems == found.problems.len() {
                found.problem(Path::new(argument), none);
            }
        }
        found
    }

    /// Adds what an argument stands for. Returns what to say if that is nothing.
    fn add(&mut self, argument: &OsString) -> String {
        let (path, name) = (Path::new(argument), Path::new(argument).display());
        let pattern = argument.to_str().filter(|text| text.contains(['*', '?', '[']));
        if let Err(problem) = refuse_link_out(path) {
            self.problem(path, problem);
        } else if path.is_dir() {
            match fs::canonicalize(path) {
                Ok(top) => self.add_below(&top, path),
                Err(error) => self.problem(path, format!("{name} cannot be read: {error}")),
            }
            return format!("{name} holds no payload: no file below it ends with .json, .ndjson or .jsonl");
        } else if let Some(pattern) = pattern.filter(|_| fs::symlink_metadata(path).is_err()) {
            if let Err(problem) = self.add_matches(pattern) {
                self.problem(path, problem);
            }
            return format!("{name} matches no file");
        } else {
            self.files.push(path.to_owned());
        }
        String::new()
    }

    /// Adds the payload files below a folder, in order; hidden folders and links to folders are left out. A link out of the folder
    /// is a problem, and one that leads nowhere, as nobody knows whether payloads were there.
    fn add_below(&mut self, top: &Path, folder: &Path) {
        for (path, is_folder) in self.entries(folder, folder) {
            let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if is_folder {
                if !is_hidden {
                    self.add_below(top, &path);
                }
            } else if path.extension().is_some_and(|end| EXTENSIONS.iter().any(|known| end == *known))
                || !is_hidden && path.is_symlink() && !path.exists()
            {
                match refuse_link_out_of(top, &path) {
                    Ok(()) => self.add_file(path),
                    Err(problem) => self.problem(&path, problem),
                }
            }
        }
    }

    /// Adds the files that a pattern matches, in order.
    fn add_matches(&mut self, pattern: &str) -> Result<(), String> {
        let compiled = Pattern::new(pattern).map_err(|error| format!("{pattern} is no pattern: {}", error.msg))?;
        let separated = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        let is_meant = |path: &PathBuf| compiled.matches_with(&path.to_string_lossy(), separated);
        let (start, is_deep) = match pattern.split_once("**") {
            Some((start, _)) => (start, true),
            None => (&pattern[..pattern.find(['*', '?', '[']).unwrap_or_default()], false),
        };
        let (start, _) = start.rsplit_once('/').unwrap_or_default();
        if start.contains(['*', '?', '[']) {
            return Err(format!("{pattern} has a folder to look for before **; name it, or begin with **"));
        }
        let depth =
            if is_deep { usize::MAX } else { pattern[start.len()..].trim_start_matches('/').split('/').count() };
        let start = Path::new(if pattern.starts_with('/') && start.is_empty() { "/" } else { start });
        let mut paths = Vec::new();
        let top = if start.as_os_str().is_empty() { Path::new(".") } else { start };
        if top.is_dir() {
            self.walk(top, start, depth, &mut paths);
        }
        for path in paths.into_iter().filter(is_meant) {
            match refuse_link_out(&path) {
                Ok(()) => self.add_file(path),
                Err(problem) => self.problem(&path, problem),
            }
        }
        Ok(())
    }

    /// Collects everything down to some depth below a folder that is no folder, in order, without what links to folders lead to: two
    /// that lead back up have no end. `name` is what the folder is called in the paths.
    fn walk(&mut self, folder: &Path, name: &Path, depth: usize, paths: &mut Vec<PathBuf>) {
        for (path, is_folder) in self.entries(folder, name) {
            match path.file_name().filter(|_| is_folder) {
                Some(own) if depth > 1 => self.walk(&folder.join(own), &path, depth - 1, paths),
                Some(_) => {}
                None => paths.push(path),
            }
        }
    }

    /// What is in a folder, in order, and whether it is a folder itself, and no link to one. What cannot be listed is a problem.
    fn entries(&mut self, folder: &Path, name: &Path) -> Vec<(PathBuf, bool)> {
        let entries = fs::read_dir(folder).and_then(|entries| {
            let named = |entry: io::Result<DirEntry>| {
                let entry = entry?;
                Ok((name.join(entry.file_name()), entry.file_type()?.is_dir()))
            };
            entries.map(named).collect::<io::Result<Vec<_>>>()
        });
        let mut entries = entries.unwrap_or_else(|error| {
            self.problem(folder, format!("{} cannot be read: {error}", folder.display()));
            Vec::new()
        });
        entries.sort();
        entries
    }

    /// Adds what is to be a file. What is none is a problem: nobody would notice that it was not checked.
    fn add_file(&mut self, path: PathBuf) {
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => self.files.push(path),
            // Links to folders are not followed.
            Ok(found) if found.is_dir() => {}
            Ok(_) => self.problem(&path, format!("{} is no file", path.display())),
            Err(error) if path.is_symlink() => {
                self.problem(&path, format!("{} is a link that leads nowhere: {error}", path.display()));
            }
            Err(error) => self.problem(&path, format!("{} cannot be read: {error}", path.display())),
        }
    }

    fn problem(&mut self, path: &Path, reason: String) {
        self.problems.push((path.display().to_string(), reason));
    }
}

/// An input that is opened when it is read.
pub(super) fn input(path: PathBuf) -> Input {
    let name = path.display().to_string();
    let open = move || -> io::Result<Box<dyn Read + Send>> {
        Ok(if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) })
    };
    Input { name: name.into(), open: Box::new(open) }
}
