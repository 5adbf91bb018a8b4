//! Whether readers of one version understand the writers of another.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::bundle::bundled;
use crate::containment::{Compatibility, Prepared, decide};
use crate::load::Loaded;
use crate::model::{Version, VersionPart};
use crate::parallel::with_room;

/// Whether everything that writers of one schema file write is provably accepted by the other. `false` means: not
/// proved.
pub fn reads(loaded: &Loaded, reader: &str, writer: &str) -> bool {
    with_room(|| {
        let (writer, reader) = (bundled(loaded, writer), bundled(loaded, reader));
        let compatibility = decide(&Prepared::new(&writer), &Prepared::new(&reader));
        matches!(compatibility, Compatibility::Identical | Compatibility::Compatible)
    })
}

/// Whether callers of one version of a request understand what servers of a newer one answer. `None` where there is nothing to
/// understand: the newer version refuses nothing, or the older one expects no refusal and takes it for a failure.
pub(crate) fn callers_read(
    loaded: &Loaded,
    older: &Version,
    newer: &Version,
    part: VersionPart,
) -> Option<Compatibility> {
    let schema = |version: &Version| version.part(part).map(|file| bundled(loaded, file));
    let (reader, writer) = match (schema(older), schema(newer), part) {
        (None, None, _) | (None, Some(_), VersionPart::Error) | (Some(_), None, VersionPart::Error) => return None,
        (reader, writer, _) => (
            reader.unwrap_or_else(|| Cow::Owned(no_reply_read())),
            writer.unwrap_or_else(|| Cow::Owned(no_reply_written())),
        ),
    };
    Some(decide(&Prepared::new(&writer), &Prepared::new(&reader)))
}

/// What the runtime's `NoReply` accepts.
fn no_reply_read() -> Value {
    json!({"type": ["object", "null"]})
}

/// What the runtime's `NoReply` writes.
fn no_reply_written() -> Value {
    json!({"type": "object", "maxProperties": 0})
}
