//! The pages of the documentation, one for each rule and an index.

use std::fmt::Write as _;

use crate::diagnostic::Severity;
use crate::rules::{Family, RULES, Rule};

/// The name and text of every page. A function of [`RULES`], so that page and table cannot part.
pub fn pages() -> Vec<(String, String)> {
    let pages = RULES.iter().map(|rule| (format!("{}.md", rule.id), page(rule)));
    std::iter::once(("README.md".to_owned(), index())).chain(pages).collect()
}

const WRITTEN: &str =
    "<!-- Written from codegen/src/rules.rs: UPDATE_PAGES=1 cargo test -p eventsmith-codegen --test rules -->\n";

const FAMILIES: &[(Family, &str, &str)] = &[
    (Family::Loading, "Loading", "Found by every command and by build scripts."),
    (Family::Lint, "Lint", "Found by `eventsmith lint` alone."),
    (Family::Evolution, "Evolution", "Found by `eventsmith breaking`."),
    (Family::Payload, "Payloads", "Found by `eventsmith validate`."),
];

fn index() -> String {
    let mut text = format!("# Rules\n\n{WRITTEN}\n");
    text.push_str(
        "Every finding names the rule that made it. Errors and warnings make `eventsmith lint` exit with 1, advice does not.\n\
         [Writing a catalogue](../catalogue.md#lint) says how rules are switched off.\n",
    );
    for (family, name, found) in FAMILIES {
        let _ = write!(text, "\n## {name}\n\n{found}\n\n| rule | severity | what it is for |\n|---|---|---|\n");
        for rule in RULES.iter().filter(|rule| rule.family == *family) {
            let Rule { id, purpose, .. } = rule;
            let _ = writeln!(text, "| [{id}]({id}.md) | {} | {} |", severity(rule), first_sentence(purpose));
        }
    }
    text
}

fn page(rule: &Rule) -> String {
    let Rule { id, purpose, .. } = rule;
    let mut text = format!("# {id}\n\n{WRITTEN}\n{}. {purpose}\n", title_case(severity(rule)));
    let _ = write!(text, "\n## Found\n\n{}\n## Wanted\n\n{}", blocks(rule.bad), blocks(rule.good));
    text.push_str("\n## Switching it off\n\n");
    if rule.is_optional() {
        let _ = write!(
            text,
            "In `eventsmith.toml`, for the whole catalogue or some of its files:\n\n```toml\n[lint]\n\
             {id} = {{ level = \"off\", reason = \"why it does not matter here\", files = [\"domain/rule/*\"] }}\n```\n\n\
             In a schema, for it and everything below it:\n\n```json\n\
             \"x-lint-allow\": {{\"{id}\": \"why it does not matter here\"}}\n```\n",
        );
    } else {
        text.push_str("It cannot be switched off.\n");
    }
    text
}

fn severity(rule: &Rule) -> &'static str {
    match rule.severity {
        Severity::Advice => "advice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn title_case(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

/// The first sentence, without its full stop.
fn first_sentence(text: &str) -> &str {
    let end = text.find(". ").unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

/// An example as blocks of code, each with the path of its file above it.
fn blocks(example: &str) -> String {
    let mut text = String::new();
    for (path, content) in files(example) {
        let language = if path.contains(".toml") { "toml" } else { "json" };
        let is_code = content.starts_with(['{', '[']) || language == "toml";
        if !path.is_empty() {
            let _ = write!(text, "`{path}`\n\n");
        }
        let _ = match is_code {
            true => write!(text, "```{language}\n{}\n```\n\n", content.trim_end()),
            false => write!(text, "{}\n\n", content.trim_end()),
        };
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The files of an example: path and content. A text without a path is one file with an empty path.
pub fn files(example: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in example.lines() {
        match (line.strip_prefix("--- "), files.last_mut()) {
            (Some(path), _) => files.push((path.to_owned(), String::new())),
            (None, Some((_, content))) => {
                content.push_str(line);
                content.push('\n');
            }
            (None, None) => files.push((String::new(), format!("{line}\n"))),
        }
    }
    files
}
