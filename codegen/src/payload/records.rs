//! From the text of a payload file to the records in it, each with its place.

use serde_json::value::RawValue;

use super::finding::Finding;
use super::violation_text::short_text;
use crate::diagnostic::{Diagnostic, Position};
use crate::excerpt::Excerpt;
use crate::pointer::{self, Places};

/// One payload of a text.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    /// What it says, as JSON.
    pub(super) text: &'a str,
    /// Where in an array it stands.
    pub(super) index: Option<usize>,
}

impl Record<'_> {
    /// A pointer into it as one into the document that it stands in.
    pub(super) fn pointer(self, at: &str) -> String {
        match self.index {
            Some(index) => format!("/{index}{at}"),
            None => at.to_owned(),
        }
    }
}

/// The records of a JSON document: itself, or every element of an array.
pub(super) fn of_document(text: &str) -> Vec<Record<'_>> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) if raw.get().starts_with('[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            let elements = elements.into_iter().enumerate();
            elements.map(|(index, element)| Record { text: element.get(), index: Some(index) }).collect()
        }
        Ok(raw) => vec![Record { text: raw.get(), index: None }],
        Err(_) => vec![Record { text, index: None }],
    }
}

/// The records of NDJSON: every line that is not blank.
pub(super) fn of_lines(text: &str) -> impl Iterator<Item = Record<'_>> {
    let lines = text.split('\n').map(str::trim_ascii).filter(|line| !line.is_empty());
    lines.map(|text| Record { text, index: None })
}

/// Finds the locator of records, of one behind the other.
#[derive(Clone)]
pub(super) struct RecordLocator<'a> {
    name: &'a str,
    source: &'a str,
    offset: usize,
    position: Position,
    shows_source: bool,
}

impl<'a> RecordLocator<'a> {
    /// The locator in a text, which is called `name` in findings.
    pub(super) fn new(name: &'a str, source: &'a str, shows_source: bool) -> Self {
        Self { name, source, offset: 0, position: Position { line: 1, column: 1 }, shows_source }
    }

    /// Moves on to a record behind the last one. Lines are counted once, however many records there are.
    pub(super) fn enter(&mut self, record: Record<'_>) {
        let offset = (record.text.as_ptr() as usize).saturating_sub(self.source.as_ptr() as usize);
        if let Some(between) = self.source.get(self.offset..offset) {
            self.position = shifted(self.position, Position::of(between, between.len()));
            self.offset = offset;
        }
    }

    /// An error at a place in the current record.
    pub(super) fn finding(&self, rule: &'static str, record: Record<'_>, at: &str, said: (&str, &str)) -> Finding {
        self.at_offset(rule, record, pointer::offset(record.text, at).unwrap_or(0), said)
    }

    /// Why the current record is no JSON.
    pub(super) fn bad_json(&self, record: Record<'_>, error: &serde_json::Error) -> Finding {
        let lines = record.text.split_inclusive('\n').take(error.line().saturating_sub(1));
        // serde_json counts bytes.
        let offset = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
        let message = error.to_string();
        // The position is reported separately, and serde_json's is relative to the record.
        let is_too_large = message.contains("number out of range");
        let message = match is_too_large {
            true => "this number is too large to be read".to_owned(),
            false => format!("this is not JSON: {}", message.split(" at line ").next().unwrap_or_default()),
        };
        let help = if is_too_large {
            TOO_LARGE
        } else if record.text.starts_with('\u{feff}') {
            "the text begins with a byte order mark; save it as UTF-8 without one"
        } else if message.contains("recursion limit") {
            "JSON is read to a depth of 127, here as by consumers"
        } else {
            HELP
        };
        self.at_offset("bad-json", record, offset, (&message, help))
    }

    /// Which name the current record, which is JSON, repeats within an object.
    pub(super) fn repeated_name(&self, record: Record<'_>, mask: bool) -> Finding {
        let places = Places::of(record.text);
        let (name, pointer, offset) = places.first_repeated(record.text).unwrap_or_default();
        let (message, pointer) = match mask {
            true => ("a member is there twice".to_owned(), String::new()),
            false => (format!("the member {:?} is there twice", short_text(&name)), pointer),
        };
        let mut finding = self.at_offset("bad-payload", record, offset, (&message, TWICE));
        finding.diagnostic.pointer = record.pointer(&pointer);
        finding
    }

    /// Why the text is no JSON: it is not UTF-8 from an offset on.
    pub(super) fn not_utf8(&self, offset: usize) -> Finding {
        let whole = Record { text: self.source, index: None };
        self.at_offset(
            "bad-json",
            whole,
            offset,
            ("this is not JSON: it is not UTF-8", "save it as UTF-8, where it is UTF-16 or of another encoding"),
        )
    }

    fn at_offset(
        &self,
        rule: &'static str,
        record: Record<'_>,
        offset: usize,
        (message, help): (&str, &str),
    ) -> Finding {
        let position = shifted(self.position, Position::of(record.text, offset));
        let excerpt = self.shows_source.then(|| Excerpt::at(self.source, self.offset + offset));
        Finding {
            diagnostic: Diagnostic::error(rule, self.name, message, help).at(Some(position)),
            demand: None,
            excerpt,
        }
    }
}

/// What a payload file is.
const HELP: &str = "a payload file holds one JSON value, an array of them, or one on every line";
/// Why names are not repeated.
const TWICE: &str =
    "leave one of them: some readers take the first and some the last, and consumers refuse the message";
/// How large a number may be.
const TOO_LARGE: &str = "numbers are read up to 1.8e308, as most readers of JSON hold them in doubles";

fn shifted(start: Position, inner: Position) -> Position {
    let column = if inner.line == 1 { start.column + inner.column - 1 } else { inner.column };
    Position { line: start.line + inner.line - 1, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locator<'a>(
        source: &'a str,
        records: impl IntoIterator<Item = Record<'a>>,
    ) -> Vec<Result<(usize, usize), (usize, usize)>> {
        let mut locator = RecordLocator::new("-", source, true);
        let place = |finding: Finding| finding.diagnostic.position.map(|p| (p.line, p.column)).unwrap();
        let described = |record: Record<'a>| {
            locator.enter(record);
            match serde_json::from_str::<serde_json::Value>(record.text) {
                Ok(_) => Ok(place(locator.finding("x", record, "/a", ("", "")))),
                Err(error) => Err(place(locator.bad_json(record, &error))),
            }
        };
        records.into_iter().map(described).collect()
    }

    #[test]
    fn a_document_is_one_record() {
        let text = "\n{\n  \"a\": 1\n}";

        assert_eq!(locator(text, of_document(text)), [Ok((3, 3))]);
    }

    #[test]
    fn the_elements_of_an_array_are_records() {
        let text = "[{\"a\": 1},\n {\n\"a\": 2}]";

        assert_eq!(locator(text, of_document(text)), [Ok((1, 3)), Ok((3, 1))]);
    }

    #[test]
    fn every_line_stands_for_itself() {
        let text = "{\"a\": 1}\r\n\r\n  {\"a\": }\r\n{\"ä\": 1, \"a\": 3}\r\n";

        assert_eq!(locator(text, of_lines(text)), [Ok((1, 2)), Err((3, 9)), Ok((4, 10))]);
    }

    #[test]
    fn a_broken_document_is_one_broken_record() {
        let broken = "{\n  \"a\": 1\n  \"b\": 2\n}";

        assert_eq!(locator(broken, of_document(broken)), [Err((3, 3))]);
        assert_eq!(locator("", of_document("")), [Err((1, 1))]);
    }
}
