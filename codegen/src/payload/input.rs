//! From inputs to jobs: chunks of whole lines of NDJSON, or whole documents.

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;

use serde::de::IgnoredAny;

/// Where payloads come from.
pub struct Input {
    /// What it is called in findings.
    pub name: Arc<str>,
    /// Opens it, once the inputs before it are read.
    pub open: Open,
}

/// Opens an input.
pub type Open = Box<dyn FnOnce() -> io::Result<Box<dyn Read + Send>> + Send>;

/// A part of an input that can be checked on its own.
pub(super) enum Job {
    /// Some lines of NDJSON.
    Lines(Vec<u8>),
    /// A whole JSON document.
    Document(Vec<u8>),
}

/// How much is read at once. More is not faster; less lets threads wait for each other.
const CHUNK: usize = 256 << 10;

/// Takes an input apart; `send` says whether to go on, and `empty` gives buffers that are no longer used. False for an input of
/// nothing but white space.
pub(super) fn jobs(
    input: Input,
    mut empty: impl FnMut() -> Vec<u8>,
    mut send: impl FnMut(Job) -> bool,
) -> io::Result<bool> {
    let mut lines = LineReader { source: (input.open)()?, rest: Vec::new() };
    let mut head = Vec::new();
    while is_blank(&head) && lines.append_to(&mut head)? {}
    if is_blank(&head) {
        return Ok(false);
    }
    if !is_lines(&input.name, &head) {
        head.append(&mut lines.rest);
        lines.source.read_to_end(&mut head)?;
        send(Job::Document(head));
        return Ok(true);
    }
    while !head.is_empty() {
        if !send(Job::Lines(head)) {
            return Ok(true);
        }
        head = empty();
        head.clear();
        lines.append_to(&mut head)?;
    }
    Ok(true)
}

/// Reads whole lines.
struct LineReader {
    source: Box<dyn Read + Send>,
    /// The beginning of a line whose end is not read yet.
    rest: Vec<u8>,
}

impl LineReader {
    /// Appends what one reading gives, up to its last line break; reads on if there is none. False at the end.
    fn append_to(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        let start = buffer.len();
        buffer.append(&mut self.rest);
        loop {
            let end = buffer.len();
            buffer.resize(end + CHUNK, 0);
            let read = match self.source.read(&mut buffer[end..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    buffer.truncate(end);
                    continue;
                }
                read => read?,
            };
            buffer.truncate(end + read);
            if read == 0 {
                return Ok(end > start);
            }
            if let Some(newline) = buffer[end..].iter().rposition(|byte| *byte == b'\n') {
                self.rest.extend_from_slice(&buffer[end + newline + 1..]);
                buffer.truncate(end + newline + 1);
                return Ok(true);
            }
        }
    }
}

fn is_blank(text: &[u8]) -> bool {
    text.trim_ascii().is_empty()
}

/// Whether an input is NDJSON: by its name, or because its first line is an object of its own. The first line is enough:
/// one that is a whole object, or broken, begins no document; one that only ends too early may well.
fn is_lines(name: &str, head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let is_object = |line: &[u8]| {
        line.starts_with(b"{")
            && match serde_json::from_slice::<IgnoredAny>(line) {
                Ok(_) => true,
                Err(error) => line.ends_with(b"}") && !error.is_eof(),
            }
    };
    [".ndjson", ".jsonl"].iter().any(|extension| name.ends_with(extension)) || lines.next().is_some_and(is_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, as a pipe may.
    struct Slowly(Vec<u8>);

    impl Read for Slowly {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(7).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    fn taken_apart(name: &str, text: &str) -> Vec<String> {
        let source = Slowly(text.as_bytes().to_vec());
        let input = Input { name: name.into(), open: Box::new(move || Ok(Box::new(source))) };
        let mut parts = Vec::new();
        let part = |job| {
            parts.push(match job {
                Job::Lines(bytes) => format!("lines {}", String::from_utf8(bytes).unwrap()),
                Job::Document(bytes) => format!("document {}", String::from_utf8(bytes).unwrap()),
            });
            true
        };
        jobs(input, Vec::new, part).unwrap();
        parts
    }

    #[test]
    fn lines_are_never_torn() {
        let parts = taken_apart("-", "\n\n{\"a\": 1}\n{}\n{}\n{\"long\": \"long\"}\n{}");

        assert!(parts.len() > 2, "{parts:?}");
        assert!(parts[..parts.len() - 1].iter().all(|part| part.ends_with('\n')), "{parts:?}");
        let whole: String = parts.iter().map(|part| part.strip_prefix("lines ").unwrap()).collect();
        assert_eq!(whole, "\n\n{\"a\": 1}\n{}\n{}\n{\"long\": \"long\"}\n{}");
    }

    #[test]
    fn a_document_may_have_lines_that_look_whole() {
        for text in ["{\"a\": {}\n, \"b\": 1}\n", "[{},\n{}]", "{\n\"a\": 1}", "1\n2"] {
            assert_eq!(taken_apart("-", text), [format!("document {text}")]);
        }
    }

    #[test]
    fn a_broken_first_line_spoils_no_ndjson() {
        assert!(taken_apart("-", "{oops}\n{}\n")[0].starts_with("lines"));
        assert!(taken_apart("x.jsonl", "{\"a\":\n{}\n")[0].starts_with("lines"));
    }

    #[test]
    fn an_input_of_white_space_has_no_parts() {
        for (name, text) in [("x.ndjson", ""), ("-", ""), ("-", " \n\r\n")] {
            assert_eq!(taken_apart(name, text), Vec::<String>::new());
        }
    }
}
