//! What Cargo must watch, so that the build script runs again when its catalogue changes.
//!
//! Cargo watches files, and folders with all below them. A path that is not there makes it run the script at every build.
//! So the folder of a catalogue is watched as a whole, unless it is also the one that Cargo builds into, or that git works in:
//! there something is always new. Then what belongs to the catalogue is watched, part by part. A part that may come, such as a
//! first `integration` beside `domain`, is watched by a symbolic link in a folder of our own: Cargo passes over links that lead
//! nowhere, and follows those that lead somewhere.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::manifest;
use crate::model::Kind;

/// Folders in which something is always new.
const RESTLESS: [&str; 3] = ["target", ".git", "node_modules"];

/// A build script, and the catalogue that it reads.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    /// The folder of the crate, if the catalogue was looked for from there.
    pub(super) looked_from: Option<&'a Path>,
    /// `OUT_DIR`.
    pub(super) out_dir: &'a Path,
    /// The folder of the catalogue.
    pub(super) catalogue: &'a Path,
    /// The files in it that are part of the catalogue.
    pub(super) files: &'a [String],
}

impl Watch<'_> {
    /// The paths to watch; all are there.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let (mut there, mut to_come) = match self.looked_from {
            Some(crate_dir) => (vec![crate_dir.join("Cargo.toml")], nearer_manifests(crate_dir, self.catalogue)),
            None => (Vec::new(), Vec::new()),
        };
        if self.is_restless() {
            there.push(self.catalogue.join(manifest::FILE_NAME));
            there.extend(self.files.iter().map(|file| self.catalogue.join(file)));
            for kind in Kind::ALL {
                let folder = self.catalogue.join(kind.as_str());
                if folder.exists() { there.push(folder) } else { to_come.push(folder) }
            }
        } else {
            there.push(self.catalogue.to_owned());
        }
        // Without links, what comes is seen at the next build for another reason.
        there.extend(links(&self.out_dir.join("watched"), &to_come).ok());
        there
    }

    fn is_restless(&self) -> bool {
        let builds_into_it = match (self.out_dir.canonicalize(), self.catalogue.canonicalize()) {
            (Ok(out_dir), Ok(catalogue)) => out_dir.starts_with(catalogue),
            _ => false,
        };
        builds_into_it || RESTLESS.iter().any(|name| self.catalogue.join(name).exists())
    }
}

/// Where a manifest would come before that of the catalogue.
fn nearer_manifests(crate_dir: &Path, catalogue: &Path) -> Vec<PathBuf> {
    let (Ok(crate_dir), Ok(catalogue)) = (crate_dir.canonicalize(), catalogue.canonicalize()) else {
        return Vec::new();
    };
    if !crate_dir.starts_with(&catalogue) {
        // Cargo.toml says where it is.
        return Vec::new();
    }
    crate_dir.ancestors().take_while(|dir| *dir != catalogue).map(|dir| dir.join(manifest::FILE_NAME)).collect()
}

/// Makes `folder` hold a link to each of these paths and nothing else. Its own time is long ago, so that Cargo does not take it
/// for changed; links that lead nowhere have none.
#[cfg(unix)]
fn links(folder: &Path, targets: &[PathBuf]) -> io::Result<PathBuf> {
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};

    let path = |index: usize| folder.join(index.to_string());
    let is_linked = |(index, target): (usize, &PathBuf)| fs::read_link(path(index)).is_ok_and(|found| found == *target);
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.count() != targets.len() || !targets.iter().enumerate().all(is_linked) {
        fs::remove_dir_all(folder)?;
        fs::create_dir_all(folder)?;
        for (index, target) in targets.iter().enumerate() {
            symlink(target, path(index))?;
        }
    }
    fs::File::open(folder)?.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1))?;
    Ok(folder.to_owned())
}

/// Links need a permission here that most users lack.
#[cfg(not(unix))]
fn links(_: &Path, _: &[PathBuf]) -> io::Result<PathBuf> {
    Err(io::ErrorKind::Unsupported.into())
}
