//! Whether a user may do something, why, and what of the catalogue would change it.

use super::derive::Permissions;
use super::service;
use super::user::{Grant, Role, User, Verb};
use crate::landscape::{Landscape, Service};
use crate::subject::{covers, overlap};

/// What becomes of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<'a> {
    /// It may, by this.
    Allowed(&'a Grant),
    /// It may not, as this takes away what something else gives.
    Denied(&'a Grant),
    /// It may not, as nothing gives it.
    NotGranted,
}

/// What of a catalogue would change a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The list of the service, `publishes`.
    pub list: &'static str,
    /// What it would name there.
    pub name: String,
    /// The line of `eventsmith.toml` behind which that would stand.
    pub line: usize,
}

impl User {
    /// Whether it may publish or subscribe to a subject, which may have wildcards: then to all that it stands for.
    pub fn decide(&self, verb: Verb, subject: &str) -> Decision<'_> {
        let (grants, denied) = match verb {
            Verb::Publish => (&self.publish, self.publish_denied.as_slice()),
            Verb::Subscribe => (&self.subscribe, [].as_slice()),
        };
        let Some(grant) = grants.iter().find(|grant| covers(&grant.subject, subject)) else {
            return Decision::NotGranted;
        };
        match denied.iter().find(|denied| overlap(&denied.subject, subject)) {
            Some(denied) => Decision::Denied(denied),
            None => Decision::Allowed(grant),
        }
    }

    /// Whether it may.
    pub fn may(&self, verb: Verb, subject: &str) -> bool {
        matches!(self.decide(verb, subject), Decision::Allowed(_))
    }
}

impl Permissions {
    /// What one line more in the catalogue would let a service do something that it may not, the best first.
    pub fn hints(landscape: &Landscape, user: &User, verb: Verb, subject: &str) -> Vec<Hint> {
        let Some(own) = landscape.service(&user.name).filter(|_| user.role == Role::Service) else {
            return Vec::new();
        };
        let events = landscape.events.iter().filter(|event| !event.is_request);
        let requests = landscape.events.iter().filter(|event| event.is_request);
        let documents = landscape.streams.iter().filter_map(|stream| stream.document.as_ref());
        let publishes = events.clone().map(|event| ("publishes", &event.name));
        let requested = requests.flat_map(|request| [("asks", &request.name), ("handles", &request.name)]);
        let kept = documents.flat_map(|document| [("reads", document), ("writes", document)]);
        let found = publishes.chain(requested).chain(kept).filter_map(|(list, name)| {
            let more = with(own, list, name)?;
            let opens = service::user(landscape, &more).may(verb, subject);
            opens.then(|| Hint { list, name: name.clone(), line: own.line_of_list(list) })
        });
        found.collect()
    }
}

/// The service with one thing more; nothing where it has that.
fn with(service: &Service, list: &str, name: &str) -> Option<Service> {
    let mut more = service.clone();
    let names = match list {
        "publishes" => &mut more.publishes,
        "asks" => &mut more.asks,
        "handles" => &mut more.handles,
        "reads" => &mut more.reads,
        _ => &mut more.writes,
    };
    if names.iter().any(|own| own == name) {
        return None;
    }
    names.push(name.to_owned());
    Some(more)
}
