//! Resolves arguments to inputs: files, folders, patterns, and standard input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use eventsmith_codegen::payload::Input;
use glob::{MatchOptions, Pattern};

use crate::outside::{refuse_link_out, refuse_link_out_of};

/// The extensions of payload files in a folder.
const EXTENSIONS: [&str; 3] = ["json", "ndjson", "jsonl"];

/// The files that the arguments name, in their order, and the arguments that name none, each with the reason.
pub(super) fn files(arguments: &[String]) -> (Vec<String>, Vec<(String, String)>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for argument in arguments {
        let path = Path::new(argument);
        let found = if let Err(problem) = refuse_link_out(path) {
            Err(problem)
        } else if path.is_dir() {
            fs::canonicalize(path)
                .and_then(|top| below(&top, path, &mut problems))
                .map_err(|error| format!("{argument} cannot be read: {error}"))
                .and_then(|files| match files.len() {
                    0 => {
                        Err(format!("{argument} holds no payload: no file below it ends with .json, .ndjson or .jsonl"))
                    }
                    _ => Ok(files),
                })
        } else if argument != "-" && !path.exists() && argument.contains(['*', '?', '[']) {
            matches(argument)
        } else {
            Ok(vec![argument.clone()])
        };
        match found {
            Ok(found) => files.extend(found),
            Err(problem) => problems.push((argument.clone(), problem)),
        }
    }
    (files, problems)
}

/// An input that is opened when it is read.
pub(super) fn input(name: &str) -> Input {
    let path = PathBuf::from(name);
    let open = move || -> io::Result<Box<dyn Read + Send>> {
        Ok(if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) })
    };
    Input { name: name.into(), open: Box::new(open) }
}

/// The payload files below a folder, in order; hidden folders are left out. A link out of the folder is a problem.
fn below(top: &Path, folder: &Path, problems: &mut Vec<(String, String)>) -> io::Result<Vec<String>> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.path();
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        // A link to a folder is not followed: it may lead back up.
        if entry.file_type()?.is_dir() {
            if !is_hidden {
                files.extend(below(top, &path, problems)?);
            }
        } else if path.is_file() && path.extension().is_some_and(|end| EXTENSIONS.iter().any(|known| end == *known)) {
            let name = path.display().to_string();
            match refuse_link_out_of(top, &path) {
                Ok(()) => files.push(name),
                Err(problem) => problems.push((name, problem)),
            }
        }
    }
    Ok(files)
}

/// The files that a pattern matches, in order.
fn matches(pattern: &str) -> Result<Vec<String>, String> {
    let compiled = Pattern::new(pattern).map_err(|error| format!("{pattern} is no pattern: {}", error.msg))?;
    let mut paths = Vec::new();
    // Where folders of any depth are meant, links to folders are not followed: two that lead back up have no end.
    if let Some((start, _)) = pattern.split_once("**") {
        let (start, _) = start.rsplit_once('/').unwrap_or_default();
        if start.contains(['*', '?', '[']) {
            return Err(format!("{pattern} has a folder to look for before **; name it, or begin with **"));
        }
        let start = if pattern.starts_with('/') && start.is_empty() { "/" } else { start };
        let top = if start.is_empty() { Path::new(".") } else { Path::new(start) };
        walk(top, Path::new(start), &mut paths)
            .map_err(|error| format!("{} cannot be read: {error}", top.display()))?;
        let separated = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        paths.retain(|path| compiled.matches_path_with(path, separated));
    } else {
        let found = glob::glob(pattern).map_err(|error| format!("{pattern} is no pattern: {}", error.msg))?;
        for path in found {
            paths.push(path.map_err(|error| format!("{} cannot be read: {}", error.path().display(), error.error()))?);
        }
    }
    paths.retain(|path| path.is_file());
    paths.iter().try_for_each(|path| refuse_link_out(path))?;
    let files: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if files.is_empty() { Err(format!("{pattern} matches no file")) } else { Ok(files) }
}

/// Everything below a folder that is no folder, in order, without what links to folders lead to; `name` is what the folder is
/// called in the paths.
fn walk(folder: &Path, name: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = name.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &name, paths)?;
        } else {
            paths.push(name);
        }
    }
    Ok(())
}
