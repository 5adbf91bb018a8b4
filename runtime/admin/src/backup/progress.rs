//! How far a backup is, or what is made of one.

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
