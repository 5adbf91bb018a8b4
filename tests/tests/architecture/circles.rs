//! Arrows between the files of a crate, and the circles that they must not form.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::{Id, Modules, Path, Target};

/// What each file uses of which others: the file, the other file, and where, as `12: crate::a::B`.
pub(crate) type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<Use>>>;

/// A place where a file uses something that another defines.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Use {
    pub(crate) line: usize,
    pub(crate) path: String,
}

/// The arrows of a crate. An arrow leads to the file that defines the name, whoever re-exports it. A module alone is no more
/// than a part of a path, and a parent that re-exports what is below it does not use it.
pub(crate) fn arrows(modules: &Modules) -> Arrows {
    let mut arrows = Collector { modules, arrows: Arrows::new() };
    for id in 0..modules.all.len() {
        arrows.arrows.entry(modules.all[id].file.clone()).or_default();
        arrows.imports(id);
        arrows.paths(id);
        arrows.macro_calls(id);
    }
    arrows.arrows
}

struct Collector<'a> {
    modules: &'a Modules,
    arrows: Arrows,
}

impl Collector<'_> {
    fn imports(&mut self, id: Id) {
        let module = &self.modules.all[id];
        for import in &module.imports {
            let used_here = !import.is_reexport || module.words.contains(&import.name);
            for target in self.modules.resolve(id, &import.path.segments) {
                match target {
                    Target::ItemOf(definer) if used_here || !self.modules.is_below(definer, id) => {
                        self.add(id, definer, &import.path);
                    }
                    Target::Module(source) if import.name == "*" => self.glob(id, source, &import.path),
                    _ => {}
                }
            }
        }
    }

    /// Of what a glob import brings, only what is named counts.
    fn glob(&mut self, id: Id, source: Id, path: &Path) {
        for name in self.modules.names_in(source) {
            if self.modules.all[id].words.contains(name) {
                for target in self.modules.resolve(source, &["self".to_owned(), name.clone()]) {
                    if let Target::ItemOf(definer) = target {
                        let segments = path.segments.iter().chain([name]).cloned().collect();
                        self.add(id, definer, &Path { segments, line: path.line });
                    }
                }
            }
        }
    }

    fn paths(&mut self, id: Id) {
        for path in &self.modules.all[id].paths {
            // `Type::function` is no arrow of its own: the import of the type is.
            let begins_at_module =
                self.modules.resolve(id, &path.segments[..1]).iter().any(|target| matches!(target, Target::Module(_)));
            if begins_at_module {
                for target in self.modules.resolve(id, &path.segments) {
                    if let Target::ItemOf(definer) = target {
                        self.add(id, definer, path);
                    }
                }
            }
        }
    }

    /// A macro may be called by its name alone wherever it was defined before.
    fn macro_calls(&mut self, id: Id) {
        for call in &self.modules.all[id].macro_calls {
            let definers = self.modules.definers_of_macro(&call.segments[0]);
            if !definers.iter().any(|definer| self.modules.all[*definer].file == self.modules.all[id].file) {
                definers.into_iter().for_each(|definer| self.add(id, definer, call));
            }
        }
    }

    fn add(&mut self, from: Id, to: Id, path: &Path) {
        let (from, to) = (&self.modules.all[from].file, &self.modules.all[to].file);
        if from != to {
            let used = Use { line: path.line, path: path.segments.join("::") };
            self.arrows.entry(from.clone()).or_default().entry(to.clone()).or_default().insert(used);
        }
    }
}

/// Files that can all reach each other, two and more.
pub(crate) fn circles(arrows: &Arrows) -> Vec<BTreeSet<&str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().map(|file| (file.as_str(), reachable(arrows, file))).collect();
    let circle_of = |file: &str| -> BTreeSet<&str> {
        reached[file].iter().copied().filter(|other| reached[other].contains(file)).collect()
    };
    let circles: BTreeSet<BTreeSet<&str>> = reached.keys().map(|file| circle_of(file)).collect();
    circles.into_iter().filter(|circle| !circle.is_empty()).collect()
}

fn reachable<'a>(arrows: &'a Arrows, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for next in arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    reached
}

/// Circles that are not among the known ones, and known ones that are gone or have become smaller: that list only shrinks.
pub(crate) fn circle_findings(all: &[Arrows], known: &[&[&str]]) -> Vec<String> {
    let known: Vec<BTreeSet<&str>> = known.iter().map(|files| files.iter().copied().collect()).collect();
    let mut findings = Vec::new();
    let mut found = BTreeSet::new();
    for arrows in all {
        for circle in circles(arrows) {
            if !known.iter().any(|known| circle.is_subset(known)) {
                findings.push(describe(&circle, arrows));
            }
            found.insert(circle);
        }
    }
    for known in known.iter().filter(|known| !found.contains(*known)) {
        let rest: Vec<String> = found.iter().filter(|circle| circle.is_subset(known)).map(as_entry).collect();
        let files = known.iter().copied().collect::<Vec<_>>().join(", ");
        findings.push(match rest.is_empty() {
            true => format!("the circle of {files} is gone: take it from KNOWN_CIRCLES"),
            false => format!("of the circle of {files} only this is left: say so in KNOWN_CIRCLES{}", rest.concat()),
        });
    }
    findings
}

fn describe(circle: &BTreeSet<&str>, arrows: &Arrows) -> String {
    let files = circle.iter().copied().collect::<Vec<_>>().join(", ");
    let mut text = format!("{} files use each other in a circle: {files}", circle.len());
    for from in circle {
        for (to, uses) in arrows[*from].iter().filter(|(to, _)| circle.contains(to.as_str())) {
            text.push_str(&format!("\n  {from} uses {to}:"));
            for used in uses {
                text.push_str(&format!("\n    line {}: {}", used.line, used.path));
            }
        }
    }
    text
}

/// A circle as the list of known ones writes it.
fn as_entry(circle: &BTreeSet<&str>) -> String {
    format!("\n    &{:?},", circle.iter().collect::<Vec<_>>())
}
