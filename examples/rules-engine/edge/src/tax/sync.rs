//! Brings the rates of the tax service into our bucket, page by page. Whoever is killed between any two steps is replaced by whoever runs
//! next, who goes on where that was.
//!
//! What is written is written in this order, so that nothing is lost: the event of a change before the table that has it, the tables of a
//! page before the cursor behind it, the event of the end before the note that it has come. What is done again because somebody was killed
//! in between is done with the same ids, and counted once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use eventsmith::bucket::BucketError;
use eventsmith::{Bus, DateTime, Event, PublishError, PublishOptions, Timestamp, Uuid};
use rules_events::common::{Jurisdiction, SyncDirection};
use rules_events::sync::{SyncCompleted, SyncFailed, SyncStarted};
use rules_events::tax::{
    TaxRateChangeNote, TaxRateTable, TaxRatesUpdated, TaxSyncProgress, TaxSyncProgressMode, TaxSyncProgressStage,
};

use super::client::{Page, TaxError, TaxServiceClient};
use super::model::Rate;
use super::table::changes;
use crate::derived;
use crate::external::CallContext;

/// What is moved, as events name it.
const ENTITY: &str = "tax_rates";

/// Why a synchronization did not end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The tax service gives no page. That is on record; the next run begins where this one was.
    #[error(transparent)]
    Service(#[from] TaxError),
    /// Somebody else is at work on the same: leave it to them.
    #[error("somebody else synchronizes with {0} at the same time; let one of them do it")]
    Contended(String),
    /// A bucket cannot be read or written. The next run goes on with this one.
    #[error(transparent)]
    Bucket(BucketError),
    /// An event cannot be stored. The next run goes on with this one.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A name or count that the catalogue does not allow.
    #[error("{0} has no place in the catalogue")]
    Unspeakable(String),
}

/// What a run moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncSummary {
    /// The run.
    pub sync_id: String,
    /// How many rates were new.
    pub created: i64,
    /// How many rates changed.
    pub updated: i64,
    /// How many records meant nothing here.
    pub skipped: i64,
    /// How many pages there were.
    pub pages: u32,
}

/// Synchronizes tax rates. One runs at a time; another one finds out and stops.
///
/// ```no_run
/// # use eventsmith::Bus;
/// # use rules_engine_edge::tax::{Synchronizer, TaxConfig, TaxServiceClient};
/// # async fn run(bus: Bus) -> Result<(), Box<dyn std::error::Error>> {
/// let config = TaxConfig::new("vat-rates-eu".parse()?, "https://rates.example", "/run/secrets/rates");
/// let synchronizer = Synchronizer::new(&bus, TaxServiceClient::new(&bus, config)?);
/// let summary = synchronizer.run().await?; // all rates the first time, and then what changed
/// println!("{} new, {} changed", summary.created, summary.updated);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Synchronizer {
    bus: Bus,
    client: TaxServiceClient,
    /// After how many steps it stands still for ever, as one that was killed there: for tests.
    dies_after: Option<AtomicU32>,
}

/// A run with the revision under which its progress lies.
struct Run {
    progress: TaxSyncProgress,
    revision: u64,
}

impl Synchronizer {
    /// Synchronizes by a client.
    pub fn new(bus: &Bus, client: TaxServiceClient) -> Self {
        Self { bus: bus.clone(), client, dies_after: None }
    }

    /// The same, but it stands still for ever after so many steps.
    #[doc(hidden)]
    #[must_use]
    pub fn dying_after(self, steps: u32) -> Self {
        Self { dies_after: Some(AtomicU32::new(steps)), ..self }
    }

    /// Goes on with a run that was broken off, or begins one, and runs it to its end. May be dropped at any point: the next one goes on.
    ///
    /// # Errors
    /// [`SyncError`]; after [`SyncError::Service`] the next run is a new one that begins at the same place.
    pub async fn run(&self) -> Result<SyncSummary, SyncError> {
        let mut run = self.take_up().await?;
        self.announce(&mut run).await?;
        while run.progress.stage == TaxSyncProgressStage::Running {
            self.step().await;
            let page = match self.client.page(run.progress.cursor.as_deref(), &self.context(&run)).await {
                Ok(page) => page,
                Err(error) => {
                    self.give_up(run, &error).await?;
                    return Err(error.into());
                }
            };
            self.take_in(&mut run, page).await?;
        }
        self.complete(run).await
    }

    /// The run that is to be done: the one that was broken off, or a new one.
    async fn take_up(&self) -> Result<Run, SyncError> {
        let system = self.client.system();
        let found = self.bus.bucket::<TaxSyncProgress>().get(system.as_str()).await.map_err(SyncError::Bucket)?;
        let (cursor, revision) = match found {
            Some(entry) if matches!(entry.stage, TaxSyncProgressStage::Running | TaxSyncProgressStage::Finishing) => {
                return Ok(Run { revision: entry.revision, progress: entry.into_value() });
            }
            Some(entry) => (entry.cursor.clone(), entry.revision),
            None => (None, 0),
        };
        let sync_id = format!("syn_{}", Uuid::now_v7().simple());
        let progress = TaxSyncProgress {
            system: system.clone(),
            sync_id: sync_id.as_str().try_into().map_err(|_| SyncError::Unspeakable(sync_id.clone()))?,
            mode: if cursor.is_some() { TaxSyncProgressMode::Incremental } else { TaxSyncProgressMode::Full },
            stage: TaxSyncProgressStage::Running,
            announced: false,
            cursor,
            pages: 0,
            records_created: 0,
            records_updated: 0,
            records_skipped: 0,
            started_at: DateTime::now(),
        };
        let mut run = Run { progress, revision };
        self.keep(&mut run).await?;
        Ok(run)
    }

    /// Says that the run has begun.
    async fn announce(&self, run: &mut Run) -> Result<(), SyncError> {
        if run.progress.announced {
            return Ok(());
        }
        let TaxSyncProgress { sync_id, system, mode, cursor, started_at, .. } = &run.progress;
        let started = SyncStarted {
            sync_id: sync_id.clone(),
            system: system.clone(),
            direction: SyncDirection::Import,
            entity: ENTITY.try_into().map_err(|_| SyncError::Unspeakable(ENTITY.to_owned()))?,
            mode: mode.as_str().try_into().map_err(|_| SyncError::Unspeakable(mode.as_str().to_owned()))?,
            cursor: cursor.clone(),
            requested_by: None,
            started_at: started_at.clone(),
        };
        self.publish(run, &started, &["started"]).await?;
        run.progress.announced = true;
        self.keep(run).await
    }

    /// Takes the rates of a page in, and moves the cursor behind it.
    async fn take_in(&self, run: &mut Run, page: Page) -> Result<(), SyncError> {
        let number = run.progress.pages + 1;
        let mut by_jurisdiction: BTreeMap<&Jurisdiction, Vec<&Rate>> = BTreeMap::new();
        for rate in &page.rates {
            by_jurisdiction.entry(&rate.jurisdiction).or_default().push(rate);
        }
        let (mut created, mut updated) = (0, 0);
        for (jurisdiction, rates) in by_jurisdiction {
            let note = self.update(run, number, jurisdiction, &rates).await?;
            created += i64::from(note.as_ref().map_or(0, |note| note.created));
            updated += i64::from(note.as_ref().map_or(0, |note| note.updated));
        }
        let progress = &mut run.progress;
        progress.cursor = Some(page.next);
        if !page.more {
            progress.stage = TaxSyncProgressStage::Finishing;
        }
        progress.pages = number;
        progress.records_created += created;
        progress.records_updated += updated;
        progress.records_skipped += i64::from(page.skipped);
        self.keep(run).await
    }

    /// Takes the rates of one jurisdiction in, and says what this page changed of it.
    async fn update(
        &self,
        run: &Run,
        page: u32,
        jurisdiction: &Jurisdiction,
        rates: &[&Rate],
    ) -> Result<Option<TaxRateChangeNote>, SyncError> {
        let tables = self.bus.bucket::<TaxRateTable>();
        let found = tables.get(jurisdiction.as_str()).await.map_err(SyncError::Bucket)?;
        let Some(changes) = changes(jurisdiction, found.as_ref(), rates) else {
            // Whoever was killed behind it had changed it already.
            let ours = |note: &TaxRateChangeNote| note.sync_id == run.progress.sync_id && note.page == page;
            return Ok(found.and_then(|table| table.into_value().changed_by).filter(ours));
        };
        let event = TaxRatesUpdated {
            jurisdiction: jurisdiction.clone(),
            rates: changes.rates.clone(),
            system: Some(run.progress.system.clone()),
            effective_at: changes.effective_at.clone(),
            updated_at: DateTime::now(),
        };
        self.publish(run, &event, &["rates", &page.to_string(), jurisdiction.as_str()]).await?;
        let (created, updated) = (changes.created, changes.updated);
        let note = TaxRateChangeNote { sync_id: run.progress.sync_id.clone(), page, created, updated };
        let table = changes.noted(note.clone());
        self.step().await;
        let written = match found {
            Some(entry) => tables.update(jurisdiction.as_str(), &table, entry.revision).await,
            None => tables.create(jurisdiction.as_str(), &table).await,
        };
        written.map_err(|error| self.contended(error))?;
        Ok(Some(note))
    }

    async fn complete(&self, mut run: Run) -> Result<SyncSummary, SyncError> {
        let TaxSyncProgress { sync_id, system, cursor, .. } = &run.progress;
        let completed = SyncCompleted {
            sync_id: sync_id.clone(),
            system: system.clone(),
            direction: SyncDirection::Import,
            entity: ENTITY.try_into().map_err(|_| SyncError::Unspeakable(ENTITY.to_owned()))?,
            records_created: run.progress.records_created,
            records_updated: run.progress.records_updated,
            records_deleted: 0,
            records_skipped: Some(run.progress.records_skipped),
            cursor: cursor.clone(),
            duration: since(&run.progress.started_at),
            completed_at: DateTime::now(),
        };
        self.publish(&run, &completed, &["completed"]).await?;
        run.progress.stage = TaxSyncProgressStage::Completed;
        self.keep(&mut run).await?;
        Ok(SyncSummary {
            sync_id: run.progress.sync_id.to_string(),
            created: run.progress.records_created,
            updated: run.progress.records_updated,
            skipped: run.progress.records_skipped,
            pages: run.progress.pages,
        })
    }

    async fn give_up(&self, mut run: Run, error: &TaxError) -> Result<(), SyncError> {
        let unspeakable = || SyncError::Unspeakable(error.code.to_owned());
        let progress = &run.progress;
        let failed = SyncFailed {
            sync_id: progress.sync_id.clone(),
            system: progress.system.clone(),
            direction: SyncDirection::Import,
            entity: ENTITY.try_into().map_err(|_| unspeakable())?,
            error_code: error.code.try_into().map_err(|_| unspeakable())?,
            error_message: error.to_string().try_into().map_err(|_| unspeakable())?,
            records_processed: progress.records_created + progress.records_updated + progress.records_skipped,
            retryable: error.retryable,
            cursor: progress.cursor.clone(),
            failed_at: DateTime::now(),
        };
        self.publish(&run, &failed, &["failed"]).await?;
        run.progress.stage = TaxSyncProgressStage::Failed;
        self.keep(&mut run).await
    }

    /// Writes how far the run is, if nobody else is at work on it.
    async fn keep(&self, run: &mut Run) -> Result<(), SyncError> {
        self.step().await;
        let progress = self.bus.bucket::<TaxSyncProgress>();
        let key = run.progress.system.as_str();
        let written = match run.revision {
            0 => progress.create(key, &run.progress).await,
            revision => progress.update(key, &run.progress, revision).await,
        };
        run.revision = written.map_err(|error| self.contended(error))?;
        Ok(())
    }

    /// Publishes an event of a run under an id that follows from the run, so that whoever does it again stores it once.
    async fn publish<E: Event>(&self, run: &Run, event: &E, what: &[&str]) -> Result<(), SyncError> {
        self.step().await;
        let sync_id = run.progress.sync_id.as_str();
        let parts: Vec<&str> = std::iter::once(sync_id).chain(what.iter().copied()).collect();
        let id = Some(derived::uuid(&parts));
        let options = PublishOptions { id, correlation_id: Some(sync_id.to_owned()), ..PublishOptions::default() };
        self.bus.publish_with(event, options).await?;
        Ok(())
    }

    fn context(&self, run: &Run) -> CallContext {
        let correlation_id = Some(run.progress.sync_id.to_string());
        CallContext { transaction_id: None, follow_up: PublishOptions { correlation_id, ..PublishOptions::default() } }
    }

    fn contended(&self, error: BucketError) -> SyncError {
        match error {
            BucketError::Conflict { .. } => SyncError::Contended(self.client.system().to_string()),
            other => SyncError::Bucket(other),
        }
    }

    /// Between two steps.
    async fn step(&self) {
        let Some(left) = &self.dies_after else { return };
        if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The time since then, in nanoseconds.
fn since(then: &DateTime) -> i64 {
    let nanoseconds = Timestamp::now().as_nanosecond() - then.timestamp().as_nanosecond();
    i64::try_from(nanoseconds.max(0)).unwrap_or(i64::MAX)
}
