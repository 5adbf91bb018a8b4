//! Automata that are walked all at once, shortest texts first.

use std::collections::{HashSet, VecDeque};

use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::util::syntax;

use super::conditions::Condition;

/// Whether a pattern matches every text that others match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inclusion {
    Proved,
    /// A text that the others match and the pattern does not.
    Refuted(String),
    Unknown,
}

/// The largest automaton, in bytes, and the most pairs of states that are looked at.
const LARGEST: usize = 1 << 20;
const MOST_STATES: usize = 50_000;
/// The greatest length that is made part of an automaton.
const LONGEST: u64 = 300;

/// An automaton, and whether a text must be matched by it or must not.
type Acceptor = (dense::DFA<Vec<u32>>, bool);

/// Automata that texts must fulfil, all together.
pub(crate) struct Acceptors(Vec<Acceptor>);

impl Acceptors {
    /// Texts of some lengths, counted in code points.
    pub(crate) fn of_lengths(least: u64, most: Option<u64>) -> Option<Self> {
        let most = most.filter(|most| *most <= LONGEST).map(|most| most.to_string()).unwrap_or_default();
        let least = least.min(LONGEST);
        // Texts are sequences of code points; an automaton by itself knows bytes only.
        let any = whole(&format!(r"(?s:.){{{least},{most}}}"))?;
        Some(Self(vec![(any, true)]))
    }

    /// Those texts of which conditions hold. A condition whose automaton would be too large is left out.
    pub(crate) fn and(&mut self, conditions: impl IntoIterator<Item = Condition>) {
        self.0.extend(conditions.into_iter().filter_map(|condition| automaton(&condition)));
    }

    /// Whether a condition holds for all these texts.
    pub(crate) fn are_within(&self, wide: &Condition) -> Inclusion {
        let Some((wide, holds)) = automaton(wide) else { return Inclusion::Unknown };
        let outside = (wide, !holds);
        let all: Vec<&Acceptor> = self.0.iter().chain([&outside]).collect();
        match search(&all, 1) {
            (_, true) => Inclusion::Proved,
            (found, false) => found.into_iter().next().map_or(Inclusion::Unknown, Inclusion::Refuted),
        }
    }

    /// Some of the texts, the shortest first.
    pub(crate) fn texts(&self, count: usize) -> Vec<String> {
        search(&self.0.iter().collect::<Vec<_>>(), count).0
    }
}

/// An automaton for the texts that an expression matches somewhere.
fn automaton(condition: &Condition) -> Option<Acceptor> {
    let found = whole(&format!("(?s:.)*(?:{})(?s:.)*", condition.expression))?;
    Some((found, condition.holds))
}

/// An automaton for the texts that an expression matches from their first to their last byte.
fn whole(expression: &str) -> Option<dense::DFA<Vec<u32>>> {
    let config = dense::Config::new()
        .start_kind(StartKind::Anchored)
        .dfa_size_limit(Some(LARGEST))
        .determinize_size_limit(Some(LARGEST * 4));
    dense::Builder::new().configure(config).syntax(syntax::Config::new()).build(&format!("^(?:{expression})$")).ok()
}

/// Texts that all automata fulfil, the shortest first and so many at most; and whether there are no others.
fn search(all: &[&Acceptor], count: usize) -> (Vec<String>, bool) {
    let mut found = Vec::new();
    let start = start::Config::new().anchored(Anchored::Yes);
    let first: Option<Vec<StateID>> = all.iter().map(|(dfa, _)| dfa.start_state(&start).ok()).collect();
    let Some(first) = first else { return (found, false) };
    let bytes = alphabet(all);
    let fulfils =
        |((dfa, holds), state): (&&Acceptor, &StateID)| dfa.is_match_state(dfa.next_eoi_state(*state)) == *holds;
    let mut seen = HashSet::from([first.clone()]);
    // Each state with the state it came from and by which byte.
    let mut queue: Vec<(Vec<StateID>, usize, u8)> = vec![(first, usize::MAX, 0)];
    let mut open = VecDeque::from([0_usize]);
    while let Some(index) = open.pop_front() {
        let Some((states, ..)) = queue.get(index).cloned() else { break };
        if all.iter().zip(&states).all(fulfils) {
            let Some(text) = text(&queue, index) else { return (found, false) };
            found.push(text);
            if found.len() == count {
                return (found, false);
            }
        }
        for byte in &bytes {
            let next: Vec<StateID> =
                all.iter().zip(&states).map(|((dfa, _), state)| dfa.next_state(*state, *byte)).collect();
            let is_dead = all.iter().zip(&next).any(|((dfa, holds), state)| *holds && dfa.is_dead_state(*state));
            let has_quit = all.iter().zip(&next).any(|((dfa, _), state)| dfa.is_quit_state(*state));
            if has_quit {
                return (found, false);
            }
            if !is_dead && seen.insert(next.clone()) {
                if queue.len() >= MOST_STATES {
                    return (found, false);
                }
                open.push_back(queue.len());
                queue.push((next, index, *byte));
            }
        }
    }
    (found, true)
}

/// One byte of every class that all automata treat alike, readable ones where there are some.
fn alphabet(all: &[&Acceptor]) -> Vec<u8> {
    let mut known = HashSet::new();
    let readable = (b'a'..=b'z').chain(b'0'..=b'9').chain(b'A'..=b'Z').chain(b' '..=b'~').chain(0..=255);
    let class = |byte: u8| -> Vec<u8> { all.iter().map(|(dfa, _)| dfa.byte_classes().get(byte)).collect() };
    readable.filter(|byte| known.insert(class(*byte))).collect()
}

fn text(queue: &[(Vec<StateID>, usize, u8)], mut index: usize) -> Option<String> {
    let mut bytes = Vec::new();
    while let Some((_, from, byte)) = queue.get(index).filter(|(_, from, _)| *from != usize::MAX) {
        bytes.push(*byte);
        index = *from;
    }
    bytes.reverse();
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::conditions;

    #[test]
    fn the_shortest_texts_that_several_patterns_match_are_found() {
        let shortest = |patterns: &[&str], least, most| {
            let mut all = Acceptors::of_lengths(least, most)?;
            for pattern in patterns {
                all.and(conditions(pattern)?);
            }
            all.texts(1).pop()
        };

        assert_eq!(shortest(&["^[a-f]+$", "^[^b]*c{2}"], 0, None).as_deref(), Some("cc"));
        assert_eq!(shortest(&["^x-", "-v[0-9]$"], 0, None).as_deref(), Some("x-v0"));
        assert_eq!(shortest(&["^(?!re:)", ":", "^[a-z:]+$"], 5, Some(9)).as_deref(), Some("aaaa:"));
        assert_eq!(shortest(&["^a", "^b"], 0, None), None);
    }
}
