//! The pages of the documentation, one for each rule and an index, written from the table of rules by two templates.

use handlebars::{Handlebars, no_escape};
use serde::Serialize;

use eventsmith_codegen::Severity;
use eventsmith_codegen::rules::{Family, RULES, Rule};

const INDEX: &str = include_str!("index.md.hbs");
const PAGE: &str = include_str!("page.md.hbs");
const EXAMPLE: &str = include_str!("example.md.hbs");

/// Each family with its heading and the command that reports its findings.
const FAMILIES: &[(Family, &str, &str)] = &[
    (Family::Loading, "Loading", "Found by every command and by build scripts."),
    (Family::Lint, "Lint", "Found by `eventsmith lint` alone."),
    (Family::Evolution, "Evolution", "Found by `eventsmith breaking`."),
    (Family::Payload, "Payloads", "Found by `eventsmith validate`."),
];

#[derive(Serialize)]
struct Section {
    name: &'static str,
    found: &'static str,
    rules: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    id: &'static str,
    severity: &'static str,
    summary: &'static str,
}

#[derive(Serialize)]
struct Page {
    id: &'static str,
    severity: String,
    purpose: &'static str,
    bad: Vec<File>,
    good: Vec<File>,
    is_optional: bool,
}

#[derive(Serialize)]
struct File {
    path: String,
    /// The language of the block of code; `None` for prose.
    language: Option<&'static str>,
    content: String,
}

/// The name and text of every page. A function of [`RULES`]: pages and table cannot disagree.
pub(crate) fn pages() -> Vec<(String, String)> {
    let mut templates = Handlebars::new();
    templates.set_strict_mode(true);
    templates.register_escape_fn(no_escape);
    for (name, text) in [("index", INDEX), ("page", PAGE), ("example", EXAMPLE)] {
        templates.register_template_string(name, text).unwrap();
    }
    let sections: Vec<Section> = FAMILIES.iter().map(section).collect();
    let index = templates.render("index", &serde_json::json!({ "sections": sections })).unwrap();
    let page = |rule: &Rule| (format!("{}.md", rule.id), templates.render("page", &page(rule)).unwrap());
    std::iter::once(("README.md".to_owned(), index)).chain(RULES.iter().map(page)).collect()
}

fn section((family, name, found): &(Family, &'static str, &'static str)) -> Section {
    let entry = |rule: &Rule| Entry { id: rule.id, severity: severity(rule), summary: first_sentence(rule.purpose) };
    let rules = RULES.iter().filter(|rule| rule.family == *family).map(entry).collect();
    Section { name, found, rules }
}

fn page(rule: &Rule) -> Page {
    Page {
        id: rule.id,
        severity: title_case(severity(rule)),
        purpose: rule.purpose,
        bad: shown(rule.bad),
        good: shown(rule.good),
        is_optional: rule.is_optional(),
    }
}

fn shown(example: &str) -> Vec<File> {
    let file = |(path, content): (String, String)| {
        let is_toml = path.contains(".toml");
        let is_code = content.starts_with(['{', '[']) || is_toml;
        let language = is_code.then_some(if is_toml { "toml" } else { "json" });
        File { path, language, content: content.trim_end().to_owned() }
    };
    files(example).into_iter().map(file).collect()
}

/// The files of an example: path and content. A text without a path is one file with an empty path.
pub(crate) fn files(example: &str) -> Vec<(String, String)> {
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
