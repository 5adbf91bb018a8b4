//! What reaches users without a permission that names it: by durable consumers, and by reading single messages of streams.

use super::user::{Grant, Role, User};
use crate::landscape::Landscape;

/// What the durable consumers of a service deliver to it.
pub(super) fn delivered(landscape: &Landscape, user: Option<&User>) -> Vec<(String, Grant)> {
    let Some(service) = user.filter(|user| user.role == Role::Service).and_then(|user| landscape.service(&user.name))
    else {
        return Vec::new();
    };
    let consumed = service.consumes.iter().filter_map(|name| landscape.event(name));
    let grants = consumed.flat_map(|event| {
        let line = Some(service.line_of("consumes", &event.name));
        let reason = format!("it consumes {}", event.name);
        let stream = landscape.streams_of(event).next().map(|stream| stream.name.clone()).unwrap_or_default();
        event
            .subjects
            .iter()
            .map(move |subject| (stream.clone(), Grant { subject: subject.clone(), reason: reason.clone(), line }))
    });
    grants.collect()
}

/// What a service may read of streams, message by message: whatever they capture.
pub(super) fn readable(landscape: &Landscape, user: Option<&User>) -> Vec<(String, Grant)> {
    let Some(user) = user.filter(|user| user.role == Role::Service) else { return Vec::new() };
    let mut all = Vec::new();
    for stream in &landscape.streams {
        let get = format!("$JS.API.STREAM.MSG.GET.{}", stream.name);
        let Some(grant) = user.publish.iter().find(|grant| grant.subject == get) else { continue };
        all.extend(stream.subjects.iter().map(|subject| {
            let reason = format!("{} captures it, which it reads as {}", stream.name, grant.reason);
            (stream.name.clone(), Grant { subject: subject.clone(), reason, line: grant.line })
        }));
    }
    all
}
