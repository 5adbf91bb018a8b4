//! The table of rules: complete, with examples that do what they say, and pages that are up to date.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pages;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use eventsmith_codegen::lint::lint;
use eventsmith_codegen::load;
use eventsmith_codegen::rules::{Family, RULES, Rule};

/// Rules whose findings no catalogue shows: of the disk, and of eventsmith itself.
const UNSHOWN: &[&str] = &["bad-link", "costly-schema", "internal", "no-manifest", "unreadable"];

/// Rules about what short examples leave out.
const OMITTED: &[&str] = &[
    "missing-description",
    "missing-examples",
    "missing-reply",
    "missing-title",
    "unbounded-string",
    "undescribed-property",
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The rules that find something in an example, once for each finding.
fn found(rule: &Rule, example: &str) -> Vec<&'static str> {
    let dir = tempfile::tempdir().unwrap();
    let mut manifest = "root = \"rules\"\n".to_owned();
    for (path, content) in pages::files(example) {
        let path = if path.is_empty() { "domain/rule/created.v1.json".to_owned() } else { path };
        if path == "eventsmith.toml" {
            manifest = content;
            continue;
        }
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    for omitted in OMITTED.iter().filter(|omitted| **omitted != rule.id) {
        manifest.push_str(&format!("[lint.{omitted}]\nlevel = \"off\"\nreason = \"examples are short\"\n"));
    }
    fs::write(dir.path().join("eventsmith.toml"), manifest).unwrap();
    let findings = lint(&load(dir.path()));
    for finding in findings.iter().filter(|finding| finding.rule == rule.id) {
        assert_eq!(finding.severity, rule.severity, "{finding}");
    }
    findings.iter().map(|finding| finding.rule).collect()
}

#[test]
fn every_rule_finds_its_bad_example_and_nothing_else_and_nothing_in_the_good_one() {
    let shown = |rule: &&Rule| matches!(rule.family, Family::Lint | Family::Loading) && !UNSHOWN.contains(&rule.id);
    let mut wrong = Vec::new();
    for rule in RULES.iter().filter(shown) {
        let (bad, good) = (found(rule, rule.bad), found(rule, rule.good));
        if bad != [rule.id] {
            wrong.push(format!("{}: the bad example gives {bad:?}", rule.id));
        }
        if !good.is_empty() {
            wrong.push(format!("{}: the good example gives {good:?}", rule.id));
        }
    }

    assert_eq!(wrong, Vec::<String>::new());
}

/// The literals of a source text that stand where the id of a rule stands: in a constant `RULE` or in the first place of
/// what makes a finding. Ids in other places belong to entries of the table.
fn emitted(text: &str) -> BTreeSet<String> {
    const BEFORE: &[&str] =
        &["error(", "report(", "violations(", "RULE: &str = ", "rule: ", "let (rule, message, help) ="];
    let mut ids = BTreeSet::new();
    for (at, before) in BEFORE.iter().flat_map(|before| text.match_indices(before)) {
        let rest = &text[at + before.len()..];
        // Arguments before the id are names and references, and no other text.
        let Some(quote) = rest.find('"') else { continue };
        let is_id = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        let literal = rest[quote + 1..].split('"').next().unwrap_or_default();
        let is_argument = !rest[..quote].contains([';', '{', '#']) || before.starts_with("let");
        if is_argument && is_id(literal) {
            ids.insert(literal.to_owned());
        }
    }
    ids
}

fn sources(dir: &Path, texts: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            texts.push((path, text));
        }
    }
}

#[test]
fn every_id_that_is_emitted_has_an_entry_and_every_entry_is_emitted() {
    let mut texts = Vec::new();
    for folder in ["codegen/src", "cli/src"] {
        sources(&repository().join(folder), &mut texts);
    }
    texts.retain(|(path, _)| !path.components().any(|step| step.as_os_str() == "rule"));
    // What is wrong with a deployment is no rule of a catalogue: it is listed in the guide to servers.
    let (deployed, texts): (Vec<_>, Vec<_>) =
        texts.into_iter().partition(|(path, _)| path.to_string_lossy().contains("commands/server"));
    let guide = fs::read_to_string(repository().join("docs/operations/server.md")).unwrap();
    let flaws: BTreeSet<String> = deployed.iter().flat_map(|(_, text)| emitted(text)).collect();
    let unlisted: Vec<&String> = flaws.iter().filter(|id| !guide.contains(&format!("`{id}`"))).collect();
    assert_eq!(unlisted, Vec::<&String>::new(), "docs/operations/server.md does not list them");
    assert!(flaws.len() >= 15, "the search for flaws finds too few: {flaws:?}");
    let emitted: BTreeSet<String> = texts.iter().flat_map(|(_, text)| emitted(text)).collect();
    let known: BTreeSet<String> = RULES.iter().map(|rule| rule.id.to_owned()).collect();
    // Every lint rule stands in the table of checks, and its example above shows that it is asked.
    let of_others = |id: &&String| RULES.iter().any(|rule| rule.id == **id && rule.family != Family::Lint);

    assert_eq!(emitted.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "emitted without an entry");
    let is_literal = |id: &&String| texts.iter().any(|(_, text)| text.contains(&format!("\"{id}\"")));
    let unused = known.iter().filter(of_others).filter(|id| !is_literal(id));
    assert_eq!(unused.collect::<Vec<_>>(), Vec::<&String>::new(), "an entry that nothing emits");
    assert!(emitted.len() >= 15, "the search for ids finds too few: {emitted:?}");
}

#[test]
fn every_rule_has_a_page_that_is_up_to_date() {
    let folder = repository().join("docs/rules");
    let pages = pages::pages();
    if std::env::var_os("UPDATE_PAGES").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in &pages {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    for (name, text) in &pages {
        let written = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(written == *text, "docs/rules/{name} is out of date: UPDATE_PAGES=1 cargo test --test rules");
    }
    let files = fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, pages.len(), "docs/rules holds pages of rules that are gone");
}
