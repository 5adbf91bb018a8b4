//! What is probably wrong with a catalogue, or could be better, though code can be generated for it.
//!
//! One rule is one file, and `CHECKS` lists them. Build scripts do not come here, so that builds stay fast.

pub(crate) mod catastrophic_pattern;
mod file;
pub(crate) mod file_naming;
pub(crate) mod forgetful_aggregate;
pub(crate) mod forgetful_saga;
pub(crate) mod idle_keyword;
pub(crate) mod invalid_default;
pub(crate) mod invalid_example;
pub(crate) mod misplaced_keyword;
pub(crate) mod missing_description;
pub(crate) mod missing_examples;
pub(crate) mod missing_reply;
pub(crate) mod missing_title;
pub(crate) mod misspelt_keyword;
mod name_style;
pub(crate) mod no_consumer;
pub(crate) mod no_dead_letters;
pub(crate) mod no_handler;
pub(crate) mod no_key;
pub(crate) mod no_publisher;
pub(crate) mod openapi_keyword;
pub(crate) mod other_draft_keyword;
mod pattern;
pub(crate) mod property_naming;
pub(crate) mod repeated_title;
pub mod rules;
pub(crate) mod secret_property;
mod switches;
pub(crate) mod two_handlers;
pub(crate) mod type_naming;
pub(crate) mod unanchored_pattern;
pub(crate) mod unbounded_array;
pub(crate) mod unbounded_string;
pub(crate) mod undeclared_required;
pub(crate) mod undescribed_property;
pub(crate) mod unknown_format;
pub(crate) mod unknown_keyword;
pub(crate) mod unreadable_name;
pub(crate) mod unreadable_reply;
pub(crate) mod unsatisfiable;
pub(crate) mod unsatisfiable_branch;
pub(crate) mod version_gap;
mod vocabulary;
pub(crate) mod wide_integer;

use std::collections::HashSet;

use crate::bundle::files_from;
use crate::check::schema_documents;
use crate::diagnostic::{Diagnostic, Severity};
use crate::generate;
use crate::load::Loaded;
use crate::manifest::{self, Policy};
use crate::model::Document;
use crate::parallel::{self, with_room};
use crate::rule::Rule;

use file::{File, LintContext, Report, Spot};
use switches::Switches;

/// What a rule looks at.
enum Look {
    /// Every schema of every file.
    Schema(fn(Spot<'_>, &mut Report<'_>)),
    /// Every schema file.
    File(fn(&File<'_>, &mut Report<'_>)),
    /// The events, streams and services.
    Catalogue(fn(&Loaded, &mut Report<'_>)),
}

/// Every rule with what it looks at.
const CHECKS: &[(&Rule, Look)] = &[
    (&file_naming::RULE, Look::Catalogue(file_naming::check)),
    (&forgetful_aggregate::RULE, Look::Catalogue(forgetful_aggregate::check)),
    (&forgetful_saga::RULE, Look::Catalogue(forgetful_saga::check)),
    (&missing_reply::RULE, Look::Catalogue(missing_reply::check)),
    (&no_consumer::RULE, Look::Catalogue(no_consumer::check)),
    (&no_dead_letters::RULE, Look::Catalogue(no_dead_letters::check)),
    (&no_handler::RULE, Look::Catalogue(no_handler::check)),
    (&no_key::RULE, Look::Catalogue(no_key::check)),
    (&no_publisher::RULE, Look::Catalogue(no_publisher::check)),
    (&repeated_title::RULE, Look::Catalogue(repeated_title::check)),
    (&two_handlers::RULE, Look::Catalogue(two_handlers::check)),
    (&unreadable_reply::RULE, Look::Catalogue(unreadable_reply::check)),
    (&version_gap::RULE, Look::Catalogue(version_gap::check)),
    (&invalid_default::RULE, Look::File(invalid_default::check)),
    (&invalid_example::RULE, Look::File(invalid_example::check)),
    (&missing_examples::RULE, Look::File(missing_examples::check)),
    (&missing_title::RULE, Look::File(missing_title::check)),
    (&unsatisfiable::RULE, Look::File(unsatisfiable::check)),
    (&unsatisfiable_branch::RULE, Look::File(unsatisfiable_branch::check)),
    (&catastrophic_pattern::RULE, Look::Schema(catastrophic_pattern::check)),
    (&idle_keyword::RULE, Look::Schema(idle_keyword::check)),
    (&misplaced_keyword::RULE, Look::Schema(misplaced_keyword::check)),
    (&missing_description::RULE, Look::Schema(missing_description::check)),
    (&misspelt_keyword::RULE, Look::Schema(misspelt_keyword::check)),
    (&openapi_keyword::RULE, Look::Schema(openapi_keyword::check)),
    (&other_draft_keyword::RULE, Look::Schema(other_draft_keyword::check)),
    (&property_naming::RULE, Look::Schema(property_naming::check)),
    (&secret_property::RULE, Look::Schema(secret_property::check)),
    (&type_naming::RULE, Look::Schema(type_naming::check)),
    (&unanchored_pattern::RULE, Look::Schema(unanchored_pattern::check)),
    (&unbounded_array::RULE, Look::Schema(unbounded_array::check)),
    (&unbounded_string::RULE, Look::Schema(unbounded_string::check)),
    (&undeclared_required::RULE, Look::Schema(undeclared_required::check)),
    (&undescribed_property::RULE, Look::Schema(undescribed_property::check)),
    (&unknown_format::RULE, Look::Schema(unknown_format::check)),
    (&unknown_keyword::RULE, Look::Schema(unknown_keyword::check)),
    (&unreadable_name::RULE, Look::Schema(unreadable_name::check)),
    (&unreadable_name::RULE, Look::Catalogue(unreadable_name::check_alternatives)),
    (&wide_integer::RULE, Look::Schema(wide_integer::check)),
];

/// Everything about a catalogue: what loading and lowering found, and what the rules find in the files that are sound.
/// Without what `eventsmith.toml` and `x-lint-allow` switch off; sorted by file and line.
pub fn lint(loaded: &Loaded) -> Vec<Diagnostic> {
    with_room(|| all_findings(loaded))
}

fn all_findings(loaded: &Loaded) -> Vec<Diagnostic> {
    let mut findings = generate::findings(loaded);
    // What takes a validator too long is not given to one.
    let faulty: HashSet<String> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error || finding.rule == "costly-schema")
        .map(|finding| finding.file.clone())
        .collect();
    let documents = schema_documents(&loaded.catalogue, &loaded.references);
    let sound = |document: &&Document| !files_from(loaded, &document.path).iter().any(|file| faulty.contains(file));
    findings.extend(of_files(loaded, &documents.iter().copied().filter(sound).collect::<Vec<_>>()));
    if !faulty.contains(manifest::FILE_NAME) {
        findings.extend(of_catalogue(loaded));
    }
    let mut findings = Switches::new(loaded, &documents).apply(findings, faulty.is_empty());
    findings.sort_by(|a, b| (&a.file, a.position, &a.pointer, a.rule).cmp(&(&b.file, b.position, &b.pointer, b.rule)));
    findings
}

/// Those findings about a catalogue that it does not switch off, with the severities that it wants.
pub(crate) fn switched(loaded: &Loaded, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let documents = schema_documents(&loaded.catalogue, &loaded.references);
    Switches::new(loaded, &documents).sift(findings)
}

/// What servers of the newest versions answer, and callers of older ones do not understand, under a policy.
pub(crate) fn unreadable_answers(loaded: &Loaded, policy: Policy) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    unreadable_reply::check_policy(loaded, policy, &mut Report::new(&unreadable_reply::RULE, &mut findings));
    findings
}

fn of_catalogue(loaded: &Loaded) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (rule, look) in CHECKS {
        if let Look::Catalogue(check) = look {
            check(loaded, &mut Report::new(rule, &mut findings));
        }
    }
    findings
}

fn of_files(loaded: &Loaded, documents: &[&Document]) -> Vec<Diagnostic> {
    let files = loaded.catalogue.versions().flat_map(|(_, version)| version.files());
    let payloads: HashSet<&str> = files.map(String::as_str).collect();
    let context = LintContext::new(loaded);
    let findings = parallel::map(documents, |document| {
        let file = File::new(&context, document, payloads.contains(document.path.as_str()));
        let mut findings = Vec::new();
        for (rule, look) in CHECKS {
            let mut report = Report::new(rule, &mut findings);
            match look {
                Look::Schema(check) => file.spots().for_each(|spot| check(spot, &mut report)),
                Look::File(check) => check(&file, &mut report),
                Look::Catalogue(_) => {}
            }
        }
        findings
    });
    findings.into_iter().flatten().collect()
}
