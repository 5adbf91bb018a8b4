//! One document of a read model in a bucket: with what was projected into it, in one message.

use std::collections::BTreeMap;

use eventsmith_bus::bucket::{Content, removal};
use eventsmith_bus::transport::{Headers, StreamMessage};
use eventsmith_event::clip::clip;
use eventsmith_event::envelope::parse_version;
use eventsmith_event::event::State;

use crate::confine::confined;

/// The last event of each stream that was projected into the document: `STREAM=SEQUENCE`, with spaces between.
pub(crate) const PROJECTED: &str = "Eventsmith-Projected";

/// A document, or that there is none, and how far it is.
#[derive(Debug)]
pub(crate) struct Document<S> {
    pub(crate) value: Option<S>,
    /// The last event of each stream that was projected into it.
    pub(crate) positions: BTreeMap<String, u64>,
    /// What a write has to name that replaces it; 0 if there is nothing.
    pub(crate) revision: u64,
}

impl<S> Document<S> {
    /// Where nothing was projected yet.
    pub(crate) fn none() -> Self {
        Self { value: None, positions: BTreeMap::new(), revision: 0 }
    }

    /// Whether it has an event already.
    pub(crate) fn has(&self, stream: &str, sequence: u64) -> bool {
        self.positions.get(stream).is_some_and(|position| *position >= sequence)
    }
}

impl<S: State> Document<S> {
    /// Reads what the bucket holds; the error says why that is no document of a projection.
    pub(crate) fn read(stored: &StreamMessage) -> Result<Self, String> {
        let headers = &stored.message.headers;
        if let Some(malformed) = headers.malformed() {
            return Err(malformed.explanation());
        }
        let revision = stored.sequence;
        let positions = headers.get(PROJECTED).map(read_positions);
        if removal(headers).is_some() {
            // One that somebody else removed is gone for the projection, too: only what it removed itself says how far it was.
            return Ok(Self { value: None, positions: positions.flatten().unwrap_or_default(), revision });
        }
        let positions = positions.ok_or_else(|| format!("it has no header {PROJECTED}"))?;
        let positions = positions.ok_or_else(|| format!("its header {PROJECTED} cannot be read"))?;
        let version =
            headers.get(Headers::VERSION).map_or(Some(S::VERSION), parse_version).ok_or("its version is none")?;
        let decoded = confined(|| S::decode(version, &stored.message.payload));
        let value = decoded.map_err(|panic| format!("decoding it panicked: {panic}"))?;
        Ok(Self { value: Some(value.map_err(|error| clip(error.to_string()))?), positions, revision })
    }

    /// What is written of it.
    pub(crate) fn content(&self) -> Result<Content, serde_json::Error> {
        let content = match &self.value {
            Some(value) => Content::of(S::TYPE, S::VERSION, serde_json::to_vec(value)?.into()),
            None => Content::delete(),
        };
        Ok(content.with_header(PROJECTED, &written(&self.positions)))
    }
}

fn written(positions: &BTreeMap<String, u64>) -> String {
    let each: Vec<String> = positions.iter().map(|(stream, sequence)| format!("{stream}={sequence}")).collect();
    each.join(" ")
}

fn read_positions(text: &str) -> Option<BTreeMap<String, u64>> {
    let read = |part: &str| {
        let (stream, sequence) = part.rsplit_once('=')?;
        Some((stream.to_owned(), sequence.parse().ok()?))
    };
    text.split(' ').filter(|part| !part.is_empty()).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_they_are_written() {
        let positions = BTreeMap::from([("RULES".to_owned(), 7), ("OTHER=1".to_owned(), 1)]);

        assert_eq!(read_positions(&written(&positions)), Some(positions));
        assert_eq!(read_positions(""), Some(BTreeMap::new()));
        for text in ["RULES", "RULES=", "RULES=x", "RULES=1 x"] {
            assert_eq!(read_positions(text), None, "{text}");
        }
    }
}
