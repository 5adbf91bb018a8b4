//! Configurations of nats-server, complete, for one server or a cluster.
//!
//! A text holds no secret: users are known by public keys, private keys of TLS are named as files.

mod options;
mod room;
mod write;

use crate::file::File;
use crate::landscape::Landscape;
use crate::permissions::Permissions;

pub use options::{Node, Options, Problem, SYSTEM, USERS_FILE, WRITTEN};
pub use room::{Room, Storage};

/// The configurations, one file for each node, and the one of users, which all of them include.
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
    let nodes = options.nodes.iter().map(|node| write::file(options, node, &room));
    nodes.chain([write::users(permissions, options)]).collect()
}

/// The file of users alone, for whoever rotates keys.
///
/// # Errors
/// Users without keys, and keys that are none.
pub fn users_file(permissions: &Permissions, options: &Options) -> Result<File, Vec<Problem>> {
    let problems = without_keys(permissions, options);
    if problems.is_empty() { write::users(permissions, options) } else { Err(problems) }
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
        count != 1 && count.is_multiple_of(2),
        format!("{count} nodes agree on nothing that fewer would not agree on"),
        "a cluster has three nodes, or five; one server is no cluster",
    );
    let names: std::collections::BTreeSet<&str> = options.nodes.iter().map(|node| node.name.as_str()).collect();
    problem(names.len() < count, "two nodes have one name".to_owned(), "give each a name of its own");
    problem(
        names.iter().any(|name| format!("{name}.conf") == USERS_FILE),
        format!("the configuration of a node would be the file of users, {USERS_FILE}"),
        "give the node another name",
    );
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
