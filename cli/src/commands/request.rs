//! `eventsmith request`: asks a service, as a program would.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use eventsmith::admin::{BusAdmin as _, RawReply};
use eventsmith::{Timestamp, Uuid};
use eventsmith_codegen::Loaded;
use eventsmith_codegen::lookup;
use eventsmith_codegen::model::{Event, Token, Version, VersionPart};
use serde_json::{Value, json};

use crate::catalogue::Schemas;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::format::{visible, visible_lines};
use crate::output::{Out, note};
use crate::payload;

/// Ask a service for something, and print its reply
///
/// The request is validated before it is sent, and what comes back by its schema. Exits with 1 if either is invalid, or the service refuses it
/// or fails.
#[derive(Args)]
pub(crate) struct Request {
    #[command(flatten)]
    schemas: Schemas,
    /// The command or query, in its newest version unless one is given
    #[arg(value_name = "TYPE[@N]")]
    request: String,
    /// The payload: JSON that begins with '{', or a file that holds it; - is standard input
    #[arg(value_name = "DATA", default_value = "{}")]
    data: String,
    /// How long to wait for the reply, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    timeout: f64,
    #[command(flatten)]
    connection: Connection,
}

/// Reads a time in seconds.
fn seconds(text: &str) -> Result<f64, String> {
    let is_time = |seconds: &f64| *seconds > 0.0 && *seconds <= 86_400.0;
    text.parse().ok().filter(is_time).ok_or_else(|| "write a number of seconds above 0, such as 2.5".to_owned())
}

impl Request {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_bearable()?;
        let (event, version) = lookup::find(&loaded.catalogue, &self.request)?;
        if !event.kind.is_request() {
            bail!(
                "{} is {}, which nobody answers; only commands and queries are asked",
                event.event_type,
                event.kind.described()
            );
        }
        let text = payload::read(&self.data)?;
        if !payload::check(out, &loaded, &version.file, &text)? {
            note(format_args!("{}@{} was not sent", event.event_type, version.number));
            return Ok(ExitStatus::Findings);
        }
        let data: Value = serde_json::from_str(&text).context("the payload is not JSON")?;
        let subject = subject(event, version, &data)?;
        let head = json!({
            "id": Uuid::now_v7().to_string(),
            "type": event.event_type,
            "source": "eventsmith",
            "subject": subject,
            "time": Timestamp::now().to_string(),
            "version": version.number.to_string(),
        });
        // What was validated is what is sent, with all digits of its numbers.
        let head = head.to_string();
        let envelope = format!("{},\"data\":{}}}", head.strip_suffix('}').unwrap_or(&head), text.trim());
        let timeout = Duration::from_secs_f64(self.timeout);
        let reply = with_bus(self.connection.config()?, async |bus| {
            Ok(bus.ask_raw(&subject, envelope.into(), timeout).await?)
        })?;
        print(out, &loaded, version, &reply)
    }
}

/// The subject of this very request.
fn subject(event: &Event, version: &Version, data: &Value) -> anyhow::Result<String> {
    let Some(template) = &version.template else { return Ok(event.subject.clone()) };
    let mut tokens = Vec::new();
    for token in &template.tokens {
        tokens.push(match token {
            Token::Literal(text) => text.clone(),
            Token::Property(name) => match data.get(name) {
                Some(Value::String(text)) => text.clone(),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
                _ => bail!("the payload has no {name}, which stands in the subject"),
            },
        });
    }
    let is_token =
        |token: &&String| !token.is_empty() && !token.contains(|c: char| c.is_whitespace() || ".*>".contains(c));
    match tokens.iter().find(|token| !is_token(token)) {
        Some(token) => {
            bail!("{token:?} cannot stand in a subject; it must be one token, without dots, wildcards and spaces")
        }
        None => Ok(tokens.join(".")),
    }
}

/// Prints what came back, and what is wrong with it by the schema that describes it.
fn print(out: &mut Out, loaded: &Loaded, version: &Version, reply: &RawReply) -> anyhow::Result<ExitStatus> {
    let text = String::from_utf8_lossy(&reply.payload);
    if !text.trim().is_empty() {
        // As it is: with all digits of its numbers, and no character that a terminal would obey.
        writeln!(out, "{}", visible_lines(&text))?;
        out.flush()?;
    }
    const REFUSED: u16 = 409;
    let (code, part) = match &reply.error {
        None => (None, VersionPart::Reply),
        Some((code, _)) => (Some(*code), VersionPart::Error),
    };
    let file = version.part(part).filter(|_| code.is_none_or(|code| code == REFUSED));
    let problems = match file {
        Some(file) => payload::problems(loaded, file, &reply.payload)?,
        None => Vec::new(),
    };
    for (pointer, message) in &problems {
        note(format_args!("the {} is invalid: {}: {}", part.as_str(), payload::place(pointer), visible(message)));
    }
    match &reply.error {
        Some((code, message)) => note(format_args!("code {code}: {}", visible(message))),
        None if problems.is_empty() => {
            note(format_args!("1 reply"));
            return Ok(ExitStatus::Clean);
        }
        None => note(format_args!("1 reply, invalid")),
    }
    Ok(ExitStatus::Findings)
}
