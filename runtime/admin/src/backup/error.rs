//! Why there is no backup, or nothing is restored from one.

use std::io;
use std::path::{Path, PathBuf};

use eventsmith_bus::cause::Cause;
use eventsmith_bus::transport::ServerFailure;

/// Why there is no backup, or nothing is restored from one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The server has no such stream.
    #[error(
        "the server has no stream {stream}; `eventsmith streams plan` says what is missing, --stream names those to back up"
    )]
    NoStream {
        /// Its name.
        stream: String,
    },
    /// A stream has a name that is no name of a file.
    #[error("the stream {stream:?} has a name that is no name of a file; only letters, digits, '-' and '_' are")]
    Name {
        /// Its name.
        stream: String,
    },
    /// The server refused something, or did not answer.
    #[error("{about}: {reason}{help}")]
    Server {
        /// What was asked.
        about: String,
        /// What it said.
        #[source]
        reason: Cause,
        /// What helps.
        help: &'static str,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {doing} {}: {reason}", path.display())]
    Io {
        /// What was to be done with it.
        doing: &'static str,
        /// Its path.
        path: PathBuf,
        /// What the system says.
        #[source]
        reason: io::Error,
    },
    /// A folder is no backup.
    #[error("{} is no backup: {reason}", path.display())]
    NoBackup {
        /// Its path.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A backup is not what its manifest says, or not the one that was meant. Nothing was done with it.
    #[error("the backup {} is damaged: {}; nothing was done with it", path.display(), problems.join("; "))]
    Damaged {
        /// Its path.
        path: PathBuf,
        /// What is wrong, each with the file.
        problems: Vec<String>,
    },
    /// A backup has no such stream.
    #[error("the backup has no stream {stream}; it has {}", known.join(", "))]
    NotInBackup {
        /// Its name.
        stream: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// What is to be restored is there already, or in the way.
    #[error("nothing was restored: {}", problems.join("; "))]
    InTheWay {
        /// What, and what helps.
        problems: Vec<String>,
    },
    /// What was asked for does not go together.
    #[error("{0}")]
    Unfit(String),
}

impl BackupError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |reason| Self::Io { doing, path, reason }
    }

    pub(super) fn server(about: impl Into<String>) -> impl FnOnce(ServerFailure) -> Self {
        let about = about.into();
        move |failure| {
            let help = match &failure {
                ServerFailure::Refused { code, .. } => help(*code),
                _ => "",
            };
            Self::Server { about, reason: Cause::of(failure), help }
        }
    }
}

/// What helps against a refusal of the server whose text does not say it. (nats-server, server/errors.json)
fn help(code: u64) -> &'static str {
    match code {
        10023 | 10028 | 10047 => {
            "; a stream reserves its max_bytes: give the server more room (max_file_store, max_memory_store)"
        }
        10005 | 10052 | 10074 => "; --replicas says on how many servers each message is to be stored",
        10130 => "; before nats-server 2.15 a stream gets no other name: let it be a server that has none of it",
        10025 => "; the backup may be of a newer server: restore it to one of that version",
        _ => "",
    }
}
