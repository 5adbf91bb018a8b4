//! The state of the connection, as the client reports it.

/// What the client reports about its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) connected: bool,
    pub(super) closed: bool,
    /// How often the connection was lost.
    pub(super) losses: u64,
}
