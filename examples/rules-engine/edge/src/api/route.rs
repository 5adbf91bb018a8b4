//! Which requests there are, and where each is asked.

use eventsmith::Kind;
use eventsmith::catalogue::EventDescriptor;

/// The commands and queries of a catalogue, each in its newest version.
pub(super) fn newest(catalogue: &'static [EventDescriptor]) -> impl Iterator<Item = &'static EventDescriptor> {
    let is_newest = |described: &&EventDescriptor| {
        let same = |other: &&EventDescriptor| other.kind == described.kind && other.event_type == described.event_type;
        !catalogue.iter().filter(same).any(|other| other.version > described.version)
    };
    let requests = catalogue.iter().filter(|described| matches!(described.kind, Kind::Command | Kind::Query));
    requests.filter(move |described| is_newest(described))
}

/// `/commands/rule/activate`.
pub(super) fn path(described: &EventDescriptor) -> String {
    let kind = if described.kind == Kind::Command { "commands" } else { "queries" };
    format!("/{kind}/{}", described.event_type.replace('.', "/"))
}
