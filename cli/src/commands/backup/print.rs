//! What a backup holds, for people and programs; and the hashes of schemas.

use std::collections::BTreeMap;
use std::io::Write as _;

use eventsmith::admin::{BackedUpStream, Manifest};
use eventsmith_codegen::Loaded;
use eventsmith_codegen::bundle::bundle_text;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::output::{Out, counted};

/// The hash of each schema, by type and version: that of the text which services tell the hash of, too.
pub(super) fn schemas(loaded: &Loaded) -> BTreeMap<String, String> {
    let versions = loaded.catalogue.events.iter().flat_map(|event| event.versions.iter().map(move |it| (event, it)));
    let hashes = versions.map(|(event, version)| {
        let text = bundle_text(loaded, &version.file);
        (format!("{}@{}", event.event_type, version.number), hash(text.as_bytes()))
    });
    hashes.collect()
}

/// The SHA-256 of a text, in hexadecimal.
pub(super) fn hash(text: &[u8]) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number of bytes for people.
pub(super) fn counted_bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut shown = (bytes as f64, "bytes");
    for unit in UNITS {
        if shown.0 < 1_000.0 {
            break;
        }
        shown = (shown.0 / 1_000.0, unit);
    }
    match shown {
        (_, "bytes") => format!("{bytes} bytes"),
        (number, unit) => format!("{number:.1} {unit}"),
    }
}

/// A line for each stream.
pub(super) fn print_streams(out: &mut Out, manifest: &Manifest) -> anyhow::Result<()> {
    for stream in &manifest.streams {
        let BackedUpStream { name, messages, first_sequence, last_sequence, consumers, size, .. } = stream;
        let (kind, consumers) = (stream.kind.as_str(), counted(consumers.len(), "consumer"));
        writeln!(
            out,
            "{name} ({kind}): {} {first_sequence} to {last_sequence}, {consumers}, {}",
            counted(usize::try_from(*messages).unwrap_or(usize::MAX), "message"),
            counted_bytes(*size)
        )?;
    }
    Ok(())
}

/// The streams of a backup without what only servers read.
pub(super) fn summaries(manifest: &Manifest) -> Vec<Value> {
    let summary = |stream: &BackedUpStream| {
        let consumers: Vec<&str> = stream.consumers.iter().map(|consumer| consumer.name.as_str()).collect();
        json!({
            "name": stream.name, "kind": stream.kind, "messages": stream.messages, "bytes": stream.bytes,
            "first_sequence": stream.first_sequence, "last_sequence": stream.last_sequence, "size": stream.size,
            "sha256": stream.sha256, "consumers": consumers,
        })
    };
    manifest.streams.iter().map(summary).collect()
}
