//! A tree of causes as text and as JSON.

use std::io::{self, Write};

use eventsmith::Timestamp;
use eventsmith::admin::{Trace, TracedMessage, Unread};
use serde_json::{Value, json};

use super::kind::{DeadLetter, Kind, SagaMessage};
use super::tree::{Line, Tree, What};
use crate::format::visible;

/// How many causes are drawn above a message; those beyond are told as a number.
const DEEPEST: usize = 24;
/// How much of an error is printed in a line, in characters.
const LONGEST: usize = 200;

/// Writes a line for everything that was found.
pub(super) fn text(correlation: &str, found: &Trace, tree: &Tree<'_>, out: &mut impl Write) -> io::Result<()> {
    let (first, last) = (
        found.messages.iter().map(|message| message.stored).min(),
        found.messages.iter().map(|message| message.stored).max(),
    );
    let (Some(first), Some(last)) = (first, last) else {
        return writeln!(out, "nothing is stored under {}", visible(correlation));
    };
    writeln!(out, "{}: {} within {}\n", visible(correlation), found.messages.len(), between(first, last))?;
    // Whether something follows at each depth, below which a line is drawn.
    let mut open: Vec<bool> = Vec::new();
    for line in &tree.lines {
        open.truncate(line.depth);
        open.push(!line.is_last);
        let branch = match line.depth {
            0 => String::new(),
            depth => {
                let from = depth.saturating_sub(DEEPEST);
                let mut branch = if from > 0 { format!("[{from} above] ") } else { String::new() };
                open[from + 1..depth].iter().for_each(|open| branch.push_str(if *open { "|  " } else { "   " }));
                branch.push_str(if line.is_last { "`- " } else { "|- " });
                branch
            }
        };
        match line.what {
            What::Missing(id) => {
                writeln!(out, "{:24}  {:>9}  {branch}{}: a request, or not stored any more", "", "", visible(id))?;
            }
            What::Stored(message) => {
                let took = cause(tree, line).map(|cause| between(cause.stored, message.stored)).unwrap_or_default();
                let place = format!("{} {}", visible(&message.stream), message.sequence);
                writeln!(out, "{:.3}  {took:>9}  {branch}{}  {place}", message.stored, described(message))?;
            }
        }
    }
    Ok(())
}

/// Writes one object: messages in the order of cause, each with the place of its cause.
pub(super) fn json(correlation: &str, found: &Trace, tree: &Tree<'_>, out: &mut impl Write) -> io::Result<()> {
    let messages: Vec<Value> = tree.lines.iter().filter_map(|line| message_as_json(tree, line)).collect();
    let unread: Vec<Value> = found
        .unread
        .iter()
        .map(|unread| json!({ "stream": unread.stream, "sequence": unread.sequence, "reason": unread.reason.to_string() }))
        .collect();
    let all = json!({
        "correlation_id": correlation,
        "messages": messages,
        "not_printed": found.left_out,
        "seen": found.seen,
        "unread": unread,
    });
    writeln!(out, "{all}")
}

/// What could not be read, and why.
pub(super) fn unread(unread: &Unread) -> String {
    let place = unread.sequence.map(|sequence| format!(" {sequence}")).unwrap_or_default();
    format!("{}{place} could not be read: {}", visible(&unread.stream), visible(&unread.reason.to_string()))
}

fn message_as_json(tree: &Tree<'_>, line: &Line<'_>) -> Option<Value> {
    let What::Stored(message) = line.what else { return None };
    let after = cause(tree, line);
    let (mut dead_letter, mut saga) = (Value::Null, Value::Null);
    match Kind::of(message) {
        Kind::Event => {}
        Kind::DeadLetter(dead) => {
            dead_letter = json!({
                "reason": dead.reason,
                "consumer": dead.consumer,
                "attempts": dead.attempts.parse::<u64>().ok(),
                "error": dead.error,
                "stream": dead.origin.map(|(stream, _)| stream),
                "sequence": dead.origin.map(|(_, sequence)| sequence),
            });
        }
        Kind::Saga(of) => {
            saga = json!({
                "saga": of.name,
                "id": of.id,
                "what": of.leaf,
                "of": of.of,
                "status": message.header("Eventsmith-Saga-Status"),
                "step": message.header("Eventsmith-Saga-Step"),
            });
        }
    }
    Some(json!({
        "time": message.stored.to_string(),
        "stream": message.stream,
        "sequence": message.sequence,
        "subject": message.subject,
        "type": message.header("Eventsmith-Type"),
        "version": message.header("Eventsmith-Version"),
        "id": message.header("Nats-Msg-Id"),
        "causation_id": message.header("Eventsmith-Causation"),
        "replay_of": message.header("Eventsmith-Replay-Of"),
        "depth": line.depth,
        "cause": after.map(|cause| json!({ "stream": cause.stream, "sequence": cause.sequence })),
        "after_ms": after.map(|cause| message.stored.duration_since(cause.stored).as_millis() as i64),
        "dead_letter": dead_letter,
        "saga": saga,
    }))
}

/// The message that a line follows from, if it is stored.
fn cause<'a>(tree: &Tree<'a>, line: &Line<'_>) -> Option<&'a TracedMessage> {
    match tree.lines.get(line.cause?)?.what {
        What::Stored(message) => Some(message),
        What::Missing(_) => None,
    }
}

fn described(message: &TracedMessage) -> String {
    let typed = typed(message);
    let mut text = match Kind::of(message) {
        Kind::Event => typed,
        Kind::DeadLetter(DeadLetter { reason, consumer, attempts, error, .. }) => {
            let error: String = error.chars().take(LONGEST).collect();
            let (reason, consumer) = (visible(reason), visible(consumer));
            let after = if attempts == "1" { "1 attempt" } else { &format!("{} attempts", visible(attempts)) };
            let begun =
                if message.header("Eventsmith-Dead-Replaying").is_some() { ", its replay has begun" } else { "" };
            format!("DEAD LETTER of {consumer}: {reason} after {after}{begun}: {}", visible(&error))
        }
        Kind::Saga(SagaMessage { name, id, leaf, of }) => {
            let (name, id, of) = (visible(name), visible(id), visible(of));
            let step = message.header("Eventsmith-Saga-Step").map(|step| format!(", at {}", visible(step)));
            let status = message.header("Eventsmith-Saga-Status").map(|status| format!(": {}", visible(status)));
            let (status, step) = (status.unwrap_or_default(), step.unwrap_or_default());
            match leaf {
                "event" => format!("saga {name} {id} {}{status}{step}", of.replace('_', " ")),
                "command" => format!("saga {name} {id} asks {typed}"),
                "timer" => {
                    let due = message.header("Nats-Schedule").unwrap_or_default();
                    format!("saga {name} {id} waits for {of} until {}", visible(due.trim_start_matches("@at ")))
                }
                "timeout" => format!("saga {name} {id}: the time of {of} is over"),
                _ => format!("saga {name} {id} is told {of}"),
            }
        }
    };
    if let Some(replayed) = message.header("Eventsmith-Replay-Of") {
        text.push_str(&format!(" (replayed from {})", visible(replayed)));
    }
    text
}

/// The type and version, or the subject of what says neither.
fn typed(message: &TracedMessage) -> String {
    match (message.header("Eventsmith-Type"), message.header("Eventsmith-Version")) {
        (Some(event_type), Some(version)) => format!("{} v{}", visible(event_type), visible(version)),
        (Some(event_type), None) => visible(event_type).into_owned(),
        _ => visible(&message.subject).into_owned(),
    }
}

/// How long something took, in the unit that says it best. The clocks of two servers may differ.
fn between(from: Timestamp, to: Timestamp) -> String {
    match to.duration_since(from).as_millis() {
        millis if millis.abs() < 10_000 => format!("{millis} ms"),
        millis if millis.abs() < 600_000 => format!("{} s", millis / 1_000),
        millis if millis.abs() < 36_000_000 => format!("{} min", millis / 60_000),
        millis => format!("{} h", millis / 3_600_000),
    }
}
