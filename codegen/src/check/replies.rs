//! The buckets in which services keep their answers to idempotent commands. Provisioning adds them, and no manifest declares them.

use crate::model::Catalogue;

/// Every service that answers an idempotent command, after the name of its bucket.
pub(super) fn buckets(catalogue: &Catalogue) -> impl Iterator<Item = (String, &str)> {
    let is_idempotent = |event_type: &str| {
        let event = catalogue.event(event_type);
        event.is_some_and(|event| event.versions.iter().any(|version| version.idempotent.is_some()))
    };
    let services = catalogue.manifest.services.iter();
    let keeping =
        services.filter(move |(_, service)| service.handles.iter().any(|handled| is_idempotent(handled.get_ref())));
    keeping.map(|(name, _)| (format!("REPLIES_{}", name.get_ref()), name.get_ref().as_str()))
}
