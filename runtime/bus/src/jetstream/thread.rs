//! A thread of its own for the connection, so that handlers which block theirs starve neither it nor the leases.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::sleep;

/// How long what was sent may take to leave the process when nobody waits for it.
const GRACE: Duration = Duration::from_secs(2);
/// How often to see whether it has left.
const PAUSE: Duration = Duration::from_millis(10);

/// A runtime on a thread of its own, which ends when this is dropped and all tasks on it have ended.
#[derive(Debug)]
pub(super) struct NetworkThread {
    handle: Handle,
    /// Dropped to end the thread.
    _stop: oneshot::Sender<()>,
}

impl NetworkThread {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            runtime.block_on(async {
                // The sender is never used; it is dropped.
                let _ = stopped.await;
                let stopped_at = Instant::now();
                while Handle::current().metrics().num_alive_tasks() > 0 && stopped_at.elapsed() < GRACE {
                    sleep(PAUSE).await;
                }
            });
        };
        thread::Builder::new().name("eventsmith-nats".to_owned()).spawn(run)?;
        Ok(Self { handle, _stop: stop })
    }

    /// The runtime of the caller, which does not end with this.
    #[cfg(feature = "simulation")]
    pub(super) fn here() -> Self {
        Self { handle: Handle::current(), _stop: oneshot::channel().0 }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}
