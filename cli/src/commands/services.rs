//! `eventsmith services`: which services run, and whether they are those of the catalogue.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::time::Duration;

use clap::{Args, Subcommand};
use eventsmith::admin::{BusAdmin as _, ServiceQuestion};
use eventsmith::{NoRefusal, NoReply, Reply as _};
use eventsmith_codegen::Loaded;
use eventsmith_codegen::bundle::bundle_text;
use eventsmith_codegen::model::{Version, VersionPart};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::data_format::DataFormat;
use crate::catalogue::Schemas;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::output::{Out, counted, note};

/// Look at the services that run, and hold them against the catalogue
#[derive(Args)]
pub(crate) struct Services {
    #[command(subcommand)]
    command: ServicesCommand,
}

#[derive(Subcommand)]
enum ServicesCommand {
    /// Print the services that run
    List(ServicesArgs),
    /// Print what they answer, and where that differs from the catalogue
    ///
    /// Exits with 1 where it differs: an endpoint that the catalogue does not know, a command or query that nobody answers, and
    /// another version or schema.
    Info(ServicesArgs),
    /// Print how their endpoints fare
    Stats(ServicesArgs),
}

#[derive(Args)]
struct ServicesArgs {
    /// Only the services of this name
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    schemas: Schemas,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

/// How long services have to answer.
const LIMIT: Duration = Duration::from_secs(2);

impl Services {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            ServicesCommand::List(args) => args.print(out, ServiceQuestion::Info, |_| true, list),
            ServicesCommand::Stats(args) => args.print(out, ServiceQuestion::Stats, |_| true, stats),
            ServicesCommand::Info(args) => {
                let loaded = args.schemas.load_sound()?;
                let differences = |services: &[Value]| differences(services, &loaded, args.name.as_deref());
                let is_complete = |services: &[Value]| !differences(services).iter().any(Difference::is_absence);
                args.print(out, ServiceQuestion::Info, is_complete, |services| Table {
                    differences: differences(services),
                    ..info(services)
                })
            }
        }
    }
}

/// What is printed for people, and where it differs from the catalogue.
struct Table {
    head: &'static [&'static str],
    rows: Vec<Vec<String>>,
    differences: Vec<Difference>,
}

/// Where what runs differs from the catalogue.
struct Difference {
    kind: &'static str,
    subject: String,
    text: String,
}

impl Difference {
    /// Whether something does not run that should.
    fn is_absence(&self) -> bool {
        matches!(self.kind, "missing-service" | "missing-endpoint")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.kind, self.subject, self.text)
    }
}

impl ServicesArgs {
    fn print(
        &self,
        out: &mut Out,
        question: ServiceQuestion,
        is_complete: impl Fn(&[Value]) -> bool + Send,
        table: impl FnOnce(&[Value]) -> Table,
    ) -> anyhow::Result<ExitStatus> {
        let name = self.name.as_deref();
        let services = with_bus(self.connection.config()?, async |bus| {
            Ok(bus.services_until(question, name, LIMIT, is_complete).await?)
        })?;
        let Table { head, rows, differences } = table(&services);
        match self.format {
            DataFormat::Json => {
                let found = differences
                    .iter()
                    .map(|found| json!({ "kind": found.kind, "subject": found.subject, "message": found.text }));
                let all = json!({ "services": services, "differences": found.collect::<Vec<_>>() });
                writeln!(out, "{all:#}")?;
            }
            DataFormat::Text => {
                let head: Vec<String> = head.iter().map(|title| (*title).to_owned()).collect();
                print_rows(out, &head, &rows)?;
                for found in &differences {
                    writeln!(out, "{found}")?;
                }
            }
        }
        out.flush()?;
        note(format_args!("{}, {}", counted(services.len(), "instance"), counted(differences.len(), "difference")));
        Ok(ExitStatus::findings_if(!differences.is_empty()))
    }
}

fn print_rows(out: &mut Out, head: &[String], rows: &[Vec<String>]) -> anyhow::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let width = |column: usize| {
        let cells = std::iter::once(&head[column]).chain(rows.iter().filter_map(move |row| row.get(column)));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in std::iter::once(head).chain(rows.iter().map(Vec::as_slice)) {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// A member as text that a terminal bears.
fn text(value: &Value, member: &str) -> String {
    match value.get(member) {
        Some(Value::String(text)) => text.chars().filter(|c| !c.is_control()).take(200).collect(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

fn endpoints(service: &Value) -> impl Iterator<Item = &Value> {
    service.get("endpoints").and_then(Value::as_array).into_iter().flatten()
}

fn list(services: &[Value]) -> Table {
    let rows = services.iter().map(|service| {
        let count = endpoints(service).count().to_string();
        vec![text(service, "name"), text(service, "version"), text(service, "id"), count, text(service, "description")]
    });
    Table {
        head: &["NAME", "VERSION", "ID", "ENDPOINTS", "DESCRIPTION"],
        rows: rows.collect(),
        differences: Vec::new(),
    }
}

fn info(services: &[Value]) -> Table {
    let rows = services.iter().flat_map(|service| {
        endpoints(service).map(move |endpoint| {
            let metadata = endpoint.get("metadata").unwrap_or(&Value::Null);
            let version = text(metadata, "eventsmith.version");
            vec![text(service, "name"), text(service, "id"), text(endpoint, "subject"), version]
        })
    });
    Table { head: &["NAME", "ID", "SUBJECT", "REQUEST VERSION"], rows: rows.collect(), differences: Vec::new() }
}

fn stats(services: &[Value]) -> Table {
    let rows = services.iter().flat_map(|service| {
        endpoints(service).map(move |endpoint| {
            let average = endpoint.get("average_processing_time").and_then(Value::as_u64).unwrap_or_default();
            vec![
                text(service, "name"),
                text(service, "id"),
                text(endpoint, "subject"),
                text(endpoint, "num_requests"),
                text(endpoint, "num_errors"),
                format!("{:.3} ms", Duration::from_nanos(average).as_secs_f64() * 1_000.0),
                text(endpoint, "last_error"),
            ]
        })
    });
    let head = &["NAME", "ID", "SUBJECT", "REQUESTS", "ERRORS", "AVERAGE", "LAST ERROR"];
    Table { head, rows: rows.collect(), differences: Vec::new() }
}

/// Where the endpoints that run are not those of the catalogue; only of one service if that is named.
fn differences(services: &[Value], loaded: &Loaded, name: Option<&str>) -> Vec<Difference> {
    let requests = loaded.catalogue.events.iter().filter(|event| event.kind.is_request());
    let known: BTreeMap<String, (&str, &Version)> = requests
        .filter_map(|event| {
            let newest = event.versions.last()?;
            Some((newest.subject(event), (event.event_type.as_str(), newest)))
        })
        .collect();
    let mut found = Vec::new();
    let mut answered = Vec::new();
    for service in services {
        for endpoint in endpoints(service) {
            let subject = text(endpoint, "subject");
            let who = format!("{} {}", text(service, "name"), text(service, "id"));
            let Some((event_type, newest)) = known.get(&subject) else {
                let text = format!("{who} answers it, and the catalogue does not have it");
                found.push(Difference { kind: "unknown-endpoint", subject, text });
                continue;
            };
            let metadata = endpoint.get("metadata").unwrap_or(&Value::Null);
            let number = newest.number;
            let mut differs = |kind, text: String| {
                found.push(Difference { kind, subject: subject.clone(), text: format!("{who} {text}") })
            };
            // Services of others need not say it.
            match text(metadata, "eventsmith.version").parse::<u32>() {
                Ok(version) if version < number => {
                    differs(
                        "older-version",
                        format!("answers version {version} of {event_type}, the catalogue has {number}"),
                    );
                }
                Ok(version) if version > number => {
                    differs(
                        "newer-version",
                        format!("answers version {version} of {event_type}, the catalogue has {number} only"),
                    );
                }
                Ok(version) => {
                    for part in other_schemas(metadata, loaded, newest) {
                        differs(
                            "other-schema",
                            format!("has another schema of the {part} of {event_type} {version} than the catalogue"),
                        );
                    }
                }
                Err(_) => {}
            }
            answered.push(subject);
        }
    }
    // Who asks for one service alone does not see who answers the rest: then what it handles by the catalogue is looked for.
    let handled: Option<Vec<&str>> = name.map(|name| {
        let service = loaded.catalogue.manifest.services.iter().find(|(known, _)| known.get_ref() == name);
        service
            .into_iter()
            .flat_map(|(_, service)| &service.handles)
            .map(|event_type| event_type.get_ref().as_str())
            .collect()
    });
    if let Some(name) = name.filter(|_| services.is_empty()) {
        let text = "no service of this name runs".to_owned();
        found.push(Difference { kind: "missing-service", subject: name.to_owned(), text });
    } else {
        for (subject, (event_type, _)) in known {
            let is_expected = handled.as_ref().is_none_or(|handled| handled.contains(&event_type));
            if is_expected && !answered.contains(&subject) {
                let text = format!("no service that runs answers {event_type}");
                found.push(Difference { kind: "missing-endpoint", subject, text });
            }
        }
    }
    found
}

/// The parts of a request whose schemas are not those of the catalogue.
fn other_schemas<'a>(
    metadata: &'a Value,
    loaded: &'a Loaded,
    version: &'a Version,
) -> impl Iterator<Item = &'static str> + 'a {
    let parts = [
        ("request", VersionPart::Itself, ""),
        ("reply", VersionPart::Reply, NoReply::SCHEMA),
        ("error", VersionPart::Error, NoRefusal::SCHEMA),
    ];
    let differs = move |(name, part, otherwise): (&'static str, VersionPart, &'static str)| {
        let told = metadata.get(format!("eventsmith.{name}"))?.as_str()?;
        let schema = version.part(part).map_or_else(|| otherwise.to_owned(), |file| bundle_text(loaded, file));
        let expected: String = Sha256::digest(schema).iter().map(|byte| format!("{byte:02x}")).collect();
        (told != expected).then_some(name)
    };
    parts.into_iter().filter_map(differs)
}
