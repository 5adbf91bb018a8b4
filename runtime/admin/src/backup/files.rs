//! The files of a backup: written once, read with suspicion.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::BackupError;
use super::manifest::BackedUpStream;

/// How much of a file is read at a time, in bytes.
const BLOCK: usize = 128 * 1024;

/// A file that is being written, and its hash.
#[derive(Debug)]
pub(super) struct Hashed {
    path: PathBuf,
    file: File,
    hash: Sha256,
    size: u64,
}

impl Hashed {
    /// A new file, which nobody else may read: events have what is personal.
    pub(super) fn create(path: PathBuf) -> Result<Self, BackupError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(BackupError::io("create", &path))?;
        Ok(Self { path, file, hash: Sha256::new(), size: 0 })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.file.write_all(bytes).map_err(BackupError::io("write", &self.path))?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Size and hash, once all of it is on the disk.
    pub(super) fn finish(self) -> Result<(u64, String), BackupError> {
        self.file.sync_all().map_err(BackupError::io("write", &self.path))?;
        Ok((self.size, hex(self.hash)))
    }
}

/// The hash of a text, in hexadecimal.
pub(super) fn hash(text: &[u8]) -> String {
    hex(Sha256::new_with_prefix(text))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Opens a file that must be one: no link, no folder, no pipe.
pub(super) fn open(path: &Path) -> Result<File, String> {
    let found = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err("it is no file; links are not followed".to_owned());
    }
    File::open(path).map_err(|error| error.to_string())
}

/// Reads a file in blocks, and calls a function with each.
pub(super) fn read_blocks<E>(
    file: &mut File,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Result<(), E>, std::io::Error> {
    let mut block = vec![0; BLOCK];
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok(Ok(()));
        }
        if let Err(error) = take(&block[..read]) {
            return Ok(Err(error));
        }
    }
}

/// What is wrong with the file of a stream, if anything is.
pub(super) fn problem(folder: &Path, stream: &BackedUpStream, mut advance: impl FnMut(usize)) -> Option<String> {
    let name = stream.file();
    let mut file = match open(&folder.join(&name)) {
        Ok(file) => file,
        Err(error) => return Some(format!("{name}: {error}")),
    };
    match file.metadata() {
        Ok(found) if found.len() == stream.size => {}
        Ok(found) => return Some(format!("{name} has {} bytes, the manifest says {}", found.len(), stream.size)),
        Err(error) => return Some(format!("{name}: {error}")),
    }
    let mut hash = Sha256::new();
    let read = read_blocks(&mut file, |block| {
        hash.update(block);
        advance(block.len());
        Ok::<(), ()>(())
    });
    match read {
        Ok(_) if hex(hash) == stream.sha256 => None,
        Ok(_) => Some(format!("{name} is not what was written: its hash is another")),
        Err(error) => Some(format!("{name}: {error}")),
    }
}

/// Makes a rename, or new files in a folder, last.
pub(super) fn sync_folder(path: &Path) -> Result<(), BackupError> {
    // Where folders cannot be opened, the system sees to it by itself.
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).map_err(BackupError::io("write", path))?;
    }
    Ok(())
}
