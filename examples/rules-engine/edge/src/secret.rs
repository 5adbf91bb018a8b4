//! Tokens and keys: read from files, compared in constant time, and shown by nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::hmac;
use ring::rand::SystemRandom;

/// The largest file that is taken for a secret, in bytes.
const LONGEST: u64 = 4_096;

pub use eventsmith::config::Secret;

/// Whether a text is a secret. How long that takes says nothing of how much of it is right: what is compared are two keyed hashes.
///
/// ```
/// use rules_engine_edge::secret::is;
///
/// assert!(is("s3cr3t", "s3cr3t") && !is("s3cr3t", "s3cr3u"));
/// ```
pub fn is(secret: &str, text: &str) -> bool {
    let Ok(key) = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()) else { return false };
    let tag = hmac::sign(&key, text.as_bytes());
    hmac::verify(&key, secret.as_bytes(), tag.as_ref()).is_ok()
}

/// Why a file gives no secret. It says nothing of what is in it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}; write the secret there, alone on its line", path.display())]
pub struct SecretError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// Reads the secrets of a file, one a line: several while one is replaced by the next. Lines that are empty or begin with `#` are none.
///
/// # Errors
/// [`SecretError`] when the file cannot be read, is too large, or holds none.
pub fn read(path: &Path) -> Result<Vec<Secret>, SecretError> {
    let wrong = |reason: String| SecretError { path: path.to_owned(), reason };
    let size = fs::metadata(path).map_err(|error: io::Error| wrong(error.to_string()))?.len();
    if size > LONGEST {
        return Err(wrong(format!("it has {size} bytes, more than {LONGEST}")));
    }
    // An error about its text would quote it.
    let text = fs::read_to_string(path).map_err(|error| wrong(format!("it cannot be read: {}", error.kind())))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let secrets: Vec<_> = lines.map(Secret::from).collect();
    if secrets.is_empty() { Err(wrong("it holds no secret".to_owned())) } else { Ok(secrets) }
}

/// The first secret of a file: the one to send.
///
/// # Errors
/// As [`read`].
pub fn read_one(path: &Path) -> Result<Secret, SecretError> {
    read(path)?
        .into_iter()
        .next()
        .ok_or_else(|| SecretError { path: path.to_owned(), reason: "it is empty".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_secret_is_an_error_that_names_the_file_alone() {
        let missing = read(Path::new("no/such/file")).unwrap_err().to_string();

        assert!(missing.starts_with("no/such/file: "), "{missing}");
    }

    #[test]
    fn a_secret_is_equal_to_itself_alone() {
        assert!(is("abc", "abc"));
        for other in ["", "ab", "abcd", "abd", "ABC"] {
            assert!(!is("abc", other), "{other}");
        }
    }
}
