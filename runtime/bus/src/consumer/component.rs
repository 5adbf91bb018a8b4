//! How a consumer fares, for whoever asks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::breaker::BreakerState;
use super::monitor::{Monitor, Summary};
use crate::observe::{Component, ComponentKind, ComponentState, Figure, FigureKind};

/// A consumer, as observers meet it.
pub(super) struct ConsumerComponent {
    pub(super) name: String,
    pub(super) monitor: Monitor,
}

impl Component for ConsumerComponent {
    fn kind(&self) -> ComponentKind {
        ComponentKind::Consumer
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn state(&self) -> ComponentState {
        self.monitor.state().get()
    }

    fn trouble(&self) -> Option<String> {
        self.monitor.dead_letter_error().map(|error| format!("dead letters are not stored: {error}"))
    }

    fn figures(&self) -> Vec<Figure> {
        let Summary { dropped_unread, not_dead_lettered, stalled, .. } = self.monitor.summary();
        let figure = |kind, value| Figure { kind, of: String::new(), value };
        let mut figures = vec![
            figure(FigureKind::DroppedUnread, dropped_unread),
            figure(FigureKind::NotDeadLettered, not_dead_lettered),
            figure(FigureKind::Stalls, stalled),
            figure(FigureKind::RetriesWaiting, self.monitor.waiting_for_retry() as u64),
        ];
        figures.extend(self.monitor.breakers().map(|(name, state)| breaker_figure(name, state)));
        for stream in self.monitor.streams() {
            let (waiting, running) = (stream.in_hand)();
            let seen = |of: &AtomicU64| Some(of.load(Relaxed)).filter(|value| *value != u64::MAX);
            let all = [
                (FigureKind::Lag, seen(&stream.lag)),
                (FigureKind::AckPending, seen(&stream.ack_pending)),
                (FigureKind::Waiting, Some(waiting as u64)),
                (FigureKind::Running, Some(running as u64)),
                (FigureKind::Concurrency, Some(stream.concurrency as u64)),
                (FigureKind::Prefetch, Some(stream.prefetch as u64)),
            ];
            let known = all.into_iter().filter_map(|(kind, value)| Some((kind, value?)));
            figures.extend(known.map(|(kind, value)| Figure { kind, of: stream.stream.clone(), value }));
        }
        figures
    }
}

/// A breaker as a figure.
pub(crate) fn breaker_figure(name: &str, state: BreakerState) -> Figure {
    let value = match state {
        BreakerState::Closed => 0,
        BreakerState::Open => 1,
        BreakerState::HalfOpen => 2,
    };
    Figure { kind: FigureKind::Breaker, of: name.to_owned(), value }
}
