//! Titles of payloads name one type each.

use std::collections::BTreeMap;

use heck::ToUpperCamelCase;
use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::Report;
use crate::load::Loaded;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "repeated-title",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "The title of a payload names its type. Of two payloads of a group with one title, as copies have it, one type \
              gets the name and the other a number behind it.",
    bad: "--- domain/rule/created.v1.json\n{\"title\": \"RuleCreated\", \"type\": \"object\"}\n--- domain/rule/deleted.v1.json\n{\"title\": \"RuleCreated\", \"type\": \"object\"}",
    good: "--- domain/rule/created.v1.json\n{\"title\": \"RuleCreated\", \"type\": \"object\"}\n--- domain/rule/deleted.v1.json\n{\"title\": \"RuleDeleted\", \"type\": \"object\"}",
};

pub(crate) fn check(loaded: &Loaded, report: &mut Report<'_>) {
    let mut titled: BTreeMap<(&str, &str), Vec<(&str, &str)>> = BTreeMap::new();
    for event in &loaded.catalogue.events {
        // Older versions are in modules of their own.
        let Some(newest) = event.versions.last() else { continue };
        let document = loaded.catalogue.documents.get(&newest.file);
        let title = document.and_then(|document| document.schema.get("title")).and_then(Value::as_str);
        if let Some(title) = title.filter(|title| !title.is_empty()) {
            let (group, name) = event.event_type.rsplit_once('.').unwrap_or(("", &event.event_type));
            titled.entry((group, title)).or_default().push((name, &newest.file));
        }
    }
    for ((group, title), payloads) in titled.iter().filter(|(_, payloads)| payloads.len() > 1) {
        // The title is most likely of the one whose name it ends with.
        let owner = payloads.iter().find(|(name, _)| title.ends_with(&name.to_upper_camel_case()));
        let owner = owner.unwrap_or(&payloads[0]);
        for (name, file) in payloads.iter().filter(|payload| *payload != owner) {
            let Some(document) = loaded.catalogue.documents.get(*file) else { continue };
            let message = format!("{} has the title {title:?}, too", owner.1);
            let words: Vec<&str> = group.rsplit('.').take(1).chain([*name]).collect();
            let help = format!("give it a title of its own, such as {}", words.join("_").to_upper_camel_case());
            report.at(document, "/title", message, help);
        }
    }
}
