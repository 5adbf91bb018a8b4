//! Names for texts that stand beside each other. No name depends on where its text stands among the others, so that code which
//! goes on compiling goes on to mean the same.

use std::collections::{BTreeMap, HashSet};

use super::style::Style;
use super::taken::unique;

/// From here on a name is told apart by a number that is made of its text.
const LAST: u8 = 3;

/// A different name for each of some texts, and none of those that are `reserved`. `wanted` gives a text whose name the schema
/// chose itself.
pub(crate) fn distinct<'a>(
    style: Style,
    reserved: &[&str],
    texts: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<String> {
    let texts: Vec<(&str, &str)> = texts.collect();
    let mut steps = vec![0_u8; texts.len()];
    loop {
        let names: Vec<String> =
            texts.iter().zip(&steps).map(|(text, step)| name(style, reserved, *text, *step)).collect();
        let mut users: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        names.iter().enumerate().for_each(|(at, name)| users.entry(name).or_default().push(at));
        let mut is_settled = true;
        for users in users.into_values().filter(|users| users.len() > 1) {
            let first = users.iter().map(|at| steps[*at]).min().unwrap_or_default();
            let of_first: Vec<usize> = users.iter().copied().filter(|at| steps[*at] == first).collect();
            // Who came by the name at an earlier step keeps it; of several, who chose it, or else is written as the name is.
            let keeper = match of_first.as_slice() {
                [only] => Some(*only),
                several => one(several.iter().copied().filter(|at| !texts[*at].1.is_empty()))
                    .or_else(|| one(several.iter().copied().filter(|at| is_natural(texts[*at])))),
            };
            for at in users.into_iter().filter(|at| Some(*at) != keeper) {
                if steps[at] < LAST {
                    steps[at] += 1;
                    is_settled = false;
                }
            }
        }
        if is_settled {
            return numbered(&texts, names);
        }
    }
}

fn one(mut of: impl Iterator<Item = usize>) -> Option<usize> {
    of.next().filter(|_| of.next().is_none())
}

/// Whether a text is written as a name would be: without capitals, and with nothing but letters, digits and underscores.
fn is_natural((text, _): (&str, &str)) -> bool {
    !text.is_empty() && Style::Field.name(text) == text
}

/// The name of a text after some steps to tell it apart.
fn name(style: Style, reserved: &[&str], (text, wanted): (&str, &str), step: u8) -> String {
    let chosen = if wanted.is_empty() { text } else { wanted };
    let full = || style.full_name(text).trim_end_matches('_').to_owned();
    let joint = if style == Style::Field { "_" } else { "" };
    let name = match step {
        0 => style.name(chosen),
        1 => style.full_name(text),
        2 => format!("{}{joint}{}", full(), case(style, text)),
        _ => format!("{}{joint}{}{:08x}", full(), if style == Style::Field { "x" } else { "X" }, hash(text)),
    };
    if reserved.contains(&name.as_str()) {
        return format!("{name}{joint}{}", if style == Style::Field { "value" } else { "Value" });
    }
    name
}

/// How a text is written.
fn case(style: Style, text: &str) -> String {
    let letters: Vec<char> = text.chars().filter(|c| c.is_alphabetic()).collect();
    let [upper, lower] =
        [char::is_uppercase, char::is_lowercase].map(|is| letters.iter().copied().filter(|c| is(*c)).count());
    let begins_upper = letters.first().is_some_and(|c| c.is_uppercase());
    let word = match (upper, lower) {
        (0, _) => "lower",
        (_, 0) => "upper",
        (1, _) if begins_upper => "capital",
        _ if begins_upper => "pascal",
        _ => "camel",
    };
    style.name(word)
}

/// A number that is made of a text alone (FNV-1a, 32 bits).
pub(crate) fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The last way out, in the order of the texts.
fn numbered(texts: &[(&str, &str)], mut names: Vec<String>) -> Vec<String> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|at| texts[*at]);
    let mut taken: HashSet<String> = HashSet::new();
    for at in order {
        let name = unique(&names[at], |name| taken.contains(name));
        taken.insert(name.clone());
        names[at] = name;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(style: Style, texts: &[&str]) -> Vec<String> {
        let forward = distinct(style, &["Self", "unknown"], texts.iter().map(|text| (*text, "")));
        let mut backward = distinct(style, &["Self", "unknown"], texts.iter().rev().map(|text| (*text, "")));
        backward.reverse();
        assert_eq!(forward, backward, "a name depends on its position");
        forward
    }

    #[test]
    fn no_name_depends_on_its_position() {
        for (texts, expected) in [
            (["<", ">", "="].as_slice(), ["LessThan", "GreaterThan", "Equals"].as_slice()),
            (&["C", "C++", "C#"], &["C", "CPlusPlus", "CHash"]),
            (&["active", "ACTIVE", "Active"], &["Active", "ActiveUpper", "ActiveCapital"]),
            (&["a b", "a-b", "a_b"], &["ASpaceB", "AHyphenB", "AB"]),
            (&["self", "other"], &["SelfValue", "Other"]),
            (&["self", "Self"], &["SelfLower", "SelfCapital"]),
            (&["🚀", "", "Empty"], &["U1f680", "EmptyLower", "EmptyCapital"]),
            (&["H", "ℌ", "Ｈ", "ℍ"], &["H", "HU210c", "HUff28", "HU210d"]),
            (&["\u{e9}", "e\u{301}"], &["É", "ÉU301"]),
            (&["Œuvre", "ÆON", "ſet"], &["Oeuvre", "Aeon", "Set"]),
        ] {
            assert_eq!(names(Style::Value, texts), expected);
        }
        assert_eq!(
            names(Style::Field, &["madeUp", "made_up", "made-up"]),
            ["made_up_camel", "made_up", "made_hyphen_up"]
        );
        assert_eq!(names(Style::Field, &["id", "@id", "$id"]), ["id", "at_id", "dollar_id"]);
        assert_eq!(names(Style::Field, &["oeuvre", "œuvre", "Æther"]), ["oeuvre", "oeuvre_u153", "aether"]);
        assert_eq!(names(Style::Field, &["unknown"]), ["unknown_value"]);
        assert_eq!(names(Style::Field, &["h", "ℎ"]), ["h", "h_u210e"]);
    }

    #[test]
    fn a_name_of_the_schema_wins() {
        let texts = [("<", "Less"), ("less", ""), (">", "")];

        assert_eq!(distinct(Style::Value, &[], texts.into_iter()), ["Less", "LessLower", "GreaterThan"]);
    }
}
