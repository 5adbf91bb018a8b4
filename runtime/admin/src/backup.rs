//! Backups of streams and buckets: made through the server's snapshots, listed, verified, restored.
//!
//! A backup is a folder with a [`Manifest`] and one file for each stream. `folder` and `files` are the disk, `consumers` says where durable
//! consumers go on, `scratch` lets a server make a stream of a file, `trial` tries whether it does; `create`, `verify` and `restore` do what they are called.

mod age;
mod consumers;
mod create;
mod error;
mod files;
mod folder;
mod manifest;
mod progress;
mod restore;
mod scratch;
mod trial;
mod verify;

pub use age::Expired;
pub use create::{BackupRequest, Created};
pub use error::BackupError;
pub use folder::{FoundBackup, list};
pub use manifest::{BackedUpConsumer, BackedUpStream, Manifest, NotBackedUp, StreamKind};
pub use progress::Progress;
pub use restore::{RestoreRequest, RestoredStream};
pub use verify::{ReadStream, check};

pub(crate) use create::create;
pub(crate) use restore::restore;
pub(crate) use verify::read;
