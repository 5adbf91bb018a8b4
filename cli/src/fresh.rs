//! Files that commands write, and whether those of a repository are what would be written.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use eventsmith_operations::File;

use crate::exit::ExitStatus;
use crate::format::visible;
use crate::output::Out;

/// Writes files below a folder, which is made if need be.
pub(crate) fn write(folder: &Path, files: &[File]) -> anyhow::Result<()> {
    for file in files {
        let path = folder.join(&file.path);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above).with_context(|| format!("{} cannot be made", above.display()))?;
        }
        fs::write(&path, &file.text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// Refuses to write over a file of somebody else: one that does not look like ours.
pub(crate) fn refuse_others(folder: &Path, files: &[File], is_ours: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    for path in files.iter().map(|file| folder.join(&file.path)) {
        let is_free = match fs::read_to_string(&path) {
            Ok(text) => text.is_empty() || is_ours(&text),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if !is_free {
            bail!("{} is there already, and not written by this command; name another folder", path.display());
        }
    }
    Ok(())
}

/// Removes files that were written earlier and would not be written now.
pub(crate) fn remove_left_over(folder: &Path, files: &[File], is_ours: impl Fn(&str) -> bool) -> anyhow::Result<usize> {
    let left = left_over(folder, files, is_ours);
    for path in &left {
        fs::remove_file(path).with_context(|| format!("{} cannot be removed", path.display()))?;
    }
    Ok(left.len())
}

/// Whether the files below a folder are those that would be written, and it holds no other that looks like one of them.
pub(crate) fn check_all(
    out: &mut Out,
    folder: &Path,
    files: &[File],
    is_ours: impl Fn(&str) -> bool,
    command: &str,
) -> anyhow::Result<usize> {
    let mut stale = 0;
    for file in files {
        stale += usize::from(check(out, &folder.join(&file.path), &file.text, command)? == ExitStatus::Findings);
    }
    for left in left_over(folder, files, is_ours) {
        writeln!(
            out,
            "{}: error[stale]: the catalogue has nothing that it is for any more\n    help: remove it",
            left.display()
        )?;
        stale += 1;
    }
    Ok(stale)
}

/// Files beside those that would be written which we wrote earlier.
fn left_over(folder: &Path, files: &[File], is_ours: impl Fn(&str) -> bool) -> BTreeSet<PathBuf> {
    let wanted: BTreeSet<PathBuf> = files.iter().map(|file| folder.join(&file.path)).collect();
    let mut folders: BTreeSet<PathBuf> = wanted.iter().filter_map(|path| path.parent()).map(Path::to_owned).collect();
    // Also those of which nothing is left to write.
    let below = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    folders.extend(below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()));
    let entries = folders.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().filter_map(Result::ok);
    let left = entries.map(|entry| entry.path()).filter(|path| !wanted.contains(path) && path.is_file());
    left.filter(|path| fs::read_to_string(path).is_ok_and(|text| is_ours(&text))).collect()
}

/// Whether a file is what would be written. Where it is not, says in which line, and how to write it.
pub(crate) fn check(out: &mut Out, file: &Path, wanted: &str, command: &str) -> anyhow::Result<ExitStatus> {
    let name = file.display();
    let found = match fs::read_to_string(file) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            writeln!(out, "{name}: error[stale]: the file does not exist")?;
            return help(out, command);
        }
        Err(error) => return Err(error).with_context(|| format!("{name} cannot be read")),
    };
    let Some(difference) = Difference::first(&found, wanted) else { return Ok(ExitStatus::Clean) };
    if found.contains('\r') && found.replace("\r\n", "\n") == wanted {
        writeln!(out, "{name}:1: error[stale]: its lines end in CRLF, and those of generated text in LF")?;
        let end = file.extension().map_or_else(|| name.to_string(), |end| format!("*.{}", end.display()));
        writeln!(out, "    help: let git leave its lines alone, by `{end} text eol=lf` in .gitattributes")?;
        return help(out, command);
    }
    let Difference { line, found, wanted } = difference;
    writeln!(out, "{name}:{line}: error[stale]: the file is not what the catalogue says")?;
    writeln!(out, "--- {name}\n+++ generated\n@@ -{line} +{line} @@")?;
    for (sign, text) in [('-', found), ('+', wanted)] {
        match text {
            Some(text) => writeln!(out, "{sign}{}", visible(text))?,
            None => writeln!(out, "\\ the {} ends here", if sign == '-' { "file" } else { "generated text" })?,
        }
    }
    help(out, command)
}

fn help(out: &mut Out, command: &str) -> anyhow::Result<ExitStatus> {
    writeln!(out, "    help: {command}")?;
    Ok(ExitStatus::Findings)
}

/// The first line in which two texts differ.
struct Difference<'a> {
    line: usize,
    found: Option<&'a str>,
    wanted: Option<&'a str>,
}

impl<'a> Difference<'a> {
    fn first(found: &'a str, wanted: &'a str) -> Option<Self> {
        if found == wanted {
            return None;
        }
        let (mut found, mut wanted) = (found.split('\n'), wanted.split('\n'));
        for line in 1.. {
            let (found, wanted) = (found.next(), wanted.next());
            if found != wanted {
                return Some(Self { line, found, wanted });
            }
        }
        None
    }
}
