//! Escapes text from files and payloads: characters that would control a terminal are spelled out.

use std::borrow::Cow;

/// A text in one line, with escapes for whatever moves the cursor, changes colours or the direction of writing.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_hidden(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// The same of a text that may have several lines.
pub(crate) fn visible_lines(text: &str) -> String {
    text.split('\n').map(|line| visible(line.trim_end_matches('\r'))).collect::<Vec<_>>().join("\n")
}

/// Control characters; line separators; what overrides or isolates the direction of writing; what XML has no place for.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(visible("a\u{1b}[31m\u{9b}b\u{202e}\n"), r"a\u{1b}[31m\u{9b}b\u{202e}\n");
        assert_eq!(visible_lines("a\r\nb\u{7}"), "a\nb\\u{7}");
    }

    #[test]
    fn everything_else_stays() {
        assert_eq!(visible("größer 😀 日本"), "größer 😀 日本");
    }
}
