//! Draws the path that a saga took.

use std::io::{self, Write};

use eventsmith::Timestamp;
use eventsmith::state::{SagaEvent, SagaEventKind, SagaHistory};

use crate::format::visible;

/// A time to the millisecond.
pub(super) fn time(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Writes what the saga is, and a line for everything that happened to it.
pub(super) fn draw(history: &SagaHistory, out: &mut impl Write) -> io::Result<()> {
    let summary = &history.summary;
    let (saga, id) = (visible(&summary.saga), visible(&summary.id));
    write!(out, "{saga} {id}, version {}: {}", summary.version, summary.status)?;
    if let Some(step) = &summary.step {
        write!(out, " at {}", visible(step))?;
    }
    writeln!(out)?;
    if let Some(correlation_id) = &history.correlation_id {
        writeln!(out, "correlation: {}", visible(correlation_id))?;
    }
    if let Some(reason) = &history.reason {
        writeln!(out, "reason: {}", visible(reason))?;
    }
    if let Some(damage) = &history.damage {
        writeln!(out, "damaged: {}; nothing goes on with it", visible(damage))?;
    }
    writeln!(out, "state: {}", visible(&history.state))?;
    writeln!(out)?;
    let width = history.events.iter().filter_map(|event| Some(event.step.as_ref()?.len())).max().unwrap_or_default();
    for event in &history.events {
        writeln!(out, "{}", line(history, event, width).trim_end())?;
    }
    for command in history.commands.iter().filter(|command| is_open(history, command.command)) {
        let (stored, of) = (time(command.stored), visible(&command.request_type));
        writeln!(out, "{stored}  {:>9}  .. waits for {of}", "")?;
    }
    Ok(())
}

/// One thing that happened: when, how long it took, which step, and what of it.
fn line(history: &SagaHistory, event: &SagaEvent, width: usize) -> String {
    let request = event.command.and_then(|number| {
        let mut before = history.commands.iter().filter(|command| command.command == number);
        before.rfind(|command| command.sequence < event.sequence)
    });
    let took = request.map(|request| took(request.stored, event.stored)).unwrap_or_default();
    let arrow = match event.kind {
        SagaEventKind::Undone | SagaEventKind::PassedOver => "<-",
        _ if event.step.is_some() => "->",
        _ => "  ",
    };
    let step = event.step.as_deref().map(visible).unwrap_or_default();
    let mut text = format!("{}  {took:>9}  {arrow} {step:width$}  {}", time(event.stored), words(event.kind));
    if let Some(request) = request {
        text.push_str(&format!("  {}", visible(&request.request_type)));
    }
    if let Some(by) = &event.by {
        text.push_str(&format!("  by {}", visible(by)));
    }
    if let Some(detail) = &event.detail {
        text.push_str(&format!("  {}", visible(detail)));
    }
    text
}

fn words(kind: SagaEventKind) -> String {
    kind.as_str().replace('_', " ")
}

/// How long something took, in the unit that says it best.
fn took(from: Timestamp, to: Timestamp) -> String {
    match to.duration_since(from).as_millis() {
        millis if millis < 10_000 => format!("{millis} ms"),
        millis if millis < 600_000 => format!("{} s", millis / 1_000),
        millis => format!("{} min", millis / 60_000),
    }
}

/// Whether a request has not been answered.
fn is_open(history: &SagaHistory, command: u64) -> bool {
    let is_last = history.commands.last().is_some_and(|last| last.command == command);
    let is_about = |event: &SagaEvent| event.command == Some(command);
    is_last && !history.summary.status.is_ended() && !history.events.iter().any(is_about)
}
