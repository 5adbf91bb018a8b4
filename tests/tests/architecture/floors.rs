//! Floors within a crate: what stands on one uses what stands below it or beside it, never what stands above.

use std::collections::BTreeSet;

use crate::circles::Arrows;

/// The floors of a crate, from the ground up.
pub(crate) struct Floors {
    /// The folder of its sources.
    pub(crate) of: &'static str,
    /// Files without their ending, and folders, relative to it; the nearest of those that fit a file is its own. The root of
    /// the crate stands above all.
    pub(crate) floors: &'static [&'static [&'static str]],
    /// Arrows upward that still stand, as names of the table: what uses, and what it uses. This list only shrinks.
    pub(crate) known: &'static [(&'static str, &'static str)],
}

/// Arrows upward, files that stand on no floor, and names in the table that fit no file. Arrows that are known to go up, as
/// the names of the table, are left alone while they do.
pub(crate) fn floor_findings(table: &Floors, arrows: &Arrows) -> Vec<String> {
    let Floors { of, floors, known } = *table;
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for (from, others) in arrows.iter().filter(|(from, _)| from.starts_with(of)) {
        let Some((floor, name)) = floor_of(table, from) else {
            findings.push(format!("{from} stands on no floor of {of}: add it to the table FLOORS"));
            continue;
        };
        used.insert(name);
        for (to, uses) in others {
            let upward = floor_of(table, to).filter(|(above, _)| *above > floor);
            if let Some((_, above)) = upward {
                if known.contains(&(name, above)) {
                    seen.insert((name, above));
                    continue;
                }
                for place in uses {
                    let (line, path) = (place.line, &place.path);
                    findings.push(format!("{from}:{line} uses {path}, but {above} stands above {name} in {of}"));
                }
            }
        }
    }
    let unused = floors.iter().copied().flatten().filter(|name| !used.contains(*name));
    findings.extend(unused.map(|name| format!("{of}/{name} is gone: mend the table FLOORS")));
    let cut = known.iter().filter(|arrow| !seen.contains(*arrow));
    findings.extend(
        cut.map(|(from, to)| format!("{from} does not use {to} any more in {of}: take it from the known ones")),
    );
    findings
}

/// The floor of a file, and the name in the table that says so.
fn floor_of(table: &Floors, file: &str) -> Option<(usize, &'static str)> {
    let path = file.strip_prefix(table.of)?.strip_prefix('/')?.strip_suffix(".rs")?;
    if matches!(path, "lib" | "main") {
        return Some((table.floors.len(), "the root"));
    }
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let fits = |name: &str| path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let named = (0..).zip(table.floors).flat_map(|(floor, names)| names.iter().map(move |name| (floor, *name)));
    named.filter(|(_, name)| fits(name)).max_by_key(|(_, name)| name.len())
}
