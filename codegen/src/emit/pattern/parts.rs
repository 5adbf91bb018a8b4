//! The parts of a pattern.

use regex_syntax::hir::{self, Hir, HirKind, Look};

use crate::schema;

use super::class::{Class, First};

/// What a pattern asks for next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// A text, never empty.
    Literal(String),
    /// Characters of one class.
    Run { class: Class, min: u32, max: Option<u32> },
    /// Several parts, which together are never nothing, again and again.
    Repeat { parts: Vec<Part>, min: u32, max: Option<u32> },
    /// One of several sequences.
    Choice(Vec<Vec<Part>>),
    /// The end of the text.
    End,
}

/// More parts than this are not worth the code.
const MOST: usize = 64;

/// The parts of a pattern that is anchored at the start; `None` also when it holds what has no part here.
pub(super) fn of(pattern: &str) -> Option<Vec<Part>> {
    let translated = schema::rust_regex(pattern)?;
    let hir = regex_syntax::Parser::new().parse(&translated).ok()?;
    let mut top = &hir;
    while let HirKind::Capture(capture) = top.kind() {
        top = &capture.sub;
    }
    let anchored = match top.kind() {
        HirKind::Concat(items) => items.split_first().filter(|(first, _)| is_start(first)).map(|(_, rest)| rest),
        _ => None,
    };
    let mut parts = Vec::new();
    for item in anchored? {
        lower(item, &mut parts)?;
    }
    trim(&mut parts);
    (parts.iter().map(Part::size).sum::<usize>() <= MOST).then_some(parts)
}

fn is_start(hir: &Hir) -> bool {
    matches!(hir.kind(), HirKind::Look(Look::Start))
}

fn lower(hir: &Hir, parts: &mut Vec<Part>) -> Option<()> {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(hir::Literal(text)) => parts.push(Part::Literal(String::from_utf8(text.to_vec()).ok()?)),
        HirKind::Class(class) => parts.push(Part::Run { class: Class::of(class)?, min: 1, max: Some(1) }),
        HirKind::Look(Look::End) => parts.push(Part::End),
        HirKind::Look(_) => return None,
        HirKind::Capture(capture) => lower(&capture.sub, parts)?,
        HirKind::Concat(items) => items.iter().try_for_each(|item| lower(item, parts))?,
        HirKind::Repetition(repetition) => parts.extend(repeated(repetition)?),
        HirKind::Alternation(alternatives) => {
            let sequences = alternatives.iter().map(|alternative| {
                let mut parts = Vec::new();
                lower(alternative, &mut parts).map(|()| parts)
            });
            parts.push(Part::Choice(factored(sequences.collect::<Option<_>>()?)));
        }
    }
    Some(())
}

fn repeated(repetition: &hir::Repetition) -> Option<Option<Part>> {
    let (min, max) = (repetition.min, repetition.max);
    let mut parts = Vec::new();
    lower(&repetition.sub, &mut parts)?;
    if parts.is_empty() {
        return Some(None);
    }
    if let [Part::Literal(text)] = parts.as_slice()
        && let Some(class) = Class::of_text(text)
    {
        return Some(Some(Part::Run { class, min, max }));
    }
    if let [Part::Run { class, min: 1, max: Some(1) }] = parts.as_slice() {
        return Some(Some(Part::Run { class: class.clone(), min, max }));
    }
    (lengths(&parts).0 > 0).then_some(Some(Part::Repeat { parts, min, max }))
}

/// Takes out what alternatives have in common at their start, where they are not mere texts.
fn factored(alternatives: Vec<Vec<Part>>) -> Vec<Vec<Part>> {
    if alternatives.iter().all(|parts| matches!(parts.as_slice(), [] | [Part::Literal(_)])) {
        return alternatives;
    }
    let mut groups: Vec<Vec<Vec<Part>>> = Vec::new();
    for parts in alternatives {
        let initial = initial(&parts);
        match groups.iter_mut().find(|group| initial.is_some() && group.first().is_some_and(|one| same(one, initial))) {
            Some(group) => group.push(parts),
            None => groups.push(vec![parts]),
        }
    }
    groups.into_iter().flat_map(|group| if group.len() == 1 { group } else { vec![merged(&group)] }).collect()
}

fn initial(parts: &[Part]) -> Option<char> {
    match parts.first() {
        Some(Part::Literal(text)) => text.chars().next(),
        _ => None,
    }
}

fn same(parts: &[Part], initial_of_other: Option<char>) -> bool {
    initial(parts) == initial_of_other
}

/// One sequence for several that begin with the same character.
fn merged(group: &[Vec<Part>]) -> Vec<Part> {
    let text = |parts: &[Part]| match parts.first() {
        Some(Part::Literal(text)) => text.clone(),
        _ => String::new(),
    };
    let mut prefix = group.first().map(|parts| text(parts)).unwrap_or_default();
    for parts in group {
        let other = text(parts);
        let common = prefix.chars().zip(other.chars()).take_while(|(one, other)| one == other);
        prefix = common.map(|(char, _)| char).collect();
    }
    let rests = group.iter().map(|parts| {
        let rest = text(parts).split_off(prefix.len());
        let rest = (!rest.is_empty()).then_some(Part::Literal(rest));
        rest.into_iter().chain(parts.iter().skip(1).cloned()).collect()
    });
    let rests = factored(rests.collect());
    vec![Part::Literal(prefix.clone()), Part::Choice(rests)]
}

/// Drops what need not be read where the end of the text is not asked for.
fn trim(parts: &mut Vec<Part>) {
    while let Some(last) = parts.last_mut() {
        match last {
            Part::Run { min: 0, .. } | Part::Repeat { min: 0, .. } => {
                parts.pop();
            }
            Part::Run { min, max, .. } | Part::Repeat { min, max, .. } => {
                *max = Some(*min);
                return;
            }
            Part::Choice(alternatives) => {
                alternatives.iter_mut().for_each(trim);
                if alternatives.iter().all(|parts| !parts.is_empty()) {
                    return;
                }
                parts.pop();
            }
            Part::Literal(_) | Part::End => return,
        }
    }
}

/// What a sequence may begin with, given what may come after it.
pub(super) fn first(parts: &[Part], follow: First) -> First {
    parts.iter().rev().fold(follow, |follow, part| part.first(follow))
}

/// The least and the greatest number of characters in a sequence.
pub(super) fn lengths(parts: &[Part]) -> (u64, Option<u64>) {
    // Without an end the text may go on.
    let most = if ends(parts) { Some(0) } else { None };
    parts.iter().map(Part::lengths).fold((0, most), |(least, most), (min, max)| {
        (least.saturating_add(min), most.zip(max).map(|(most, max)| most.saturating_add(max)))
    })
}

fn ends(parts: &[Part]) -> bool {
    matches!(parts.last(), Some(Part::End))
}

impl Part {
    /// What this may begin with, given what may come after it.
    pub(super) fn first(&self, follow: First) -> First {
        let or_follow = |first: First, min: u32| if min == 0 { first.or(follow) } else { first };
        match self {
            Self::Literal(text) => First::of_text(text),
            Self::Run { class, min, .. } => or_follow(class.first(), *min),
            Self::Repeat { parts, min, .. } => or_follow(first(parts, First::NOTHING), *min),
            Self::Choice(alternatives) => {
                alternatives.iter().map(|parts| first(parts, follow)).fold(First::NOTHING, First::or)
            }
            Self::End => First::END,
        }
    }

    fn lengths(&self) -> (u64, Option<u64>) {
        let several = |parts: &[Part]| {
            parts.iter().map(Self::lengths).fold((0_u64, Some(0_u64)), |(least, most), (min, max)| {
                (least.saturating_add(min), most.zip(max).and_then(|(most, max)| most.checked_add(max)))
            })
        };
        match self {
            Self::Literal(text) => {
                let length = text.chars().count() as u64;
                (length, Some(length))
            }
            Self::Run { min, max, .. } => (u64::from(*min), max.map(u64::from)),
            Self::Repeat { parts, min, max } => {
                let (least, most) = several(parts);
                let most = most.zip(*max).and_then(|(most, max)| most.checked_mul(u64::from(max)));
                (least.saturating_mul(u64::from(*min)), most)
            }
            Self::Choice(alternatives) => {
                let all: Vec<_> = alternatives.iter().map(|parts| several(parts)).collect();
                let least = all.iter().map(|(least, _)| *least).min().unwrap_or_default();
                (
                    least,
                    all.iter().map(|(_, most)| *most).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max()),
                )
            }
            Self::End => (0, Some(0)),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Literal(_) | Self::Run { .. } | Self::End => 1,
            Self::Repeat { parts, .. } => 1 + parts.iter().map(Self::size).sum::<usize>(),
            // A list of texts costs a line, however long it is.
            Self::Choice(alternatives) => {
                1 + alternatives
                    .iter()
                    .flatten()
                    .filter(|part| !matches!(part, Self::Literal(_)))
                    .map(Self::size)
                    .sum::<usize>()
            }
        }
    }
}
