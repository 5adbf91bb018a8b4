//! `text`: for people at a terminal.
//!
//! ```text
//! domain/rule/created.v1.json:3:17: error[bad-ref]: there is no "RuelId" in common.json
//! 3 |   "rule_id": {"$ref": "../../common.json#/$defs/RuelId"}
//!   |               ^ /properties/rule_id/$ref
//!     help: did you mean RuleId?
//! ```

use std::fs;
use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use eventsmith_codegen::Severity;
use eventsmith_codegen::diagnostic::Position;
use eventsmith_codegen::excerpt::{Excerpt, Lines};
use unicode_width::UnicodeWidthStr as _;

use super::finding::{Finding, SourceLine, severity_name};
use super::visible::{visible, visible_lines};

/// Writes findings one by one.
pub(super) struct TextPrinter {
    is_coloured: bool,
    /// The file that was read last: the next finding is probably about it too.
    read: Option<(String, Lines)>,
}

impl TextPrinter {
    /// A printer that uses colours if standard output is a terminal that shows them, and nobody has turned them off.
    pub(super) fn for_stdout() -> Self {
        Self { is_coloured: AutoStream::choice(&io::stdout()) != ColorChoice::Never, read: None }
    }

    pub(super) fn write(&mut self, out: &mut impl Write, finding: &Finding) -> anyhow::Result<()> {
        let diagnostic = &finding.diagnostic;
        let (bold, level) = (self.style(Style::new().bold()), self.style(colour(diagnostic.severity)));
        let gutter = self.style(AnsiColor::Blue.on_default());
        write!(out, "{bold}{}", visible(&diagnostic.file))?;
        if let Some(Position { line, column }) = diagnostic.position {
            write!(out, ":{line}:{column}")?;
        }
        let (name, rule) = (severity_name(diagnostic.severity), visible(diagnostic.rule));
        let message = visible(&diagnostic.message);
        writeln!(out, ":{bold:#} {level}{name}[{rule}]{level:#}: {bold}{message}{bold:#}")?;
        let pointer = visible(&diagnostic.pointer);
        match (diagnostic.position, self.excerpt(finding)) {
            (Some(Position { line, .. }), Some(excerpt)) => {
                let number = line.to_string();
                let (shown, indent) = shown(&excerpt);
                writeln!(out, "{gutter}{number} |{gutter:#} {shown}")?;
                let caret = format!("{:indent$}{level}^{level:#} {pointer}", "");
                writeln!(out, "{gutter}{:width$} |{gutter:#} {}", "", caret.trim_end(), width = number.len())?;
            }
            _ if pointer.is_empty() => {}
            _ => writeln!(out, "    at {pointer}")?,
        }
        if !diagnostic.help.is_empty() {
            writeln!(out, "    help: {}", visible_lines(&diagnostic.help).replace('\n', "\n          "))?;
        }
        Ok(())
    }

    fn style(&self, style: impl Into<Style>) -> Style {
        if self.is_coloured { style.into() } else { Style::new() }
    }

    fn excerpt(&mut self, finding: &Finding) -> Option<Excerpt> {
        match &finding.line {
            SourceLine::Hidden => None,
            SourceLine::Excerpt(excerpt) => Some(excerpt.clone()),
            SourceLine::InFile => {
                let Position { line, column } = finding.diagnostic.position?;
                let file = &finding.diagnostic.file;
                if self.read.as_ref().is_none_or(|(name, _)| name != file) {
                    // If the file is gone by now, the finding is printed without its line.
                    let text = fs::read_to_string(file).unwrap_or_default();
                    self.read = Some((file.clone(), Lines::new(text)));
                }
                let (_, lines) = self.read.as_ref()?;
                lines.excerpt(line, column)
            }
        }
    }
}

fn colour(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Advice => AnsiColor::Cyan,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Error => AnsiColor::Red,
    };
    colour.on_default().bold()
}

/// An excerpt as a terminal shows it, and how many cells its column is from the left.
fn shown(excerpt: &Excerpt) -> (String, usize) {
    let at = excerpt.text.char_indices().nth(excerpt.column.saturating_sub(1)).map_or(excerpt.text.len(), |(at, _)| at);
    let (before, after) = excerpt.text.split_at(at);
    // How far a tab goes depends on the terminal; four spaces are four cells everywhere.
    let [before, after] = [before, after].map(|text| visible(&text.replace('\t', "    ")).into_owned());
    let indent = before.width();
    (before + &after, indent)
}

#[cfg(test)]
mod tests {
    use eventsmith_codegen::Diagnostic;

    use super::*;

    fn caret(text: &str, column: usize) -> (String, usize) {
        shown(&Excerpt { text: text.to_owned(), column })
    }

    #[test]
    fn a_caret_stands_below_its_character_whatever_comes_before() {
        assert_eq!(caret("\t\"a\"", 2), ("    \"a\"".to_owned(), 4));
        assert_eq!(caret("日本x", 3), ("日本x".to_owned(), 4));
        assert_eq!(caret("e\u{301}x", 3), ("e\u{301}x".to_owned(), 1));
        assert_eq!(caret("\u{1b}x", 2), ("\\u{1b}x".to_owned(), 6));
    }

    #[test]
    fn colours_are_put_on_and_taken_off() {
        let finding = Finding::from(Diagnostic::error("bad-json", "a\u{1b}.json", "no", ""));
        let mut out = Vec::new();

        TextPrinter { is_coloured: true, read: None }.write(&mut out, &finding).unwrap();

        let plain = "\u{1b}[0m";
        let wanted = format!("\u{1b}[1ma\\u{{1b}}.json:{plain} ");
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with(&wanted) && text.ends_with(&format!("no{plain}\n")), "{text:?}");
    }

    #[test]
    fn a_column_behind_the_line_is_its_end() {
        assert_eq!(caret("ab", 9), ("ab".to_owned(), 2));
    }
}
