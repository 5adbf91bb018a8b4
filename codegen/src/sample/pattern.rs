//! Strings that match a regular expression, as far as a walk over its syntax finds them.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::sample::choices::Choices;

/// A string that the pattern may match: the shortest where the choices say nothing else, with `more` repetitions
/// wherever something may repeat. Look-around and word boundaries are not looked at; the caller must check.
pub(super) fn sample(pattern: &str, more: usize, choices: &mut Choices) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok().or_else(|| regex_syntax::parse(&without_look_around(pattern)).ok())?;
    let mut text = String::new();
    Walk { more, choices }.append(&hir, &mut text)?;
    Some(text)
}

struct Walk<'a> {
    more: usize,
    choices: &'a mut Choices,
}

/// The longest text that a walk makes, for patterns like `(a{999}){999}`.
const LONGEST: usize = 200_000;

impl Walk<'_> {
    fn append(&mut self, hir: &Hir, text: &mut String) -> Option<()> {
        if text.len() > LONGEST {
            return None;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
            HirKind::Class(class) => text.push(self.character(class)?),
            HirKind::Repetition(repetition) => {
                let most = repetition.max.map_or(usize::MAX, |most| most as usize);
                let least = repetition.min as usize;
                let count = least.saturating_add(self.more).saturating_add(self.choices.pick(3)).min(most).max(least);
                for _ in 0..count {
                    self.append(&repetition.sub, text)?;
                }
            }
            HirKind::Capture(capture) => self.append(&capture.sub, text)?,
            HirKind::Concat(parts) => {
                for part in parts {
                    self.append(part, text)?;
                }
            }
            HirKind::Alternation(branches) => {
                let mut branches: Vec<&Hir> = branches.iter().collect();
                branches.sort_by_key(|branch| branch.properties().minimum_len());
                let chosen = self.choices.pick(branches.len());
                self.append(branches.get(chosen)?, text)?;
            }
        }
        Some(())
    }

    /// A character of a class; where it has readable ones, one of those.
    fn character(&mut self, class: &Class) -> Option<char> {
        let ranges: Vec<(char, char)> = match class {
            Class::Unicode(class) => class.ranges().iter().map(|range| (range.start(), range.end())).collect(),
            Class::Bytes(class) => {
                class.ranges().iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
            }
        };
        let holds = |c: char| ranges.iter().any(|(first, last)| (*first..=*last).contains(&c));
        let groups = [('0', '9'), ('a', 'z'), ('A', 'Z'), (' ', '~')];
        let readable: Vec<char> =
            groups.into_iter().flat_map(|(first, last)| first..=last).filter(|c| holds(*c)).collect();
        // A class that holds letters reads better with letters, unless it is one of hexadecimal digits.
        let wordy = readable.iter().position(|c| *c == 'a').filter(|_| holds('z') && self.choices.is_first());
        match readable.get(wordy.unwrap_or_else(|| self.choices.pick(readable.len()))) {
            Some(c) => Some(*c),
            None => ranges.get(self.choices.pick(ranges.len())).map(|(first, _)| *first),
        }
    }
}

/// A pattern without `(?=...)`, `(?!...)`, `(?<=...)` and `(?<!...)`, which consume nothing.
fn without_look_around(pattern: &str) -> String {
    let mut rest = pattern;
    let mut plain = String::new();
    while let Some(c) = rest.chars().next() {
        let is_look = ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|opening| rest.starts_with(opening));
        let length = match c {
            '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            '[' => class_length(rest),
            _ if is_look => group_length(rest),
            _ => c.len_utf8(),
        };
        if !is_look {
            plain.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    plain
}

fn class_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ']' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn group_length(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(c) = text[at..].chars().next() {
        at += match c {
            '\\' => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
            '[' => class_length(&text[at..]),
            _ => c.len_utf8(),
        };
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Optional;

    fn shortest(pattern: &str) -> Option<String> {
        sample(pattern, 0, &mut Choices::first(Optional::Leave))
    }

    #[test]
    fn the_shortest_match_is_made_of_readable_characters() {
        assert_eq!(shortest("^[A-Z]{3}$").as_deref(), Some("AAA"));
        assert_eq!(shortest(r"^R-\d{2,4}(-[a-z]+)?$").as_deref(), Some("R-00"));
        assert_eq!(shortest(r"^(draft|on|archived)$").as_deref(), Some("on"));
        assert_eq!(shortest(r"^\/\w+\.json$").as_deref(), Some("/a.json"));
        assert_eq!(shortest(r"^[0-9a-f]{4}$").as_deref(), Some("0000"));
    }

    #[test]
    fn look_around_is_left_to_the_caller() {
        assert_eq!(shortest(r"^(?!x(y)[)])(?=.)[a-c]{2}$").as_deref(), Some("aa"));
    }

    #[test]
    fn what_may_repeat_repeats_more_often_on_demand() {
        assert_eq!(sample("^a+b{1,2}$", 3, &mut Choices::first(Optional::Leave)).as_deref(), Some("aaaabb"));
    }

    #[test]
    fn no_pattern_is_no_match() {
        assert_eq!(shortest("(("), None);
    }
}
