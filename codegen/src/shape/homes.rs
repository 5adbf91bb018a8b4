//! In which module a type stands.
//!
//! The types of one file stand together. A type that several files have in common stands where all of them can be expected to
//! look for it: in the module of the file that it was written for others in; else in the oldest version of their group; and if
//! they are of several groups, in a module `shared` below what the paths of these groups have in common. So it moves only when
//! its own users change.

use std::collections::{BTreeSet, HashMap};

use crate::model::{Catalogue, VersionPart};

use super::identifiers::{snake, type_name, unique};

/// Modules at the top of the generated code that are no home of types.
pub(crate) const RESERVED_MODULES: &[&str] = &["subjects", "schemas"];
/// One more, in a catalogue with aggregates: the module of the types that stand for all events of one.
pub(crate) const AGGREGATES_MODULE: &str = "aggregates";

/// The modules of all files.
pub(crate) struct Homes<'a> {
    /// Module and payload name of every file that describes an event, a request or an answer.
    events: HashMap<&'a str, (Vec<String>, String)>,
    /// Every module of an event, and every module around one.
    taken: BTreeSet<Vec<String>>,
}

impl<'a> Homes<'a> {
    pub(crate) fn new(catalogue: &'a Catalogue) -> Self {
        let mut events = HashMap::new();
        for event in &catalogue.events {
            let mut group: Vec<String> = event.event_type.split('.').map(snake).collect();
            group.pop();
            let name = type_name(&event.event_type);
            for version in &event.versions {
                let module = [group.as_slice(), &[format!("v{}", version.number)]].concat();
                for (part, file) in version.parts() {
                    let suffix = match part {
                        VersionPart::Itself => "",
                        VersionPart::Reply => "Reply",
                        VersionPart::Error => "Error",
                    };
                    events.insert(file.as_str(), (module.clone(), format!("{name}{suffix}")));
                }
            }
        }
        let shared = catalogue.documents.keys().filter(|file| !events.contains_key(file.as_str()));
        let modules = events.values().map(|(module, _)| module.clone()).chain(shared.map(|file| shared_file(file).0));
        let taken = modules.flat_map(|module| (1..=module.len()).map(move |length| module[..length].to_vec()));
        Self { taken: taken.collect(), events }
    }

    /// The module of a file, and the name that its path gives to its payload.
    pub(crate) fn of(&self, file: &str) -> (Vec<String>, String) {
        self.events.get(file).cloned().unwrap_or_else(|| shared_file(file))
    }

    /// Whether a file describes an event, a request or an answer.
    pub(super) fn is_event(&self, file: &str) -> bool {
        self.events.contains_key(file)
    }

    /// The module of a type that all of some files have.
    pub(super) fn of_all(&self, files: &BTreeSet<&str>) -> Vec<String> {
        if let Some(file) = files.iter().find(|file| !self.is_event(file)) {
            return shared_file(file).0;
        }
        let modules: BTreeSet<&[String]> =
            files.iter().filter_map(|file| self.events.get(file)).map(|(module, _)| module.as_slice()).collect();
        let groups: BTreeSet<&[String]> = modules.iter().map(|module| &module[..module.len() - 1]).collect();
        if groups.len() == 1 {
            let age = |module: &&&[String]| module.last().and_then(|version| version[1..].parse::<u32>().ok());
            return modules.iter().min_by_key(age).map(|module| module.to_vec()).unwrap_or_default();
        }
        let mut home = groups.into_iter().reduce(common).unwrap_or_default().to_vec();
        home.push("shared".to_owned());
        if self.taken.contains(&home) {
            home.pop();
            home.push(unique("shared_types", |name| {
                self.taken.contains(&[home.as_slice(), &[name.to_owned()]].concat())
            }));
        }
        home
    }
}

/// What two paths have in common at their start.
fn common<'a>(one: &'a [String], other: &[String]) -> &'a [String] {
    let length = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    &one[..length]
}

/// Module and name of a file that others refer to: its path.
fn shared_file(file: &str) -> (Vec<String>, String) {
    let stem = file.trim_end_matches(".json");
    let name = type_name(stem.rsplit('/').next().unwrap_or(stem));
    let mut module: Vec<String> = stem.split('/').map(snake).collect();
    if RESERVED_MODULES.contains(&module[0].as_str()) || module[0] == AGGREGATES_MODULE {
        module[0].push_str("_types");
    }
    (module, name)
}
