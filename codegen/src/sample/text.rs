//! Strings: by format, by pattern, or just long enough.

use std::rc::Rc;

use serde_json::{Map, Value};

use crate::language::{Acceptors, Automata, within_format};
use crate::sample::choices::Choices;
use crate::sample::growth::{Growth, Limit};
use crate::sample::intersect::MORE_PATTERNS;
use crate::sample::object::size;
use crate::sample::{formats, pattern};

/// The longest text that is made.
const LONGEST: usize = 100_000;

impl Growth<'_> {
    /// A string that keeps all that is said about strings, where one of the candidates does.
    pub(super) fn text(&mut self, flat: &Map<String, Value>) -> Option<String> {
        let least = size(flat, "minLength").unwrap_or_default();
        let most = size(flat, "maxLength").unwrap_or(usize::MAX);
        if least > most {
            return None;
        }
        if least > LONGEST {
            self.limit = self.limit.max(Some(Limit::Size));
            return None;
        }
        let (format, pattern) = (flat.get("format"), flat.get("pattern"));
        if format.is_none() && pattern.is_none() {
            return Some(plain(least, most, &mut self.choices));
        }
        // A pattern is compiled, and perhaps drawn from for many lengths.
        self.spend(100 + least);
        let check = self.scalar_check(flat)?;
        let fits = |text: &String| check.is_valid(&Value::String(text.clone()));
        if let Some(name) = format.and_then(Value::as_str)
            && let Some(text) = formats::sample(name, &mut self.choices)
        {
            let length = text.chars().count();
            let other = length.clamp(least, most);
            let found = [text].into_iter().find(fits);
            let resized = || formats::of_length(name, other).into_iter().find(fits);
            let found = found.or_else(|| (other != length).then(resized).flatten());
            if found.is_some() {
                return found;
            }
        }
        if let Some(Value::String(pattern)) = pattern {
            for more in extras(least) {
                let text = pattern::sample(pattern, more, &mut self.choices)?;
                let found = padded(&text, least).into_iter().find(fits);
                if found.is_some() {
                    return found;
                }
            }
        }
        // Formats that assert nothing, and patterns that refuse only a little.
        let plain = Some(plain(least, most, &mut self.choices)).filter(fits);
        plain.or_else(|| {
            let common = self.common_texts(flat, least, most);
            common.get(self.choices.pick(common.len())).filter(|text| fits(text)).cloned()
        })
    }

    /// Some texts that keep all that patterns, a format and lengths say together, the shortest first.
    fn common_texts(&mut self, flat: &Map<String, Value>, least: usize, most: usize) -> Rc<[String]> {
        let more = flat.get(MORE_PATTERNS).and_then(Value::as_array).into_iter().flatten();
        let patterns: Vec<&str> = flat.get("pattern").into_iter().chain(more).filter_map(Value::as_str).collect();
        let format = flat.get("format").and_then(Value::as_str);
        let key = format!("{patterns:?} {format:?} {least} {most}");
        if let Some(known) = self.known.texts.borrow().get(&key) {
            return known.clone();
        }
        let automata = &self.known.automata;
        let found: Rc<[String]> = in_common(automata, &patterns, format, least, most).into();
        self.known.texts.borrow_mut().insert(key, found.clone());
        self.spend(self.known.automata.take_work());
        found
    }
}

/// How many texts are looked for.
const COMMON: usize = 8;

fn in_common(automata: &Automata, patterns: &[&str], format: Option<&str>, least: usize, most: usize) -> Vec<String> {
    let most = (most < usize::MAX).then_some(most as u64);
    let Some(mut all) = Acceptors::of_lengths(automata, least as u64, most) else { return Vec::new() };
    all.and(format.and_then(within_format).as_ref());
    // What cannot be followed is left out; the caller checks.
    for pattern in patterns {
        all.and(automata.conditions(pattern).iter().flat_map(|conditions| conditions.iter()));
    }
    all.texts(COMMON)
}

/// How many repetitions beyond the least to try in a pattern: few in any case, many if the text must be long.
fn extras(least: usize) -> impl Iterator<Item = usize> {
    (0..=4).chain(5..=least.min(64)).chain((least > 64).then_some(least))
}

/// A text, and the same made longer at the end and at the start.
fn padded(text: &str, least: usize) -> Vec<String> {
    let missing = "a".repeat(least.saturating_sub(text.chars().count()));
    if missing.is_empty() {
        return vec![text.to_owned()];
    }
    vec![text.to_owned(), format!("{text}{missing}"), format!("{missing}{text}")]
}

fn plain(least: usize, most: usize, choices: &mut Choices) -> String {
    if choices.is_first() {
        return "text".chars().cycle().take(4.clamp(least, most)).collect();
    }
    // Lengths count code points. These texts have other lengths in bytes, and the last one in UTF-16 as well.
    const LETTERS: &[char] = &['a', 'b', 'c', 'x', 'Z', '0', ' ', 'é', '語', '😀'];
    let count = least + choices.pick((most - least).min(8) + 1);
    (0..count).map(|_| LETTERS[choices.pick(LETTERS.len())]).collect()
}
