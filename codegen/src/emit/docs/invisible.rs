//! Characters that nobody sees, or that show others in another order.

/// A text whose invisible characters are spelled out, so that it shows what it holds. Line breaks stay.
pub(in crate::emit) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '\t' => shown.push(' '),
            '\n' => shown.push('\n'),
            // Between letters of other scripts, and in emoji, joiners are part of the writing.
            '\u{200c}' | '\u{200d}' if !before.is_ascii() => shown.push(c),
            _ if is_invisible(c) => shown.extend(c.escape_unicode()),
            _ => shown.push(c),
        }
        before = c;
    }
    shown
}

/// Whether a character is shown as nothing, or turns the direction of writing. The compiler refuses some of them in literals and
/// comments, where they can make code look like what it is not (CVE-2021-42574); linters refuse others.
pub(in crate::emit) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}
