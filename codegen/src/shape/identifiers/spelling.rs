//! Which characters of a text can stand in a name, and words for those that cannot.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_security::{GeneralSecurityProfile, is_potential_mixed_script_confusable_char, skeleton};

/// Which characters that cannot stand in a name have a word in it. The others part words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbols {
    /// Those of texts that have nothing else.
    WhereNothingElseIs,
    /// Those that say something between letters and digits, too.
    Telling,
    /// All.
    All,
}

/// Words for characters, longest first.
const WORDS: &[(&str, &str)] = &[
    ("<=", "less than or equal"),
    (">=", "greater than or equal"),
    ("!=", "not equal"),
    ("->", "arrow"),
    ("=>", "double arrow"),
    ("<", "less than"),
    (">", "greater than"),
    ("=", "equals"),
    ("+", "plus"),
    ("*", "star"),
    ("/", "slash"),
    ("%", "percent"),
    ("&", "and"),
    ("|", "pipe"),
    ("!", "exclamation"),
    ("?", "question"),
    ("~", "tilde"),
    ("^", "caret"),
    ("(", "open paren"),
    (")", "close paren"),
    ("[", "open bracket"),
    ("]", "close bracket"),
    ("{", "open brace"),
    ("}", "close brace"),
    ("\"", "quote"),
    ("'", "apostrophe"),
    ("`", "backtick"),
    ("\\", "backslash"),
    ("#", "hash"),
    ("@", "at"),
    ("$", "dollar"),
    (",", "comma"),
    (":", "colon"),
    (";", "semicolon"),
    ("_", "underscore"),
    (" ", "space"),
    ("\t", "tab"),
    ("\n", "newline"),
    ("\r", "return"),
    ("€", "euro"),
    ("£", "pound"),
    ("¥", "yen"),
    ("¢", "cent"),
    ("₹", "rupee"),
    ("°", "degree"),
    ("§", "section"),
    ("©", "copyright"),
    ("®", "registered"),
    ("×", "times"),
    ("÷", "divided by"),
    ("±", "plus minus"),
    ("−", "minus"),
    ("≤", "less than or equal"),
    ("≥", "greater than or equal"),
    ("≠", "not equal"),
    ("≈", "about"),
    ("∞", "infinity"),
    ("√", "root"),
    ("∑", "sum"),
    ("∅", "empty set"),
    ("←", "left arrow"),
    ("→", "right arrow"),
    ("↑", "up arrow"),
    ("↓", "down arrow"),
    ("✓", "check mark"),
    ("✗", "cross mark"),
    ("★", "star"),
    ("–", "dash"),
    ("—", "dash"),
];

/// What says something between letters, too.
const TELLING: &[char] =
    &['<', '>', '+', '*', '%', '&', '#', '@', '$', '€', '£', '¥', '¢', '₹', '°', '±', '×', '÷', '−'];

/// The words of a text.
pub(super) fn words(text: &str, symbols: Symbols) -> Vec<String> {
    let text = normal(text);
    let is_kept = kept(&text);
    let has_kept = text.chars().any(&is_kept);
    let spelled = split(&text, &is_kept, |c| match symbols {
        Symbols::All => true,
        _ if !has_kept => true,
        Symbols::Telling => TELLING.contains(&c),
        Symbols::WhereNothingElseIs => false,
    });
    if !spelled.is_empty() {
        return spelled;
    }
    text.chars().map(number).collect()
}

/// The numbers of the characters that stand in no name, as another way to write them does: `ℌ` is `H` there.
pub(super) fn lost(text: &str) -> Vec<String> {
    let normal = normal(text);
    text.chars().filter(|c| !c.is_ascii() && !normal.contains(*c)).map(number).collect()
}

fn number(c: char) -> String {
    format!("U{:X}", u32::from(c))
}

/// Whether a text leaves something readable in a name.
pub(crate) fn is_readable(text: &str) -> bool {
    let text = normal(text);
    let is_kept = kept(&text);
    text.is_empty()
        || !split(&text, &is_kept, |_| true).is_empty() && (!has_letters(&text) || text.chars().any(is_kept))
}

/// What a text is in a name where that is another text: `H` for `ℌ`.
pub(crate) fn written_otherwise(text: &str) -> Option<String> {
    let normal = normal(text);
    (normal != text).then_some(normal)
}

fn has_letters(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

/// One way to write what may be written in several: the compiler compares names so. Latin letters that it takes for those of ASCII
/// become those, as it warns of names of one crate that differ in nothing else (the Turkish `ı` and `i`, `œ` and `oe`).
fn normal(text: &str) -> String {
    let composed: Vec<char> = text.nfkc().collect();
    let mut normal = String::with_capacity(text.len());
    for (index, &c) in composed.iter().enumerate() {
        match ascii(c) {
            // As the first letter of a word: `Œuvre` is `Oeuvre`.
            Some(letters) if letters.len() > 1 && composed.get(index + 1).is_some_and(|next| next.is_lowercase()) => {
                let (first, rest) = letters.split_at(1);
                normal.extend([first, &rest.to_lowercase()]);
            }
            Some(letters) => normal += &letters,
            None => normal.push(c),
        }
    }
    normal
}

fn script(c: char) -> String {
    format!("{:?}", AugmentedScriptSet::for_char(c))
}

/// The letters of ASCII that a Latin letter is easily taken for, if there are any.
fn ascii(c: char) -> Option<String> {
    if c.is_ascii() || script(c) != script('a') {
        return None;
    }
    let letters: String = skeleton(c.encode_utf8(&mut [0; 4])).collect();
    (!letters.is_empty() && letters.bytes().all(|letter| letter.is_ascii_alphabetic())).then_some(letters)
}

/// The characters of a text that a name keeps. The compiler warns of letters that are easily taken for those of ASCII, unless others
/// of their script stand beside them.
fn kept(text: &str) -> impl Fn(char) -> bool + use<> {
    let may_stand = |c: char| {
        c.is_ascii_alphanumeric() || !c.is_ascii() && unicode_ident::is_xid_continue(c) && c.identifier_allowed()
    };
    // Names change the case of letters, and some are such in one case alone.
    let cases = |c: char| c.to_lowercase().chain(c.to_uppercase()).chain([c]).filter(|c| !c.is_ascii());
    let foreign: Vec<char> = text.chars().filter(|c| !c.is_ascii() && may_stand(*c)).collect();
    let is_plain = |c: char| cases(c).all(|c| !is_potential_mixed_script_confusable_char(c));
    let verified: HashSet<String> =
        foreign.iter().filter(|c| is_plain(**c)).map(|c| script(*c)).chain([script('a')]).collect();
    let suspicious: HashSet<char> = foreign.into_iter().filter(|c| !verified.contains(&script(*c))).collect();
    move |c| may_stand(c) && !suspicious.contains(&c)
}

fn split(text: &str, is_kept: &impl Fn(char) -> bool, is_spelled: impl Fn(char) -> bool) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut rest = text;
    let mut before = None;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        let after = rest[length..].chars().next();
        if is_kept(c) {
            if let Some(word) = words.last_mut() {
                word.push(c);
            }
        } else {
            let is_sign = c == '-' && !before.is_some_and(is_kept) && after.is_some_and(|after| after.is_ascii_digit());
            if (is_sign || is_spelled(c))
                && let Some((symbol, word)) = word_of(rest, is_sign, before, after)
            {
                words.push(word.to_owned());
                length = symbol.max(length);
            }
            words.push(String::new());
        }
        before = rest[..length].chars().last();
        rest = &rest[length..];
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The word for what a text begins with, and how many bytes that is.
fn word_of(text: &str, is_sign: bool, before: Option<char>, after: Option<char>) -> Option<(usize, &'static str)> {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let one = |word| Some((1, word));
    match text.chars().next()? {
        '-' if text.starts_with("->") => {}
        '-' if is_sign || is_digit(after) || before.is_none() && after.is_none() => return one("minus"),
        '-' => return one("hyphen"),
        '.' if is_digit(before) && is_digit(after) => return one("point"),
        '.' => return one("dot"),
        _ => {}
    }
    WORDS.iter().find(|(symbol, _)| text.starts_with(symbol)).map(|(symbol, word)| (symbol.len(), *word))
}
