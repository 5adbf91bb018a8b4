//! Several nats-servers that form one JetStream cluster.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::error::ServerError;
use super::port::ReservedPort;
use super::probe::can_replicate;
use super::server::{NatsServer, POLL};

/// How long a cluster may take to find itself. Seconds are usual, as elections wait for random times.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a cluster with a leader may take to become useful. It is at once, or never.
const USEFUL_WITHIN: Duration = Duration::from_secs(10);
/// How often a start is tried: somebody else may take a route port first, and servers up to 2.10 that meet while all of
/// them start may mistake one another for offline, and stay mistaken.
const ATTEMPTS: usize = 3;

/// A JetStream cluster on 127.0.0.1; dropping the handle kills all its servers.
#[derive(Debug)]
pub struct NatsCluster {
    nodes: Vec<NatsServer>,
    route_ports: Vec<ReservedPort>,
}

impl NatsCluster {
    /// Starts `size` servers named `nats-1`, `nats-2` ... and waits until each has routes to all others, they have elected
    /// a leader, and a stream that all of them hold has been created and deleted for trial. Three is the least that
    /// survives a loss.
    ///
    /// # Errors
    /// [`ServerError`], with the end of a server's log where there is one.
    pub async fn start(size: usize) -> Result<Self, ServerError> {
        let mut attempt = 1;
        loop {
            match Self::try_start(size).await {
                Err(error) if attempt < ATTEMPTS && is_bad_luck(&error) => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn try_start(size: usize) -> Result<Self, ServerError> {
        let ports: io::Result<_> = (0..size).map(|_| ReservedPort::new(0)).collect();
        let ports = ports.map_err(ServerError::io("reserve ports for routes"))?;
        let mut cluster = Self { nodes: Vec::new(), route_ports: ports };
        let addresses: Vec<String> =
            cluster.route_ports.iter().map(|port| format!("127.0.0.1:{}", port.number())).collect();
        let routes = addresses.iter().map(|address| format!("\"nats://{address}\"")).collect::<Vec<_>>().join(", ");
        for (index, address) in addresses.iter().enumerate() {
            let config = format!("cluster {{ name: test, listen: \"{address}\", routes: [{routes}] }}");
            let builder = NatsServer::builder().name(format!("nats-{}", index + 1)).config(config);
            let mut node = builder.prepare().await?;
            node.spawn()?;
            cluster.nodes.push(node);
        }
        for node in &mut cluster.nodes {
            node.ready().await?;
        }
        cluster.whole().await?;
        cluster.useful().await?;
        Ok(cluster)
    }

    /// What clients connect to, one URL per server, stopped ones included.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(NatsServer::url).collect()
    }

    /// The servers, by index.
    pub fn nodes(&self) -> &[NatsServer] {
        &self.nodes
    }

    /// One server.
    ///
    /// # Panics
    /// When there is none with this index, as a slice does.
    pub fn node(&self, index: usize) -> &NatsServer {
        &self.nodes[index]
    }

    /// The index of the server with this name, for example of a stream's leader.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name() == name)
    }

    /// Ends a server as a crash would (SIGKILL).
    ///
    /// # Errors
    /// As [`NatsServer::kill`].
    ///
    /// # Panics
    /// As [`node`](Self::node).
    pub fn kill(&mut self, index: usize) -> Result<(), ServerError> {
        self.nodes[index].kill()
    }

    /// Shuts a server down as an operator would.
    ///
    /// # Errors
    /// As [`NatsServer::stop`].
    ///
    /// # Panics
    /// As [`node`](Self::node).
    pub async fn stop(&mut self, index: usize) -> Result<(), ServerError> {
        self.nodes[index].stop().await
    }

    /// Starts a server that was stopped or killed and waits until it has found the others again. When it was the last
    /// one missing, waits for the leader too; likewise for the leader of every stream and consumer whose servers all run.
    ///
    /// A mere majority is not waited for, as it may be unable to elect: the vote of a server whose log was still empty
    /// when it was killed counts only once all others vote as well.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    ///
    /// # Panics
    /// As [`node`](Self::node).
    pub async fn start_again(&mut self, index: usize) -> Result<(), ServerError> {
        self.nodes[index].start_again().await?;
        self.whole().await
    }

    /// Waits until all servers that run know each other and, when none is missing, their leaders.
    async fn whole(&mut self) -> Result<(), ServerError> {
        let running: Vec<bool> = self.nodes.iter_mut().map(NatsServer::is_running).collect();
        let nodes: Vec<&NatsServer> =
            self.nodes.iter().zip(running).filter_map(|(node, running)| running.then_some(node)).collect();
        let names: BTreeSet<&str> = nodes.iter().map(|node| node.name()).collect();
        let complete = nodes.len() == self.nodes.len();
        let deadline = Instant::now() + PATIENCE;
        for node in nodes {
            while !(has_routes(node, &names).await && has_leaders(node, &names, complete).await) {
                if Instant::now() > deadline {
                    let condition = format!("{} had found its cluster", node.name());
                    return Err(node.timeout(condition, PATIENCE));
                }
                sleep(POLL * 5).await;
            }
        }
        Ok(())
    }

    /// Waits until every server can have a stream created that all of them hold, or five, which is the most.
    async fn useful(&self) -> Result<(), ServerError> {
        let deadline = Instant::now() + USEFUL_WITHIN;
        for node in &self.nodes {
            while !can_replicate(node.port(), self.nodes.len().min(5)).await {
                if Instant::now() > deadline {
                    let condition = format!("{} could create a replicated stream", node.name());
                    return Err(node.timeout(condition, USEFUL_WITHIN));
                }
                sleep(POLL * 5).await;
            }
        }
        Ok(())
    }
}

/// Whether another start may well succeed.
fn is_bad_luck(error: &ServerError) -> bool {
    error.is_bind_clash() || matches!(error, ServerError::Timeout { after, .. } if *after == USEFUL_WITHIN)
}

/// Whether a server is connected to all others that run.
async fn has_routes(node: &NatsServer, names: &BTreeSet<&str>) -> bool {
    let Ok(answer) = node.monitor("/routez").await else { return false };
    let remotes: BTreeSet<&str> =
        children(&answer, "routes").filter_map(|route| route["remote_name"].as_str()).collect();
    names.iter().all(|name| *name == node.name() || remotes.contains(name))
}

/// Whether a server's streams and consumers have leaders, and in a complete cluster whether it follows one itself and is
/// healthy.
///
/// A server that comes back is healthy before the streams that it led have a new leader, and requests about a stream
/// without a leader are not answered at all.
async fn has_leaders(node: &NatsServer, names: &BTreeSet<&str>, complete: bool) -> bool {
    let Ok(answer) = node.monitor("/jsz?accounts=true&streams=true&consumers=true").await else { return false };
    let mut streams = children(&answer, "account_details").flat_map(|account| children(account, "stream_detail"));
    let led = streams.all(|stream| {
        let mut groups = children(stream, "consumer_detail").chain([stream]).map(|asset| &asset["cluster"]);
        groups.all(|group| leads(group, names) || !all_run(group, names))
    });
    let follows = || leads(&answer["meta_cluster"], names);
    led && (!complete || follows() && node.monitor("/healthz").await.is_ok_and(|answer| answer["status"] == "ok"))
}

fn children<'a>(parent: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    parent[key].as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

/// Whether a group of replicas has a leader that runs.
fn leads(group: &Value, names: &BTreeSet<&str>) -> bool {
    group["leader"].as_str().is_some_and(|name| names.contains(name))
}

/// Whether all other servers of a group run.
fn all_run(group: &Value, names: &BTreeSet<&str>) -> bool {
    children(group, "replicas").all(|peer| peer["name"].as_str().is_some_and(|name| names.contains(name)))
        && group["leader"].as_str().is_none_or(|name| names.contains(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_leader_that_does_not_run_leads_nobody() {
        let running = BTreeSet::from(["nats-1", "nats-2"]);

        assert!(leads(&json!({ "leader": "nats-2" }), &running));
        assert!(!leads(&json!({ "leader": "nats-3" }), &running));
        assert!(!leads(&json!({}), &running));
    }

    #[test]
    fn a_group_is_waited_for_only_while_all_of_it_runs() {
        let running = BTreeSet::from(["nats-1", "nats-2", "nats-3"]);
        let replicas = |names: [&str; 2]| json!({ "replicas": names.map(|name| json!({ "name": name })) });

        assert!(all_run(&replicas(["nats-1", "nats-2"]), &running));
        assert!(!all_run(&replicas(["nats-1", "nats-4"]), &running));
        assert!(!all_run(&json!({ "leader": "nats-4" }), &running));
    }
}
