//! Files of keys: secrets are for their owner alone, and nothing is half written.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;

/// Writes a file that nobody else may read.
pub(super) fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    write_as(path, text, 0o600)
}

/// Writes a file that everybody may read.
pub(super) fn write_public(path: &Path, text: &str) -> anyhow::Result<()> {
    write_as(path, text, 0o644)
}

/// Makes a folder that nobody else may look into.
pub(super) fn make_folder(path: &Path) -> anyhow::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("{} cannot be made", path.display()))
}

fn write_as(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be written", path.display());
    let mut next = path.as_os_str().to_owned();
    next.push(".next");
    // What an interrupted run has left has another's mode, perhaps.
    match fs::remove_file(&next) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(failed),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(&next).with_context(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(failed)?;
    fs::rename(&next, path).with_context(failed)
}

/// The lines of a file that are not empty and no comments; none where there is no file.
pub(super) fn lines(path: &Path) -> anyhow::Result<Vec<String>> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            Ok(lines.map(ToOwned::to_owned).collect())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

/// The public keys of users, by their paths.
pub(super) fn public_keys<'a>(
    folder: &Path,
    users: impl Iterator<Item = &'a str>,
) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    users.map(|user| Ok((user.to_owned(), lines(&folder.join(format!("{user}.pub")))?))).collect()
}
