//! Servers, which the catalogue does not know.

use super::schemas::key;

/// A server that an application connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// What it is called.
    pub name: String,
    /// Host and port.
    pub host: String,
    /// The path behind them, if there is one.
    pub path: String,
    /// `nats`, `tls`, `ws` or `wss`.
    pub protocol: String,
}

impl Server {
    /// The server of a URL.
    ///
    /// # Errors
    /// It is none, in words.
    pub fn parse(name: &str, url: &str) -> Result<Self, String> {
        let way_out = "write NAME=nats://HOST:PORT";
        if name.is_empty() || name != key(name) {
            return Err(format!("{name:?} is no name for a server: only letters, digits, `.`, `-` and `_`; {way_out}"));
        }
        let (protocol, rest) = url.split_once("://").unwrap_or(("nats", url));
        let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
        if !["nats", "tls", "ws", "wss"].contains(&protocol) {
            return Err(format!("{protocol:?} is no protocol of NATS: nats, tls, ws or wss; {way_out}"));
        }
        if host.is_empty()
            || host.contains(|c: char| c.is_whitespace() || c.is_control() || "{}@,?#".contains(c))
            || path.contains(|c: char| c.is_whitespace() || c.is_control() || "{}?#".contains(c))
        {
            return Err(format!(
                "{url:?} names no host, or more than a host: credentials have no place in a document; {way_out}"
            ));
        }
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { name: name.to_owned(), host: host.to_owned(), path, protocol: protocol.to_owned() })
    }
}
