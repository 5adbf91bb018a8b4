//! Tags: what tools group by.

use eventsmith_codegen::model::Event;
use serde_json::{Value, json};

/// The tags of what has to do with an event: its kind, and the group that its type begins with.
pub(super) fn tags(event: &Event) -> Value {
    let group = event.event_type.split_once('.').map(|(group, _)| group);
    let group = group.filter(|group| *group != event.kind.as_str());
    let names = [Some(event.kind.as_str()), group].into_iter().flatten();
    names.map(|name| json!({"name": name})).collect()
}
