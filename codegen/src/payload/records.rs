//! From the text of a payload file to the records in it, each with its place.

use serde_json::Value;
use serde_json::value::RawValue;

use super::Finding;
use crate::diagnostic::{Diagnostic, Position};
use crate::excerpt::Excerpt;
use crate::pointer;

/// One payload of a file.
pub(super) struct Record<'a> {
    /// What it says.
    pub(super) value: Value,
    /// JSON pointer to it: of its element in an array, otherwise empty.
    pub(super) pointer: String,
    source: &'a str,
    text: &'a str,
    start: Position,
}

impl Record<'_> {
    /// Line and column, in the file, of a place in the record, and the line itself.
    pub(super) fn place(&self, at: &str) -> Option<(Position, Excerpt)> {
        pointer::offset(self.text, at).map(|offset| place(self.source, self.text, self.start, offset))
    }
}

/// The place in a source of an offset in a part of it, which starts at `start`.
fn place(source: &str, part: &str, start: Position, offset: usize) -> (Position, Excerpt) {
    (shifted(start, Position::of(part, offset)), Excerpt::at(source, offset_of(part, source) + offset))
}

/// Where a part of a text begins.
fn offset_of(part: &str, text: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

const HELP: &str = "a payload file holds one JSON value, an array of them, or one on every line";

/// The records of a JSON document, of every element of a JSON array, or of every line of NDJSON; or why there is none.
pub(super) fn records<'a>(name: &str, text: &'a str) -> Vec<Result<Record<'a>, Box<Finding>>> {
    let mut cursor = Cursor { text, offset: 0, position: Position { line: 1, column: 1 } };
    match serde_json::from_str::<&RawValue>(text) {
        Ok(whole) if whole.get().starts_with('[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            let element = |(index, element): (usize, &'a RawValue)| {
                let start = cursor.advance(element.get());
                record(name, text, element.get(), start, pointer::join("", &index.to_string()))
            };
            elements.into_iter().enumerate().map(element).collect()
        }
        Ok(whole) => vec![record(name, text, whole.get(), cursor.advance(whole.get()), String::new())],
        Err(_) if is_lines(name, text) => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            lines.map(|line| record(name, text, line, cursor.advance(line), String::new())).collect()
        }
        Err(error) => vec![Err(Box::new(bad_json(name, text, text, cursor.position, &error)))],
    }
}

fn record<'a>(
    name: &str,
    source: &'a str,
    text: &'a str,
    start: Position,
    pointer: String,
) -> Result<Record<'a>, Box<Finding>> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(Record { value, pointer, source, text, start }),
        Err(error) => {
            let mut finding = bad_json(name, source, text, start, &error);
            finding.diagnostic.pointer = pointer;
            Err(Box::new(finding))
        }
    }
}

fn bad_json(name: &str, source: &str, text: &str, start: Position, error: &serde_json::Error) -> Finding {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let offset = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
    let (position, excerpt) = place(source, text, start, offset);
    // The place is told apart from the message; within a record it would be that of the record anyway.
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let message = format!("this is not JSON: {message}");
    let diagnostic = Diagnostic::error("bad-json", name, message, HELP).at(Some(position));
    Finding { diagnostic, demand: None, excerpt: Some(excerpt) }
}

/// Whether a text that is no JSON document is meant as NDJSON: by its name, or because a line of it could be a record.
fn is_lines(name: &str, text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let whole = |line: &str| line.starts_with('{') && line.ends_with('}');
    [".ndjson", ".jsonl"].iter().any(|extension| name.ends_with(extension))
        || lines.next().is_some_and(|first| whole(first) && lines.next().is_some())
}

fn shifted(start: Position, inner: Position) -> Position {
    let column = if inner.line == 1 { start.column + inner.column - 1 } else { inner.column };
    Position { line: start.line + inner.line - 1, column }
}

/// Counts lines once, from record to record.
struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    position: Position,
}

impl Cursor<'_> {
    /// Moves to a part of the text behind the last one; returns where it starts.
    fn advance(&mut self, part: &str) -> Position {
        let offset = offset_of(part, self.text);
        if let Some(between) = self.text.get(self.offset..offset) {
            self.position = shifted(self.position, Position::of(between, between.len()));
            self.offset = offset;
        }
        self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(name: &str, text: &str) -> Vec<Result<(usize, usize), (usize, usize)>> {
        let place = |position: Option<Position>| position.map(|p| (p.line, p.column)).unwrap();
        records(name, text)
            .iter()
            .map(|record| match record {
                Ok(record) => Ok(place(record.place("/a").map(|(position, _)| position))),
                Err(finding) => Err(place(finding.diagnostic.position)),
            })
            .collect()
    }

    #[test]
    fn a_document_is_one_record() {
        assert_eq!(places("x.json", "\n{\n  \"a\": 1\n}"), [Ok((3, 3))]);
    }

    #[test]
    fn the_elements_of_an_array_are_records() {
        assert_eq!(places("x.json", "[{\"a\": 1},\n {\n\"a\": 2}]"), [Ok((1, 3)), Ok((3, 1))]);
    }

    #[test]
    fn every_line_stands_for_itself() {
        let text = "{\"a\": 1}\r\n\r\n  {\"a\": }\r\n{\"a\": 3}\r\n";

        assert_eq!(places("-", text), [Ok((1, 2)), Err((3, 9)), Ok((4, 2))]);
    }

    #[test]
    fn a_broken_document_is_not_taken_for_lines() {
        assert_eq!(places("x.json", "{\n  \"a\": 1\n  \"b\": 2\n}"), [Err((3, 3))]);
        assert_eq!(places("x.json", ""), [Err((1, 1))]);
    }

    #[test]
    fn lines_may_be_empty_where_the_name_says_so() {
        assert_eq!(places("x.ndjson", ""), []);
    }
}
