//! Streams and services of eventsmith.toml against the events that exist.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;

use crate::diagnostic::{Diagnostic, Position};
use crate::filter::captures;
use crate::lookup;
use crate::manifest::{FILE_NAME, Service, Wire};
use crate::model::{Catalogue, Token, Usage, is_token};

use super::filters::{SAGAS, meant_filters, meets_bucket};

/// A stream for messages that no event describes: dead letters, by the name of the token below the root.
const DEAD_LETTERS: &str = "dlq";

/// Adds what is wrong with the streams and services. A manifest that declares none has nothing wrong.
pub(super) fn check(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    names(catalogue, diagnostics);
    references(catalogue, diagnostics);
    let meant = subjects(catalogue, diagnostics);
    templates(catalogue, diagnostics);
    windows(catalogue, diagnostics);
    coverage(catalogue, &meant, diagnostics);
    services(catalogue, diagnostics);
    wires(catalogue, diagnostics);
    site(catalogue, diagnostics);
}

pub(super) fn error(
    catalogue: &Catalogue,
    at: &Spanned<String>,
    rule: &'static str,
    message: String,
    help: &str,
) -> Diagnostic {
    let position = Position::of(&catalogue.manifest_source, at.span().start);
    Diagnostic::error(rule, FILE_NAME, message, help).at(Some(position))
}

/// Servers know streams and buckets by their names, and services by those of their consumers.
fn names(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let streams = catalogue.manifest.streams.keys().map(|name| ("stream", name));
    let buckets = catalogue.manifest.buckets.keys().map(|name| ("bucket", name));
    let services = catalogue.manifest.services.keys().map(|name| ("service", name));
    for (what, name) in streams.chain(buckets).chain(services) {
        if !is_token(name.get_ref()) {
            let message = format!("{:?} is no name of a {what}", name.get_ref());
            let help = "a name is one or more of A-Z a-z 0-9 _ -";
            diagnostics.push(error(catalogue, name, "bad-manifest", message, help));
        }
    }
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

/// Every subject of a stream must capture something. Returns the subjects that were probably meant by those that do not.
fn subjects(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) -> Vec<String> {
    let dead_letters = format!("{}.{DEAD_LETTERS}.", catalogue.manifest.root.get_ref());
    let sagas = format!("{}.{SAGAS}.", catalogue.manifest.root.get_ref());
    let mut meant = Vec::new();
    for (name, stream) in &catalogue.manifest.streams {
        for subject in &stream.subjects {
            let filter = subject.get_ref();
            if meets_bucket(catalogue, filter) {
                continue;
            }
            let captures = catalogue.events.iter().any(|event| captures(filter, event));
            let is_of_sagas = !stream.sagas.is_empty() && filter.starts_with(&sagas);
            if !captures && !filter.starts_with(&dead_letters) && !is_of_sagas {
                let message = format!("stream {} captures {filter}, but no event has such a subject", name.get_ref());
                let near = meant_filters(catalogue, filter);
                let help = lookup::did_you_mean(&near)
                    .unwrap_or_else(|| "mend the subject, or add the event's schema file".to_owned());
                diagnostics.push(error(catalogue, subject, "unknown-subject", message, &help));
                meant.extend(near);
            }
        }
    }
    meant
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

/// Every event belongs to exactly one stream, and no request to any; documents have their buckets. An event that a `meant` subject captures has been
/// reported with the subject that was written instead.
fn coverage(catalogue: &Catalogue, meant: &[String], diagnostics: &mut Vec<Diagnostic>) {
    if catalogue.manifest.streams.is_empty() {
        return;
    }
    for event in catalogue.events.iter().filter(|event| !event.kind.is_document()) {
        let streams: Vec<&Spanned<String>> = catalogue
            .manifest
            .streams
            .iter()
            .filter(|(_, stream)| stream.subjects.iter().any(|filter| captures(filter.get_ref(), event)))
            .map(|(name, _)| name)
            .collect();
        match streams.as_slice() {
            [] if !event.kind.is_request() && !meant.iter().any(|filter| captures(filter, event)) => {
                let Some(version) = event.versions.last() else { continue };
                let message = format!("{} is in no stream", version.subject(event));
                let help = "add a subject to a stream in eventsmith.toml that captures it";
                let file = &version.file;
                diagnostics.push(Diagnostic::error("no-stream", file, message, help));
            }
            [name, ..] if event.kind.is_request() => {
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

/// A name of an event in a service.
struct Mention<'a> {
    service: &'a str,
    role: &'static str,
    /// What has the role: events, or commands and queries.
    of: Usage,
    event_type: &'a Spanned<String>,
}

/// Services speak of events that exist, in the role that their kind allows.
fn services(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let mut unknown: BTreeMap<&str, Vec<Mention<'_>>> = BTreeMap::new();
    for mention in mentions(catalogue) {
        let Mention { service, role, of, event_type } = mention;
        match catalogue.event(event_type.get_ref()) {
            None => unknown.entry(event_type.get_ref()).or_default().push(mention),
            Some(event) if event.kind.usage() != of => {
                let message =
                    format!("service {service} {role} {}, which is {}", event_type.get_ref(), event.kind.described());
                let help = match event.kind.usage() {
                    Usage::Event | Usage::Request => {
                        "domain and integration events are published and consumed, commands and queries are handled and asked"
                    }
                    Usage::Document => "documents of buckets are listed by `writes`, `reads` and `projects`",
                };
                diagnostics.push(error(catalogue, event_type, "wrong-role", message, help));
            }
            Some(_) => {}
        }
    }
    // Whoever mistypes a name copies it: one mistake, one finding.
    for (name, mentions) in unknown {
        if is_broken(diagnostics, name) {
            continue;
        }
        let Some((first, others)) = mentions.split_first() else { continue };
        let mut message = format!("service {} {} {name}, which is no event", first.service, first.role);
        if !others.is_empty() {
            let lines: Vec<String> = others.iter().map(|other| line(catalogue, other.event_type)).collect();
            message.push_str(&format!("; so it says in line {}, too", lines.join(" and ")));
        }
        let help = meant(catalogue, name, first.of);
        diagnostics.push(error(catalogue, first.event_type, "unknown-event", message, &help));
    }
}

/// What documentation links to is an address that stands in Markdown as it is.
fn site(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let Some(site) = &catalogue.manifest.site else { return };
    let address = site.get_ref();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/%+@".contains(&byte);
    let has_scheme = address.starts_with("https://") || address.starts_with("http://");
    if !has_scheme || !address.bytes().all(is_plain) {
        let message = format!("{address:?} is no address of a site");
        let help = "write site = \"https://example.com/catalogue\", without a query or an anchor";
        diagnostics.push(error(catalogue, site, "bad-manifest", message, help));
    }
}

/// Whoever consumes an event reads it from one wire, so that all who publish it write that one.
fn wires(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let wire_of = |service: &Service| service.wire.as_ref().map_or(catalogue.manifest.wire, |wire| *wire.get_ref());
    let mut first: BTreeMap<&str, (&str, Wire)> = BTreeMap::new();
    for (name, service) in &catalogue.manifest.services {
        for published in &service.publishes {
            let own = (name.get_ref().as_str(), wire_of(service));
            let (other, wire) = *first.entry(published.get_ref()).or_insert(own);
            if wire != own.1 {
                let message = format!(
                    "{} is written on the wire {:?} by {other}, and on {:?} by {}",
                    published.get_ref(),
                    wire.as_str(),
                    own.1.as_str(),
                    own.0
                );
                let help = "give all services that publish an event the same `wire`";
                diagnostics.push(error(catalogue, published, "bad-manifest", message, help));
            }
        }
    }
}

/// Whether an event is not there only as something is wrong with its file, which is told.
fn is_broken(diagnostics: &[Diagnostic], event_type: &str) -> bool {
    let told = diagnostics.iter().filter_map(|found| found.file.strip_suffix(".json")?.split_once('/'));
    told.map(|(_kind, path)| path.replace('/', "."))
        .any(|path| path.rsplit_once(".v").is_some_and(|(of, _)| of == event_type))
}

/// Every name of an event in a service, in the order of the services.
fn mentions(catalogue: &Catalogue) -> impl Iterator<Item = Mention<'_>> {
    catalogue.manifest.services.iter().flat_map(|(name, service)| {
        let mention = move |role, of, event_type| Mention { service: name.get_ref(), role, of, event_type };
        let roles = [
            ("publishes", &service.publishes, Usage::Event),
            ("consumes", &service.consumes, Usage::Event),
            ("handles", &service.handles, Usage::Request),
            ("asks", &service.asks, Usage::Request),
            ("writes", &service.writes, Usage::Document),
            ("reads", &service.reads, Usage::Document),
        ];
        let lists = roles
            .into_iter()
            .flat_map(move |(role, types, of)| types.iter().map(move |event_type| mention(role, of, event_type)));
        let projects = service.projects.iter().flat_map(move |(document, events)| {
            let events = events.iter().map(move |event_type| mention("projects", Usage::Event, event_type));
            [mention("projects", Usage::Document, document)].into_iter().chain(events)
        });
        lists.chain(projects)
    })
}

fn line(catalogue: &Catalogue, at: &Spanned<String>) -> String {
    Position::of(&catalogue.manifest_source, at.span().start).line.to_string()
}

/// The types nearest to one that no event has, those of the other role aside.
fn meant(catalogue: &Catalogue, unknown: &str, usage: Usage) -> Cow<'static, str> {
    let events = catalogue.events.iter().filter(|event| event.kind.usage() == usage);
    let types = events.map(|event| event.event_type.as_str());
    // Subjects and paths have the kind before the type.
    let below_kind = |name: &&str| unknown.strip_suffix(name).is_some_and(|kind| kind.ends_with('.'));
    let near = types.clone().find(below_kind).map_or_else(|| lookup::nearest(unknown, types), |name| vec![name]);
    let help = lookup::did_you_mean(&near).map(Cow::Owned);
    help.unwrap_or(Cow::Borrowed("name the type of an event: its path below the kind, joined by dots"))
}
