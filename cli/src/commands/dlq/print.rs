//! Prints dead letters one by one, so that a million of them is never in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

use eventsmith::Timestamp;
use eventsmith::admin::{DeadLetter, DeadReason};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::data_format::DataFormat;
use crate::format::{visible, visible_lines};
use crate::output::{Out, note};

/// Prints items, then a last line; as JSON one object, whose first member holds the items.
pub(super) struct DeadLetterPrinter<'a> {
    out: &'a mut Out,
    format: DataFormat,
    /// The name of the member.
    items: &'static str,
    printed: usize,
    now: Timestamp,
}

impl<'a> DeadLetterPrinter<'a> {
    pub(super) fn new(out: &'a mut Out, format: DataFormat, items: &'static str) -> Self {
        Self { out, format, items, printed: 0, now: Timestamp::now() }
    }

    /// Prints a dead letter in one line.
    pub(super) fn print_row(&mut self, dead_letter: &DeadLetter) -> anyhow::Result<()> {
        if self.format == DataFormat::Json {
            return self.item(&summary(dead_letter));
        }
        if self.printed == 0 {
            row(self.out, ["NUMBER", "AGE", "CONSUMER", "EVENT", "REASON", "ATTEMPTS", "ERROR"])?;
        }
        self.printed += 1;
        let (number, attempts) = (dead_letter.sequence.to_string(), dead_letter.attempts.to_string());
        let age = age(self.now.duration_since(dead_letter.dead_lettered).as_secs());
        let event = dead_letter.event_type.as_deref().unwrap_or("?");
        let begun = if dead_letter.is_replay_begun() { "(replay begun) " } else { "" };
        let error = format!("{begun}{}", dead_letter.error);
        row(self.out, [&number, &age, &dead_letter.consumer, event, dead_letter.reason.as_str(), &attempts, &error])
    }

    /// Prints a dead letter with all that is in it.
    pub(super) fn print_in_full(&mut self, dead_letter: &DeadLetter) -> anyhow::Result<()> {
        let raw = serde_json::from_slice::<&RawValue>(&dead_letter.payload);
        if self.format == DataFormat::Json {
            let headers: Vec<Value> = dead_letter.headers().map(|(name, value)| json!([name, value])).collect();
            let mut members = summary(dead_letter);
            members["headers"] = headers.into();
            let text = String::from_utf8_lossy(&dead_letter.payload);
            // A payload that is not JSON is printed as text.
            return match raw {
                Ok(raw) => self.item(&FullDeadLetter { dead_letter: members, payload: raw }),
                Err(_) => self.item(&FullDeadLetter { dead_letter: members, payload: json!({ "text": text }) }),
            };
        }
        if self.printed > 0 {
            writeln!(self.out)?;
        }
        self.printed += 1;
        writeln!(
            self.out,
            "{} of {}, stored {}",
            dead_letter.sequence,
            visible(&dead_letter.subject),
            dead_letter.stored
        )?;
        for (name, value) in dead_letter.headers() {
            writeln!(self.out, "{}: {}", visible(name), visible(value))?;
        }
        let payload = match raw {
            Ok(raw) => indented(raw.get()),
            Err(_) => String::from_utf8_lossy(&dead_letter.payload).into_owned(),
        };
        writeln!(self.out, "\n{}", visible_lines(&payload))?;
        Ok(())
    }

    /// Prints what was done with a dead letter.
    pub(super) fn print_result(&mut self, dead_letter: &DeadLetter, text: &str, data: &Value) -> anyhow::Result<()> {
        if self.format == DataFormat::Json {
            return self.item(&json!({ "sequence": dead_letter.sequence, "outcome": data }));
        }
        let event = dead_letter.event_type.as_deref().unwrap_or("?");
        let (event, consumer) = (visible(event), visible(&dead_letter.consumer));
        writeln!(self.out, "{} ({event} of {consumer}): {text}", dead_letter.sequence)?;
        Ok(())
    }

    /// Prints the last line, or the last members; the line to standard error then.
    pub(super) fn finish(self, last: &str, members: Value) -> anyhow::Result<()> {
        match self.format {
            DataFormat::Text if last.is_empty() => {}
            DataFormat::Text => writeln!(self.out, "{last}")?,
            DataFormat::Json => {
                if self.printed == 0 {
                    write!(self.out, "{{\"{}\": [", self.items)?;
                }
                write!(self.out, "\n]")?;
                for (name, value) in members.as_object().into_iter().flatten() {
                    write!(self.out, ",\n\"{name}\": {value}")?;
                }
                writeln!(self.out, "}}")?;
                self.out.flush()?;
                if !last.is_empty() {
                    note(format_args!("{last}"));
                }
            }
        }
        Ok(())
    }

    fn item(&mut self, item: &impl serde::Serialize) -> anyhow::Result<()> {
        match self.printed {
            0 => writeln!(self.out, "{{\"{}\": [", self.items)?,
            _ => writeln!(self.out, ",")?,
        }
        self.printed += 1;
        write!(self.out, "{}", serde_json::to_string(item)?)?;
        Ok(())
    }
}

#[derive(serde::Serialize)]
struct FullDeadLetter<P> {
    #[serde(flatten)]
    dead_letter: Value,
    payload: P,
}

/// A dead letter without headers and payload.
fn summary(dead_letter: &DeadLetter) -> Value {
    json!({
        "sequence": dead_letter.sequence,
        "consumer": dead_letter.consumer,
        "event": dead_letter.event_type,
        "reason": dead_letter.reason,
        "attempts": dead_letter.attempts,
        "error": dead_letter.error,
        "stream": dead_letter.origin_stream,
        "stream_sequence": dead_letter.origin_sequence,
        "subject": dead_letter.subject,
        "stored": dead_letter.stored.to_string(),
        "dead_lettered": dead_letter.dead_lettered.to_string(),
        "replay_begun": dead_letter.is_replay_begun(),
    })
}

fn row(out: &mut Out, [number, age, consumer, event, reason, attempts, error]: [&str; 7]) -> anyhow::Result<()> {
    let (consumer, event, error) = (visible(consumer), visible(event), visible(error));
    writeln!(out, "{number:>8} {age:>4}  {consumer:<18} {event:<24} {reason:<14} {attempts:>8}  {error}")?;
    Ok(())
}

/// An age in its largest unit.
fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{}s", seconds.max(0)),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// JSON, which must be valid, with a line for each member. Numbers and the order of members stay as they are.
fn indented(json: &str) -> String {
    let (mut text, mut depth, mut chars) = (String::new(), 0, json.chars().peekable());
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    };
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                text.push(c);
                while let Some(c) = chars.next() {
                    text.push(c);
                    match c {
                        '\\' => text.extend(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                text.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                match chars.next_if(|c| matches!(c, '}' | ']')) {
                    Some(end) => text.push(end),
                    None => {
                        depth += 1;
                        line(&mut text, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => text.push(c),
        }
    }
    text
}

/// The number of dead letters, by consumer and reason.
#[derive(Default)]
pub(super) struct Counts(BTreeMap<(String, DeadReason), u64>);

impl Counts {
    pub(super) fn add(&mut self, dead_letter: &DeadLetter) {
        *self.0.entry((dead_letter.consumer.clone(), dead_letter.reason)).or_default() += 1;
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    pub(super) fn to_json(&self) -> Value {
        let count = |((consumer, reason), count): (&(String, DeadReason), &u64)| json!({ "consumer": consumer, "reason": reason, "count": count });
        self.0.iter().map(count).collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.total() == 1 { "" } else { "s" };
        write!(f, "{} dead letter{s}", self.total())?;
        for (index, ((consumer, reason), count)) in self.0.iter().enumerate() {
            let separator = if index == 0 { ": " } else { ", " };
            write!(f, "{separator}{} {count} {reason}", visible(consumer))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_nothing_else() {
        let json = r#"{ "a" : [1.0e2,{ } ,[ ]], "b\"}" :"x: {,", "c": {"d":12345678901234567890123} }"#;

        let expected = "{\n  \"a\": [\n    1.0e2,\n    {},\n    []\n  ],\n  \"b\\\"}\": \"x: {,\",\n  \"c\": {\n    \"d\": 12345678901234567890123\n  }\n}";
        assert_eq!(indented(json), expected);
    }

    #[test]
    fn an_age_has_one_unit() {
        assert_eq!([-5, 59, 60, 7_199, 86_399, 864_000].map(age), ["0s", "59s", "1m", "1h", "23h", "10d"]);
    }
}
