//! The places of everything in a JSON text, found in one pass: a large file may have a finding in every line.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::diagnostic::Position;

use super::{Scanner, steps};

/// Where each value of a text stands.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// Values by the number of what holds them and their name or index there: their own number, and where they stand.
    members: HashMap<(usize, String), (usize, usize)>,
    /// Members that have the name of an earlier one of their object, and where they stand.
    repeated: Vec<(String, usize)>,
    start: usize,
    /// Where each line begins.
    lines: Vec<usize>,
    /// How many characters stand before each block of bytes.
    blocks: Vec<usize>,
}

/// The bytes between two counts of characters.
const BLOCK: usize = 4_096;

impl Places {
    /// The places of a text that is known to parse.
    pub(crate) fn of(source: &str) -> Self {
        let newlines = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let mut blocks = vec![0];
        for block in source.as_bytes().chunks(BLOCK) {
            blocks.push(blocks.last().copied().unwrap_or_default() + characters(block));
        }
        let lines = [0].into_iter().chain(newlines).collect();
        let mut places = Self { members: HashMap::new(), repeated: Vec::new(), start: 0, lines, blocks };
        let mut scanner = Scanner { source, at: 0 };
        scanner.skip_space();
        places.start = scanner.at;
        places.read(&mut scanner);
        places
    }

    /// The line and column of a pointer's target, or of the nearest place above it that exists.
    pub(crate) fn locate(&self, source: &str, pointer: &str) -> Option<Position> {
        let (mut holder, mut offset) = (0, self.start);
        for step in steps(pointer)? {
            let Some((number, at)) = self.members.get(&(holder, step)) else { break };
            (holder, offset) = (*number, *at);
        }
        Some(self.position(source, offset))
    }

    /// The members that have the name of an earlier one of their object, in the order of the text.
    pub(crate) fn repeated<'a>(&'a self, source: &'a str) -> impl Iterator<Item = (&'a str, Position)> {
        self.repeated.iter().map(|(name, offset)| (name.as_str(), self.position(source, *offset)))
    }

    fn position(&self, source: &str, offset: usize) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        Position { line, column: self.before(source, offset) - self.before(source, start) + 1 }
    }

    /// How many characters stand before an offset.
    fn before(&self, source: &str, offset: usize) -> usize {
        let block = offset / BLOCK;
        let rest = source.as_bytes().get(block * BLOCK..offset).unwrap_or_default();
        self.blocks.get(block).copied().unwrap_or_default() + characters(rest)
    }

    fn read(&mut self, scanner: &mut Scanner<'_>) {
        // Every open container: its number, and how many elements of it were read; none for an object.
        let mut open: Vec<(usize, Option<usize>)> = Vec::new();
        // At a value of this number.
        for number in 0.. {
            match scanner.peek() {
                Some(opening @ (b'{' | b'[')) => {
                    open.push((number, (opening == b'[').then_some(0)));
                    scanner.at += 1;
                }
                Some(_) => scanner.skip_value(),
                None => return,
            }
            scanner.skip_space();
            while matches!(scanner.peek(), Some(b'}' | b']')) {
                scanner.at += 1;
                open.pop();
                scanner.skip_space();
            }
            let Some((holder, index)) = open.last_mut() else { return };
            let start = scanner.at;
            let step = match index {
                Some(index) => {
                    *index += 1;
                    (*index - 1).to_string()
                }
                None => {
                    scanner.skip_value();
                    let name = scanner.source.get(start..scanner.at).unwrap_or_default();
                    let Ok(name) = serde_json::from_str::<String>(name) else { return };
                    scanner.skip_space();
                    name
                }
            };
            // Of two members with one name the first is shown; nothing leads to the number of the other.
            match self.members.entry((*holder, step)) {
                Entry::Vacant(entry) => drop(entry.insert((number + 1, start))),
                Entry::Occupied(entry) => self.repeated.push((entry.key().1.clone(), start)),
            }
        }
    }
}

/// How many characters begin among some bytes.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pointer::locate;

    #[test]
    fn every_place_is_the_one_that_a_search_finds() {
        let text = "{\n  \"a/b\": [1, {\"x\\\"y\": true}, [], {}],\n  \"ä\": {\"ö\": {\"c\": \"}\", \"d\": [[2]]}, \"c\": 1, \"c\": {\"z\": 1}},\r\n \"e\": 1e3}";
        let places = Places::of(text);
        for pointer in [
            "",
            "/a~1b",
            "/a~1b/0",
            "/a~1b/1",
            "/a~1b/1/x\"y",
            "/a~1b/2",
            "/a~1b/3",
            "/a~1b/4",
            "/ä",
            "/ä/ö/c",
            "/ä/ö/d/0/0",
            "/ä/c",
            "/ä/c/z",
            "/e",
            "/e/f",
            "/nowhere/x",
        ] {
            assert_eq!(places.locate(text, pointer), locate(text, pointer), "{pointer}");
        }
        for text in ["1", " true ", "[]", "{}", "[[],[]]", "\"x\""] {
            assert_eq!(Places::of(text).locate(text, "/1"), locate(text, "/1"), "{text}");
        }
    }
}
