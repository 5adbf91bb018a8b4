//! Says how far a read model is: to this process at once, and to operators now and then.

use tokio::sync::watch;

use super::checkpoint::Checkpoint;
use super::generation::Generation;
use super::ledger::{Ledger, of};
use super::monitor::Doing;
use super::status::{Phase, ProjectionStatus};

/// The status of one read model, as this instance tells it.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    ledger: &'a Ledger,
    doing: &'a watch::Sender<Doing>,
    pub(crate) status: ProjectionStatus,
    written: Option<ProjectionStatus>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        (ledger, doing): (&'a Ledger, &'a watch::Sender<Doing>),
        (name, generation, instance): (&str, Generation, &str),
    ) -> Self {
        Self { ledger, doing, status: ProjectionStatus::new(name, generation, instance), written: None }
    }

    /// Tells this process.
    pub(crate) fn tell(&mut self) {
        let status = &mut self.status;
        self.doing.send_modify(|doing| {
            // Side effects are told by whoever has them.
            status.effects = doing.effects.clone().filter(|_| doing.serving == Some(status.generation));
            status.skipped_effects = status.effects.as_ref().map_or(0, |effects| effects.skipped);
            doing.models.insert(status.generation, status.clone());
        });
    }

    pub(crate) fn phase(&mut self, phase: Phase) {
        self.status.phase = phase;
        self.tell();
    }

    pub(crate) fn error(&mut self, error: Option<String>) {
        if let Some(error) = &error {
            let (name, generation) = (&self.status.name, self.status.generation);
            tracing::warn!(projection = name, %generation, error, "the projection does not go on for now");
        }
        if self.status.error != error {
            self.status.error = error;
            self.tell();
        }
    }

    pub(crate) fn at(&mut self, checkpoint: &Checkpoint) {
        self.status.at(checkpoint);
        self.tell();
    }

    /// Tells operators, if there is anything new. That nobody can is no reason to stop.
    pub(crate) async fn write(&mut self) {
        if self.written.as_ref() == Some(&self.status) {
            return;
        }
        match self.ledger.put(&of(self.status.generation, "status"), &self.status).await {
            Ok(_) => self.written = Some(self.status.clone()),
            Err(error) => tracing::debug!(%error, "the status of a projection was not written"),
        }
    }
}
