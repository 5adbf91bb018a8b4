//! Why a transport did not do something.

/// Why one attempt to store a message failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendFailure {
    /// It may be stored or not, or it is not stored for a reason that passes: to be sent again with the same id.
    #[error("not acknowledged: {0}")]
    Transient(String),
    /// No stream captures the subject.
    #[error("no stream captures the subject")]
    NoStream,
    /// The server takes no message of this size, in bytes.
    #[error("it has {size} bytes, the server takes {limit}")]
    TooLarge { size: usize, limit: usize },
    /// The stream, or the subject in it, does not end where the message expects.
    #[error("the last one has the number {last}, not the one that is expected")]
    WrongSequence { last: u64 },
    /// The server knows no atomic batches.
    #[error("the server {server} knows no atomic batches")]
    AtomicUnsupported { server: String },
    /// As many wait for a connection as may; nothing was sent.
    #[error("{limit} wait for a connection already")]
    QueueFull { limit: usize },
    /// The stream refuses it, and would again.
    #[error("refused: {reason}")]
    Refused { code: Option<u64>, reason: String },
    /// The bus was shut down.
    #[error("the bus is shut down")]
    Closed,
}

/// The server did not answer, or with an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unavailable(pub(crate) String);

/// Why the server did not do what it was asked about a stream or a consumer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It refused, with a code.
    Server { code: u64, reason: String },
    /// It did not answer.
    Unavailable(String),
}

impl Failure {
    /// The server's code for a consumer that is to be created and exists in another shape. (nats-server,
    /// server/errors.json, as all codes.)
    pub(crate) const CONSUMER_EXISTS: u64 = 10148;
    /// The server's code for subjects that two streams would capture.
    pub(crate) const SUBJECTS_OVERLAP: u64 = 10065;
    /// The server's code for a stream that does not exist.
    pub(crate) const NO_STREAM: u64 = 10059;
    /// The server's code for a consumer that does not exist.
    pub(crate) const NO_CONSUMER: u64 = 10014;
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error.0)
    }
}
