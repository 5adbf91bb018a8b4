//! Commands by their ids: which of them a history holds the events of already.

use std::fmt::Write;

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::error::StateError;
use crate::record::Record;

/// How many of the last commands before a snapshot are remembered with it.
const REMEMBERED: usize = 64;
/// The longest id of a command, in bytes.
const LONGEST: usize = 256;

/// The commands whose events a history holds, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Commands(Vec<Executed>);

/// A command, and the events that it made.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Executed {
    digest: String,
    /// The number of its first event.
    first: u64,
    /// How many there are.
    count: u64,
}

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
        for record in records {
            let Some(id) = &record.command_id else { continue };
            let digest = digest(id);
            match self.0.last_mut() {
                Some(last) if last.digest == digest && last.first + last.count == record.number => last.count += 1,
                _ => self.0.push(Executed { digest, first: record.number, count: 1 }),
            }
        }
    }

    /// Adds one, with the number of its first event and how many there are.
    pub(crate) fn push(&mut self, id: &str, first: u64, count: u64) {
        self.0.push(Executed { digest: digest(id), first, count });
    }

    /// The number of the first and the last event of a command, if it made any.
    pub(crate) fn find(&self, id: &str) -> Option<(u64, u64)> {
        let digest = digest(id);
        let found = self.0.iter().rev().find(|executed| executed.digest == digest)?;
        Some((found.first, found.first + found.count - 1))
    }

    /// The last of them as a text.
    pub(crate) fn written(&self) -> String {
        let last = &self.0[self.0.len().saturating_sub(REMEMBERED)..];
        let each = last.iter().map(|Executed { digest, first, count }| format!("{digest}:{first}:{count}"));
        each.collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`written`](Self::written) gives.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let each = text.split_whitespace().map(|executed| {
            let mut parts = executed.split(':');
            let (digest, first, count) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let first: u64 = first;
            (count > 0 && first.checked_add(count).is_some()).then(|| Executed {
                digest: digest.to_owned(),
                first,
                count,
            })
        });
        each.collect::<Option<_>>().map(Self)
    }
}

/// Stands for an id, so that however long it is, and whatever it holds, many of them fit into a header.
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
        for number in 1..=100 {
            let digest = digest(&format!("c-{number}"));
            commands.0.push(Executed { digest, first: 2 * number - 1, count: 2 });
        }

        let read = Commands::read(&commands.written()).unwrap();

        assert_eq!(read.0.len(), REMEMBERED);
        assert_eq!(read.find("c-100"), Some((199, 200)));
        assert_eq!((read.find("c-1"), commands.find("c-1")), (None, Some((1, 2))));
        for text in ["a:1", "a:1:0", "a:18446744073709551615:2"] {
            assert!(Commands::read(text).is_none(), "{text}");
        }
        assert_eq!(Commands::read("").unwrap().find("c"), None);
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
