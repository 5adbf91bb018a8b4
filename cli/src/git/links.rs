//! What the entries of a revision's folder hold: symbolic links within it are followed, and what cannot be looked at is an error.

use std::collections::BTreeMap;

use anyhow::bail;

/// An entry of git's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A regular file, by the id of its blob.
    File(String),
    /// A symbolic link, by what it says.
    Link(String),
    /// A commit of another repository.
    Submodule,
}

/// How many links may lead to each other; Linux follows 40.
const MOST_LINKS: usize = 40;

/// The ids of the files that `wanted` asks for, by path below the folder, those that links lead to included.
///
/// # Errors
/// A link leads out of the folder or nowhere, or what is wanted may lie in a submodule.
pub(super) fn resolved(
    entries: &BTreeMap<String, Entry>,
    wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for (path, entry) in entries {
        // What would be part of the catalogue if a folder stood there.
        let may_hold_files = || wanted(&format!("{path}/any.json"));
        match entry {
            Entry::File(id) if wanted(path) => files.push((path.clone(), id.clone())),
            Entry::Link(_) if wanted(path) => match target(entries, path, &wanted) {
                Some(id) => files.push((path.clone(), id)),
                None => bail!(
                    "{path} is a symbolic link that leads to no schema file of the catalogue, and what lies outside is not read"
                ),
            },
            Entry::Link(to) if may_hold_files() && !is_file(entries, path, to) => {
                bail!(
                    "{path} is a symbolic link to a folder or out of the catalogue, and what is in it cannot be looked at"
                )
            }
            Entry::Submodule if may_hold_files() => bail!(
                "{path} is a submodule, whose files are not in this repository; check the revision out into a folder with its submodules, and name that folder"
            ),
            _ => {}
        }
    }
    Ok(files)
}

/// The id of the file that a link leads to, through others if need be.
fn target(entries: &BTreeMap<String, Entry>, link: &str, wanted: &impl Fn(&str) -> bool) -> Option<String> {
    let mut at = link.to_owned();
    for _ in 0..MOST_LINKS {
        match entries.get(&at)? {
            Entry::File(id) => return wanted(&at).then(|| id.clone()),
            Entry::Link(to) => at = joined(&at, to)?,
            Entry::Submodule => return None,
        }
    }
    None
}

/// Whether a link of no interest leads to a regular file of the folder.
fn is_file(entries: &BTreeMap<String, Entry>, link: &str, to: &str) -> bool {
    joined(link, to).is_some_and(|at| target(entries, &at, &|_| true).is_some())
}

/// The path that a link means, if it is below the folder.
fn joined(link: &str, to: &str) -> Option<String> {
    if to.starts_with('/') {
        return None;
    }
    let mut steps: Vec<&str> = link.split('/').collect();
    steps.pop();
    for step in to.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop()?;
            }
            name => steps.push(name),
        }
    }
    Some(steps.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_json(path: &str) -> bool {
        path.ends_with(".json")
    }

    fn entries(list: &[(&str, Entry)]) -> BTreeMap<String, Entry> {
        list.iter().map(|(path, entry)| ((*path).to_owned(), entry.clone())).collect()
    }

    fn link(to: &str) -> Entry {
        Entry::Link(to.to_owned())
    }

    #[test]
    fn links_lead_to_the_files_that_they_name() {
        let tree = entries(&[
            ("a/b.json", link("../c.json")),
            ("c.json", link("./d/e.json")),
            ("d/e.json", Entry::File("1".to_owned())),
            ("README", link("LICENSE")),
            ("LICENSE", Entry::File("2".to_owned())),
        ]);
        let paths = ["a/b.json", "c.json", "d/e.json"].map(|path| (path.to_owned(), "1".to_owned()));

        assert_eq!(resolved(&tree, is_json).unwrap(), paths);
    }

    #[test]
    fn what_cannot_be_looked_at_is_an_error() {
        for (path, entry) in [
            ("a.json", link("../secret.json")),
            ("a.json", link("/etc/passwd")),
            ("a.json", link("nowhere.json")),
            ("a.json", link("a.json")),
            ("a.json", link("text.txt")),
            ("folder", link("b")),
            ("folder", link("../b")),
            ("folder", Entry::Submodule),
        ] {
            let file = || Entry::File("1".to_owned());
            let tree = entries(&[("b/x.json", file()), ("text.txt", file()), (path, entry)]);
            let error = resolved(&tree, is_json).unwrap_err().to_string();
            assert!(error.starts_with(path), "{error}");
        }
    }
}
