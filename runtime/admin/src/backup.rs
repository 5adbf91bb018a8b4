//! Backups of streams and buckets: made through the server's snapshots, listed, verified, restored.
//!
//! A backup is a folder with a [`Manifest`] and one file for each stream. `folder` and `files` are the disk, `consumers` says where durable
//! consumers go on, `create`, `verify` and `restore` do what they are called.

mod consumers;
mod create;
mod error;
mod files;
mod folder;
mod manifest;
mod restore;
mod verify;

pub use create::{BackupRequest, Created};
pub use error::BackupError;
pub use folder::{FoundBackup, list};
pub use manifest::{BackedUpConsumer, BackedUpStream, Manifest, NotBackedUp, StreamKind};
pub use restore::{RestoreRequest, RestoredStream};
pub use verify::{ReadStream, check};

pub(crate) use create::create;
pub(crate) use restore::restore;
pub(crate) use verify::read;

/// How far it is, see [`BusAdmin::back_up`](crate::BusAdmin::back_up).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A stream begins. It held as many bytes.
    Begins {
        /// Its name.
        stream: &'a str,
        /// What the server says that its messages take, or the size of its file.
        bytes: u64,
    },
    /// As many bytes more are written, or read.
    Bytes(usize),
}
