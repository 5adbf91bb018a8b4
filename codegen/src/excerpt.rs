//! The line of a text that a finding is about, short enough to be shown.

use std::cell::OnceCell;

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

/// The longest excerpt, and how much of it comes before the column, in characters.
const LONGEST: usize = 120;
const BEFORE: usize = 40;

impl Excerpt {
    /// Up to 120 characters of a line, around a column that is counted in characters from 1.
    pub fn new(line: &str, column: usize) -> Self {
        Self::behind(0, line, column)
    }

    /// The same for the rest of a line, before which so many characters stand.
    fn behind(before: usize, rest: &str, column: usize) -> Self {
        if before == 0 && rest.char_indices().nth(LONGEST).is_none() {
            return Self { text: rest.to_owned(), column };
        }
        let skipped = skipped(column);
        let mut text = String::from(if skipped == 0 { "" } else { CUT });
        let mut rest = rest.chars().skip(skipped - before.min(skipped));
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

/// How many characters of a long line are not shown before a column.
fn skipped(column: usize) -> usize {
    let skipped = column.saturating_sub(BEFORE + 1);
    // Do not cut what is no longer than the dots.
    if skipped <= CUT.len() { 0 } else { skipped }
}

/// The lines of a text of which many are shown, or one many times: a schema of megabytes may stand on one line, and have a finding
/// in each of its parts.
#[derive(Debug, Default)]
pub struct Lines {
    text: String,
    /// Where each line begins, and which characters of it are known to begin at which bytes.
    starts: Vec<(usize, OnceCell<Vec<usize>>)>,
}

/// Every so many characters of a line it is noted at which byte they begin.
const NOTED: usize = 1_000;

impl Lines {
    /// The lines of a text.
    pub fn new(text: String) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(ends).map(|start| (start, OnceCell::new())).collect();
        Self { text, starts }
    }

    /// The part of a line around a column, both counted from 1.
    pub fn excerpt(&self, line: usize, column: usize) -> Option<Excerpt> {
        let index = line.checked_sub(1)?;
        let (start, noted) = self.starts.get(index)?;
        let end = self.starts.get(line).map_or(self.text.len(), |(next, _)| next - 1);
        let text = self.text.get(*start..end)?.trim_end_matches('\r');
        let noted = noted.get_or_init(|| text.char_indices().step_by(NOTED).map(|(at, _)| at).collect());
        let number = (skipped(column) / NOTED).min(noted.len().saturating_sub(1));
        let byte = noted.get(number).copied().unwrap_or_default();
        Some(Excerpt::behind(number * NOTED, &text[byte..], column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_text_are_cut_as_each_alone_is() {
        let long: String = ('a'..='z').chain(['ä', '日']).cycle().take(4_321).collect();
        let lines = ["one", "", long.as_str(), "last"];
        let text = Lines::new(lines.join("\r\n"));

        for (index, line) in lines.iter().enumerate() {
            for column in [1, 2, 44, 45, 120, 999, 1_000, 1_041, 1_042, 2_500, 4_200, 4_322] {
                assert_eq!(text.excerpt(index + 1, column), Some(Excerpt::new(line, column)), "{index} {column}");
            }
        }
        assert_eq!(text.excerpt(0, 1), None);
        assert_eq!(text.excerpt(5, 1), None);
    }

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
