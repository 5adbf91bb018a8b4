//! The configurations that are wanted: what `config` writes and `verify` expects.

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use clap::Args;
use eventsmith_codegen::manifest;
use eventsmith_operations::Landscape;
use eventsmith_operations::permissions::Permissions;
use eventsmith_operations::server::{Options, SYSTEM};

use super::files;
use super::options::{KeyFolder, Nodes, looked_at};
use crate::catalogue::Schemas;

/// What a configuration is like beyond the catalogue.
#[derive(Args)]
pub(super) struct Wanted {
    #[command(flatten)]
    pub(super) schemas: Schemas,
    #[command(flatten)]
    pub(super) nodes: Nodes,
    #[command(flatten)]
    pub(super) keys: KeyFolder,
    /// The folder to write to, which is made if need be
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// The folder of certificates and their keys, at the server
    #[arg(long, value_name = "DIR", default_value = TLS)]
    pub(super) tls: String,
    /// The folder of the streams, at the server
    #[arg(long, value_name = "DIR", default_value = STORE)]
    pub(super) store: String,
    /// How many replicas streams have, whatever the catalogue says: 1 for one server in development
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
    pub(super) replicas: Option<u8>,
    /// How large a stream without `max_bytes` may become, as far as room is reckoned
    #[arg(long, value_name = "SIZE", default_value = UNLIMITED, value_parser = size)]
    pub(super) unlimited: u64,
    /// What each node has on disk for streams; refused where that is not enough [default: what is needed]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(super) max_file: Option<u64>,
    /// What each node has in memory for streams; refused where that is not enough [default: what is needed]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(super) max_memory: Option<u64>,
    /// How often what was acknowledged is written to the disk itself [default: always for one server, 5s in a cluster]
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub(super) sync: Option<String>,
    /// The largest message, headers included
    #[arg(long, value_name = "SIZE", default_value = PAYLOAD, value_parser = size)]
    pub(super) max_payload: u64,
    /// How many connections a node takes
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS)]
    pub(super) max_connections: u64,
    /// How many subscriptions one connection may have
    #[arg(long, value_name = "N", default_value_t = SUBSCRIPTIONS)]
    pub(super) max_subscriptions: u64,
    /// Over how long clients are sent away before a node stops: 30s or more
    #[arg(long, value_name = "TIME", default_value = LAME_DUCK, value_parser = lame_duck)]
    pub(super) lame_duck: String,
    /// A file for the log, at the server [default: stderr]
    #[arg(long, value_name = "FILE")]
    pub(super) log_file: Option<String>,
}

const TLS: &str = "/etc/nats/tls";
const STORE: &str = "/var/lib/nats";
const UNLIMITED: &str = "1GiB";
const PAYLOAD: &str = "1MiB";
const CONNECTIONS: u64 = 1_000;
const SUBSCRIPTIONS: u64 = 1_000;
const LAME_DUCK: &str = "60s";

impl Wanted {
    /// The catalogue, who may do what, and everything else that a configuration says.
    pub(super) fn look(&self) -> anyhow::Result<(Landscape, Permissions, Options)> {
        let (_, landscape) = looked_at(&self.schemas, self.replicas)?;
        let permissions = Permissions::of(&landscape);
        let paths: Vec<String> = permissions.users.iter().map(|user| user.path()).collect();
        let users = paths.iter().map(String::as_str).chain([SYSTEM]);
        let options = Options {
            command: self.command(),
            nodes: self.nodes.of(&landscape.root)?,
            cluster: landscape.root.clone(),
            store: self.store.clone(),
            tls: self.tls.clone(),
            keys: files::public_keys(&self.keys.keys, users)?,
            unlimited: self.unlimited,
            max_file: self.max_file,
            max_memory: self.max_memory,
            sync: self.sync.clone(),
            max_payload: self.max_payload,
            max_connections: self.max_connections,
            max_subscriptions: self.max_subscriptions,
            lame_duck: self.lame_duck.clone(),
            log_file: self.log_file.clone(),
        };
        Ok((landscape, permissions, options))
    }

    /// The command that writes the same, whatever its order was.
    pub(super) fn command(&self) -> String {
        let mut words = vec!["eventsmith server config".to_owned()];
        words.extend(self.nodes.arguments());
        words.push(format!("--keys {} --out {}", self.keys.keys.display(), self.out.display()));
        let mut option = |is_other: bool, text: String| words.extend(is_other.then_some(text));
        option(self.tls != TLS, format!("--tls {}", self.tls));
        option(self.store != STORE, format!("--store {}", self.store));
        let sizes = [("unlimited", Some(self.unlimited)), ("max-file", self.max_file), ("max-memory", self.max_memory)];
        for (name, value) in sizes.into_iter().chain([("max-payload", Some(self.max_payload))]) {
            let default = match name {
                "unlimited" => size(UNLIMITED).ok(),
                "max-payload" => size(PAYLOAD).ok(),
                _ => None,
            };
            option(value != default, format!("--{name} {}B", value.unwrap_or_default()));
        }
        option(self.replicas.is_some(), format!("--replicas {}", self.replicas.unwrap_or_default()));
        option(self.sync.is_some(), format!("--sync {}", self.sync.as_deref().unwrap_or_default()));
        option(self.max_connections != CONNECTIONS, format!("--max-connections {}", self.max_connections));
        option(self.max_subscriptions != SUBSCRIPTIONS, format!("--max-subscriptions {}", self.max_subscriptions));
        option(self.lame_duck != LAME_DUCK, format!("--lame-duck {}", self.lame_duck));
        option(self.log_file.is_some(), format!("--log-file {}", self.log_file.as_deref().unwrap_or_default()));
        words.join(" ")
    }
}

fn size(text: &str) -> anyhow::Result<u64> {
    manifest::bytes(text).map_err(|problem| anyhow!(problem))
}

/// Whole milliseconds, seconds or minutes, as the server writes them.
fn whole(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number = text[..digits].parse::<u64>().ok()?;
    let unit = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

fn interval(text: &str) -> anyhow::Result<String> {
    match whole(text) {
        Some(1..=120_000) => Ok(text.to_owned()),
        None if text == "always" => Ok(text.to_owned()),
        _ => bail!("write always, or 1ms to 2m: 500ms, 5s"),
    }
}

/// The server takes no less. (nats-server, server/opts.go.)
fn lame_duck(text: &str) -> anyhow::Result<String> {
    match whole(text) {
        Some(30_000..=3_600_000) => Ok(text.to_owned()),
        _ => bail!("write 30s to 60m"),
    }
}
