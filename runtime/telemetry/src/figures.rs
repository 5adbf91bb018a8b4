//! The metrics that components are asked for, whenever somebody collects them.

use eventsmith_bus::observe::{ComponentKind, ComponentState, Figure, FigureKind};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use crate::components::Components;
use crate::names::{self, Metric, MetricKind};

/// The states of a breaker, by the value of its figure.
const BREAKER_STATES: [&str; 3] = ["closed", "open", "half_open"];

/// A value and its labels.
type Sample = (u64, Vec<KeyValue>);

/// Registers them. They are asked for as long as the provider of the meter lives.
pub(crate) fn register(meter: &Meter, components: &Components) {
    let of_kind = |kind: FigureKind, only: ComponentKind, label: fn(&str, &Figure) -> Vec<KeyValue>| {
        move |components: &Components| {
            let mut samples = Vec::new();
            for component in components.all().iter().filter(|component| component.kind() == only) {
                let name = component.name();
                let figures = component.figures().into_iter().filter(|figure| figure.kind == kind);
                samples.extend(figures.map(|figure| (figure.value, label(&name, &figure))));
            }
            samples
        }
    };
    let by_stream = |name: &str, figure: &Figure| {
        vec![KeyValue::new(names::CONSUMER, name.to_owned()), KeyValue::new(names::STREAM, figure.of.clone())]
    };
    let by_name = |name: &str, _: &Figure| vec![KeyValue::new(names::CONSUMER, name.to_owned())];
    let consumers = [
        (&names::LAG, FigureKind::Lag, by_stream as fn(&str, &Figure) -> Vec<KeyValue>),
        (&names::ACK_PENDING, FigureKind::AckPending, by_stream),
        (&names::WAITING, FigureKind::Waiting, by_stream),
        (&names::RUNNING, FigureKind::Running, by_stream),
        (&names::CONCURRENCY, FigureKind::Concurrency, by_stream),
        (&names::PREFETCH, FigureKind::Prefetch, by_stream),
        (&names::RETRIES_WAITING, FigureKind::RetriesWaiting, by_name),
        (&names::DROPPED_UNREAD, FigureKind::DroppedUnread, by_name),
        (&names::NOT_DEAD_LETTERED, FigureKind::NotDeadLettered, by_name),
        (&names::STALLS, FigureKind::Stalls, by_name),
    ];
    for (metric, kind, label) in consumers {
        observe(meter, metric, components, of_kind(kind, ComponentKind::Consumer, label));
    }
    observe(meter, &names::UNDER_WAY, components, of_kind(FigureKind::Running, ComponentKind::Service, by_name));
    let projection = |name: &str, _: &Figure| vec![KeyValue::new(names::PROJECTION, name.to_owned())];
    observe(meter, &names::PROJECTION_LAG, components, of_kind(FigureKind::Lag, ComponentKind::Projection, projection));
    observe(
        meter,
        &names::RECONNECTS,
        components,
        of_kind(FigureKind::Losses, ComponentKind::Connection, |_, _| Vec::new()),
    );
    observe(meter, &names::BREAKER_STATE, components, breakers);
    observe(meter, &names::COMPONENT_UP, components, at_work);
    observe(meter, &names::CONNECTION_UP, components, |components| {
        let connections =
            components.all().into_iter().filter(|component| component.kind() == ComponentKind::Connection);
        connections.map(|connection| (u64::from(connection.state() == ComponentState::Working), Vec::new())).collect()
    });
}

/// 1 for the state that each breaker is in.
fn breakers(components: &Components) -> Vec<Sample> {
    let mut samples = Vec::new();
    for component in components.all() {
        let name = component.name();
        for figure in component.figures().into_iter().filter(|figure| figure.kind == FigureKind::Breaker) {
            samples.extend(BREAKER_STATES.iter().zip(0..).map(|(state, value)| {
                let labels = vec![
                    KeyValue::new(names::CONSUMER, name.clone()),
                    KeyValue::new(names::BREAKER, figure.of.clone()),
                    KeyValue::new(names::STATE, *state),
                ];
                (u64::from(figure.value == value), labels)
            }));
        }
    }
    samples
}

/// 1 for each component that is at work. The connection has a metric of its own.
fn at_work(components: &Components) -> Vec<Sample> {
    let all = components.all().into_iter().filter(|component| component.kind() != ComponentKind::Connection);
    let sample = |component: std::sync::Arc<dyn eventsmith_bus::observe::Component>| {
        let labels = vec![
            KeyValue::new(names::COMPONENT_KIND, component.kind().as_str()),
            KeyValue::new(names::COMPONENT, component.name()),
        ];
        (u64::from(component.state() == ComponentState::Working), labels)
    };
    all.map(sample).collect()
}

fn observe(
    meter: &Meter,
    metric: &Metric,
    components: &Components,
    samples: impl Fn(&Components) -> Vec<Sample> + Send + Sync + 'static,
) {
    let components = components.clone();
    // What is at work twice under one name is so far as the worse of both is; all else adds up.
    let is_worst = [names::COMPONENT_UP.name, names::CONNECTION_UP.name].contains(&metric.name);
    let callback = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<u64>| {
        let mut merged: Vec<Sample> = Vec::new();
        for (value, labels) in samples(&components) {
            match merged.iter_mut().find(|(_, other)| *other == labels) {
                Some((before, _)) if is_worst => *before = value.min(*before),
                Some((before, _)) => *before += value,
                None => merged.push((value, labels)),
            }
        }
        for (value, labels) in merged {
            observer.observe(value, &labels);
        }
    };
    let Metric { name, unit, description, kind, .. } = *metric;
    match kind {
        MetricKind::Counter => {
            let builder = meter.u64_observable_counter(name).with_unit(unit).with_description(description);
            let _ = builder.with_callback(callback).build();
        }
        MetricKind::Gauge | MetricKind::Histogram => {
            let builder = meter.u64_observable_gauge(name).with_unit(unit).with_description(description);
            let _ = builder.with_callback(callback).build();
        }
    }
}
