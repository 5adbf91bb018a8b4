//! Fewer lines: prettyplease breaks every call that is wider than its own measure at every argument.

/// The widest line that is put together, as in the style of the generated files.
const WIDEST: usize = 110;

/// Joins calls, macros, closures of one expression and chains of methods that fit on one line. No line is within a
/// literal, because every line break in one is written as an escape.
pub(super) fn join(text: &str) -> String {
    let mut lines = Lines { done: Vec::new(), open: Vec::new() };
    text.lines().for_each(|line| lines.push(line));
    let mut joined = lines.done.join("\n");
    joined.push('\n');
    joined
}

/// Whether a line is a doc comment, whatever it says.
pub(super) fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("///")
}

struct Lines {
    done: Vec<String>,
    /// What is not closed yet: the line that opened it, and how far its lines move to the left.
    open: Vec<(usize, usize)>,
}

impl Lines {
    fn push(&mut self, line: &str) {
        let shift: usize = self.open.iter().map(|(_, shift)| shift).sum();
        let line = &line[shift.min(line.len() - line.trim_start().len())..];
        let trimmed = line.trim_start();
        if is_comment(trimmed) {
            self.done.push(line.to_owned());
            return;
        }
        let closes = trimmed.starts_with([')', '}', ']']);
        let opens = trimmed.ends_with(['(', '{', '[']);
        if closes
            && let Some((opening, _)) = self.open.pop()
            && !opens
            && self.join_group(opening, trimmed)
        {
            self.join_chain();
            return;
        }
        self.done.push(line.to_owned());
        let mut shift = 0;
        if !closes {
            shift = self.join_chain();
        }
        if opens {
            self.open.push((self.done.len() - 1, shift));
        }
    }

    /// Puts what stands between two brackets on one line with them, if it fits.
    fn join_group(&mut self, opening: usize, end: &str) -> bool {
        let (first, inner) = (&self.done[opening], &self.done[opening + 1..]);
        let is_call = first.ends_with('(') && !first.trim_start().starts_with("#[");
        let is_closure = first.ends_with("| {") && inner.len() == 1 && !inner[0].ends_with(';');
        if !is_call && !is_closure || inner.iter().any(|line| line.contains("//")) {
            return false;
        }
        let parts: Vec<&str> = inner.iter().map(|line| line.trim()).collect();
        let content = parts.join(" ");
        let content = content.strip_suffix(',').unwrap_or(&content);
        let joined = if is_closure { format!("{first} {content} {end}") } else { format!("{first}{content}{end}") };
        if joined.chars().count() > WIDEST {
            return false;
        }
        self.done.truncate(opening);
        self.done.push(joined);
        true
    }

    /// Puts a method on the line of its receiver, if it fits; returns how far it moved to the left.
    fn join_chain(&mut self) -> usize {
        let [.., receiver, method] = self.done.as_slice() else { return 0 };
        if is_comment(receiver) {
            return 0;
        }
        let (before, end) = (self.done.len() - 2, receiver.chars().last());
        let is_open = self.open.last().is_some_and(|(opening, _)| *opening == before);
        if !method.trim_start().starts_with('.') || is_open || matches!(end, Some(';' | ',' | '{' | '}')) {
            return 0;
        }
        let joined = format!("{receiver}{}", method.trim_start());
        if joined.chars().count() > WIDEST {
            return 0;
        }
        let indentation = |line: &str| line.len() - line.trim_start().len();
        let shift = indentation(method).saturating_sub(indentation(receiver));
        self.done.truncate(before);
        self.done.push(joined);
        shift
    }
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn a_call_that_fits_stands_on_one_line() {
        let text = "    f(\n        a,\n        |c| {\n            g(\n                c,\n            )\n        },\n    )\n        .is_some()\n";

        assert_eq!(join(text), "    f(a, |c| { g(c) }).is_some()\n");
    }

    #[test]
    fn what_does_not_fit_or_is_a_block_stays_as_it_is() {
        let wide = format!("f(\n    {},\n    b,\n)\n", "a".repeat(110));
        for text in
            [wide.as_str(), "fn f() {\n    a\n}\n", "match a {\n    B => c,\n}\n", "f(\n    // why\n    a,\n)\n"]
        {
            assert_eq!(join(text), text);
        }
    }
}
