//! JSON pointers (RFC 6901): steps, escapes, fragments of URIs, and where they lead in a source text.

mod places;

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

pub(crate) use places::Places;

/// Appends one step to a pointer.
pub fn join(pointer: &str, step: &str) -> String {
    format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"))
}

/// The unescaped steps of a pointer; `None` when it does not start with a slash.
pub fn steps(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let rest = pointer.strip_prefix('/')?;
    Some(rest.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect())
}

/// A JSON pointer as the fragment of a URI.
pub fn fragment(pointer: &str) -> String {
    format!("#{}", utf8_percent_encode(pointer, NOT_IN_FRAGMENTS))
}

/// A path of a file as a URI holds it.
pub(crate) fn in_path(path: &str) -> String {
    const REPLACED: &AsciiSet = &NOT_IN_FRAGMENTS.add(b'?');
    utf8_percent_encode(path, REPLACED).to_string()
}

/// A reference as a URI writes it. What is written with percent signs already stays.
pub(crate) fn percent_encoded(reference: &str) -> String {
    let (path, fragment) = reference.split_once('#').map_or((reference, None), |(path, rest)| (path, Some(rest)));
    const REPLACED: &AsciiSet = &NOT_IN_FRAGMENTS.remove(b'%');
    let encoded = |text: &str| utf8_percent_encode(text, REPLACED).to_string();
    match fragment {
        Some(fragment) => format!("{}#{}", encoded(path), encoded(fragment)),
        None => encoded(path),
    }
}

/// The JSON pointer that the fragment of a URI means.
pub fn of_fragment(fragment: &str) -> Cow<'_, str> {
    percent_decode_str(fragment).decode_utf8().unwrap_or(Cow::Borrowed(fragment))
}

/// The ASCII characters that a fragment holds only with a percent sign (RFC 3986, section 3.5).
const NOT_IN_FRAGMENTS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Where a pointer's target begins in a JSON text, in bytes: the member's name, or the element. `Places` finds those of many.
///
/// Leads to the nearest place that exists when the target does not.
pub fn offset(source: &str, pointer: &str) -> Option<usize> {
    let mut scanner = Scanner { source, at: 0 };
    scanner.skip_space();
    let mut best = scanner.at;
    for step in steps(pointer)? {
        match scanner.enter(&step) {
            Some(start) => best = start,
            None => break,
        }
    }
    Some(best)
}

/// Walks a JSON text that is known to parse, without building values.
struct Scanner<'a> {
    source: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':')) {
            self.at += 1;
        }
    }

    /// Moves into the member or element of the value at hand; returns where it is to be shown.
    fn enter(&mut self, step: &str) -> Option<usize> {
        let opening = self.peek()?;
        if opening != b'{' && opening != b'[' {
            return None;
        }
        self.at += 1;
        for index in 0_usize.. {
            self.skip_space();
            if matches!(self.peek()?, b'}' | b']') {
                return None;
            }
            let start = self.at;
            let found = if opening == b'{' {
                self.skip_value();
                let name = serde_json::from_str::<String>(&self.source[start..self.at]).ok()?;
                self.skip_space();
                name == step
            } else {
                step.parse() == Ok(index)
            };
            if found {
                return Some(start);
            }
            self.skip_value();
        }
        None
    }

    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                None => return,
                Some(b'"') => self.skip_string(),
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                Some(_) => self.skip_scalar(),
            }
            if depth == 0 {
                return;
            }
            self.skip_space();
        }
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }

    fn skip_scalar(&mut self) {
        while !matches!(self.peek(), None | Some(b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

/// The line and column of one pointer's target.
#[cfg(test)]
fn locate(source: &str, pointer: &str) -> Option<crate::diagnostic::Position> {
    offset(source, pointer).map(|offset| crate::diagnostic::Position::of(source, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\n  \"a/b\": [1, {\"x\\\"y\": true}],\n  \"c\": \"}\"\n}";

    #[test]
    fn a_member_is_shown_at_its_name_and_an_element_at_its_start() {
        let place = |pointer| locate(TEXT, pointer).map(|p| (p.line, p.column));

        assert_eq!(place(""), Some((1, 1)));
        assert_eq!(place("/a~1b"), Some((2, 3)));
        assert_eq!(place("/a~1b/1"), Some((2, 14)));
        assert_eq!(place("/a~1b/1/x\"y"), Some((2, 15)));
        assert_eq!(place("/c"), Some((3, 3)));
    }

    #[test]
    fn a_missing_target_leads_to_its_nearest_ancestor() {
        assert_eq!(locate(TEXT, "/c/nowhere").map(|p| p.line), Some(3));
    }
}
