//! Buckets that were published: where they keep documents, and which documents they keep.

use crate::diagnostic::Diagnostic;
use crate::model::{Catalogue, Event};

use super::places::in_manifest;

const RULE: &str = "changed-bucket";

/// Buckets keep what no server changes, and documents stay in their bucket.
pub(super) fn findings(previous: &Catalogue, current: &Catalogue, findings: &mut Vec<Diagnostic>) {
    settings(previous, current, findings);
    let documents = previous.events.iter().filter(|event| event.kind.is_document());
    findings.extend(documents.filter_map(|document| moved(previous, current, document)));
}

/// What a bucket that exists keeps for ever. Its limits may be lowered, as those of a stream may.
fn settings(previous: &Catalogue, current: &Catalogue, findings: &mut Vec<Diagnostic>) {
    for (name, bucket) in &current.manifest.buckets {
        let then = previous.manifest.buckets.iter().find(|(earlier, _)| earlier.get_ref() == name.get_ref());
        let Some((_, then)) = then else { continue };
        if then.storage != bucket.storage {
            let (was, is) = (then.storage.as_str(), bucket.storage.as_str());
            let message = format!("the storage of bucket {} was {was} and is {is} now", name.get_ref());
            let help = "a bucket that exists cannot be changed so: keep it, or declare a new bucket for new documents";
            findings.push(in_manifest(RULE, current, Some(name), message, help));
        }
        if then.marker_ttl.is_some() && bucket.marker_ttl.is_none() {
            let message = format!("bucket {} had a marker_ttl and has none now", name.get_ref());
            let help = "a server does not take back that values may have times of their own, and who puts them so fails: keep it";
            findings.push(in_manifest(RULE, current, Some(name), message, help));
        }
    }
}

/// The finding about documents that lie in another bucket now, or in none.
fn moved(previous: &Catalogue, current: &Catalogue, document: &Event) -> Option<Diagnostic> {
    let later = current.event(&document.event_type).filter(|event| event.kind.is_document())?;
    let (was, _) = previous.manifest.bucket_of(&document.event_type)?;
    let is = current.manifest.bucket_of(&later.event_type).map(|(name, _)| name);
    if is.is_some_and(|is| is.get_ref() == was.get_ref()) {
        return None;
    }
    let place = is.map_or_else(|| "in no bucket".to_owned(), |is| format!("in bucket {}", is.get_ref()));
    let message = format!("{} was kept in bucket {} and is {place} now", document.event_type, was.get_ref());
    let help = "what is stored stays behind in the old bucket: leave the documents there, or copy the bucket first";
    Some(in_manifest(RULE, current, is, message, help))
}
