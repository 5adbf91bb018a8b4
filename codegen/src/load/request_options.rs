//! The keyword `x-request` at the root of the schema file of a command: whether its answers are kept.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::lookup;
use crate::manifest;
use crate::model::{Document, Idempotent, Kind, Usage, VersionPart};
use crate::pointer;

const RULE: &str = "bad-x-request";
const KEYWORD: &str = "/x-request";
const MEMBERS: [&str; 2] = [IDEMPOTENT, WHEN_LOST];
const IDEMPOTENT: &str = "idempotent";
const WHEN_LOST: &str = "when_lost";
/// What becomes of a command that was begun by a service which was lost; the first of them begins it again.
const FATES: [&str; 2] = ["rerun", "unknown"];
const SHAPE: &str = "write \"x-request\": {\"idempotent\": \"10m\", \"when_lost\": \"unknown\"}";

/// Servers count the age of what a bucket holds in seconds.
const SHORTEST: Duration = Duration::from_secs(1);
/// Nobody asks again after longer, and every answer would be kept until then.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// For how long the answers to a command are kept.
pub(super) fn read(document: &Document, kind: Kind, diagnostics: &mut Vec<Diagnostic>) -> Option<Idempotent> {
    let options = document.schema.get("x-request")?;
    if let Some((reason, help)) = misplaced(kind) {
        let message = format!("{} is not idempotent by x-request: {reason}", kind.described());
        diagnostics.push(document.error(RULE, KEYWORD, message, help));
        return None;
    }
    let Value::Object(options) = options else {
        diagnostics.push(document.error(RULE, KEYWORD, "x-request is not an object", SHAPE));
        return None;
    };
    let unknown: Vec<&String> = options.keys().filter(|name| !MEMBERS.contains(&name.as_str())).collect();
    for name in &unknown {
        let help = lookup::did_you_mean(&lookup::nearest(name, MEMBERS.into_iter()));
        let message = format!("x-request has no member {name:?}");
        diagnostics.push(document.error(RULE, &at(name), message, help.unwrap_or_else(|| SHAPE.to_owned())));
    }
    let window = window(document, options, diagnostics);
    let reruns_lost = reruns_lost(document, options, diagnostics);
    // A mistyped member may be the one that is missed.
    if options.contains_key(WHEN_LOST) && !options.contains_key(IDEMPOTENT) && unknown.is_empty() {
        let message = "when_lost says nothing of a command that is not idempotent";
        let help = "say for how long answers are kept, \"idempotent\": \"10m\", or remove when_lost";
        diagnostics.push(document.error(RULE, &at(WHEN_LOST), message, help));
    }
    Some(Idempotent { window: window?, reruns_lost })
}

/// Refuses the keyword in a reply or an error.
pub(super) fn refuse_in_answer(document: &Document, part: VersionPart, diagnostics: &mut Vec<Diagnostic>) {
    if document.schema.get("x-request").is_some() {
        let message = format!("x-request is about a command, and this file describes its {}", part.as_str());
        let help = "move it into the schema file of the command, beside \"type\"";
        diagnostics.push(document.error(RULE, KEYWORD, message, help));
    }
}

/// Why payloads of a kind have no such options, and what to do; `None` for commands.
fn misplaced(kind: Kind) -> Option<(&'static str, &'static str)> {
    match (kind, kind.usage()) {
        (Kind::Command, _) => None,
        (_, Usage::Request) => Some((
            "a query is asked again anyway",
            "remove x-request; a query that changes something is a command: move it below command",
        )),
        (_, Usage::Event) => Some(("nobody answers it", "remove x-request: only commands have answers that are kept")),
        (_, Usage::Document) => Some((
            "it lies in a bucket, and nobody asks it",
            "remove x-request: only commands have answers that are kept",
        )),
    }
}

fn window(document: &Document, options: &Map<String, Value>, diagnostics: &mut Vec<Diagnostic>) -> Option<Duration> {
    let mut report =
        |message: String, help: &str| diagnostics.push(document.error(RULE, &at(IDEMPOTENT), message, help));
    let text = match options.get(IDEMPOTENT)? {
        Value::String(text) => text,
        other => {
            report(format!("{other} is no duration in quotes"), SHAPE);
            return None;
        }
    };
    match manifest::duration(text) {
        Err(error) => {
            let (message, help) = error.split_once("; ").unwrap_or((&error, SHAPE));
            report(message.to_owned(), help);
            None
        }
        Ok(window) if !(SHORTEST..=LONGEST).contains(&window) => {
            let message = format!("answers are not kept for {text:?}");
            report(message, "write 1s to 7d, for as long as somebody may ask again: \"10m\"");
            None
        }
        Ok(window) if window.subsec_nanos() != 0 => {
            report(
                format!("answers are kept for whole seconds, and {text:?} is none"),
                "write it in s, m, h or d: \"10m\"",
            );
            None
        }
        Ok(window) => Some(window),
    }
}

fn reruns_lost(document: &Document, options: &Map<String, Value>, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let Some(fate) = options.get(WHEN_LOST) else { return false };
    if let Some(known) = FATES.iter().find(|known| fate == **known) {
        return *known == FATES[0];
    }
    let near = lookup::nearest(fate.as_str().unwrap_or_default(), FATES.into_iter());
    let help = lookup::did_you_mean(&near).unwrap_or_else(|| {
        "write \"rerun\" if it may be begun again, or \"unknown\" if whoever asked is to find out".to_owned()
    });
    diagnostics.push(document.error(
        RULE,
        &at(WHEN_LOST),
        format!("{fate} is neither \"rerun\" nor \"unknown\""),
        help,
    ));
    false
}

fn at(member: &str) -> String {
    pointer::join(KEYWORD, member)
}
