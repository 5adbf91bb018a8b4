//! Runs a projection: decides which read models this instance is to make, and makes them side by side.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::transport::StreamExtent;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::checkpoint::StreamPosition;
use super::config::ProjectionConfig;
use super::effects::Effects;
use super::error::ProjectionError;
use super::generation::{Generation, is_legal_name};
use super::ledger::{Ledger, Serving};
use super::monitor::Doing;
use super::pipeline::{Common, Ended, Pipeline, Role};
use super::source::{extent, streams_of};
use super::target::Target;

/// How long what is under way may take once the projection is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A projection as it was defined.
pub(crate) struct Definition<'a> {
    pub(crate) name: &'a str,
    pub(crate) revision: u32,
    pub(crate) config: &'a ProjectionConfig,
    pub(crate) target: &'a dyn Target,
    pub(crate) effects: &'a Effects,
    pub(crate) doing: &'a watch::Sender<Doing>,
}

/// What this instance is to make.
#[derive(Debug, Clone, PartialEq)]
struct Plan {
    serving: Serving,
    models: Vec<(Generation, Role)>,
}

/// Runs a projection until a future resolves.
pub(crate) async fn run(of: Definition<'_>, bus: &Bus, stop: impl Future) -> Result<(), ProjectionError> {
    let Definition { name, config, target, effects, doing, .. } = of;
    doing.send_replace(Doing::default());
    let wanted = target.wanted();
    of.check(&wanted.iter().map(|wanted| wanted.event_type).collect::<Vec<_>>())?;
    let ledger = Ledger::of(bus, name);
    let mut stop = pin!(stop);
    let streams = tokio::select! {
        biased;
        _ = &mut stop => return Ok(()),
        streams = again(config, || begin(bus, name, target, effects, &ledger)) => streams?,
    };
    let instance = Uuid::now_v7().to_string();
    let common =
        Common { bus, name, config: config.clone(), ledger, instance, target, wanted, effects, streams, doing };
    let revision = of.revision;
    loop {
        let plan = tokio::select! {
            biased;
            _ = &mut stop => return Ok(()),
            plan = again(config, || plan(&common.ledger, revision)) => plan?,
        };
        doing.send_modify(|doing| {
            doing.serving = plan.serving.generation;
            doing.is_building = plan.models.iter().any(|(_, role)| *role == Role::Builds);
            let is_planned = |generation: &Generation| plan.models.iter().any(|(model, _)| model == generation);
            doing.models.retain(|generation, _| is_planned(generation));
        });
        let (halt, halted) = watch::channel(false);
        let pipelines =
            plan.models.iter().map(|model| Pipeline::new(&common, &plan.serving, *model, halted.clone()).run());
        let mut pipelines: FuturesUnordered<_> = pipelines.collect();
        let mut is_stopped = false;
        loop {
            tokio::select! {
                biased;
                _ = &mut stop => {
                    is_stopped = true;
                    break;
                }
                ended = pipelines.next() => match ended {
                    // One that serves goes on beside one that cannot be built.
                    Some(Err(error)) if pipelines.is_empty() => return Err(error),
                    Some(Err(error)) => {
                        tracing::error!(projection = name, %error, "a read model is not made any more");
                        let serves = |doing: &Doing| {
                            doing.serving.and_then(|serving| doing.models.get(&serving)).is_some_and(|status| status.error.is_none())
                        };
                        if !serves(&doing.borrow()) {
                            return Err(error);
                        }
                        doing.send_modify(|doing| doing.is_building = false);
                    }
                    Some(Ok(Ended::Switched | Ended::Stopped)) | None => break,
                },
                () = changed(&common, revision, &plan) => break,
            }
        }
        halt.send_replace(true);
        let finish = async { while pipelines.next().await.is_some() {} };
        if timeout(STOP_WITHIN, finish).await.is_err() {
            tracing::warn!(projection = name, "what was under way did not end within {STOP_WITHIN:?} and is dropped");
        }
        if is_stopped {
            return Ok(());
        }
    }
}

impl Definition<'_> {
    fn check(&self, event_types: &[&'static str]) -> Result<(), ProjectionError> {
        let name = || self.name.to_owned();
        if !is_legal_name(self.name) {
            return Err(ProjectionError::Name { name: eventsmith_event::clip::clip(name()) });
        }
        if event_types.is_empty() {
            return Err(ProjectionError::NoHandlers { name: name() });
        }
        let effects: Vec<&'static str> = self.effects.wanted().iter().map(|wanted| wanted.event_type).collect();
        let twice = |types: &[&'static str]| {
            let is_second = |(at, one): &(usize, &&'static str)| types[..*at].contains(*one);
            types.iter().enumerate().find(is_second).map(|(_, one)| *one)
        };
        match twice(event_types).or_else(|| twice(&effects)) {
            Some(event_type) => Err(ProjectionError::TwoHandlers { name: name(), event_type }),
            None => Ok(()),
        }
    }
}

/// Looks for the streams, and notes where history ends if the projection has never run.
async fn begin(
    bus: &Bus,
    name: &str,
    target: &dyn Target,
    effects: &Effects,
    ledger: &Ledger,
) -> Result<BTreeMap<String, String>, ProjectionError> {
    let wanted = [target.wanted(), effects.wanted()].concat();
    let streams = streams_of(bus, name, &wanted).await?;
    let mut ends = BTreeMap::new();
    for (stream, filter) in &streams {
        let StreamExtent { last: sequence, created, .. } = extent(bus, name, stream, filter).await?;
        ends.insert(stream.clone(), StreamPosition { sequence, created, ..StreamPosition::default() });
    }
    ledger.begin(&ends).await?;
    effects.begin(ledger, &ends).await?;
    Ok(streams)
}

/// Which read models a program of this revision is to make: the one that serves, if it is of this revision, and the one that is to.
async fn plan(ledger: &Ledger, revision: u32) -> Result<Plan, ProjectionError> {
    let serving = ledger.serving().await?.value.unwrap_or_default();
    let wanted = ledger.wanted(revision).await?;
    let models = models(&serving, wanted, revision);
    Ok(Plan { serving, models })
}

/// The same, where this serves and that is wanted.
fn models(serving: &Serving, wanted: Generation, revision: u32) -> Vec<(Generation, Role)> {
    match serving.generation {
        Some(generation) if generation >= wanted && generation.revision == revision => vec![(generation, Role::Serves)],
        Some(generation) if generation.revision == revision => vec![(generation, Role::Serves), (wanted, Role::Builds)],
        Some(generation) if generation.revision > revision => {
            // What is kept of it is the one that served; what was to take its place is dropped by who serves.
            let kept = serving.previous.filter(|previous| previous.revision == revision);
            vec![(kept.unwrap_or(wanted), Role::Superseded)]
        }
        _ => vec![(wanted, Role::Builds)],
    }
}

/// Waits until this instance is to make other read models than it does.
async fn changed(common: &Common<'_>, revision: u32, before: &Plan) {
    loop {
        sleep(common.config.status_interval).await;
        if plan(&common.ledger, revision).await.is_ok_and(|now| now != *before) {
            return;
        }
    }
}

/// Does something again after what passes.
async fn again<V, F>(config: &ProjectionConfig, mut work: impl FnMut() -> F) -> Result<V, ProjectionError>
where
    F: Future<Output = Result<V, ProjectionError>>,
{
    let mut attempt = 0;
    loop {
        match work().await {
            Err(error) if error.may_pass() => {
                attempt += 1;
                tracing::warn!(%error, "a projection does not begin for now");
                sleep(config.delay(attempt)).await;
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_before_goes_on_with_what_served_and_not_with_what_is_dropped() {
        let of = |text: &str| text.parse::<Generation>().unwrap();
        let serving = |generation, previous: Option<&str>| Serving {
            generation: Some(of(generation)),
            previous: previous.map(of),
            ..Serving::default()
        };

        assert_eq!(models(&Serving::default(), of("1-1"), 1), [(of("1-1"), Role::Builds)]);
        assert_eq!(models(&serving("1-1", None), of("1-1"), 1), [(of("1-1"), Role::Serves)]);
        let rebuilt = models(&serving("1-1", None), of("1-2"), 1);
        assert_eq!(rebuilt, [(of("1-1"), Role::Serves), (of("1-2"), Role::Builds)]);
        // The rebuild of revision 1 had not ended when revision 2 began to serve.
        assert_eq!(models(&serving("2-1", Some("1-1")), of("1-2"), 1), [(of("1-1"), Role::Superseded)]);
        assert_eq!(models(&serving("3-1", Some("2-1")), of("1-2"), 1), [(of("1-2"), Role::Superseded)]);
        assert_eq!(models(&serving("1-1", None), of("2-1"), 2), [(of("2-1"), Role::Builds)]);
    }
}
