//! The line of a text that a finding is about, short enough to be shown.

/// A line, cut around a column: a line of NDJSON may be megabytes long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, or its part around the column; three dots stand for what was cut off.
    pub text: String,
    /// The column within `text`, counted in characters from 1.
    pub column: usize,
}

const CUT: &str = "...";

/// A text that may hold a whole payload, cut after so many characters.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}{CUT}", &text[..end]),
        None => text.to_owned(),
    }
}

impl Excerpt {
    /// Up to 120 characters of a line, around a column that is counted in characters from 1.
    pub fn new(line: &str, column: usize) -> Self {
        const LONGEST: usize = 120;
        const BEFORE: usize = 40;
        if line.char_indices().nth(LONGEST).is_none() {
            return Self { text: line.to_owned(), column };
        }
        let skipped = column.saturating_sub(BEFORE + 1);
        // Do not cut what is no longer than the dots.
        let skipped = if skipped <= CUT.len() { 0 } else { skipped };
        let mut text = String::from(if skipped == 0 { "" } else { CUT });
        let mut rest = line.chars().skip(skipped);
        text.extend(rest.by_ref().take(LONGEST));
        if rest.next().is_some() {
            text.push_str(CUT);
        }
        let mark = if skipped == 0 { 0 } else { CUT.len() };
        Self { text, column: column - skipped + mark }
    }

    /// The line of a text that holds a byte offset, around the column of that offset.
    pub fn at(source: &str, offset: usize) -> Self {
        let mut offset = offset.min(source.len());
        while !source.is_char_boundary(offset) {
            offset -= 1;
        }
        let (before, after) = source.split_at(offset);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after.find('\n').map_or(source.len(), |newline| offset + newline);
        let line = source[start..end].trim_end_matches('\r');
        Self::new(line, before[start..].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under_caret(excerpt: &Excerpt) -> char {
        excerpt.text.chars().nth(excerpt.column - 1).unwrap()
    }

    #[test]
    fn a_short_line_is_whole() {
        let excerpt = Excerpt::at("one\r\ntwo\r\nthree", 6);

        assert_eq!(excerpt, Excerpt { text: "two".to_owned(), column: 2 });
    }

    #[test]
    fn a_long_line_is_cut_around_its_column() {
        let line = format!("{}ä{}", "x".repeat(5_000), "y".repeat(5_000));

        let excerpt = Excerpt::new(&line, 5_001);

        assert_eq!(under_caret(&excerpt), 'ä');
        assert!(excerpt.text.starts_with("...x") && excerpt.text.ends_with("y..."), "{excerpt:?}");
        assert!(excerpt.text.chars().count() <= 126);
    }

    #[test]
    fn the_ends_of_a_long_line_are_not_marked_as_cut() {
        let line = format!("a{}z", "x".repeat(500));

        let (first, last) = (Excerpt::new(&line, 1), Excerpt::new(&line, 502));

        assert!(under_caret(&first) == 'a' && first.text.starts_with('a') && first.text.ends_with("..."));
        assert!(under_caret(&last) == 'z' && last.text.starts_with("...") && last.text.ends_with('z'));
    }
}
