//! The places of everything in a JSON text, found in one pass: a large file may have a finding in every line.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::diagnostic::Position;

use super::{Scanner, join, steps};

/// Where each value of a text stands.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// Every value but the outermost, sorted, so that what one holds stands together.
    members: Vec<Member>,
    /// Where members stand that have the name of an earlier one of their object.
    repeated: Vec<u32>,
    start: u32,
    /// Where each line begins.
    lines: Vec<u32>,
    /// How many characters stand before each block of bytes.
    blocks: Vec<u32>,
}

/// A value within another. A text of megabytes has millions of them, so that each is kept in a few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    holder: Holder,
    /// The index of an element, or the hash of a name.
    key: u32,
    /// Where it is to be shown: its name, or itself if it is an element.
    offset: u32,
    /// Its own number.
    number: u32,
}

/// What holds a value, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Object(u32),
    Array(u32),
}

/// The bytes between two counts of characters.
const BLOCK: usize = 4_096;

impl Places {
    /// The places of a text that is known to parse, and shorter than 4 GiB: schema files are read up to 16 MiB.
    pub(crate) fn of(source: &str) -> Self {
        let newlines = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| short(at + 1));
        let mut blocks = vec![0];
        for block in source.as_bytes().chunks(BLOCK) {
            blocks.push(blocks.last().copied().unwrap_or_default() + short(characters(block)));
        }
        let lines = [0].into_iter().chain(newlines).collect();
        let mut places = Self { members: Vec::new(), repeated: Vec::new(), start: 0, lines, blocks };
        let mut scanner = Scanner { source, at: 0 };
        scanner.skip_space();
        places.start = short(scanner.at);
        places.read(&mut scanner);
        places.members.sort_unstable();
        places.find_repeated(source);
        places
    }

    /// The line and column of a pointer's target, or of the nearest place above it that exists.
    pub(crate) fn locate(&self, source: &str, pointer: &str) -> Option<Position> {
        let (mut number, mut offset) = (0, self.start);
        for step in steps(pointer)? {
            let Some(member) = self.member(source, number, &step) else { break };
            (number, offset) = (member.number, member.offset);
        }
        Some(self.position(source, offset))
    }

    /// The members that have the name of an earlier one of their object, in the order of the text.
    pub(crate) fn repeated<'a>(&'a self, source: &'a str) -> impl Iterator<Item = (Cow<'a, str>, Position)> {
        self.repeated.iter().filter_map(|offset| Some((name_at(source, *offset)?, self.position(source, *offset))))
    }

    /// The first of them: its name, its pointer, and where it stands.
    pub(crate) fn first_repeated<'a>(&self, source: &'a str) -> Option<(Cow<'a, str>, String, usize)> {
        let offset = *self.repeated.first()?;
        let (mut pointer, mut at) = (String::new(), self.members.iter().find(|member| member.offset == offset));
        while let Some(member) = at {
            let (step, holder) = match member.holder {
                Holder::Object(holder) => (name_at(source, member.offset)?, holder),
                Holder::Array(holder) => (member.key.to_string().into(), holder),
            };
            pointer.insert_str(0, &join("", &step));
            at = self.members.iter().find(|member| member.number == holder);
        }
        Some((name_at(source, offset)?, pointer, offset as usize))
    }

    /// The element of an index, or the first member of a name, within the value of a number.
    fn member(&self, source: &str, number: u32, step: &str) -> Option<&Member> {
        let is_named = |member: &&Member| name_at(source, member.offset).is_some_and(|name| name == step);
        let of_array = || self.with(Holder::Array(number), step.parse().ok()?).next();
        self.with(Holder::Object(number), hash(step)).find(is_named).or_else(of_array)
    }

    /// What something holds under a key, in the order of the text.
    fn with(&self, holder: Holder, key: u32) -> impl Iterator<Item = &Member> {
        let first = self.members.partition_point(|member| (member.holder, member.key) < (holder, key));
        self.members.iter().skip(first).take_while(move |member| (member.holder, member.key) == (holder, key))
    }

    fn find_repeated(&mut self, source: &str) {
        let alike = self.members.chunk_by(|one, other| (one.holder, one.key) == (other.holder, other.key));
        for members in alike.filter(|members| members.len() > 1) {
            let mut known: Vec<Cow<'_, str>> = Vec::new();
            for Member { offset, .. } in members {
                match name_at(source, *offset) {
                    Some(name) if !known.contains(&name) => known.push(name),
                    _ => self.repeated.push(*offset),
                }
            }
        }
        self.repeated.sort_unstable();
    }

    fn position(&self, source: &str, offset: u32) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        Position { line, column: self.before(source, offset) - self.before(source, start) + 1 }
    }

    /// How many characters stand before an offset.
    fn before(&self, source: &str, offset: u32) -> usize {
        let offset = offset as usize;
        let block = offset / BLOCK;
        let rest = source.as_bytes().get(block * BLOCK..offset).unwrap_or_default();
        self.blocks.get(block).map_or(0, |count| *count as usize) + characters(rest)
    }

    fn read(&mut self, scanner: &mut Scanner<'_>) {
        // Every open array and object, with how many elements of it were read.
        let mut open: Vec<(Holder, u32)> = Vec::new();
        // At a value of this number.
        for number in 0.. {
            match scanner.peek() {
                Some(b'{') => {
                    open.push((Holder::Object(number), 0));
                    scanner.at += 1;
                }
                Some(b'[') => {
                    open.push((Holder::Array(number), 0));
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
            let Some((holder, read)) = open.last_mut() else { return };
            let offset = short(scanner.at);
            let key = match holder {
                Holder::Array(_) => *read,
                Holder::Object(_) => {
                    let Some(name) = name_at(scanner.source, offset) else { return };
                    scanner.skip_value();
                    scanner.skip_space();
                    hash(&name)
                }
            };
            *read += 1;
            self.members.push(Member { holder: *holder, key, offset, number: number + 1 });
        }
    }
}

/// An offset or a count within a text, which is shorter than 4 GiB.
fn short(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The name of a member that begins at an offset.
fn name_at(source: &str, offset: u32) -> Option<Cow<'_, str>> {
    let start = offset as usize;
    let mut scanner = Scanner { source, at: start };
    scanner.skip_value();
    let text = source.get(start..scanner.at)?;
    match text.strip_prefix('"')?.strip_suffix('"')? {
        plain if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        _ => serde_json::from_str(text).ok().map(Cow::Owned),
    }
}

fn hash(name: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    // Half of the hash is as good; names that share it are told apart in the text.
    (hasher.finish() >> 32) as u32
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
