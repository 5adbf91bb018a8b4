//! A pattern as an automaton whose states are the characters that stand in it (Glushkov's construction).
//!
//! Two ways to read one text are two paths. A loop with two of them over the same text, from a state back to itself, is
//! what makes engines that go back take exponential time (Weideman et al., "Analyzing matching time behavior of
//! backtracking regular expression matchers by using ambiguity of NFA", 2016).

use std::collections::{HashMap, HashSet};

use regex_syntax::ast::{self, Ast, Repetition, RepetitionKind, RepetitionRange};
use regex_syntax::hir::translate::Translator;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind, Literal};

/// More states than this are not worth the time.
const MOST_STATES: usize = 256;
/// More steps than this are not, either.
const MOST_STEPS: usize = 4_000_000;
/// A part that may be repeated this often might as well be repeated for ever.
const MANY: u32 = 10;

/// States, and which may follow which.
pub(super) struct Automaton {
    /// The characters that each state reads.
    reads: Vec<ClassUnicode>,
    /// In how many ways one state follows another.
    follows: HashMap<(usize, usize), u8>,
}

/// A part of a pattern: where it may begin and end, and whether it may be nothing.
struct Fragment {
    first: Vec<usize>,
    last: Vec<usize>,
    nullable: bool,
}

impl Fragment {
    const NOTHING: Self = Self { first: Vec::new(), last: Vec::new(), nullable: true };
}

impl Automaton {
    /// The automaton of a pattern; `None` if it does not parse or is too large.
    ///
    /// It is made from the pattern as it is written. The crate's own simpler form has lost what matters here: it makes
    /// `a` of `a|a`.
    pub(super) fn of(pattern: &str) -> Option<Self> {
        let ast = ast::parse::Parser::new().parse(pattern).ok()?;
        let mut automaton = Self { reads: Vec::new(), follows: HashMap::new() };
        automaton.part(pattern, &ast)?;
        Some(automaton)
    }

    fn part(&mut self, pattern: &str, ast: &Ast) -> Option<Fragment> {
        match ast {
            Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => Some(Fragment::NOTHING),
            Ast::Literal(_) | Ast::Dot(_) | Ast::ClassUnicode(_) | Ast::ClassPerl(_) | Ast::ClassBracketed(_) => {
                self.state(characters(pattern, ast)?)
            }
            Ast::Group(group) => self.part(pattern, &group.ast),
            Ast::Concat(concat) => concat.asts.iter().try_fold(Fragment::NOTHING, |before, ast| {
                let part = self.part(pattern, ast)?;
                Some(self.sequence(before, part))
            }),
            Ast::Alternation(alternation) => {
                let mut either = Fragment { nullable: false, ..Fragment::NOTHING };
                for ast in &alternation.asts {
                    let part = self.part(pattern, ast)?;
                    either.first.extend(part.first);
                    either.last.extend(part.last);
                    either.nullable |= part.nullable;
                }
                Some(either)
            }
            Ast::Repetition(repetition) => self.repeated(pattern, repetition),
        }
    }

    fn state(&mut self, reads: ClassUnicode) -> Option<Fragment> {
        let state = self.reads.len();
        self.reads.push(reads);
        (state < MOST_STATES).then(|| Fragment { first: vec![state], last: vec![state], nullable: false })
    }

    fn connect(&mut self, last: &[usize], first: &[usize]) {
        for from in last {
            for to in first {
                let ways = self.follows.entry((*from, *to)).or_default();
                *ways = ways.saturating_add(1);
            }
        }
    }

    fn sequence(&mut self, before: Fragment, after: Fragment) -> Fragment {
        self.connect(&before.last, &after.first);
        let mut first = before.first;
        if before.nullable {
            first.extend(&after.first);
        }
        let mut last = after.last;
        if after.nullable {
            last.extend(&before.last);
        }
        Fragment { first, last, nullable: before.nullable && after.nullable }
    }

    fn repeated(&mut self, pattern: &str, repetition: &Repetition) -> Option<Fragment> {
        let (min, max) = match &repetition.op.kind {
            RepetitionKind::ZeroOrOne => (0, Some(1)),
            RepetitionKind::ZeroOrMore => (0, None),
            RepetitionKind::OneOrMore => (1, None),
            RepetitionKind::Range(RepetitionRange::Exactly(turns)) => (*turns, Some(*turns)),
            RepetitionKind::Range(RepetitionRange::AtLeast(min)) => (*min, None),
            RepetitionKind::Range(RepetitionRange::Bounded(min, max)) => (*min, Some(*max)),
        };
        match max {
            Some(max) if max == min || max < MANY => {
                // Each copy that may be left out stands inside the one before it: there is one way to leave it out.
                let mut rest = Fragment::NOTHING;
                for copy in (0..max).rev() {
                    let states = self.reads.len();
                    let part = self.part(pattern, &repetition.ast)?;
                    // What reads nothing reads nothing however often.
                    if self.reads.len() == states {
                        return Some(Fragment { nullable: part.nullable || min == 0, ..part });
                    }
                    rest = self.sequence(part, rest);
                    rest.nullable |= copy >= min;
                }
                Some(rest)
            }
            _ => {
                let part = self.part(pattern, &repetition.ast)?;
                self.connect(&part.last, &part.first);
                Some(Fragment { nullable: part.nullable || min == 0, ..part })
            }
        }
    }

    /// Whether some state leads back to itself in two ways over the same text.
    pub(super) fn is_ambiguous(&self) -> bool {
        let next = self.next();
        let reach: Vec<Vec<bool>> = (0..self.reads.len()).map(|state| reachable(&next, state)).collect();
        let loops = |one: usize, other: usize| reach[one][other] && reach[other][one];
        if self.follows.iter().any(|((from, to), ways)| *ways > 1 && loops(*from, *to)) {
            return true;
        }
        let pairs = self.pairs(&next, &loops);
        pairs.is_some_and(|steps| has_detour(&steps))
    }

    fn next(&self) -> Vec<Vec<usize>> {
        let mut next = vec![Vec::new(); self.reads.len()];
        for (from, to) in self.follows.keys() {
            next[*from].push(*to);
        }
        next
    }

    /// The steps of two readers who read the same text, from anywhere that both can stand, within one loop.
    fn pairs(&self, next: &[Vec<usize>], loops: &impl Fn(usize, usize) -> bool) -> Option<HashMap<Pair, Vec<Pair>>> {
        let mut shared: HashMap<Pair, bool> = HashMap::new();
        let mut steps: HashMap<Pair, Vec<Pair>> = HashMap::new();
        let mut open: Vec<Pair> = (0..self.reads.len()).map(|state| (state, state)).collect();
        let mut taken = 0;
        while let Some((one, other)) = open.pop() {
            if steps.contains_key(&(one, other)) {
                continue;
            }
            let mut found = Vec::new();
            for to_one in next[one].iter().filter(|to| loops(one, **to)) {
                for to_other in next[other].iter().filter(|to| loops(other, **to)) {
                    taken += 1;
                    let pair = (*to_one, *to_other);
                    if *shared.entry(pair).or_insert_with(|| self.share(pair)) {
                        found.push(pair);
                    }
                }
            }
            open.extend(&found);
            steps.insert((one, other), found);
            if taken > MOST_STEPS {
                return None;
            }
        }
        Some(steps)
    }

    /// Whether two states read some character both.
    fn share(&self, (one, other): Pair) -> bool {
        let mut both = self.reads[one].clone();
        both.intersect(&self.reads[other]);
        !both.ranges().is_empty()
    }
}

/// The characters that one character of a pattern stands for.
fn characters(pattern: &str, ast: &Ast) -> Option<ClassUnicode> {
    let hir = Translator::new().translate(pattern, ast).ok()?;
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class.clone()),
        HirKind::Literal(Literal(text)) => {
            let character = std::str::from_utf8(text).ok()?.chars().next()?;
            Some(ClassUnicode::new([ClassUnicodeRange::new(character, character)]))
        }
        _ => None,
    }
}

/// Where two readers stand.
type Pair = (usize, usize);

/// Whether two readers who stand together can part and meet again.
fn has_detour(steps: &HashMap<Pair, Vec<Pair>>) -> bool {
    let mut back: HashMap<Pair, Vec<Pair>> = HashMap::new();
    for (from, found) in steps {
        for to in found {
            back.entry(*to).or_default().push(*from);
        }
    }
    // All pairs here were reached from two readers who stand together; those that meet again are found backwards.
    let mut open: Vec<Pair> = steps.keys().copied().filter(|(one, other)| one == other).collect();
    let mut seen: HashSet<Pair> = open.iter().copied().collect();
    while let Some(pair) = open.pop() {
        for from in back.get(&pair).into_iter().flatten() {
            if from.0 != from.1 {
                return true;
            }
            if seen.insert(*from) {
                open.push(*from);
            }
        }
    }
    false
}

/// Which states can be reached from one, in one step or more.
fn reachable(next: &[Vec<usize>], from: usize) -> Vec<bool> {
    let mut reached = vec![false; next.len()];
    let mut open = vec![from];
    while let Some(state) = open.pop() {
        for to in &next[state] {
            if !reached[*to] {
                reached[*to] = true;
                open.push(*to);
            }
        }
    }
    reached
}
