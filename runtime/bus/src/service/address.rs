//! Where an answer may go.

use eventsmith_event::event::Kind;

use super::route::Route;

/// What of a catalogue is not described by a kind: its dead letters.
const DEAD_LETTERS: &str = "dlq";

/// Whether what is asked on any of these routes may be answered there. The server guards no reply subject: one could be named that we
/// may publish to and who asks may not, such as a key of a bucket, a command or an event. Inboxes are nothing of the kind, and begin
/// with an underscore: `_INBOX` or what a client puts in its place, `_R_` where another account asks, `_GR_` where another cluster does.
pub(super) fn may_answer<'a>(reply: &str, mut routes: impl Iterator<Item = &'a Route>) -> bool {
    reply.starts_with('_') && !routes.any(|route| route.is_for(reply) || is_of_catalogue(reply, route))
}

/// Whether a subject is one of the catalogue that a route is of.
fn is_of_catalogue(subject: &str, route: &Route) -> bool {
    let kinds = [Kind::Domain, Kind::Integration, Kind::Command, Kind::Query, Kind::State].map(Kind::as_str);
    let root = root_of(route.subject, route.kind);
    let below = root.and_then(|root| subject.strip_prefix(root)).and_then(|rest| rest.strip_prefix('.'));
    let first = below.and_then(|below| below.split('.').next());
    first.is_some_and(|first| first == DEAD_LETTERS || kinds.contains(&first))
}

/// What stands before the kind in the subject of a request; nothing where its schema names another subject.
fn root_of(subject: &'static str, kind: Kind) -> Option<&'static str> {
    subject.split_once(&format!(".{}.", kind.as_str())).map(|(root, _)| root)
}
