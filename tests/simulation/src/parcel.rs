//! What is on its way.

use async_nats::Message;
use eventsmith::simulation::ClientEvent;

use crate::plan::Fault;
use crate::process::Frame;
use crate::server::acks::ReceivedAck;

/// Something that happens later.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// Arrives at the server.
    Up {
        connection: u64,
        frame: Frame,
    },
    /// Arrives at a client.
    Down {
        process: usize,
        connection: u64,
        subscription: u64,
        message: Message,
    },
    /// The client learns something about its connection.
    Tell {
        process: usize,
        event: ClientEvent,
    },
    /// The server has come to an ack.
    Ack(ReceivedAck),
    /// The server has something to do.
    Work,
    /// A client tries to connect.
    Connect {
        process: usize,
    },
    /// A client learns that its connection is gone.
    ClientLearns {
        process: usize,
        connection: u64,
    },
    /// The server learns that a connection is gone.
    ServerLearns {
        connection: u64,
    },
    /// A fault happens, or ends.
    Begin(usize),
    End(Fault),
    /// A program goes on.
    GoOn {
        process: usize,
    },
}

impl Parcel {
    /// The program that takes it in, if one does.
    pub(crate) fn receiver(&self) -> Option<usize> {
        match self {
            Self::Down { process, .. }
            | Self::Tell { process, .. }
            | Self::Connect { process }
            | Self::ClientLearns { process, .. } => Some(*process),
            _ => None,
        }
    }
}
