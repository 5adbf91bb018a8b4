//! The messages of an AsyncAPI document: which there are, where they are sent, by whom and in answer to what.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::notes::Notes;
use super::source::{Place, Source};

/// What the document says of a message beside the message itself.
#[derive(Debug, Default)]
pub(super) struct Use {
    /// Names that it has where it is used, the best one first.
    pub(super) names: Vec<String>,
    /// The addresses of the channels, each with its parameters.
    pub(super) channels: BTreeMap<String, Place>,
    /// Who sends it, and who receives it.
    pub(super) senders: BTreeSet<String>,
    pub(super) receivers: BTreeSet<String>,
    /// What it is answered with; nothing if it is no request.
    pub(super) replies: Option<Vec<Place>>,
    /// Whether it answers one.
    pub(super) is_reply: bool,
}

/// All messages by their places.
pub(super) type Messages = BTreeMap<Place, Use>;

/// Collects the messages of a document. `service` is whom it describes.
pub(super) fn messages(
    source: &mut Source<'_>,
    root: &Place,
    is_v2: bool,
    service: &str,
    notes: &mut Notes,
) -> Result<Messages, String> {
    let mut all = Messages::new();
    if is_v2 {
        of_v2(source, root, service, &mut all, notes)?
    } else {
        of_v3(source, root, service, &mut all, notes)?
    }
    for message in source.children(&root.below("components").below("messages"))? {
        if let Some(place) = followed(source, &message, notes) {
            all.entry(place).or_default().names.push(message.name());
        }
    }
    Ok(all)
}

fn followed(source: &mut Source<'_>, place: &Place, notes: &mut Notes) -> Option<Place> {
    source.follow(place).map_err(|reason| notes.add(place, &format!("is left out: {reason}"))).ok()
}

/// A text below a place.
pub(super) fn text(source: &mut Source<'_>, place: &Place, member: &str) -> Result<Option<String>, String> {
    let value = source.at(&place.below(member))?;
    Ok(value.and_then(Value::as_str).map(ToOwned::to_owned))
}

/// Until 3.0 a channel has two operations, named from the side of whoever uses the service.
fn of_v2(
    source: &mut Source<'_>,
    root: &Place,
    service: &str,
    all: &mut Messages,
    notes: &mut Notes,
) -> Result<(), String> {
    for channel in source.children(&root.below("channels"))? {
        let address = channel.name();
        let Some(item) = followed(source, &channel, notes) else { continue };
        for (operation, sends) in [("subscribe", true), ("publish", false)] {
            let operation = item.below(operation);
            if source.at(&operation)?.is_none() {
                continue;
            }
            let Some(operation) = followed(source, &operation, notes) else { continue };
            let message = operation.below("message");
            let several = source.children(&message.below("oneOf"))?;
            let given = source.at(&message)?.is_some();
            let messages = if several.is_empty() && given { vec![message] } else { several };
            let id = text(source, &operation, "operationId")?;
            for message in messages {
                let Some(place) = followed(source, &message, notes) else { continue };
                let used = all.entry(place).or_default();
                used.names.extend(id.clone().filter(|_| message.name() == "message"));
                used.channels.insert(address.clone(), item.below("parameters"));
                let side = if sends { &mut used.senders } else { &mut used.receivers };
                side.insert(service.to_owned());
            }
        }
    }
    Ok(())
}

fn of_v3(
    source: &mut Source<'_>,
    root: &Place,
    service: &str,
    all: &mut Messages,
    notes: &mut Notes,
) -> Result<(), String> {
    for channel in source.children(&root.below("channels"))? {
        let Some(channel) = followed(source, &channel, notes) else { continue };
        for message in of_channel(source, &channel, all, notes)? {
            all.entry(message).or_default();
        }
    }
    for operation in source.children(&root.below("operations"))? {
        let Some(operation) = followed(source, &operation, notes) else { continue };
        let Some(channel) = followed(source, &operation.below("channel"), notes) else { continue };
        let of_channel_too = of_channel(source, &channel, all, notes)?;
        let messages = listed(source, &operation, of_channel_too, notes)?;
        let extension = operation.below("x-eventsmith");
        let own = text(source, &extension, "service")?;
        let service = own.as_deref().unwrap_or(service);
        let sends = text(source, &operation, "action")?.as_deref() == Some("send");
        let reply = operation.below("reply");
        let replies = match source.at(&reply)?.is_some() {
            false => None,
            true => match followed(source, &reply, notes) {
                None => Some(Vec::new()),
                Some(reply) => {
                    let channel = reply.below("channel");
                    let of_channel = match source.at(&channel)?.is_some() {
                        true => match followed(source, &channel, notes) {
                            Some(channel) => of_channel(source, &channel, all, notes)?,
                            None => Vec::new(),
                        },
                        false => Vec::new(),
                    };
                    Some(listed(source, &reply, of_channel, notes)?)
                }
            },
        };
        for reply in replies.iter().flatten() {
            all.entry(reply.clone()).or_default().is_reply = true;
        }
        for message in messages {
            let used = all.entry(message).or_default();
            let side = if sends { &mut used.senders } else { &mut used.receivers };
            side.insert(service.to_owned());
            if let Some(replies) = &replies {
                used.replies.get_or_insert_with(|| replies.clone());
            }
        }
    }
    Ok(())
}

/// The messages of a channel, which are noted to be sent there.
fn of_channel(
    source: &mut Source<'_>,
    channel: &Place,
    all: &mut Messages,
    notes: &mut Notes,
) -> Result<Vec<Place>, String> {
    let address = text(source, channel, "address")?;
    let mut found = Vec::new();
    for message in source.children(&channel.below("messages"))? {
        let Some(place) = followed(source, &message, notes) else { continue };
        let used = all.entry(place.clone()).or_default();
        used.names.push(message.name());
        if let Some(address) = &address {
            used.channels.insert(address.clone(), channel.below("parameters"));
        }
        found.push(place);
    }
    Ok(found)
}

/// The messages that an operation or a reply lists, or else all of its channel.
fn listed(
    source: &mut Source<'_>,
    of: &Place,
    of_channel: Vec<Place>,
    notes: &mut Notes,
) -> Result<Vec<Place>, String> {
    let listed = source.children(&of.below("messages"))?;
    if listed.is_empty() {
        return Ok(of_channel);
    }
    Ok(listed.iter().filter_map(|message| followed(source, message, notes)).collect())
}
