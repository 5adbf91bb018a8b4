//! Configurations of nats-server, complete, for one server or a cluster.
//!
//! A text holds no secret: users are known by public keys, private keys of TLS are named as files.

mod room;
mod write;

use std::collections::BTreeMap;

use crate::file::File;
use crate::landscape::Landscape;
use crate::permissions::Permissions;

pub use room::{Room, Storage};

/// What every file begins with.
pub const WRITTEN: &str = "# Written by eventsmith from the catalogue; do not edit.";

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

/// The configurations, one file for each node.
///
/// # Errors
/// Everything that is wrong: users without keys, streams that find no room or too few nodes, values that no server takes.
pub fn files(landscape: &Landscape, permissions: &Permissions, options: &Options) -> Result<Vec<File>, Vec<Problem>> {
    let mut problems = senseless(options);
    problems.extend(without_keys(permissions, options));
    let room = room::of(landscape, options, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    options.nodes.iter().map(|node| write::file(permissions, options, node, &room)).collect()
}

fn without_keys(permissions: &Permissions, options: &Options) -> Vec<Problem> {
    let paths = permissions.users.iter().map(|user| user.path()).chain([SYSTEM.to_owned()]);
    let missing: Vec<String> = paths.filter(|path| options.keys.get(path).is_none_or(|keys| keys.is_empty())).collect();
    let wrong = options.keys.iter().flat_map(|(path, keys)| keys.iter().map(move |key| (path, key)));
    let wrong = wrong.filter(|(_, key)| !is_public_key(key)).map(|(path, key)| {
        let what = if key.starts_with('S') { "a seed, which is a secret" } else { "no public key of a user" };
        Problem {
            message: format!("the key of {path} is {what}"),
            help: "a public key is U and 55 capital letters and digits; `eventsmith server keys` writes it beside the seed"
                .to_owned(),
        }
    });
    let mut problems: Vec<Problem> = wrong.collect();
    if !missing.is_empty() {
        problems.push(Problem {
            message: format!("there is no public key of {}", missing.join(", ")),
            help: "make them by `eventsmith server keys --out DIR`, or put PATH.pub there, and name the folder with --keys"
                .to_owned(),
        });
    }
    problems
}

/// Whether a text looks as the public key of a user does. (nkeys: base32 of 35 bytes, the first of which makes it begin with U.)
fn is_public_key(text: &str) -> bool {
    text.len() == 56
        && text.starts_with('U')
        && text.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b))
}

fn senseless(options: &Options) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |is: bool, message: String, help: &str| {
        if is {
            problems.push(Problem { message, help: help.to_owned() });
        }
    };
    let count = options.nodes.len();
    problem(
        count == 0 || count == 2 || count > 1 && count % 2 == 0,
        format!("{count} nodes agree on nothing that fewer would not agree on"),
        "a cluster has three nodes, or five; one server is no cluster",
    );
    let names: std::collections::BTreeSet<&str> = options.nodes.iter().map(|node| node.name.as_str()).collect();
    problem(names.len() < count, "two nodes have one name".to_owned(), "give each a name of its own");
    problem(
        options.max_payload == 0 || options.max_payload > 8 << 20,
        format!("max_payload would be {}", options.max_payload),
        "no more than 8388608: larger messages hold up all others",
    );
    problem(options.max_connections == 0, "no connection would be let in".to_owned(), "raise --max-connections");
    problem(
        options.max_subscriptions < 32,
        format!("a connection would have {} subscriptions at most", options.max_subscriptions),
        "a service needs 32 at least",
    );
    problems
}
