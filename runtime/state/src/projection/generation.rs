//! Which of several read models of one projection: what a program's revision makes, and how often it was made anew.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name of a projection, in bytes.
const LONGEST_NAME: usize = 64;

/// One read model of a projection. Another revision of the program makes another one beside it, and so does a rebuild.
///
/// ```
/// use eventsmith::state::Generation;
///
/// let first = Generation::of_revision(3);
/// assert_eq!(first.to_string(), "3-1");
/// assert!(first < Generation::of_revision(4));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Generation {
    /// The revision of the projection in the program that makes it.
    pub revision: u32,
    /// How often that revision was built, this time included: 1 at first.
    pub build: u32,
}

impl Generation {
    /// What a revision makes first.
    pub fn of_revision(revision: u32) -> Self {
        Self { revision, build: 1 }
    }

    pub(crate) fn new(revision: u32, build: u32) -> Self {
        Self { revision, build }
    }
}

/// As it stands in keys and, for stores of one's own, in the names of tables: `3-1`.
impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.revision, self.build)
    }
}

/// That a text is no generation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a generation is REVISION-BUILD, such as 3-1")]
pub struct NoGeneration;

impl FromStr for Generation {
    type Err = NoGeneration;

    fn from_str(text: &str) -> Result<Self, NoGeneration> {
        let (revision, build) = text.split_once('-').ok_or(NoGeneration)?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| NoGeneration);
        let generation = Self { revision: number(revision)?, build: number(build)? };
        // One text for each.
        if generation.to_string() == text { Ok(generation) } else { Err(NoGeneration) }
    }
}

/// Whether a projection may be called so: a name is one token of keys.
pub(crate) fn is_legal_name(name: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_legal) && !name.starts_with("_kv")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_read_as_it_is_written() {
        assert_eq!("3-12".parse(), Ok(Generation::new(3, 12)));
        for text in ["", "3", "3-", "-1", "03-1", "3-+1", "3-1-1", "99999999999-1"] {
            assert_eq!(text.parse::<Generation>(), Err(NoGeneration), "{text}");
        }
    }

    #[test]
    fn a_name_is_one_token() {
        assert!(is_legal_name("account_balances-2"));
        for name in ["", "a.b", "a b", "*", "_kv1", "ü", &"a".repeat(65)] {
            assert!(!is_legal_name(name), "{name}");
        }
    }
}
