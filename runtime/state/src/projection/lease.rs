//! Who makes a read model: one instance at a time.
//!
//! The holder of a lease writes it again and again. Whoever waits takes it over when it has seen no change of its revision for as long as
//! the holder says that it lasts, by its own clock: no two clocks are compared. A holder that was silent for that long finds its lease at another revision
//! and stops; what it writes meanwhile is refused by the revisions of what it writes.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout};

use super::error::ProjectionError;
use super::generation::Generation;
use super::ledger::{Found, Ledger, of};

/// After this time at most it is looked whether a lease was given back.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long it takes at most to give a lease back.
const RELEASE: Duration = Duration::from_secs(2);

/// The lease as the ledger has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Written {
    /// The instance that makes the read model; nobody, where it was given back.
    holder: Option<String>,
    /// How long it may be silent, in milliseconds. Programs of before did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lasts: Option<u64>,
}

/// Who holds a lease, as others see it.
#[derive(Debug)]
pub(crate) struct Held {
    /// The instance, if one holds it.
    pub(crate) holder: Option<String>,
    /// When it was written last.
    pub(crate) written: Option<Timestamp>,
    /// How long the holder may be silent.
    pub(crate) lasts: Duration,
}

/// How long a holder may be silent that does not say.
const UNSAID: Duration = Duration::from_secs(60);

/// Who holds the lease of a read model.
pub(crate) async fn held(ledger: &Ledger, generation: Generation) -> Result<Held, ProjectionError> {
    let found = ledger.read::<Written>(&of(generation, "lease")).await?;
    let written = found.stored;
    Ok(match found.value {
        Some(Written { holder, lasts }) => Held { holder, written, lasts: lasts.map_or(UNSAID, Duration::from_millis) },
        None => Held { holder: None, written, lasts: UNSAID },
    })
}

/// The lease of one read model, as one instance sees it.
#[derive(Debug)]
pub(crate) struct Lease {
    ledger: Ledger,
    key: String,
    instance: String,
    lasts: Duration,
    revision: u64,
}

impl Lease {
    pub(crate) fn of(ledger: &Ledger, generation: Generation, instance: &str, lasts: Duration) -> Self {
        let (ledger, instance) = (ledger.clone(), instance.to_owned());
        Self { ledger, key: of(generation, "lease"), instance, lasts, revision: 0 }
    }

    /// The lease of the side effects of a projection, of whatever read model: who made the one that served before may still be at them.
    pub(crate) fn of_effects(ledger: &Ledger, instance: &str, lasts: Duration) -> Self {
        let (ledger, instance) = (ledger.clone(), instance.to_owned());
        Self { ledger, key: "effects-lease".to_owned(), instance, lasts, revision: 0 }
    }

    /// Waits until this instance holds it. What does not pass is an error.
    pub(crate) async fn acquire(&mut self) -> Result<(), ProjectionError> {
        let mut seen: Option<(u64, Instant)> = None;
        loop {
            let found = match self.read().await {
                Ok(found) => found,
                Err(error) if error.may_pass() => {
                    tracing::debug!(%error, "asking again for the lease");
                    sleep((self.lasts / 4).min(LOOK_AGAIN)).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            // Whoever holds it says how long it may be silent.
            let lasts =
                found.value.as_ref().and_then(|written| written.lasts).map_or(self.lasts, Duration::from_millis);
            let holder = found.value.and_then(|written| written.holder);
            let is_free = holder.is_none_or(|holder| holder == self.instance);
            let since = match seen {
                Some((revision, since)) if revision == found.revision => since,
                _ => Instant::now(),
            };
            seen = Some((found.revision, since));
            if is_free || since.elapsed() >= lasts {
                match self.write(found.revision, true).await {
                    Ok(true) => return Ok(()),
                    Ok(false) => continue,
                    Err(error) if error.may_pass() => tracing::debug!(%error, "asking again for the lease"),
                    Err(error) => return Err(error),
                }
            }
            sleep((self.lasts / 4).min(LOOK_AGAIN)).await;
        }
    }

    /// Keeps it, until it is lost.
    pub(crate) async fn keep(&mut self) {
        let mut renewed = Instant::now();
        loop {
            sleep(self.lasts / 3).await;
            let begun = Instant::now();
            match timeout(self.lasts / 3, self.put(true)).await {
                Ok(Ok(true)) => renewed = begun,
                Ok(Ok(false)) => return,
                Ok(Err(error)) => tracing::debug!(%error, "the lease is not renewed"),
                Err(_) => tracing::debug!("the lease is not renewed in time"),
            }
            if renewed.elapsed() >= self.lasts {
                return;
            }
        }
    }

    /// Gives it back, so that nobody has to wait.
    pub(crate) async fn release(&mut self) {
        if !matches!(timeout(RELEASE, self.put(false)).await, Ok(Ok(true))) {
            tracing::debug!(key = self.key, "the lease was not given back; it ends by itself");
        }
    }

    /// Writes whether it is held, unless it is another's.
    async fn put(&mut self, is_held: bool) -> Result<bool, ProjectionError> {
        if self.write(self.revision, is_held).await? {
            return Ok(true);
        }
        // An attempt that was given up, or dropped on its way, may have been written after all.
        let found = self.read().await?;
        let is_ours = found.value.and_then(|written| written.holder).is_some_and(|holder| holder == self.instance);
        Ok(is_ours && self.write(found.revision, is_held).await?)
    }

    async fn write(&mut self, revision: u64, is_held: bool) -> Result<bool, ProjectionError> {
        let lasts = u64::try_from(self.lasts.as_millis()).unwrap_or(u64::MAX);
        let written = Written { holder: is_held.then(|| self.instance.clone()), lasts: Some(lasts) };
        let Some(revision) = self.ledger.write(&self.key, &written, revision).await? else { return Ok(false) };
        self.revision = revision;
        Ok(true)
    }

    async fn read(&self) -> Result<Found<Written>, ProjectionError> {
        self.ledger.read(&self.key).await
    }
}
