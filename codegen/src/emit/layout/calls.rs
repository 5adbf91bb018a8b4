//! Calls of macros that complete a type, which prettyplease breaks at narrow lines.

/// The widest line, as everywhere in the generated files.
const WIDEST: usize = 110;

/// The macros.
const MACROS: &[&str] = &["::text_enum!(", "::from_alternatives!(", "::tagged_union!("];

/// Puts every call on one line that fits.
pub(super) fn join(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        joined.push_str(line);
        if MACROS.iter().any(|name| line.ends_with(name)) {
            let rest: Vec<&str> = lines.by_ref().take_while(|line| line.trim() != ");").collect();
            let arguments = rest.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
            if line.len() + arguments.len() + ");".len() <= WIDEST {
                joined.push_str(&arguments);
            } else {
                let indent = " ".repeat(line.len() - line.trim_start().len());
                joined.push_str(&format!("\n{}\n{indent}", rest.join("\n")));
            }
            joined.push_str(");");
        }
        joined.push('\n');
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_fits_stands_on_one_line() {
        let text = "    ::e::text_enum!(\n        A, { B => \"b\",\n        C => \"c\" }\n    );\n    next\n";

        assert_eq!(join(text), "    ::e::text_enum!(A, { B => \"b\", C => \"c\" });\n    next\n");
    }

    #[test]
    fn a_call_that_does_not_fit_stays_as_it_is() {
        let text = format!("    ::e::text_enum!(\n        A, {{ B => \"{}\" }}\n    );\n", "b".repeat(WIDEST));

        assert_eq!(join(&text), text);
    }
}
