//! Sets of texts: their lengths, and whether a pattern or a format includes others.

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::Value;

use crate::language::{Acceptors, Automata, Condition, wider_than_format, within_format};
use crate::schema::{leading_look_aheads, rust_regex};

pub(super) use crate::language::Inclusion;

use super::writer::Written;

/// How long the texts are that are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    pub(super) least: u64,
    pub(super) most: Option<u64>,
}

impl Lengths {
    /// What the keywords for lengths say.
    pub(super) fn said(written: &Written<'_>) -> Self {
        let bound = |value: &Value| value.as_f64().map(|bound| bound as u64);
        Self {
            least: written.every("minLength").filter_map(bound).max().unwrap_or_default(),
            most: written.every("maxLength").filter_map(bound).min(),
        }
    }

    /// What the keywords say, the patterns and the formats.
    pub(super) fn of(written: &Written<'_>) -> Self {
        let mut lengths = Self::said(written);
        for pattern in written.every("pattern").filter_map(Value::as_str) {
            if let Some((least, most)) = of_pattern(pattern) {
                lengths.tighten(least, most);
            }
        }
        for format in written.every("format").filter_map(Value::as_str) {
            match format {
                // RFC 9562, RFC 3339.
                "uuid" => lengths.tighten(36, Some(36)),
                "date" => lengths.tighten(10, Some(10)),
                "date-time" => lengths.tighten(20, None),
                "time" => lengths.tighten(9, None),
                // Four numbers of one to three digits; RFC 4291.
                "ipv4" => lengths.tighten(7, Some(15)),
                "ipv6" => lengths.tighten(2, Some(45)),
                // RFC 1035.
                "hostname" => lengths.tighten(1, Some(253)),
                // A letter, a number and a unit.
                "duration" => lengths.tighten(3, None),
                _ => {}
            }
        }
        lengths
    }

    fn tighten(&mut self, least: u64, most: Option<u64>) {
        self.least = self.least.max(least);
        self.most = match (self.most, most) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

/// The lengths of the texts that a pattern matches, in code points; the most only if it matches whole texts.
fn of_pattern(pattern: &str) -> Option<(u64, Option<u64>)> {
    let hir = regex_syntax::parse(&rust_regex(pattern)?).ok()?;
    let properties = hir.properties();
    let whole = properties.look_set_prefix().contains(regex_syntax::hir::Look::Start)
        && properties.look_set_suffix().contains(regex_syntax::hir::Look::End);
    let (least, most) = characters(&hir)?;
    Some((least, most.filter(|_| whole)))
}

/// How many characters a part of a pattern matches, at least and at most.
fn characters(hir: &Hir) -> Option<(u64, Option<u64>)> {
    Some(match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (0, Some(0)),
        HirKind::Literal(literal) => {
            let count = str::from_utf8(&literal.0).ok()?.chars().count() as u64;
            (count, Some(count))
        }
        HirKind::Class(Class::Unicode(_)) => (1, Some(1)),
        HirKind::Class(Class::Bytes(_)) => return None,
        HirKind::Repetition(repetition) => {
            let (least, most) = characters(&repetition.sub)?;
            let most = match (most, repetition.max) {
                (Some(0), _) => Some(0),
                (most, max) => most.zip(max).and_then(|(most, max)| most.checked_mul(u64::from(max))),
            };
            (least.saturating_mul(u64::from(repetition.min)), most)
        }
        HirKind::Capture(capture) => characters(&capture.sub)?,
        HirKind::Concat(parts) => parts.iter().try_fold((0_u64, Some(0_u64)), |(least, most), part| {
            let (more, up_to) = characters(part)?;
            Some((least.saturating_add(more), most.zip(up_to).and_then(|(most, up_to)| most.checked_add(up_to))))
        })?,
        HirKind::Alternation(parts) => {
            let all = parts.iter().map(characters).collect::<Option<Vec<_>>>()?;
            let most =
                all.iter().map(|(_, most)| *most).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
            (all.iter().map(|(least, _)| *least).min()?, most)
        }
    })
}

/// What is said of the texts that are written.
#[derive(Debug, Clone)]
pub(super) struct TextLanguage<'a> {
    pub(super) patterns: Vec<&'a str>,
    pub(super) formats: Vec<&'a str>,
    pub(super) lengths: Lengths,
}

impl<'a> TextLanguage<'a> {
    pub(super) fn of(written: &Written<'a>) -> Self {
        Self {
            patterns: written.every("pattern").filter_map(Value::as_str).collect(),
            formats: written.every("format").filter_map(Value::as_str).collect(),
            lengths: Lengths::said(written),
        }
    }

    fn is_free(&self) -> bool {
        self.patterns.is_empty() && self.formats.is_empty() && self.lengths.most.is_none_or(|most| most > 8)
    }

    /// Whether a pattern matches every such text.
    pub(super) fn is_matched_by(&self, automata: &Automata, wide: &str) -> Inclusion {
        // Almost any text will do for a witness; a proof would be an odd pattern.
        if self.is_free() && !wide.contains("(?") {
            let trivial = ["", "^", "$", ".*", "^.*"];
            return if trivial.contains(&wide) { Inclusion::Proved } else { Inclusion::Unknown };
        }
        automata.conditions(wide).map_or(Inclusion::Unknown, |wide| self.fulfils(automata, &wide))
    }

    /// Whether every such text is of a format.
    pub(super) fn is_of_format(&self, automata: &Automata, format: &str) -> Inclusion {
        match within_format(format) {
            Some(within) if !self.is_free() => self.fulfils(automata, &[within]),
            _ => Inclusion::Unknown,
        }
    }

    fn fulfils(&self, automata: &Automata, wide: &[Condition]) -> Inclusion {
        // Many patterns at once are dear to follow, and most often one of them says enough.
        let is_enough = |pattern: &'a str| Self::of_pattern(pattern).followed(automata, wide) == Inclusion::Proved;
        if self.patterns.len() > 1 && self.patterns.iter().any(|pattern| is_enough(pattern)) {
            return Inclusion::Proved;
        }
        self.followed(automata, wide)
    }

    fn followed(&self, automata: &Automata, wide: &[Condition]) -> Inclusion {
        let Some(mut narrow) = Acceptors::of_lengths(automata, self.lengths.least, self.lengths.most) else {
            return Inclusion::Unknown;
        };
        // What cannot be followed is left out; what remains is more than is written.
        for format in &self.formats {
            narrow.and(wider_than_format(format).as_ref());
        }
        for pattern in &self.patterns {
            narrow.and(automata.conditions(pattern).iter().flat_map(|conditions| conditions.iter()));
        }
        wide.iter()
            .map(|condition| narrow.are_within(condition))
            .find(|one| *one != Inclusion::Proved)
            .unwrap_or(Inclusion::Proved)
    }

    fn of_pattern(pattern: &'a str) -> Self {
        Self { patterns: vec![pattern], formats: Vec::new(), lengths: Lengths { least: 0, most: None } }
    }
}

/// Whether the engine may read a pattern of names in another way than one of values.
fn is_read_otherwise(pattern: &str) -> bool {
    leading_look_aheads(pattern).is_some()
}

/// Whether every text that one pattern matches is matched by another.
pub(super) fn includes(automata: &Automata, wide: &str, narrow: &str) -> bool {
    if is_read_otherwise(wide) || is_read_otherwise(narrow) {
        return false;
    }
    TextLanguage::of_pattern(narrow).is_matched_by(automata, wide) == Inclusion::Proved
}

/// Whether certainly no name is matched by two patterns.
pub(super) fn are_apart(automata: &Automata, one: &str, other: &str) -> bool {
    if is_read_otherwise(one) || is_read_otherwise(other) {
        return false;
    }
    let Some(other) = automata.conditions(other) else { return false };
    let [only] = &*other else { return false };
    let none = Condition { holds: !only.holds, ..only.clone() };
    automata.conditions(one).is_some() && TextLanguage::of_pattern(one).followed(automata, &[none]) == Inclusion::Proved
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Lengths = Lengths { least: 0, most: None };

    fn inclusion(narrow: &[&str], lengths: Lengths, wide: &str) -> Inclusion {
        TextLanguage { patterns: narrow.to_vec(), formats: Vec::new(), lengths }
            .is_matched_by(&Automata::default(), wide)
    }

    #[test]
    fn a_wider_class_includes_a_narrower_one() {
        assert_eq!(inclusion(&["^[a-z]{1,8}$"], ANY, "^[a-z0-9_]{1,64}$"), Inclusion::Proved);
        assert_eq!(inclusion(&["^[a-z0-9]{1,8}$"], ANY, "^[a-z]+$"), Inclusion::Refuted("0".to_owned()));
        assert_eq!(inclusion(&["^[a-z]+$"], ANY, "^[a-z]{1,3}$"), Inclusion::Refuted("aaaa".to_owned()));
    }

    #[test]
    fn lengths_count_and_code_points_stay_whole() {
        assert_eq!(inclusion(&["^[a-zé]+$"], Lengths { least: 0, most: Some(3) }, "^[a-zé]{1,3}$"), Inclusion::Proved);
        assert_eq!(inclusion(&["^[a-zé]+$"], ANY, "^[a-z]+$"), Inclusion::Refuted("é".to_owned()));
    }

    #[test]
    fn lengths_of_patterns_count_characters() {
        assert_eq!(of_pattern("^.{1,1000}$"), Some((1, Some(1_000))));
        assert_eq!(of_pattern("^(é|ab){2,400}$"), Some((2, Some(800))));
        assert_eq!(of_pattern(r"^\p{L}+x?$"), Some((1, None)));
        assert_eq!(of_pattern("a(?:)*b"), Some((2, None)));
    }

    #[test]
    fn a_pattern_without_anchors_includes_the_same_with_them() {
        assert_eq!(inclusion(&["^abc$"], ANY, "b"), Inclusion::Proved);
        assert_eq!(inclusion(&["b"], ANY, "^abc$"), Inclusion::Refuted("b".to_owned()));
    }

    #[test]
    fn look_around_at_an_end_is_followed_and_in_the_midst_it_is_not() {
        assert_eq!(inclusion(&["^a$"], ANY, "^(?=a)a$"), Inclusion::Proved);
        assert_eq!(inclusion(&["^(?!ab)[ab]{2}$"], ANY, "^(aa|ba|bb)$"), Inclusion::Proved);
        assert_eq!(inclusion(&["^(aa|ba|bb)$"], ANY, "^(?!ab)[ab]{2}$"), Inclusion::Proved);
        assert_eq!(inclusion(&["^[ab]+$"], ANY, "^(?!ab)[ab]+$"), Inclusion::Refuted("ab".to_owned()));
        assert_eq!(inclusion(&["^aab$"], ANY, "^a(?=a)ab$"), Inclusion::Unknown);
    }

    #[test]
    fn patterns_without_a_common_text_are_apart() {
        let automata = Automata::default();

        assert!(are_apart(&automata, "^x-", "^[a-w]"));
        assert!(!are_apart(&automata, "^x-", "-x$"));
    }
}
