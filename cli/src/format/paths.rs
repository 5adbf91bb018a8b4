//! Paths from the root of the repository: tools that show findings do not know the folder that a command ran in.

use std::env;
use std::path::{Component, PathBuf};

use crate::outside::lexical;

/// Turns paths from the current folder into paths from the root of the repository.
pub(super) struct RepositoryPaths {
    here: PathBuf,
    root: PathBuf,
}

impl RepositoryPaths {
    /// The nearest folder upward that holds `.git`; the current folder, if there is none.
    pub(super) fn of_current_folder() -> Self {
        let here = env::current_dir().unwrap_or_default();
        let root = here.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&here).to_owned();
        Self { here, root }
    }

    /// The path of a file from the root of the repository, with slashes; the whole path of one that is elsewhere.
    pub(super) fn relative(&self, file: &str) -> String {
        let whole = lexical(&self.here.join(file));
        let path = whole.strip_prefix(&self.root).unwrap_or(&whole);
        let mut text = String::new();
        for part in path.components() {
            match part {
                Component::RootDir => text.push('/'),
                part => {
                    if !text.is_empty() && !text.ends_with('/') {
                        text.push('/');
                    }
                    text.push_str(&part.as_os_str().to_string_lossy());
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_starts_at_the_root_of_the_repository() {
        let paths = RepositoryPaths { here: PathBuf::from("/repo/schemas"), root: PathBuf::from("/repo") };

        assert_eq!(paths.relative("domain/a.json"), "schemas/domain/a.json");
        assert_eq!(paths.relative("./../b.json"), "b.json");
        assert_eq!(paths.relative("/repo/c.json"), "c.json");
        assert_eq!(paths.relative("/elsewhere/d.json"), "/elsewhere/d.json");
    }
}
