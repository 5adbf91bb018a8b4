//! What became of a schema file that is gone: it may have another name now.

use serde_json::{Map, Value};

use crate::model::{Catalogue, Event, Version};

/// Keywords that people edit when they rename an event, and that say nothing of its payloads.
const OF_THE_NAME: [&str; 4] = ["$id", "title", "description", "x-event"];

/// The new event whose newest schema is that of one that is gone; `None` where there is none, or more than one.
pub(super) fn event<'a>(gone: &Event, previous: &Catalogue, current: &'a Catalogue) -> Option<&'a Event> {
    let schema = said(previous, gone.versions.last()?)?;
    let is_new = |event: &&Event| previous.event(&event.event_type).is_none();
    let is_same =
        |event: &&Event| event.versions.iter().any(|version| said(current, version).as_ref() == Some(&schema));
    let mut same = current.events.iter().filter(is_new).filter(is_same);
    same.next().filter(|_| same.next().is_none())
}

/// The version among some whose schema is that of one that is gone.
pub(super) fn version<'a>(
    (previous, gone): (&Catalogue, &Version),
    current: &Catalogue,
    mut among: impl Iterator<Item = &'a Version>,
) -> Option<&'a Version> {
    let schema = said(previous, gone)?;
    among.find(|version| said(current, version).as_ref() == Some(&schema))
}

/// What a schema says of payloads; `None` where that is nothing.
fn said(catalogue: &Catalogue, version: &Version) -> Option<Map<String, Value>> {
    let mut said = catalogue.documents.get(&version.file)?.schema.as_object()?.clone();
    OF_THE_NAME.iter().for_each(|keyword| drop(said.remove(*keyword)));
    (!said.is_empty()).then_some(said)
}
