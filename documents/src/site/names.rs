//! Where everything has its page: paths that no other has, also where file systems take `a` and `A` for one.

use std::collections::{BTreeMap, BTreeSet};

pub(super) use eventsmith_codegen::pages::token;
use eventsmith_codegen::references::Location;

/// What has a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Page {
    /// An event, request or document, by its type.
    Event(String),
    Service(String),
    Stream(String),
    Bucket(String),
    Saga(String),
    /// A type that several files share.
    Type(Location),
}

/// The paths of pages below the site.
#[derive(Debug, Default)]
pub(super) struct Names {
    paths: BTreeMap<Page, String>,
    taken: BTreeSet<String>,
}

impl Names {
    /// Gives a page its path: a folder, and a name made of `name`.
    pub(super) fn add(&mut self, page: Page, folder: &str, name: &str) {
        let path = unique(&format!("{folder}/{}", token(name)), &mut self.taken);
        self.paths.insert(page, format!("{path}.html"));
    }

    pub(super) fn path(&self, page: &Page) -> Option<&str> {
        self.paths.get(page).map(String::as_str)
    }
}

/// A text that is not taken, which it is from now on.
pub(super) fn unique(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{wanted}-{number}"));
    let mut all = std::iter::once(wanted.to_owned()).chain(numbered);
    let found = all.find(|name| !taken.contains(&name.to_lowercase())).unwrap_or_default();
    taken.insert(found.to_lowercase());
    found
}
