//! Rules calculation keeps the figures of rule usage.
//!
//! It counts what evaluations told, in memory, from when it started: figures are for people, and are forgotten as the events are.

mod figures;

use eventsmith::{Bus, HandlerError, NoRefusal, Received, Refusal};
use rules_events::evaluation::{EvaluationCompleted, EvaluationFailed};
use rules_events::metrics::{MetricsSummary, MetricsSummaryReply};

use crate::parts::{Parts, with};
use figures::Figures;

/// The parts of the service.
pub fn parts(bus: &Bus) -> Parts {
    let figures = Figures::default();
    Parts::answering(bus.service("rules-calculation").answer(with(&figures, summary)))
        .consuming(bus.consumer("rules-calculation").on(with(&figures, completed)).on(with(&figures, failed)))
}

async fn completed(figures: Figures, event: Received<EvaluationCompleted>) -> Result<(), HandlerError> {
    figures.completed(&event);
    Ok(())
}

async fn failed(figures: Figures, event: Received<EvaluationFailed>) -> Result<(), HandlerError> {
    figures.failed(event.failed_at.timestamp());
    Ok(())
}

async fn summary(figures: Figures, asked: Received<MetricsSummary>) -> Result<MetricsSummaryReply, Refusal<NoRefusal>> {
    Ok(figures.summary(&asked)?)
}
