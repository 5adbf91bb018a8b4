//! Consumers at work in the process of a test, which stops them.

use std::error::Error;
use std::time::Duration;

use eventsmith::monitor::Summary;
use eventsmith::{ConsumeError, Consumer};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything takes on a busy machine, so that a test that waits in vain ends.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A consumer at work.
#[derive(Debug)]
pub struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Summary, ConsumeError>>,
}

impl Running {
    /// Runs a consumer in a task of its own. If it ends with an error, that is printed.
    pub fn start(consumer: Consumer) -> Self {
        let (stop, stopped) = oneshot::channel();
        let consumer = consumer.run(stopped);
        // A test that waits for a handler would not say why there is none.
        let task = async { consumer.await.inspect_err(|error| eprintln!("the consumer ended: {error}")) };
        Self { stop, task: tokio::spawn(task) }
    }

    /// Tells it to stop, and returns what tells how that went.
    pub fn begin_stop(self) -> JoinHandle<Result<Summary, ConsumeError>> {
        // If it has ended already, the task tells why.
        let _ = self.stop.send(());
        self.task
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it ended with an error, or does not end within [`PATIENCE`].
    pub async fn stop(self) -> Result<Summary, Box<dyn Error>> {
        Ok(timeout(PATIENCE, self.begin_stop()).await???)
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When it does not end within [`PATIENCE`].
    pub async fn end(self) -> Result<Result<Summary, ConsumeError>, Box<dyn Error>> {
        let Self { stop: _stop, task } = self;
        Ok(timeout(PATIENCE, task).await??)
    }
}
