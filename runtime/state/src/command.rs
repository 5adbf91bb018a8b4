//! Commands by their ids: which of them a history holds the events of already.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::error::StateError;
use crate::record::Record;

/// How many of the last commands before a snapshot are remembered with it: 3 KiB of a header.
const REMEMBERED: usize = 256;
/// The longest id of a command, in bytes.
const LONGEST: usize = 256;
/// How many characters stand for an id.
const MARK: usize = 11;

/// The commands whose events a history holds, in order, each as a mark of its id. Where two ids have one mark, the history is read
/// in vain, and says so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Commands(Vec<String>);

/// Whether a header can say which command it was.
pub(crate) fn check(id: &str) -> Result<(), StateError> {
    let is_legal = !id.is_empty() && id.len() <= LONGEST && id.bytes().all(|byte| byte.is_ascii_graphic());
    if is_legal { Ok(()) } else { Err(StateError::CommandId { id: eventsmith_event::clip::clip(id.to_owned()) }) }
}

/// The id of a command that a message leads to. Whoever sends messages may give them ids that are none of a command.
pub(crate) fn command_id(message_id: &str, purpose: &str) -> String {
    let id = format!("{message_id}/{purpose}");
    if check(&id).is_ok() { id } else { digest(&id) }
}

/// The id of an event that a command makes: the same whoever executes it, so that a server which remembers ids stores it once.
pub(crate) fn event_id(aggregate: &str, id: &str, command_id: &str, index: u64) -> Uuid {
    let mut hash = Sha256::new();
    for part in [aggregate, id, command_id] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(index.to_be_bytes());
    let hash = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

impl Commands {
    /// Adds those of more events.
    pub(crate) fn extend(&mut self, records: &[Record]) {
        let mut before = None;
        for id in records.iter().filter_map(|record| record.command_id.as_deref()) {
            if before != Some(id) {
                self.push(id);
            }
            before = Some(id);
        }
    }

    /// Adds one.
    pub(crate) fn push(&mut self, id: &str) {
        self.0.push(mark(id));
    }

    /// Whether a command is among them, as it seems.
    pub(crate) fn contains(&self, id: &str) -> bool {
        let mark = mark(id);
        self.0.iter().rev().any(|known| *known == mark)
    }

    /// The last of them as a text.
    pub(crate) fn written(&self) -> String {
        self.0[self.0.len().saturating_sub(REMEMBERED)..].join(" ")
    }

    /// Reads what [`written`](Self::written) gives.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let is_mark = |text: &str| text.len() == MARK && text.bytes().all(|byte| byte.is_ascii_graphic());
        let each = text.split_whitespace().map(|text| is_mark(text).then(|| text.to_owned()));
        each.collect::<Option<_>>().map(Self)
    }
}

/// Stands for an id where many of them have to fit into a header.
fn mark(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(id)[..8])
}

/// Stands for an id that cannot be one of a command.
fn digest(id: &str) -> String {
    let mut text = String::with_capacity(32);
    for byte in &Sha256::digest(id)[..16] {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_bounded() {
        let mut commands = Commands::default();
        (1..=300).for_each(|number| commands.push(&format!("c-{number}")));

        let written = commands.written();
        let read = Commands::read(&written).unwrap();

        assert_eq!((read.0.len(), written.len()), (REMEMBERED, REMEMBERED * (MARK + 1) - 1));
        assert!(read.contains("c-300") && read.contains("c-45"));
        assert!(!read.contains("c-44") && commands.contains("c-1"));
        // The second is as releases wrote them before.
        for text in ["short", "0123456789abcdef0123456789abcdef:1:2", "0123456789\u{e9}"] {
            assert!(Commands::read(text).is_none(), "{text}");
        }
        assert!(!Commands::read("").unwrap().contains("c"));
    }

    #[test]
    fn an_event_of_a_command_has_one_id() {
        let id = event_id("rule", "r1", "c1", 0);

        assert_eq!(id, event_id("rule", "r1", "c1", 0));
        assert_eq!(id.get_version_num(), 8);
        for other in [event_id("rule", "r1", "c1", 1), event_id("rule", "r1c", "1", 0), event_id("rule", "r2", "c1", 0)]
        {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn commands_of_one_message_have_ids_of_their_own() {
        assert_eq!(command_id("m-1", "loyalty/earn"), "m-1/loyalty/earn");
        for message_id in ["", "a b", "ü", &"a".repeat(300)] {
            assert!(check(&command_id(message_id, "earn")).is_ok(), "{message_id:?}");
            assert_ne!(command_id(message_id, "earn"), command_id(message_id, "spend"));
        }
    }

    #[test]
    fn an_id_of_a_command_fits_into_a_header() {
        assert!(check("019cadab-23b8-7c3a-9e21-4f6d8a0b7c15").is_ok());
        for id in ["", "a b", "a\r\nb", "ü", &"a".repeat(257)] {
            assert!(check(id).is_err(), "{id:?}");
        }
    }
}
