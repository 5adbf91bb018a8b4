//! Texts that must not be seen.

use std::fmt;

use serde::Deserialize;

/// A password, token or seed: `Debug` does not show it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// The address of a server, `nats://host:port` or `tls://host:port`.
///
/// A user and password within it are refused when connecting, as they have settings of their own; `Debug` and `Display`
/// hide them all the same.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// The address as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it holds a user, password or token.
    pub(crate) fn has_user_info(&self) -> bool {
        self.0.contains('@')
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.rsplit_once('@') {
            Some((before, host)) => {
                let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
                write!(f, "{scheme}://...@{host}")
            }
            None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl<T: Into<String>> From<T> for ServerUrl {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}
