//! Calls of the macro `builder`, which prettyplease leaves as it finds them.

use super::lines::is_comment;

/// The widest line, as everywhere in the generated files.
const WIDEST: usize = 110;

/// Lays out every call: the type with its required properties, then the setters.
pub(super) fn lay_out(text: &str) -> String {
    let mut laid_out = String::with_capacity(text.len());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        laid_out.push_str(line);
        laid_out.push('\n');
        if !line.ends_with("::builder! {") || is_comment(line) {
            continue;
        }
        let outer = &line[..line.len() - line.trim_start().len()];
        let indent = format!("{outer}    ");
        // The bracket of the required properties may stand on a line of its own, too, further to the right.
        let is_within = |line: &&str| line.trim() != "}" || line.strip_suffix('}') != Some(outer);
        let body: Vec<&str> = lines.by_ref().take_while(is_within).map(str::trim).collect();
        let parts: Vec<String> = tidy(&body.join(" ")).split("; ").map(str::to_owned).collect();
        let last = parts.len() - 1;
        for (index, part) in parts.iter().enumerate() {
            wrap(&format!("{part}{}", if index < last { ";" } else { "" }), &indent, &mut laid_out);
        }
        laid_out.push_str(&indent[4..]);
        laid_out.push_str("}\n");
    }
    laid_out
}

/// Tokens without the spaces that stand between all of them.
fn tidy(tokens: &str) -> String {
    // A path that begins at the root keeps the space before it.
    let rooted = ["into", "of", ":", ",", "<"]
        .iter()
        .fold(tokens.to_owned(), |text, before| text.replace(&format!("{before} :: "), &format!("{before} ::")));
    let rooted = ["into", "of", "maybe"]
        .iter()
        .fold(rooted, |text, how| text.replace(&format!(": {how}::"), &format!(": {how} ::")));
    let pairs = [(" :: ", "::"), (" : ", ": "), (" < ", "<"), (" >", ">"), (" ,", ","), (" ;", ";"), ("{ }", "{}")];
    pairs.iter().fold(rooted, |text, (from, to)| text.replace(from, to)).replace("< ::", "<::")
}

/// Breaks a line at commas where it is too wide.
fn wrap(text: &str, indent: &str, into: &mut String) {
    let mut width = 0;
    for piece in text.split_inclusive(", ") {
        if width > 0 && width + piece.trim_end().len() > WIDEST {
            into.truncate(into.trim_end().len());
            into.push('\n');
            width = 0;
        }
        if width == 0 {
            into.push_str(indent);
            width = indent.len();
        }
        into.push_str(piece);
        width += piece.len();
    }
    into.truncate(into.trim_end().len());
    into.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_ends_where_it_began() {
        let text = "    ::e::builder! {\n        A from ARequired { a : B\n        }\n    }\n";

        assert_eq!(lay_out(text), "    ::e::builder! {\n        A from ARequired { a: B }\n    }\n");
    }

    #[test]
    fn a_call_reads_as_if_written_by_hand() {
        let text = "    ::e::builder! {\n        A from ARequired { a : Vec < B >, b : :: e :: C } + unknown ; with_c = c \"C\" :\n        \
                    into super :: D, with_f = f: maybe::e::F\n    }\n";

        let expected = "    ::e::builder! {\n        A from ARequired { a: Vec<B>, b: ::e::C } + unknown;\n        \
                        with_c = c \"C\": into super::D, with_f = f: maybe ::e::F\n    }\n";
        assert_eq!(lay_out(text), expected);
    }
}
