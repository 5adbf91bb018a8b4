//! What operators see of projections, and tell them.

use std::time::Duration;

use eventsmith_bus::bus::Bus;
use jiff::Timestamp;

use super::error::ProjectionError;
use super::generation::Generation;
use super::lease::Held;
use super::ledger::{Ledger, Rebuild, of};
use super::source::last_of;
use super::status::{Phase, ProjectionStatus};

/// What operators see of the projections that run over a bus, in whatever process, and tell them.
///
/// ```
/// use eventsmith::Bus;
/// use eventsmith::state::{ProjectionError, Projections};
///
/// async fn show(bus: &Bus) -> Result<(), ProjectionError> {
///     for report in Projections::of(bus).list().await? {
///         for model in report.models {
///             println!("{} {}: {}, {} behind", report.name, model.status.generation, model.status.phase, model.status.behind());
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Projections {
    bus: Bus,
}

/// What is known of one projection.
///
/// ```
/// use eventsmith::state::ProjectionReport;
///
/// fn is_healthy(report: &ProjectionReport) -> bool {
///     report.models.iter().any(|model| model.serves && model.holder.is_some() && model.status.error.is_none())
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProjectionReport {
    /// Its name.
    pub name: String,
    /// The read model that serves, if one does.
    pub serving: Option<Generation>,
    /// Its read models, the oldest first.
    pub models: Vec<ModelReport>,
}

/// What is known of one read model of a projection.
///
/// ```
/// use eventsmith::state::ModelReport;
///
/// fn is_alone(model: &ModelReport) -> bool {
///     model.holder.is_none()
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModelReport {
    /// What its instance said last. Where the streams end was looked up now.
    pub status: ProjectionStatus,
    /// Whether readers have it.
    pub serves: bool,
    /// The instance that makes it; none where none does, or the last one fell silent without a word.
    pub holder: Option<String>,
    /// When an instance was heard last.
    pub heard: Option<Timestamp>,
}

/// How much longer than its lease an instance may be silent before it is taken for gone: the answers of a server are on their way, too.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

impl Projections {
    /// The projections that run over a bus.
    pub fn of(bus: &Bus) -> Self {
        Self { bus: bus.clone() }
    }

    /// All projections that have ever begun, by name.
    ///
    /// # Errors
    /// [`ProjectionError::NoLedger`], [`ProjectionError::Ledger`], [`ProjectionError::Unavailable`].
    pub async fn list(&self) -> Result<Vec<ProjectionReport>, ProjectionError> {
        let mut names = Ledger::names(&self.bus).await?;
        names.sort_unstable();
        let mut all = Vec::with_capacity(names.len());
        for name in names {
            all.push(self.get(&name).await?);
        }
        Ok(all)
    }

    /// One projection.
    ///
    /// # Errors
    /// [`ProjectionError::Unknown`] where it has never begun; otherwise as [`list`](Self::list).
    pub async fn get(&self, name: &str) -> Result<ProjectionReport, ProjectionError> {
        let unknown = || ProjectionError::Unknown { name: eventsmith_event::clip::clip(name.to_owned()) };
        if !super::generation::is_legal_name(name) {
            return Err(unknown());
        }
        let ledger = Ledger::of(&self.bus, name);
        let serving = ledger.serving().await?.value.ok_or_else(unknown)?.generation;
        let mut models = Vec::new();
        for generation in ledger.generations().await? {
            if let Some(model) = self.model(&ledger, generation, serving).await? {
                models.push(model);
            }
        }
        Ok(ProjectionReport { name: name.to_owned(), serving, models })
    }

    /// Wants the read model that serves to be built anew, beside it, by the program that runs: it takes its place once it has caught up. Says
    /// which it will be. Where nothing serves yet there is nothing to be built anew.
    ///
    /// # Errors
    /// [`ProjectionError::NotServing`]; otherwise as [`get`](Self::get).
    pub async fn rebuild(&self, name: &str) -> Result<Generation, ProjectionError> {
        let report = self.get(name).await?;
        let serving = report.serving.ok_or_else(|| ProjectionError::NotServing { name: name.to_owned() })?;
        let ledger = Ledger::of(&self.bus, name);
        loop {
            let found = ledger.read::<Rebuild>("rebuild").await?;
            let of_revision = |generation: &Generation| generation.revision == serving.revision;
            let wanted = found.value.map(|rebuild| rebuild.generation);
            let known = report.models.iter().map(|model| model.status.generation).chain(wanted).chain([serving]);
            let last = known.filter(of_revision).map(|generation| generation.build).max().unwrap_or_default();
            let generation = Generation::new(serving.revision, last.saturating_add(1));
            if ledger.write("rebuild", &Rebuild { generation }, found.revision).await?.is_some() {
                return Ok(generation);
            }
        }
    }

    async fn model(
        &self,
        ledger: &Ledger,
        generation: Generation,
        serving: Option<Generation>,
    ) -> Result<Option<ModelReport>, ProjectionError> {
        let found = ledger.read::<ProjectionStatus>(&of(generation, "status")).await?;
        let Some(mut status) = found.value else { return Ok(None) };
        status.updated = found.stored;
        for (stream, progress) in &mut status.streams {
            // A stream that is gone is told by the error of whoever reads it.
            progress.end = last_of(&self.bus, stream, &progress.filter).await.unwrap_or(progress.end);
        }
        let Held { holder, written: renewed, lasts } = super::lease::held(ledger, generation).await?;
        let now = self.bus.transport().time();
        let is_silent =
            |at: Timestamp| Duration::try_from(now.duration_since(at)).is_ok_and(|age| age > lasts + ON_ITS_WAY);
        let holder = holder.filter(|_| !renewed.is_some_and(is_silent));
        let serves = serving == Some(generation);
        // What it said before the switch is not what it is.
        status.phase = match status.phase {
            Phase::Running if !serves => Phase::Superseded,
            Phase::Rebuilding if serves => Phase::Running,
            phase => phase,
        };
        Ok(Some(ModelReport { status, serves, holder, heard: renewed.max(found.stored) }))
    }
}
