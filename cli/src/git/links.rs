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

/// The ids of the files that `wanted` asks for, by path below a folder, those that links lead to included. `whole` is everything in the
/// repository, by path below its top, or what of it links may lead to.
///
/// # Errors
/// A link leads out of the folder or nowhere, or what is wanted may lie in a submodule.
pub(super) fn resolved(
    entries: &BTreeMap<String, Entry>,
    whole: &BTreeMap<String, Entry>,
    folder: &str,
    wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for (path, entry) in entries {
        // What would be part of the catalogue if a folder stood there.
        let may_hold_files = || wanted(&format!("{path}/any.json"));
        let from_top = || if folder.is_empty() { path.clone() } else { format!("{folder}/{path}") };
        match entry {
            Entry::File(id) if wanted(path) => files.push((path.clone(), id.clone())),
            Entry::Link(_) if wanted(path) => match target(entries, path, &wanted) {
                Some(id) => files.push((path.clone(), id)),
                None => bail!(
                    "{path} is a symbolic link that leads to no schema file of the catalogue, and what lies outside is not read"
                ),
            },
            Entry::Link(_) if may_hold_files() && may_be_folder(whole, &from_top()) => {
                bail!(
                    "{path} is a symbolic link to a folder or out of the repository, and what is in it cannot be looked at"
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

/// Whether a link leads to a regular file among some entries.
pub(super) fn is_file(entries: &BTreeMap<String, Entry>, link: &str, to: &str) -> bool {
    joined(link, to).is_some_and(|at| target(entries, &at, &|_| true).is_some())
}

/// Whether a link may lead to a folder: it does, or leads into a submodule or out of the repository. What it does not lead to is none.
fn may_be_folder(whole: &BTreeMap<String, Entry>, link: &str) -> bool {
    let mut at = link.to_owned();
    for _ in 0..MOST_LINKS {
        // The first step that is no folder of the tree decides how the path goes on.
        let ends = at.match_indices('/').map(|(end, _)| end).chain([at.len()]);
        let found = ends.filter_map(|end| Some((whole.get(&at[..end])?, end))).next();
        match found {
            Some((Entry::File(_), _)) => return false,
            Some((Entry::Submodule, _)) => return true,
            Some((Entry::Link(to), end)) => {
                let Some(next) = joined(&at[..end], &format!("{to}{}", &at[end..])) else { return true };
                at = next;
            }
            None => {
                let below = format!("{at}/");
                let is_top = at.is_empty();
                return is_top || whole.range(below.clone()..).next().is_some_and(|(path, _)| path.starts_with(&below));
            }
        }
    }
    false
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

        assert_eq!(resolved(&tree, &tree, "", is_json).unwrap(), paths);
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
            let error = resolved(&tree, &tree, "", is_json).unwrap_err().to_string();
            assert!(error.starts_with(path), "{error}");
        }
    }

    #[test]
    fn a_link_that_leads_out_of_the_folder_is_of_interest_where_it_leads_to_another() {
        let file = || Entry::File("1".to_owned());
        let whole = |to: &str| {
            entries(&[
                ("LICENSE", file()),
                ("a/x.json", link("x.json")),
                ("linked", link("shared")),
                ("module", Entry::Submodule),
                ("schemas/README", link(to)),
                ("shared/b.json", file()),
            ])
        };
        let folder = |to: &str| entries(&[("README", link(to))]);
        let found = |to: &str| resolved(&folder(to), &whole(to), "schemas", is_json).map_err(|error| error.to_string());

        for to in ["../LICENSE", "../nowhere", "../linked/b.json", "../schemas/README", "../LICENSE/a"] {
            assert_eq!(found(to), Ok(Vec::new()), "{to}");
        }
        for to in
            ["../shared", "../linked", "../linked/../shared", "../module/a", "..", "../../elsewhere", "/etc/passwd"]
        {
            assert!(found(to).is_err_and(|error| error.starts_with("README is a symbolic link")), "{to}");
        }
    }
}
