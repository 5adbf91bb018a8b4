//! Text within Markdown: what it holds is shown, and marks nothing.

use super::invisible::visible;

/// A code span that shows a text as it is, on one line.
pub(in crate::emit) fn code(text: &str) -> String {
    let shown = visible(&text.replace('\n', "\\n"));
    let fence = "`".repeat(longest_run(&shown, '`') + 1);
    if shown.trim().is_empty() {
        // Spaces alone make no code span that can be seen.
        return format!("{fence}{shown:?}{fence}");
    }
    let touches = |edge: Option<char>| matches!(edge, Some('`' | ' '));
    if touches(shown.chars().next()) || touches(shown.chars().last()) {
        format!("{fence} {shown} {fence}")
    } else {
        format!("{fence}{shown}{fence}")
    }
}

pub(super) fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or_default()
}

/// Where a text stands, which says what would mark something there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// At the start of a line.
    pub(super) begins_line: bool,
    /// In the text of a link, which holds no other.
    pub(super) in_link: bool,
    /// In a cell of a table.
    pub(super) in_cell: bool,
}

/// A text as Markdown that shows it. Addresses become links, as most readers of Markdown have it.
pub(super) fn plain(text: &str, place: Place) -> String {
    let text = visible(text);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while !place.in_link
        && let Some((before, address, after)) = next_address(rest)
    {
        escape(before, place, &mut shown);
        shown.push_str(&format!("<{}>", address.replace('|', "%7C")));
        rest = after;
    }
    escape(rest, place, &mut shown);
    shown
}

/// The first address of the web in a text, with what stands before and after it.
fn next_address(text: &str) -> Option<(&str, &str, &str)> {
    const AFTER_A_SENTENCE: &[char] = &['.', ',', ';', ':', '!', '?', '\'', '*', '_'];
    text.match_indices("http").find_map(|(start, _)| {
        let rest = &text[start..];
        let scheme = ["https://", "http://"].into_iter().find(|scheme| rest.starts_with(scheme))?;
        let is_end = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '\\');
        let end = rest.find(is_end).unwrap_or(rest.len());
        let mut address = rest[..end].trim_end_matches(AFTER_A_SENTENCE);
        // A bracket that was opened before the address closes behind it.
        while address.ends_with(')') && address.matches(')').count() > address.matches('(').count() {
            address = address[..address.len() - 1].trim_end_matches(AFTER_A_SENTENCE);
        }
        (address.len() > scheme.len()).then(|| (&text[..start], address, &rest[address.len()..]))
    })
}

/// Puts a backslash before every character that would mark something.
fn escape(text: &str, place: Place, into: &mut String) {
    let characters: Vec<char> = text.chars().collect();
    let mut starts_line = place.begins_line && into.is_empty();
    // How many digits the line begins with, if it has nothing else so far.
    let mut digits = starts_line.then_some(0);
    for (at, &c) in characters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| characters[at]);
        let after = characters.get(at + 1).copied();
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let is_space = |c: Option<char>| c.is_some_and(char::is_whitespace);
        let marks = match c {
            '[' | ']' | '<' | '`' => true,
            '\\' => after.is_none_or(|after| after.is_ascii_punctuation() || after == '\n'),
            '_' => !(is_word(before) && is_word(after)),
            '*' => !(is_space(before) && is_space(after)),
            '~' => starts_line || before == Some('~') || after == Some('~'),
            '|' => place.in_cell,
            '&' => after.is_some_and(|after| after == '#' || after.is_ascii_alphanumeric()),
            '>' | '=' => starts_line,
            '#' | '+' | '-' => starts_line && after.is_none_or(|after| after.is_whitespace() || after == c),
            '.' | ')' => digits.is_some_and(|digits| digits > 0) && after.is_none_or(char::is_whitespace),
            _ => false,
        };
        if marks {
            into.push('\\');
        }
        into.push(c);
        let ends_line = c == '\n';
        starts_line = ends_line || starts_line && c == ' ';
        digits = if ends_line { Some(0) } else { digits.filter(|_| c.is_ascii_digit()).map(|digits| digits + 1) };
    }
}
