//! Automata that are walked all at once, shortest texts first.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;

use super::conditions::{Condition, conditions};

/// Whether a pattern matches every text that others match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inclusion {
    Proved,
    /// A text that the others match and the pattern does not.
    Refuted(String),
    Unknown,
}

/// The largest automaton, in bytes, and the largest that it is made of.
const LARGEST: usize = 1 << 20;
const LARGEST_NFA: usize = 4 << 20;
/// The most bytes of automata that are kept.
const KEPT: usize = 48 << 20;
/// The most states of several automata together that are looked at, and the most steps from one to the next.
const MOST_STATES: usize = 50_000;
const MOST_STEPS: usize = 4_000_000;
/// The greatest length that is made part of an automaton.
const LONGEST: u64 = 300;

type Dfa = dense::DFA<Vec<u32>>;

/// An automaton, and whether a text must be matched by it or must not.
type Acceptor = (Rc<Dfa>, bool);

/// The automata that were built, and what that and walking them took.
#[derive(Default)]
pub(crate) struct Automata {
    known: RefCell<HashMap<String, Option<Rc<Dfa>>>>,
    conditions: RefCell<HashMap<String, Option<Rc<[Condition]>>>>,
    kept: Cell<usize>,
    work: Cell<usize>,
}

impl Automata {
    /// The work since this was asked last, which is eight in a microsecond or so.
    pub(crate) fn take_work(&self) -> usize {
        self.work.take()
    }

    fn spend(&self, work: usize) {
        self.work.set(self.work.get().saturating_add(work));
    }

    /// See [`conditions`].
    pub(crate) fn conditions(&self, pattern: &str) -> Option<Rc<[Condition]>> {
        self.spend(8);
        if let Some(known) = self.conditions.borrow().get(pattern) {
            return known.clone();
        }
        self.spend(200 + 8 * pattern.len());
        let found: Option<Rc<[Condition]>> = conditions(pattern).map(Into::into);
        self.conditions.borrow_mut().insert(pattern.to_owned(), found.clone());
        found
    }

    /// An automaton for the texts that an expression matches somewhere.
    fn acceptor(&self, condition: &Condition) -> Option<Acceptor> {
        let found = self.whole(&format!("(?s:.)*(?:{})(?s:.)*", condition.expression))?;
        Some((found, condition.holds))
    }

    /// An automaton for the texts that an expression matches from their first to their last byte.
    fn whole(&self, expression: &str) -> Option<Rc<Dfa>> {
        if let Some(known) = self.known.borrow().get(expression) {
            return known.clone();
        }
        let found = self.built(&format!("^(?:{expression})$")).map(Rc::new);
        let bytes = self.kept.get() + found.as_ref().map_or(0, |found| found.memory_usage());
        if bytes <= KEPT {
            self.kept.set(bytes);
            self.known.borrow_mut().insert(expression.to_owned(), found.clone());
        }
        found
    }

    fn built(&self, expression: &str) -> Option<Dfa> {
        self.spend(1_000 + 8 * expression.len());
        let size =
            thompson::Config::new().nfa_size_limit(Some(LARGEST_NFA)).which_captures(thompson::WhichCaptures::None);
        let nfa = thompson::Compiler::new().configure(size).build(expression);
        // One that is too large was built until then.
        self.spend(nfa.as_ref().map_or(LARGEST_NFA, |nfa| nfa.memory_usage()) / 2);
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .dfa_size_limit(Some(LARGEST))
            .determinize_size_limit(Some(LARGEST * 4));
        let dfa = dense::Builder::new().configure(config).build_from_nfa(&nfa.ok()?).ok();
        self.spend(dfa.as_ref().map_or(LARGEST, |dfa| dfa.memory_usage()) * 2);
        dfa
    }
}

/// Automata that texts must fulfil, all together.
pub(crate) struct Acceptors<'a> {
    automata: &'a Automata,
    all: Vec<Acceptor>,
}

impl<'a> Acceptors<'a> {
    /// Texts of some lengths, counted in code points.
    pub(crate) fn of_lengths(automata: &'a Automata, least: u64, most: Option<u64>) -> Option<Self> {
        let most = most.filter(|most| *most <= LONGEST).map(|most| most.to_string()).unwrap_or_default();
        let least = least.min(LONGEST);
        // Texts are sequences of code points; an automaton by itself knows bytes only.
        let any = automata.whole(&format!(r"(?s:.){{{least},{most}}}"))?;
        Some(Self { automata, all: vec![(any, true)] })
    }

    /// Those texts of which conditions hold. A condition whose automaton would be too large is left out.
    pub(crate) fn and<'c>(&mut self, conditions: impl IntoIterator<Item = &'c Condition>) {
        self.all.extend(conditions.into_iter().filter_map(|condition| self.automata.acceptor(condition)));
    }

    /// Whether a condition holds for all these texts.
    pub(crate) fn are_within(&self, wide: &Condition) -> Inclusion {
        let Some((wide, holds)) = self.automata.acceptor(wide) else { return Inclusion::Unknown };
        let outside = (wide, !holds);
        let all: Vec<&Acceptor> = self.all.iter().chain([&outside]).collect();
        match self.search(&all, 1) {
            (_, true) => Inclusion::Proved,
            (found, false) => found.into_iter().next().map_or(Inclusion::Unknown, Inclusion::Refuted),
        }
    }

    /// Some of the texts, the shortest first.
    pub(crate) fn texts(&self, count: usize) -> Vec<String> {
        self.search(&self.all.iter().collect::<Vec<_>>(), count).0
    }

    /// Texts that all automata fulfil, the shortest first and so many at most; and whether there are no others.
    fn search(&self, all: &[&Acceptor], count: usize) -> (Vec<String>, bool) {
        let mut found = Vec::new();
        let start = start::Config::new().anchored(Anchored::Yes);
        let first: Option<Vec<StateID>> = all.iter().map(|(dfa, _)| dfa.start_state(&start).ok()).collect();
        let Some(first) = first else { return (found, false) };
        let bytes = alphabet(all);
        let steps_of_one = bytes.len() * all.len();
        self.automata.spend(64 * all.len());
        let fulfils =
            |((dfa, holds), state): (&&Acceptor, &StateID)| dfa.is_match_state(dfa.next_eoi_state(*state)) == *holds;
        let mut seen = HashSet::from([first.clone()]);
        // Each state with the state it came from and by which byte.
        let mut queue: Vec<(Vec<StateID>, usize, u8)> = vec![(first, usize::MAX, 0)];
        let mut open = VecDeque::from([0_usize]);
        let mut steps = 0;
        while let Some(index) = open.pop_front() {
            let Some((states, ..)) = queue.get(index).cloned() else { break };
            if all.iter().zip(&states).all(fulfils) {
                let Some(text) = text(&queue, index) else { return (found, false) };
                found.push(text);
                if found.len() == count {
                    return (found, false);
                }
            }
            steps += steps_of_one;
            self.automata.spend(steps_of_one / 8);
            if steps > MOST_STEPS {
                return (found, false);
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

    #[test]
    fn the_shortest_texts_that_several_patterns_match_are_found() {
        let automata = Automata::default();
        let shortest = |patterns: &[&str], least, most| {
            let mut all = Acceptors::of_lengths(&automata, least, most)?;
            for pattern in patterns {
                all.and(automata.conditions(pattern)?.iter());
            }
            all.texts(1).pop()
        };

        assert_eq!(shortest(&["^[a-f]+$", "^[^b]*c{2}"], 0, None).as_deref(), Some("cc"));
        assert_eq!(shortest(&["^x-", "-v[0-9]$"], 0, None).as_deref(), Some("x-v0"));
        assert_eq!(shortest(&["^(?!re:)", ":", "^[a-z:]+$"], 5, Some(9)).as_deref(), Some("aaaa:"));
        assert_eq!(shortest(&["^a", "^b"], 0, None), None);
    }
}
