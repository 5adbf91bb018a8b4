//! The checks themselves: data in, findings out, each a sentence that names the place and the rule.

use syn::spanned::Spanned;

use crate::repository::{Crate, Source};

/// Words that sources below a folder must not hold, exceptions aside.
pub(crate) struct Confined {
    /// What to look for, as whole words.
    pub(crate) words: &'static [&'static str],
    /// A prefix of paths; empty for the whole repository.
    pub(crate) everywhere_below: &'static str,
    /// Paths that may; a final `*` stands for anything.
    pub(crate) except: &'static [&'static str],
    /// For whoever broke the rule.
    pub(crate) why: &'static str,
}

/// A package that only some crates may depend on directly.
pub(crate) struct Dependents {
    /// The package.
    pub(crate) of: &'static str,
    /// Who may.
    pub(crate) only: &'static [&'static str],
}

/// Crates of the same height, which must not depend on each other.
pub(crate) struct Layer(pub(crate) &'static [&'static str]);

/// Lines of product code that hold a confined word.
pub(crate) fn confined(rule: &Confined, sources: &[Source]) -> Vec<String> {
    let bound = sources.iter().filter(|source| {
        source.path.ends_with(".rs")
            && source.path.starts_with(rule.everywhere_below)
            && !is_test(&source.path)
            && !rule.except.iter().any(|pattern| matches(pattern, &source.path))
    });
    let mut findings = Vec::new();
    for source in bound {
        for (number, line) in product_lines(&source.text) {
            for word in rule.words.iter().filter(|word| holds(line, word)) {
                let (path, allowed, why) = (&source.path, rule.except.join(", "), rule.why);
                findings.push(format!("{path}:{number} names `{word}`, which only {allowed} may: {why}"));
            }
        }
    }
    findings
}

/// Crates that depend on a package and must not.
pub(crate) fn dependents(rule: &Dependents, crates: &[Crate]) -> Vec<String> {
    let offender = |found: &&Crate| {
        let mut all = found.dependencies.iter().chain(&found.test_dependencies);
        all.any(|name| name == rule.of) && !rule.only.contains(&found.name.as_str())
    };
    let say = |found: &Crate| format!("{} depends on {}, which only {} may", found.name, rule.of, rule.only.join(", "));
    crates.iter().filter(offender).map(say).collect()
}

/// Dependencies within the workspace that do not point to a lower layer, and crates that no layer lists. The examples in the
/// documentation of a crate below the face are written as users write them, so that tests may depend on the face.
pub(crate) fn one_way(layers: &[Layer], face: &str, crates: &[Crate]) -> Vec<String> {
    let height = |name: &str| layers.iter().position(|layer| layer.0.contains(&name));
    let mut findings = Vec::new();
    for from in crates {
        let Some(from_height) = height(&from.name) else {
            findings.push(format!("{} is in no layer: add it to the table LAYERS", from.name));
            continue;
        };
        for to in from.dependencies.iter().chain(from.test_dependencies.iter().filter(|name| *name != face)) {
            if height(to).is_some_and(|to_height| to_height >= from_height) {
                let name = &from.name;
                findings.push(format!("{name} depends on {to}, which is not below it: dependencies point one way"));
            }
        }
    }
    findings
}

/// Items of a file that do more than pass on what others define. Exported macros are text for users' crates.
pub(crate) fn reexports_only(source: &Source) -> Vec<String> {
    fn does_more(item: &syn::Item) -> bool {
        match item {
            syn::Item::Use(item) => matches!(item.vis, syn::Visibility::Inherited),
            syn::Item::Macro(item) => !item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")),
            syn::Item::Mod(module) => module.content.iter().flat_map(|(_, items)| items).any(does_more),
            _ => true,
        }
    }
    let path = &source.path;
    let Ok(file) = syn::parse_file(&source.text) else { return vec![format!("{path} cannot be parsed")] };
    let line = |item: &syn::Item| item.span().start().line;
    let say = |item: &syn::Item| format!("{path}:{} is no re-export, and the face holds nothing else", line(item));
    file.items.iter().filter(|item| does_more(item)).map(say).collect()
}

/// That the root of a face has more names than a newcomer reads, without its modules and what its documentation hides.
pub(crate) fn few_names(most: usize, root: &Source) -> Vec<String> {
    fn names(tree: &syn::UseTree) -> usize {
        match tree {
            syn::UseTree::Path(path) => names(&path.tree),
            syn::UseTree::Group(group) => group.items.iter().map(names).sum(),
            // Nobody knows how many a star brings, so that none can be counted.
            syn::UseTree::Glob(_) => usize::MAX / 2,
            syn::UseTree::Name(_) | syn::UseTree::Rename(_) => 1,
        }
    }
    let path = &root.path;
    let Ok(file) = syn::parse_file(&root.text) else { return vec![format!("{path} cannot be parsed")] };
    let count: usize = file
        .items
        .iter()
        .map(|item| match item {
            syn::Item::Use(item) => names(&item.tree),
            syn::Item::Macro(_) => 1,
            _ => 0,
        })
        .sum();
    let say = || format!("{path} has {count} names, and {most} is the most: put what few services name into a module");
    (count > most).then(say).into_iter().collect()
}

/// Packages among all dependencies of a crate that must not be there.
pub(crate) fn without(package: &str, forbidden: &[&str], all: &[String]) -> Vec<String> {
    if !all.iter().any(|name| name == package) {
        return vec![format!("the dependencies of {package} were not found at all")];
    }
    let say = |name: &&&str| {
        format!("{package} depends on {name}, if only indirectly; `cargo tree -p {package} -i {name}` shows how")
    };
    let present = |name: &&&str| all.iter().any(|found| found == **name);
    forbidden.iter().filter(present).map(|name| say(&name)).collect()
}

/// Crates that do not inherit the workspace's lints, and a workspace that does not forbid unsafe code.
pub(crate) fn lints(workspace: &toml::Table, members: &[(String, toml::Table)]) -> Vec<String> {
    let inherits = |manifest: &toml::Table| manifest.get("lints")?.get("workspace")?.as_bool();
    let forbids = || match workspace.get("workspace")?.get("lints")?.get("rust")?.get("unsafe_code")? {
        toml::Value::Table(lint) => lint.get("level")?.as_str(),
        level => level.as_str(),
    };
    let mut findings: Vec<String> = members
        .iter()
        .filter(|(_, manifest)| inherits(manifest) != Some(true))
        .map(|(path, _)| format!("{path} does not inherit the workspace's lints: add `workspace = true` to `[lints]`"))
        .collect();
    if forbids() != Some("forbid") {
        findings.push("Cargo.toml does not set `unsafe_code = \"forbid\"` in `[workspace.lints.rust]`".to_owned());
    }
    findings
}

/// Files that should be split. What is generated and committed for comparison may be as long as it comes out.
pub(crate) fn too_long(longest: usize, sources: &[Source]) -> Vec<String> {
    let golden = |path: &str| path.split('/').any(|part| matches!(part, "golden" | "goldens" | "snapshots"));
    sources
        .iter()
        .filter(|source| !golden(&source.path))
        .map(|source| (&source.path, source.text.lines().count()))
        .filter(|(_, lines)| *lines > longest)
        .map(|(path, lines)| format!("{path} has {lines} lines: split it before {longest}"))
        .collect()
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "tests" | "benches" | "tests.rs"))
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => path == pattern,
    }
}

/// The numbered lines of a file without its inline test modules, which begin with a `cfg` about tests and end, being
/// formatted, with the first brace in the first column.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut lines = (1..).zip(text.lines()).peekable();
    std::iter::from_fn(move || {
        let (number, line) = lines.next()?;
        let begins_tests = line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test,");
        if begins_tests && lines.peek().is_some_and(|(_, next)| next.starts_with("mod ") && next.ends_with('{')) {
            lines.by_ref().find(|(_, line)| *line == "}");
            return Some((number, ""));
        }
        Some((number, line))
    })
}

/// Whether a line holds a word that is not part of a longer one.
fn holds(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let free_before = |at: usize| !word.starts_with(is_part) || !line[..at].ends_with(is_part);
    let free_after = |at: usize| !word.ends_with(is_part) || !line[at + word.len()..].starts_with(is_part);
    line.match_indices(word).any(|(at, _)| free_before(at) && free_after(at))
}
