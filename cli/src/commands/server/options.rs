//! What both commands are told: the catalogue, the nodes, the folder of keys.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use eventsmith_codegen::Loaded;
use eventsmith_operations::Landscape;
use eventsmith_operations::server::Node;

use crate::catalogue::Schemas;
use crate::landscape::landscape;
use crate::topology::topology;

/// The servers that are meant.
#[derive(Args)]
pub(super) struct Nodes {
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
    pub(super) fn of(&self, root: &str) -> anyhow::Result<Vec<Node>> {
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
    pub(super) fn arguments(&self) -> Vec<String> {
        let cluster = self.cluster.then(|| "--cluster".to_owned());
        cluster.into_iter().chain(self.nodes.iter().map(|node| format!("--node {node}"))).collect()
    }
}

/// The catalogue, as operators look at it.
pub(super) fn looked_at(schemas: &Schemas, replicas: Option<u8>) -> anyhow::Result<(Loaded, Landscape)> {
    let loaded = schemas.load_sound()?;
    let mut landscape = landscape(&loaded, &topology(&loaded));
    if let Some(replicas) = replicas {
        landscape.streams.iter_mut().for_each(|stream| stream.replicas = u64::from(replicas));
    }
    Ok((loaded, landscape))
}

/// The folder of keys.
#[derive(Args)]
pub(super) struct KeyFolder {
    /// The folder with PATH.pub of each user, such as services/promotions.pub: the public keys that are let in, one a line
    #[arg(long, value_name = "DIR", default_value = "keys")]
    pub(super) keys: PathBuf,
}
