//! Texts of errors, cut to a length: a payload may be large, and what is said about it must not be.

use std::fmt::{self, Display, Write};

/// The longest text that an error quotes, in characters. The header of a dead letter holds 1,000 characters of an error, and a
/// line of a log is read by people.
pub const LONGEST: usize = 200;
/// How much of the end is kept, in characters: what readers of JSON say ends with line and column.
const TAIL: usize = 40;

/// A text of at most [`LONGEST`] characters: of a longer one the middle is left out.
#[must_use]
pub fn clip(text: String) -> String {
    // A text has no more characters than bytes.
    if text.len() <= LONGEST || text.chars().nth(LONGEST).is_none() {
        return text;
    }
    let end = |count: usize| text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
    let start = text.char_indices().rev().nth(TAIL - 1).map_or(0, |(at, _)| at);
    format!("{}…{}", &text[..end(LONGEST - TAIL - 1)], &text[start..])
}

/// The first characters of what is displayed; no more of it is written than these.
#[must_use]
pub fn head(limit: usize, value: impl Display) -> String {
    let mut head = Head { text: String::new(), left: limit };
    match write!(head, "{value}") {
        Ok(()) => head.text,
        Err(_) => format!("{}…", head.text),
    }
}

/// Takes so many characters, and refuses more.
struct Head {
    text: String,
    left: usize,
}

impl Write for Head {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text.char_indices().nth(self.left) {
            Some((end, _)) => {
                self.text.push_str(&text[..end]);
                self.left = 0;
                Err(fmt::Error)
            }
            None => {
                self.left -= text.chars().count();
                self.text.push_str(text);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_short_enough_stays_as_it_is() {
        let text = "ä".repeat(LONGEST);

        assert_eq!(clip(text.clone()), text);
        assert_eq!(head(LONGEST, &text), text);
    }

    #[test]
    fn a_longer_one_keeps_its_beginning_and_its_end() {
        let clipped = clip(format!("the member {} is there twice at line 1 column 23", "ä".repeat(1_000)));

        assert_eq!(clipped.chars().count(), LONGEST);
        assert!(clipped.starts_with("the member ää") && clipped.ends_with("is there twice at line 1 column 23"));
    }

    #[test]
    fn a_head_is_cut_between_characters() {
        assert_eq!(head(3, "äöüß"), "äöü…");
        assert_eq!(head(0, "a"), "…");
    }
}
