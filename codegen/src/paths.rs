//! Which payloads are decoded without the validator, and which keywords prevent it for the others.

use crate::diagnostic::Position;
use crate::generate::types_apart;
use crate::load::Loaded;
use crate::model::{Event, Version, VersionPart};
use crate::pointer::join;
use crate::shape::Gap;

/// How one payload is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The type of the event.
    pub event_type: String,
    /// Its version.
    pub version: u32,
    /// Whether it is the version itself, or what it is answered with.
    pub part: VersionPart,
    /// What neither type nor check expresses, in the order of the schema. None: the payload takes the fast path.
    pub causes: Vec<Cause>,
}

/// A keyword that only the validator checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The keyword.
    pub keyword: String,
    /// The file, relative to the catalogue's folder.
    pub file: String,
    /// JSON pointer of the keyword in it.
    pub pointer: String,
    /// Line and column of the keyword.
    pub position: Option<Position>,
}

/// How every payload of a sound catalogue is decoded: the versions of all events, each followed by its answers.
pub fn paths(loaded: &Loaded) -> Vec<Path> {
    let program = types_apart(loaded);
    let of_version = |(event, version): (&Event, &Version)| {
        let of_part = |(part, file): (VersionPart, &String)| {
            let gaps = program.root_of(file).map(|root| program.gaps(root)).unwrap_or_default();
            Path {
                event_type: event.event_type.clone(),
                version: version.number,
                part,
                causes: gaps.into_iter().map(|gap| cause(loaded, gap)).collect(),
            }
        };
        version.parts().map(of_part).collect::<Vec<_>>()
    };
    loaded.catalogue.versions().flat_map(of_version).collect()
}

fn cause(loaded: &Loaded, gap: &Gap) -> Cause {
    let document = loaded.catalogue.documents.get(&gap.location.file);
    let at_keyword = join(&gap.location.pointer, &gap.keyword);
    // A boolean schema has no keywords.
    let has_keyword = document.is_some_and(|document| document.schema.pointer(&at_keyword).is_some());
    let pointer = if has_keyword { at_keyword } else { gap.location.pointer.clone() };
    Cause {
        keyword: gap.keyword.clone(),
        file: gap.location.file.clone(),
        position: document.and_then(|document| document.position(&pointer)),
        pointer,
    }
}
