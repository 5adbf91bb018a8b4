//! Modifiers of a group, `(?s:..)`, which the engine knows and means otherwise than ECMA-262.

use std::borrow::Cow;

/// What a pattern has that is read differently within a group with a modifier, and what to write instead.
pub(super) fn read_differently(pattern: &str) -> Option<(&'static str, Cow<'static, str>)> {
    for (at, _) in pattern.match_indices("(?") {
        if is_escaped(&pattern[..at]) {
            continue;
        }
        let rest = &pattern[at + 2..];
        let Some((flags, body)) = rest.split_once(':') else { continue };
        let (on, off) = flags.split_once('-').unwrap_or((flags, ""));
        if !on.chars().chain(off.chars()).all(|flag| "ims".contains(flag)) {
            continue;
        }
        let body = within(body);
        if on.contains('s') && has(body, |c| c == '.') {
            return Some((
                "a dot in (?s:..) is the end of a line to ECMA-262, too, and not to the engine",
                "leave the modifier out, and write [\\s\\S] for any character".into(),
            ));
        }
        if on.contains('m') && has(body, |c| matches!(c, '^' | '$')) {
            return Some((
                "in (?m:..) lines end at \\n, \\r, U+2028 and U+2029 to ECMA-262, and only at \\n to the engine",
                "leave the modifier out, and write (^|[\\n\\r]) for the start of a line and (?=$|[\\n\\r]) for its end"
                    .into(),
            ));
        }
    }
    None
}

/// The text up to the parenthesis that closes the group that it begins in.
fn within(text: &str) -> &str {
    let mut depth = 0_usize;
    let end = outside_of_sets(text).find(|(_, c)| match c {
        '(' => {
            depth += 1;
            false
        }
        ')' if depth == 0 => true,
        ')' => {
            depth -= 1;
            false
        }
        _ => false,
    });
    end.map_or(text, |(end, _)| &text[..end])
}

fn has(text: &str, is_it: impl Fn(char) -> bool) -> bool {
    outside_of_sets(text).any(|(_, c)| is_it(c))
}

/// The characters that stand for something: not escaped, and in no set.
fn outside_of_sets(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut is_in_set, mut is_behind_backslash) = (false, false);
    text.char_indices().filter(move |(_, c)| {
        if std::mem::take(&mut is_behind_backslash) {
            return false;
        }
        match c {
            '\\' => is_behind_backslash = true,
            '[' if !is_in_set => is_in_set = true,
            ']' if is_in_set => is_in_set = false,
            _ => return !is_in_set,
        }
        false
    })
}

fn is_escaped(before: &str) -> bool {
    before.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}
