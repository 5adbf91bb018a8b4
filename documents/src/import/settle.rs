//! Leaves out what a catalogue cannot have, until the rest has no error; and makes advice of what the document does not say.

use std::collections::{BTreeMap, BTreeSet};

use eventsmith_codegen::rules::{self, Family};
use eventsmith_codegen::{Diagnostic, Loaded, Severity, from_files, generate, lint};
use eventsmith_exact::schema::pretty_text;
use serde_json::Value;

use super::manifest::manifest;
use super::notes::{Notes, SHARED};
use super::plan::Plan;

/// How often something is left out before it is given up.
const MOST_ROUNDS: usize = 40;

/// The files of a catalogue without errors and warnings.
pub(super) fn settled(plan: &mut Plan, notes: &mut Notes) -> Result<BTreeMap<String, String>, String> {
    let mut softened = BTreeSet::new();
    for _ in 0..MOST_ROUNDS {
        let files = files(plan, &softened);
        let texts = files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes()));
        let loaded = from_files("the imported catalogue", texts.collect());
        let findings = lint::lint(&loaded);
        let mut faults: Vec<Diagnostic> = findings.iter().filter(|found| is_fault(found)).cloned().collect();
        if faults.is_empty() {
            faults = of_code(&loaded);
        }
        if !faults.is_empty() {
            // What is left out for one fault may have been the reason of others.
            let mut left = false;
            for fault in &faults {
                left |= leave_out(plan, fault, notes);
            }
            if !left {
                let Diagnostic { file, pointer, message, .. } = &faults[0];
                return Err(format!("no catalogue can be made of it: {file}{pointer}: {message}"));
            }
            continue;
        }
        let soft = findings.iter().filter(|found| found.severity > Severity::Advice);
        let before = softened.len();
        softened.extend(soft.map(|found| found.rule.to_owned()));
        if softened.len() == before {
            return Ok(files);
        }
    }
    Err("too much of it can be in no catalogue".to_owned())
}

/// Whether a finding is more than a matter of taste: no switch makes advice of it.
fn is_fault(found: &Diagnostic) -> bool {
    let is_of_lint = rules::find(found.rule).is_some_and(|rule| rule.family == Family::Lint);
    // An example is decoded by a test of the generated code.
    let is_example = found.pointer.starts_with("/examples/") && found.severity > Severity::Advice;
    found.severity == Severity::Error && !is_of_lint || is_example
}

/// What prevents code from being generated.
fn of_code(loaded: &Loaded) -> Vec<Diagnostic> {
    generate(loaded).err().unwrap_or_default()
}

fn files(plan: &Plan, softened: &BTreeSet<String>) -> BTreeMap<String, String> {
    let text = |schema: &Value| pretty_text(schema) + "\n";
    let mut files: BTreeMap<String, String> =
        plan.files.iter().map(|(path, planned)| (path.clone(), text(&planned.schema))).collect();
    files.extend(plan.shared.iter().map(|shared| (SHARED.to_owned(), text(shared))));
    files.insert("eventsmith.toml".to_owned(), manifest(plan, softened));
    files
}

/// Leaves out as little as removes a fault. Whether there was anything to leave out.
fn leave_out(plan: &mut Plan, fault: &Diagnostic, notes: &mut Notes) -> bool {
    let Diagnostic { file, pointer, message, .. } = fault;
    if file == SHARED {
        let name = pointer.strip_prefix("/definitions/").and_then(|rest| rest.split('/').next());
        let definition = name.and_then(|name| {
            let name = name.replace("~1", "/").replace("~0", "~");
            plan.shared.as_mut()?.get_mut("definitions")?.as_object_mut()?.get_mut(&name)
        });
        return match definition {
            Some(definition) if *definition != Value::Bool(true) => {
                *definition = Value::Bool(true);
                notes.say(format!("{file}{pointer}"), &format!("{message}; everything is accepted there"));
                true
            }
            _ => false,
        };
    }
    let Some(planned) = plan.files.get_mut(file) else { return false };
    let place = planned.place.to_string();
    for (keyword, what) in [("x-event", "its subject or key"), ("examples", "its examples")] {
        if pointer == &format!("/{keyword}") || pointer.starts_with(&format!("/{keyword}/")) {
            let removed = planned.schema.as_object_mut().and_then(|members| members.remove(keyword));
            notes.say(place, &format!("loses {what}: {message}"));
            return removed.is_some();
        }
    }
    notes.say(place, &format!("is left out: {message}"));
    let (event_type, is_answer) = (planned.event_type.clone(), planned.is_answer);
    plan.files.remove(file);
    if !is_answer {
        // What answers it answers nothing any more.
        let stem = file.trim_end_matches(".json").to_owned();
        plan.files.retain(|path, _| !path.starts_with(&format!("{stem}.")));
        let is_left = plan.files.values().any(|planned| planned.event_type == event_type && !planned.is_answer);
        if !is_left {
            for service in plan.services.values_mut() {
                service.sends.remove(&event_type);
                service.receives.remove(&event_type);
            }
        }
    }
    true
}
