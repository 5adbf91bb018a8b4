//! Commands whose answers were kept, for as long as their callers count on it.

use crate::diagnostic::Diagnostic;
use crate::manifest::duration::text;
use crate::model::{Catalogue, Event, Idempotent, Version};

use super::places::in_file;

const RULE: &str = "changed-idempotence";

/// What becomes of each version that was published, and of each that comes after the published ones: servers of the newest
/// version answer those who ask in an older one.
pub(super) fn findings(then: &Event, now: &Event, current: &Catalogue, findings: &mut Vec<Diagnostic>) {
    if then.kind != now.kind {
        return;
    }
    for version in &now.versions {
        let before = then.versions.iter().rfind(|earlier| earlier.number <= version.number);
        let Some((before, was)) = before.and_then(|before| Some((before, before.idempotent?))) else { continue };
        findings.extend(changed(then, (before, was), version, current));
    }
}

fn changed(event: &Event, (then, was): (&Version, Idempotent), now: &Version, current: &Catalogue) -> Vec<Diagnostic> {
    let asked = format!("{} v{}", event.event_type, then.number);
    let it = if then.number == now.number { "it".to_owned() } else { format!("v{}", now.number) };
    let finding = |member: &str, message: String, help: &str| {
        in_file(RULE, current, &now.file, &format!("/x-request{member}"), message, help)
    };
    let window = text(was.window);
    let Some(is) = now.idempotent else {
        // One that cannot be read is reported by the loader.
        let document = current.documents.get(&now.file);
        if document.is_none_or(|document| document.schema.pointer("/x-request/idempotent").is_some()) {
            return Vec::new();
        }
        let message = format!("{asked} was idempotent within {window}, and {it} is not");
        let help = "callers of before ask again under the same id, and it would be done twice: keep \"x-request\", in new versions, too";
        return vec![finding("", message, help)];
    };
    let mut findings = Vec::new();
    if is.window < was.window {
        let message = format!("{asked} was idempotent within {window}, and {it} is within {}", text(is.window));
        let help = "callers of before ask again for as long as the old window says, and it would be done twice: keep the window";
        findings.push(finding("/idempotent", message, help));
    }
    if is.reruns_lost && !was.reruns_lost {
        let message = format!("{asked} was not begun again where its service was lost, and {it} is");
        let help = "services of before do not expect to begin a command twice: keep \"when_lost\": \"unknown\", or add a new command";
        findings.push(finding("/when_lost", message, help));
    }
    findings
}
