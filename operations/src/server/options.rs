//! What a configuration is like beyond the catalogue, and why there is none.

use std::collections::BTreeMap;

/// What every file begins with.
pub const WRITTEN: &str = "# Written by eventsmith from the catalogue; do not edit.";

/// The file of users, beside those of the nodes, which include it.
pub const USERS_FILE: &str = "users.conf";

/// The name of the user of the system account, among operators.
pub const SYSTEM: &str = "operators/system";

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name, as streams report it.
    pub name: String,
    /// Where others find it: a name or an address, which its certificates are for.
    pub host: String,
    /// The port for clients.
    pub client_port: u16,
    /// The port for the other nodes.
    pub route_port: u16,
    /// The port for monitoring, on the machine itself.
    pub monitor_port: u16,
}

impl Node {
    /// A node with the usual ports.
    pub fn new(name: &str, host: &str) -> Self {
        Self { name: name.to_owned(), host: host.to_owned(), client_port: 4222, route_port: 6222, monitor_port: 8222 }
    }

    /// Reads `NAME=HOST`, `NAME=HOST:CLIENT` or `NAME=HOST:CLIENT:ROUTE:MONITOR`.
    ///
    /// # Errors
    /// What is wrong with the text, and how it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = || format!("{text:?} is no node; write NAME=HOST, or NAME=HOST:CLIENT_PORT:ROUTE_PORT:MONITOR_PORT");
        let (name, rest) = text.split_once('=').ok_or_else(form)?;
        let mut parts = rest.split(':');
        let host = parts.next().unwrap_or_default();
        let is_name = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        if !is_name(name) || name.starts_with('.') || !is_name(host) {
            return Err(form());
        }
        let ports = parts.map(str::parse::<u16>).collect::<Result<Vec<u16>, _>>().map_err(|_| form())?;
        let node = Self::new(name, host);
        match ports.as_slice() {
            [] => Ok(node),
            [client_port] => Ok(Self { client_port: *client_port, ..node }),
            [client_port, route_port, monitor_port] => {
                Ok(Self { client_port: *client_port, route_port: *route_port, monitor_port: *monitor_port, ..node })
            }
            _ => Err(form()),
        }
    }
}

/// What a configuration is like beyond the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The command that writes the files, for people who want to write them again.
    pub command: String,
    /// One node, or those of a cluster.
    pub nodes: Vec<Node>,
    /// The name of the cluster.
    pub cluster: String,
    /// The folder of the streams, at the server.
    pub store: String,
    /// The folder of certificates and their keys, at the server.
    pub tls: String,
    /// The accepted public keys of each user, by its path; several while keys are rotated.
    pub keys: BTreeMap<String, Vec<String>>,
    /// How many bytes a stream without a limit is given.
    pub unlimited: u64,
    /// How many bytes a node has on its disk for streams; as many as are needed where nobody says.
    pub max_file: Option<u64>,
    /// How many bytes a node has in memory for streams; as many as are needed where nobody says.
    pub max_memory: Option<u64>,
    /// `sync_interval`, where another one is wanted: `always`, `1s`.
    pub sync: Option<String>,
    /// The largest message, in bytes.
    pub max_payload: u64,
    /// How many connections a node takes.
    pub max_connections: u64,
    /// How many subscriptions one connection may have.
    pub max_subscriptions: u64,
    /// Over how long clients are sent away, as the server writes it: `60s`.
    pub lame_duck: String,
    /// The file of the log; stderr without one.
    pub log_file: Option<String>,
}

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, with figures.
    pub message: String,
    /// What to do.
    pub help: String,
}
