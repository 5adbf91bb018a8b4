//! Folders: one that is being filled and becomes a backup when it is whole, one that is a backup, one that has some.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::BackupError;
use super::files::{self, Hashed};
use super::manifest::{BackedUpStream, Manifest};
use super::progress::Progress;

const MANIFEST: &str = "manifest.json";
/// What the names of folders begin with that are no backups yet.
const PARTIAL: &str = ".partial-";
/// How large a manifest may be, in bytes.
const LARGEST_MANIFEST: u64 = 64 << 20;

/// A backup that was read: where it is, what it says, and the hash of that.
#[derive(Debug)]
pub(super) struct Backup {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) hash: String,
}

/// What [`list`] finds in a folder.
#[derive(Debug)]
#[non_exhaustive]
pub struct FoundBackup {
    /// Its folder.
    pub path: PathBuf,
    /// What it says of itself, and the hash of its manifest; or why it is none.
    pub manifest: Result<(Manifest, String), BackupError>,
}

/// The backups in a folder, the oldest first, and what was interrupted on the way to one. No file of a stream is read.
///
/// # Errors
/// [`BackupError::Io`] if the folder cannot be read. A backup that cannot is in the list.
pub fn list(folder: &Path) -> Result<Vec<FoundBackup>, BackupError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(BackupError::io("read", folder))? {
        let entry = entry.map_err(BackupError::io("read", folder))?;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && (is_partial(&entry.path()) || entry.path().join(MANIFEST).symlink_metadata().is_ok()) {
            names.push(entry.path());
        }
    }
    names.sort();
    let found = names.into_iter().map(|path| {
        let manifest = Backup::open(&path).map(|backup| (backup.manifest, backup.hash));
        FoundBackup { path, manifest }
    });
    Ok(found.collect())
}

fn is_partial(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PARTIAL))
}

impl Backup {
    /// Reads the manifest of a backup.
    pub(super) fn open(path: &Path) -> Result<Self, BackupError> {
        let none = |reason: String| BackupError::NoBackup { path: path.to_owned(), reason };
        if is_partial(path) {
            return Err(none("it was interrupted while it was made; make another, and remove it".to_owned()));
        }
        let mut file =
            files::open(&path.join(MANIFEST)).map_err(|error| none(format!("{MANIFEST} cannot be read: {error}")))?;
        let mut text = Vec::new();
        let read = file.by_ref().take(LARGEST_MANIFEST + 1).read_to_end(&mut text);
        read.map_err(BackupError::io("read", &path.join(MANIFEST)))?;
        if text.len() as u64 > LARGEST_MANIFEST {
            return Err(none(format!("{MANIFEST} has more than {LARGEST_MANIFEST} bytes")));
        }
        let manifest = Manifest::read(&text).map_err(|reason| none(format!("{MANIFEST}: {reason}")))?;
        Ok(Self { path: path.to_owned(), manifest, hash: files::hash(&text) })
    }

    /// What is wrong with the files of streams, each with its name.
    pub(super) fn problems(&self, streams: &[&BackedUpStream], progress: &mut dyn FnMut(Progress<'_>)) -> Vec<String> {
        let problems = streams.iter().filter_map(|stream| {
            progress(Progress::Begins { stream: &stream.name, bytes: stream.size });
            files::problem(&self.path, stream, |bytes| progress(Progress::Bytes(bytes)))
        });
        problems.collect()
    }

    /// Refuses a backup that is another than was meant, by the hash of its manifest.
    pub(super) fn expect(&self, hash: Option<&str>) -> Result<(), BackupError> {
        match hash {
            Some(hash) if !hash.eq_ignore_ascii_case(&self.hash) => Err(BackupError::Damaged {
                path: self.path.clone(),
                problems: vec![format!("the hash of {MANIFEST} is {}, not the one that is expected", self.hash)],
            }),
            _ => Ok(()),
        }
    }
}

/// A folder that is being filled. Dropped before it is whole, it is removed.
#[derive(Debug)]
pub(super) struct Partial {
    above: PathBuf,
    path: PathBuf,
    is_whole: bool,
}

impl Partial {
    /// A new folder in one that is made if need be.
    pub(super) fn create(above: &Path, began: Timestamp) -> Result<Self, BackupError> {
        fs::create_dir_all(above).map_err(BackupError::io("create", above))?;
        let name = format!("{PARTIAL}{}-{}", name_of(began), std::process::id());
        let path = above.join(name);
        fs::create_dir(&path).map_err(BackupError::io("create", &path))?;
        Ok(Self { above: above.to_owned(), path, is_whole: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes a file that is to be written anew.
    pub(super) fn remove(&self, file: &str) -> Result<(), BackupError> {
        let path = self.path.join(file);
        fs::remove_file(&path).map_err(BackupError::io("remove", &path))
    }

    /// Writes the manifest, and gives the folder its name, which tells that it is whole. The hash is that of the manifest.
    pub(super) fn finish(mut self, manifest: &Manifest) -> Result<(PathBuf, String), BackupError> {
        let path = self.path.join(MANIFEST);
        let text =
            serde_json::to_vec_pretty(manifest).map_err(|error| BackupError::io("write", &path)(error.into()))?;
        let mut file = Hashed::create(path)?;
        file.write(&text)?;
        let (_, hash) = file.finish()?;
        files::sync_folder(&self.path)?;
        let name = name_of(manifest.created);
        // Of two in a second the second has a number. A rename onto a folder that has files fails.
        let mut whole = self.above.join(&name);
        for number in 2..=99 {
            if whole.symlink_metadata().is_err() {
                break;
            }
            whole = self.above.join(format!("{name}-{number}"));
        }
        fs::rename(&self.path, &whole).map_err(BackupError::io("rename to its name", &self.path))?;
        self.is_whole = true;
        files::sync_folder(&self.above)?;
        Ok((whole, hash))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_whole {
            // `list` tells of what cannot be removed.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A time as a name, which sorts by time.
fn name_of(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H-%M-%SZ").to_string()
}
