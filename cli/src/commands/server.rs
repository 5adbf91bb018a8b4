//! `eventsmith server`: configurations of nats-server, and keys for development.

mod authority;
mod config;
mod files;
mod keys;

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use eventsmith_codegen::Loaded;
use eventsmith_operations::Landscape;
use eventsmith_operations::server::Node;

use crate::catalogue::Schemas;
use crate::exit::ExitStatus;
use crate::landscape::landscape;
use crate::output::Out;
use crate::topology::topology;

/// Write configurations of nats-server, and make keys and certificates for development
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Server {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Config(config::Config),
    Keys(keys::Keys),
}

impl Server {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            Command::Config(command) => command.run(out),
            Command::Keys(command) => command.run(),
        }
    }
}

/// The servers that are meant.
#[derive(Args)]
struct Nodes {
    /// A cluster of three: ROOT-1, ROOT-2 and ROOT-3, on hosts of these names
    #[arg(long, conflicts_with = "nodes")]
    cluster: bool,
    /// A node by name and host, with ports if they are others than 4222, 6222 and 8222; given once for one server, three or five times for a
    /// cluster [default: ROOT-1 on localhost]
    #[arg(long = "node", value_name = "NAME=HOST[:CLIENT[:ROUTE:MONITOR]]")]
    nodes: Vec<String>,
}

impl Nodes {
    /// The servers, of a catalogue with this root.
    fn of(&self, root: &str) -> anyhow::Result<Vec<Node>> {
        let root = root.replace('.', "-");
        if !self.nodes.is_empty() {
            return self.nodes.iter().map(|text| Node::parse(text).map_err(|problem| anyhow!(problem))).collect();
        }
        if self.cluster {
            return Ok((1..=3).map(|number| format!("{root}-{number}")).map(|name| Node::new(&name, &name)).collect());
        }
        Ok(vec![Node::new(&format!("{root}-1"), "localhost")])
    }

    /// The options that say so.
    fn arguments(&self) -> Vec<String> {
        let cluster = self.cluster.then(|| "--cluster".to_owned());
        cluster.into_iter().chain(self.nodes.iter().map(|node| format!("--node {node}"))).collect()
    }
}

/// The catalogue, as operators look at it.
fn looked_at(schemas: &Schemas, replicas: Option<u8>) -> anyhow::Result<(Loaded, Landscape)> {
    let loaded = schemas.load_sound()?;
    let mut landscape = landscape(&loaded, &topology(&loaded));
    if let Some(replicas) = replicas {
        landscape.streams.iter_mut().for_each(|stream| stream.replicas = u64::from(replicas));
    }
    Ok((loaded, landscape))
}

/// The folder of keys.
#[derive(Args)]
struct KeyFolder {
    /// The folder with PATH.pub of each user, such as services/promotions.pub: the public keys that are let in, one a line
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
}
