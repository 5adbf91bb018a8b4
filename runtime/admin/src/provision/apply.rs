//! Doing what a plan says.

use eventsmith_bus::cause::Cause;
use eventsmith_bus::settings::ConsumerSettings;
use eventsmith_bus::transport::ServerFailure;
use eventsmith_event::stream::{DeliverFrom, Retention};

use super::error::ProvisionError;
use super::plan::{Action, Change, Plan, Wanted};
use crate::server::Server;

impl Server {
    /// Does what a plan says, or nothing, if it holds what cannot be done.
    pub(crate) async fn apply(&self, plan: &Plan) -> Result<(), ProvisionError> {
        let plan = self.renewed(plan).await?;
        if plan.is_refused() {
            return Err(ProvisionError::Refused { plan: Box::new(plan) });
        }
        let mut changes: Vec<&Change> = plan.changes.iter().filter(|change| change.action != Action::Keep).collect();
        changes.sort_by_key(|change| rank(change));
        for change in changes {
            let about = change.about();
            tracing::info!(action = ?change.action, "changing {about}");
            match &change.wanted {
                Wanted::Stream(wanted) => self.put_stream(wanted, change.action == Action::Update).await,
                Wanted::Consumer(wanted) if change.action == Action::Recreate => self.recreate(wanted, &about).await?,
                Wanted::Consumer(wanted) => self.put_consumer(wanted, change.action == Action::Update).await,
            }
            .map_err(|failure| ProvisionError::new(about, failure))?;
        }
        Ok(())
    }

    /// The plan, with what has come to stand in its way since it was made: events that narrower filters would cut off.
    async fn renewed(&self, plan: &Plan) -> Result<Plan, ProvisionError> {
        let mut plan = plan.clone();
        for change in &mut plan.changes {
            let narrows = change.fields.iter().any(|field| field.field == "filters" && field.from.is_some());
            let Wanted::Consumer(wanted) = &change.wanted else { continue };
            if !narrows || change.action == Action::Refuse {
                continue;
            }
            let failed = |failure| ProvisionError::new(change.about(), failure);
            if let Some(found) = self.consumer(&wanted.stream, &wanted.name).await.map_err(failed)?
                && let Some(reason) = self.cut_off(&found, wanted).await.map_err(failed)?
            {
                change.refuse(reason);
            }
        }
        Ok(plan)
    }

    /// Deletes a consumer and creates it so that it goes on with what it has not settled. It may settle more before it is
    /// deleted; that is redelivered.
    async fn recreate(
        &self,
        wanted: &ConsumerSettings,
        about: &str,
    ) -> Result<Result<(), ServerFailure>, ProvisionError> {
        let ConsumerSettings { stream, name, .. } = wanted;
        let failed = |failure| ProvisionError::new(about.to_owned(), failure);
        let retention = self.stream(stream).await.map_err(failed)?.map(|stream| stream.settings.retention);
        let Some(found) = self.consumer(stream, name).await.map_err(failed)? else {
            return Ok(self.put_consumer(wanted, false).await);
        };
        // A work queue holds nothing that is settled, and does not let one begin elsewhere.
        let is_queue = retention == Some(Retention::WorkQueue);
        let deliver = if is_queue { DeliverFrom::All } else { found.resume() };
        self.delete_consumer(stream, name).await.map_err(failed)?;
        let created = self.put_consumer(&ConsumerSettings { deliver, ..wanted.clone() }, false).await;
        created.map(Ok).map_err(|failure| ProvisionError::Deleted {
            about: about.to_owned(),
            deliver,
            reason: Cause::of(failure),
        })
    }
}

/// Streams come before their consumers; and first those that release subjects, which others are to capture.
fn rank(change: &Change) -> u8 {
    let releases = change.fields.iter().any(|field| field.field == "subjects" && field.note.is_some());
    match (&change.wanted, change.action) {
        (Wanted::Stream(_), Action::Update) if releases => 0,
        (Wanted::Stream(_), _) => 1,
        (Wanted::Consumer(_), _) => 2,
    }
}
