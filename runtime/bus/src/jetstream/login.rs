//! Logging in: what a file holds is read for every connection, so that it may change while the process runs.

use std::fs;
use std::path::{Path, PathBuf};

use async_nats::{Auth, AuthError};
use nkeys::KeyPair;

use crate::cause::Cause;
use crate::config::{Config, Secret};

/// How to log in.
#[derive(Debug, Clone)]
pub(super) struct Login {
    user: Option<String>,
    password: Option<SecretSource>,
    token: Option<SecretSource>,
    nkey_seed: Option<SecretSource>,
    credentials_file: Option<PathBuf>,
}

/// Where a secret is.
#[derive(Debug, Clone)]
enum SecretSource {
    Setting(Secret),
    /// In a file, which this setting names.
    File(&'static str, PathBuf),
}

/// Why nobody can log in. The text holds no secret.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {reason}")]
pub(super) struct LoginError {
    pub(super) setting: &'static str,
    #[source]
    pub(super) reason: Cause,
}

impl Login {
    /// The login of a configuration, if there is one.
    ///
    /// # Errors
    /// [`LoginError`] when settings contradict each other, or a file cannot be used at present.
    pub(super) fn of(config: &Config) -> Result<Option<Self>, LoginError> {
        let one_of = |setting, secret: &Option<Secret>, file_setting, file: &Option<PathBuf>| match (secret, file) {
            (Some(_), Some(_)) => Err(wrong(file_setting, format!("{setting} is set as well; set one of them"))),
            (Some(secret), None) => Ok(Some(SecretSource::Setting(secret.clone()))),
            (None, file) => Ok(file.clone().map(|file| SecretSource::File(file_setting, file))),
        };
        let login = Self {
            user: config.user.clone(),
            password: one_of("password", &config.password, "password_file", &config.password_file)?,
            token: one_of("token", &config.token, "token_file", &config.token_file)?,
            nkey_seed: one_of("nkey_seed", &config.nkey_seed, "nkey_seed_file", &config.nkey_seed_file)?,
            credentials_file: config.credentials_file.clone(),
        };
        match (&login.user, &login.password) {
            (Some(_), None) => return Err(wrong("password", "there is a user without a password; set both")),
            (None, Some(_)) => return Err(wrong("user", "there is a password without a user; set both")),
            _ => {}
        }
        let Self { user, password: _, token, nkey_seed, credentials_file } = &login;
        let is_anonymous = user.is_none() && token.is_none() && nkey_seed.is_none() && credentials_file.is_none();
        if is_anonymous {
            return Ok(None);
        }
        // A seed that is none is left to the server's challenge, as one that is not known there.
        login.read_files()?;
        Ok(Some(login))
    }

    /// Answers the challenge of a server, with what the files hold now.
    pub(super) async fn answer(self, nonce: Vec<u8>) -> Result<Auth, AuthError> {
        let answered = tokio::task::spawn_blocking(move || self.answer_now(&nonce)).await;
        let answered = answered.map_err(|_| AuthError::new("reading the credentials was broken off"))?;
        answered.map_err(AuthError::new)
    }

    fn answer_now(&self, nonce: &[u8]) -> Result<Auth, LoginError> {
        let mut auth = Auth::new();
        let secret = |source: &Option<SecretSource>| source.as_ref().map(SecretSource::read).transpose();
        auth.username.clone_from(&self.user);
        auth.password = secret(&self.password)?;
        auth.token = secret(&self.token)?;
        if let Some(seed) = secret(&self.nkey_seed)? {
            let key = key_pair("nkey_seed", &seed)?;
            auth.nkey = Some(key.public_key());
            auth.signature = Some(sign("nkey_seed", &key, nonce)?);
        }
        if let Some(file) = &self.credentials_file {
            let (jwt, key) = credentials(file)?;
            auth.jwt = Some(jwt);
            auth.signature = Some(sign(CREDENTIALS, &key, nonce)?);
        }
        Ok(auth)
    }

    fn read_files(&self) -> Result<(), LoginError> {
        for source in [&self.password, &self.token, &self.nkey_seed].into_iter().flatten() {
            source.read()?;
        }
        self.credentials_file.as_deref().map_or(Ok(()), |file| credentials(file).map(drop))
    }
}

fn wrong(setting: &'static str, reason: impl Into<Cause>) -> LoginError {
    LoginError { setting, reason: reason.into() }
}

const CREDENTIALS: &str = "credentials_file";

impl SecretSource {
    fn read(&self) -> Result<String, LoginError> {
        match self {
            Self::Setting(secret) => Ok(secret.expose().to_owned()),
            // Editors and `echo` end a file with a line break.
            Self::File(setting, file) => Ok(read(setting, file)?.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }
}

fn read(setting: &'static str, file: &Path) -> Result<String, LoginError> {
    fs::read_to_string(file).map_err(|error| wrong(setting, Cause::about(file.display(), error)))
}

/// The JWT and the key of a credentials file, as `nsc` writes them: each in a line of its own between two of dashes.
fn credentials(file: &Path) -> Result<(String, KeyPair), LoginError> {
    let text = read(CREDENTIALS, file)?;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_rule = |line: &str| line.starts_with("---") && line.ends_with("---");
    let is_value = |line: &str| {
        !line.is_empty() && line.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '='))
    };
    let mut values = lines.windows(3).filter_map(|three| match three {
        &[before, value, after] if is_rule(before) && is_rule(after) && is_value(value) => Some(value),
        _ => None,
    });
    match (values.next(), values.next()) {
        (Some(jwt), Some(seed)) => Ok((jwt.to_owned(), key_pair(CREDENTIALS, seed)?)),
        _ => Err(wrong(CREDENTIALS, format!("{}: there is no JWT with a seed in it", file.display()))),
    }
}

fn key_pair(setting: &'static str, seed: &str) -> Result<KeyPair, LoginError> {
    KeyPair::from_seed(seed.trim()).map_err(|_| wrong(setting, "this is no seed of an nkey"))
}

fn sign(setting: &'static str, key: &KeyPair, nonce: &[u8]) -> Result<Vec<u8>, LoginError> {
    key.sign(nonce).map_err(|_| wrong(setting, "the key cannot sign"))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn a_file_is_read_for_every_connection() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "first\n").unwrap();
        let config = Config { token_file: Some(file.clone()), ..Config::default() };
        let login = Login::of(&config).unwrap().unwrap();

        let first = login.clone().answer(Vec::new()).await.unwrap();
        fs::write(&file, "second").unwrap();
        let second = login.clone().answer(Vec::new()).await.unwrap();
        fs::remove_file(&file).unwrap();
        let gone = login.answer(Vec::new()).await.err().map(|error| error.to_string()).unwrap_or_default();

        assert_eq!((first.token.as_deref(), second.token.as_deref()), (Some("first"), Some("second")));
        assert!(gone.contains("token_file") && gone.contains(&file.display().to_string()), "{gone}");
    }

    #[test]
    fn a_file_that_is_no_credentials_file_is_named_and_not_quoted() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("x.creds");
        fs::write(&file, "-----BEGIN NATS USER JWT-----\nhunter2\n------END NATS USER JWT------\n").unwrap();

        let error = Login::of(&Config { credentials_file: Some(file), ..Config::default() }).unwrap_err().to_string();

        assert!(error.contains("credentials_file") && error.contains("x.creds"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_secret_in_two_places_is_refused() {
        let config = Config { token: Some("a".into()), token_file: Some("b".into()), ..Config::default() };

        assert!(Login::of(&config).unwrap_err().to_string().contains("token_file"));
    }

    #[test]
    fn half_a_login_is_refused() {
        let config = Config { user: Some("ada".to_owned()), ..Config::default() };

        assert!(Login::of(&config).unwrap_err().to_string().contains("password"));
    }
}
