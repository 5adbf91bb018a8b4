//! Streams and services of eventsmith.toml against the events that exist.

use std::borrow::Cow;
use std::time::Duration;

use toml::Spanned;

use crate::diagnostic::{Diagnostic, Position};
use crate::lookup;
use crate::manifest::FILE_NAME;
use crate::model::{Catalogue, Event, Token};

/// A stream for messages that no event describes: dead letters, by the name of the token below the root.
const DEAD_LETTERS: &str = "dlq";

/// Adds what is wrong with the streams and services. A manifest that declares none has nothing wrong.
pub(super) fn check(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    references(catalogue, diagnostics);
    subjects(catalogue, diagnostics);
    templates(catalogue, diagnostics);
    windows(catalogue, diagnostics);
    coverage(catalogue, diagnostics);
    services(catalogue, diagnostics);
}

fn error(catalogue: &Catalogue, at: &Spanned<String>, rule: &'static str, message: String, help: &str) -> Diagnostic {
    let position = Position::of(&catalogue.manifest_source, at.span().start);
    Diagnostic::error(rule, FILE_NAME, message, help).at(Some(position))
}

/// Every folder that stands for a URL must hold schemas.
fn references(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    for (url, folder) in &catalogue.manifest.references {
        if !url.get_ref().contains("://") {
            let message = format!("{:?} is no absolute URL; only such references need a folder", url.get_ref());
            let help = "write [references] as \"https://example.org/schemas/\" = \"shared\"";
            diagnostics.push(error(catalogue, url, "bad-manifest", message, help));
            continue;
        }
        let path = folder.get_ref().trim_start_matches("./").trim_matches('/');
        let holds = |file: &str| {
            path.is_empty() || path == "." || file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        };
        if !catalogue.documents.keys().any(|file| holds(file)) {
            let message = format!("the folder {:?} holds no schema file", folder.get_ref());
            let help = "name a folder of the catalogue, as seen from eventsmith.toml";
            diagnostics.push(error(catalogue, folder, "bad-manifest", message, help));
        }
    }
}

/// Every subject of a stream must capture something.
fn subjects(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let dead_letters = format!("{}.{DEAD_LETTERS}.", catalogue.manifest.root.get_ref());
    for (name, stream) in &catalogue.manifest.streams {
        for subject in &stream.subjects {
            let filter = subject.get_ref();
            let captures = catalogue.events.iter().any(|event| captures(filter, event));
            if !captures && !filter.starts_with(&dead_letters) {
                let message = format!("stream {} captures {filter}, but no event has such a subject", name.get_ref());
                let help = "mend the subject, or add the event's schema file";
                diagnostics.push(error(catalogue, subject, "unknown-subject", message, help));
            }
        }
    }
}

/// Subjects of payloads' own begin as all subjects do.
fn templates(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let root = catalogue.manifest.root.get_ref();
    for version in catalogue.events.iter().flat_map(|event| &event.versions) {
        let Some(template) = &version.template else { continue };
        if !matches!(template.tokens.first(), Some(Token::Literal(first)) if first == root)
            && let Some(document) = catalogue.documents.get(&version.file)
        {
            let message = format!("the subject does not begin with {root}, the root of the catalogue");
            let help = format!("begin it with {root}, as all subjects do, so that streams and permissions apply to it");
            diagnostics.push(document.error("bad-x-event", "/x-event/subject", message, help));
        }
    }
}

/// A server refuses to remember the id of a message for longer than the message.
fn windows(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    /// Of a stream that does not say it.
    const DEFAULT: Duration = Duration::from_secs(120);
    for (name, stream) in &catalogue.manifest.streams {
        let window = stream.duplicate_window.unwrap_or(DEFAULT);
        if stream.max_age.is_some_and(|max_age| max_age < window) {
            let message =
                format!("stream {}: max_age is less than duplicate_window, {} s", name.get_ref(), window.as_secs());
            let help = "ids are not remembered for longer than their messages: lower duplicate_window, or keep messages longer";
            diagnostics.push(error(catalogue, name, "bad-manifest", message, help));
        }
    }
}

/// Every stored event belongs to exactly one stream, and no request to any.
fn coverage(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    if catalogue.manifest.streams.is_empty() {
        return;
    }
    for event in &catalogue.events {
        let streams: Vec<&Spanned<String>> = catalogue
            .manifest
            .streams
            .iter()
            .filter(|(_, stream)| stream.subjects.iter().any(|filter| captures(filter.get_ref(), event)))
            .map(|(name, _)| name)
            .collect();
        match streams.as_slice() {
            [] if event.kind.is_stored() => {
                let Some(version) = event.versions.last() else { continue };
                let message = format!("{} is in no stream", version.subject(event));
                let help = "add a subject to a stream in eventsmith.toml that captures it";
                let file = &version.file;
                diagnostics.push(Diagnostic::error("no-stream", file, message, help));
            }
            [name, ..] if !event.kind.is_stored() => {
                let message = format!(
                    "stream {} captures {}, which is {}",
                    name.get_ref(),
                    event.subject,
                    event.kind.described()
                );
                let help = "commands and queries are answered, not stored; narrow the stream's subjects";
                diagnostics.push(error(catalogue, name, "stored-request", message, help));
            }
            [first, second, ..] => {
                let message =
                    format!("{} is in two streams, {} and {}", event.subject, first.get_ref(), second.get_ref());
                let help = "every event is stored once; narrow the subjects of one stream";
                diagnostics.push(error(catalogue, second, "two-streams", message, help));
            }
            _ => {}
        }
    }
}

/// Services speak of events that exist, in the role that their kind allows.
fn services(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    for (name, service) in &catalogue.manifest.services {
        let roles = [
            ("publishes", &service.publishes, true),
            ("consumes", &service.consumes, true),
            ("handles", &service.handles, false),
        ];
        for (role, types, stored) in roles {
            for event_type in types {
                let (rule, message, help) = match catalogue.event(event_type.get_ref()) {
                    None => (
                        "unknown-event",
                        format!("service {} {role} {}, which is no event", name.get_ref(), event_type.get_ref()),
                        meant(catalogue, event_type.get_ref(), stored),
                    ),
                    Some(event) if event.kind.is_stored() != stored => (
                        "wrong-role",
                        format!(
                            "service {} {role} {}, which is {}",
                            name.get_ref(),
                            event_type.get_ref(),
                            event.kind.described()
                        ),
                        "domain and integration events are published and consumed, commands and queries are handled"
                            .into(),
                    ),
                    Some(_) => continue,
                };
                diagnostics.push(error(catalogue, event_type, rule, message, &help));
            }
        }
    }
}

/// The types nearest to one that no event has, those of the other role aside.
fn meant(catalogue: &Catalogue, unknown: &str, stored: bool) -> Cow<'static, str> {
    let events = catalogue.events.iter().filter(|event| event.kind.is_stored() == stored);
    let near = lookup::nearest(unknown, events.map(|event| event.event_type.as_str()));
    let help = lookup::did_you_mean(&near).map(Cow::Owned);
    help.unwrap_or(Cow::Borrowed("name the type of an event: its path below the kind, joined by dots"))
}

/// Whether a subject filter matches every subject of an event.
pub(crate) fn captures(filter: &str, event: &Event) -> bool {
    event.versions.iter().any(|version| matches(filter, &version.subject(event)))
}

/// Whether a subject filter matches a subject, as the server has it.
pub(crate) fn matches(filter: &str, subject: &str) -> bool {
    let mut subject = subject.split('.');
    let mut filter = filter.split('.').peekable();
    while let Some(token) = filter.next() {
        match (token, subject.next()) {
            (">", Some(_)) => return filter.peek().is_none(),
            ("*", Some(_)) => {}
            (literal, Some(token)) if literal == token => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_filter_matches_as_the_server_matches() {
        assert!(matches("rules.>", "rules.domain.rule"));
        assert!(matches("rules.*.rule", "rules.domain.rule"));
        assert!(!matches("rules.domain.rule.>", "rules.domain.rule"));
        assert!(!matches("rules.*", "rules.domain.rule"));
    }
}
