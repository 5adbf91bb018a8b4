//! What was seen, by the figures of services and the exporter.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::landscape::Landscape;
use crate::metrics;
use crate::prometheus::Sample;

/// Labels that may say which service a figure is of, in the order in which they are asked. Prometheus itself adds the last.
const SERVICE: [&str; 4] = ["service", "service_name", "exported_job", "job"];

/// The name of the node for whoever publishes what the catalogue gives to none.
pub(super) const SOMEBODY: &str = "somebody";

/// What was seen of each type, by service. Empty: nobody has looked.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    is_there: bool,
    /// By type, and whether it is requests: which service sent it how often; `""` where no label says which.
    sent: BTreeMap<(String, bool), BTreeMap<String, f64>>,
    /// By type, and whether it is requests: which service received it how often.
    received: BTreeMap<(String, bool), BTreeMap<String, f64>>,
    /// By consumer and type.
    dead: BTreeMap<(String, String), f64>,
    /// By saga and kind of event.
    turns: BTreeMap<(String, String), f64>,
}

/// What was seen and the catalogue does not declare.
#[derive(Debug, Clone, PartialEq)]
pub struct Undeclared {
    /// Which service.
    pub service: String,
    /// The type; or the subject, where it belongs to none.
    pub event: String,
    /// Whether it is a request.
    pub is_request: bool,
    /// Whether the service sent it. Otherwise it received it.
    pub is_sender: bool,
    /// How often.
    pub figure: Option<f64>,
}

impl Observed {
    /// What two looks at the same figures say, the second so much later: how often in a second.
    pub fn between(landscape: &Landscape, earlier: &[Sample], later: &[Sample], time: Duration) -> Self {
        // Several processes may have the same labels in one file: what they did together counts.
        let summed = |samples: &[Sample]| {
            let mut sums: BTreeMap<_, f64> = BTreeMap::new();
            for Sample { name, labels, value } in samples.iter().filter(|sample| sample.value.is_finite()) {
                *sums.entry((name.clone(), labels.clone())).or_default() += value;
            }
            sums
        };
        let (before, after) = (summed(earlier), summed(later));
        let seconds = time.as_secs_f64().max(f64::MIN_POSITIVE);
        let rates = after.into_iter().map(|(key, value)| {
            let before = before.get(&key).copied().unwrap_or_default();
            // A process that began anew counts from 0.
            let grown = if value >= before { value - before } else { value };
            let (name, labels) = key;
            let value = if name.ends_with("_total") { grown / seconds } else { value };
            Sample { name, labels, value }
        });
        Self::of(landscape, &rates.collect::<Vec<_>>())
    }

    /// What one look at figures says: how often, since the processes began.
    pub fn of(landscape: &Landscape, samples: &[Sample]) -> Self {
        let mut observed = Self { is_there: true, ..Self::default() };
        let named = |sample: &Sample| {
            let names = SERVICE.iter().filter_map(|label| sample.label(label));
            let mut names = names.filter(|name| landscape.service(name).is_some());
            names.next().map(str::to_owned).unwrap_or_default()
        };
        for sample in samples.iter().filter(|sample| sample.value.is_finite()) {
            let label = |name| sample.label(name).unwrap_or_default();
            let (operation, template) = (label("messaging_operation_name"), label("messaging_destination_template"));
            let typed =
                || landscape.event_of_subject(template).map_or_else(|| template.to_owned(), |event| event.name.clone());
            let group = label("messaging_consumer_group_name");
            if sample.name == metrics::SENT.name && sample.label("error_type").is_none() && !template.is_empty() {
                let of_type = observed.sent.entry((typed(), operation == "request")).or_default();
                *of_type.entry(named(sample)).or_default() += sample.value;
            } else if sample.name == metrics::CONSUMED.name && !template.is_empty() && !group.is_empty() {
                let of_type = observed.received.entry((typed(), operation == "answer")).or_default();
                *of_type.entry(group.to_owned()).or_default() += sample.value;
            } else if sample.name == metrics::DEAD_LETTERS.name {
                *observed.dead.entry((label("consumer").to_owned(), label("event").to_owned())).or_default() +=
                    sample.value;
            } else if sample.name == metrics::SAGA_TURNS.name {
                let key = (label("eventsmith_saga").to_owned(), label("eventsmith_happened").to_owned());
                *observed.turns.entry(key).or_default() += sample.value;
            }
        }
        observed
    }

    /// Whether nobody has looked.
    pub fn is_empty(&self) -> bool {
        !self.is_there
    }

    /// How often a service sent a type; `None` where nobody knows who sent it, or whether anybody did.
    pub(super) fn sent(&self, service: &str, event: &str, is_request: bool) -> Option<f64> {
        let by = self.sent.get(&(event.to_owned(), is_request))?;
        let is_attributed = by.keys().all(|name| !name.is_empty());
        is_attributed.then(|| by.get(service).copied().unwrap_or_default()).or_else(|| by.get("").copied())
    }

    /// How often a service received a type.
    pub(super) fn received(&self, service: &str, event: &str, is_request: bool) -> Option<f64> {
        self.received.get(&(event.to_owned(), is_request))?.get(service).copied()
    }

    /// How many dead letters a consumer has of a type.
    pub(super) fn dead(&self, service: &str, event: &str) -> f64 {
        self.dead.get(&(service.to_owned(), event.to_owned())).copied().unwrap_or_default()
    }

    /// What happened to a saga, by kind.
    pub(super) fn turns(&self, saga: &str) -> impl Iterator<Item = (&str, f64)> {
        self.turns.iter().filter(move |((of, _), _)| of == saga).map(|((_, kind), count)| (kind.as_str(), *count))
    }

    /// What was seen and is not declared.
    pub(super) fn undeclared(&self, landscape: &Landscape) -> Vec<Undeclared> {
        let mut found = Vec::new();
        for (seen, is_sender) in [(&self.sent, true), (&self.received, false)] {
            for ((event, is_request), by) in seen {
                for (service, figure) in by.iter().filter(|(service, figure)| !service.is_empty() && **figure > 0.0) {
                    let declared = landscape.service(service).map(|of| match (is_sender, is_request) {
                        (true, false) => &of.publishes,
                        (true, true) => &of.asks,
                        (false, false) => &of.consumes,
                        (false, true) => &of.handles,
                    });
                    if !declared.is_some_and(|types| types.contains(event)) {
                        found.push(Undeclared {
                            service: service.clone(),
                            event: event.clone(),
                            is_request: *is_request,
                            is_sender,
                            figure: Some(*figure),
                        });
                    }
                }
            }
        }
        let known: BTreeSet<&str> = landscape.events.iter().map(|event| event.name.as_str()).collect();
        // What nobody's label says who sent it is found if the catalogue does not know it at all.
        for ((event, is_request), by) in &self.sent {
            if let (Some(figure), false) = (by.get("").filter(|figure| **figure > 0.0), known.contains(event.as_str()))
            {
                let (service, event) = (SOMEBODY.to_owned(), event.clone());
                found.push(Undeclared {
                    service,
                    event,
                    is_request: *is_request,
                    is_sender: true,
                    figure: Some(*figure),
                });
            }
        }
        found
    }
}
