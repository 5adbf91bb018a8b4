//! How much room the streams of a catalogue need, on each node and of all together.

use serde::Serialize;

use super::options::{Options, Problem};
use crate::landscape::{Landscape, Stream};
use crate::permissions::PROJECTIONS;

/// What the server keeps beside messages: indices, and consumers of those who read along. In bytes.
const MARGIN: u64 = 64 << 20;
/// How many streams may come beside those of the catalogue, such as those that are restored under other names.
const MORE_STREAMS: usize = 16;
/// How many consumers one stream may have.
const CONSUMERS: usize = 256;

/// The limits of a server and of its account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Room {
    /// On disk.
    pub file: Storage,
    /// In memory.
    pub memory: Storage,
    /// How many streams the account may have.
    pub streams: usize,
    /// Where that number comes from.
    pub streams_text: String,
    /// How many consumers one stream may have.
    pub consumers: usize,
}

/// Room of one kind, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Storage {
    /// On each node.
    pub node: u64,
    /// On all nodes together.
    pub account: u64,
    /// Where that comes from.
    pub text: String,
}

/// The room that streams need, with a problem for each of them that has none.
pub(super) fn of(landscape: &Landscape, options: &Options, problems: &mut Vec<Problem>) -> Room {
    let nodes = options.nodes.len() as u64;
    for stream in landscape.streams.iter().filter(|stream| stream.replicas > nodes) {
        problems.push(Problem {
            message: format!("{} is to have {} replicas, and there are {nodes} nodes", stream.name, stream.replicas),
            help: "declare more nodes by --cluster or --node, or say how many replicas there are to be: --replicas 1"
                .to_owned(),
        });
    }
    // Beside the buckets of the catalogue, that of projections.
    let ledger = Stream { name: format!("KV_{PROJECTIONS}"), replicas: nodes.min(3), ..Stream::default() };
    let all = || landscape.streams.iter().chain([&ledger]);
    let file = storage(all().filter(|stream| !stream.in_memory), options, "disk", options.max_file, problems);
    let memory = storage(all().filter(|stream| stream.in_memory), options, "memory", options.max_memory, problems);
    let streams = landscape.streams.len() + 1;
    Room {
        file,
        memory,
        streams: streams + MORE_STREAMS,
        streams_text: format!(
            "{streams} of the catalogue and of projections, {MORE_STREAMS} for what is restored beside them."
        ),
        consumers: CONSUMERS,
    }
}

fn storage<'a>(
    streams: impl Iterator<Item = &'a Stream>,
    options: &Options,
    what: &str,
    most: Option<u64>,
    problems: &mut Vec<Problem>,
) -> Storage {
    let nodes = options.nodes.len().max(1);
    let (mut limited, mut unlimited) = (0_u64, 0_u64);
    let (mut held, mut largest) = (vec![0_u64; nodes], None::<(u64, &str)>);
    for stream in streams {
        let bytes = stream.max_bytes.unwrap_or(options.unlimited);
        *if stream.max_bytes.is_some() { &mut limited } else { &mut unlimited } += 1;
        place(&mut held, bytes, usize::try_from(stream.replicas).unwrap_or(nodes));
        largest = largest.max(Some((bytes, &stream.name)));
    }
    let fullest = held.iter().copied().max().unwrap_or_default();
    let needed = fullest.saturating_add(MARGIN);
    let node = most.unwrap_or(needed);
    let text = format!(
        "{limited} streams with limits and {unlimited} without, which are given {} each: the fullest node holds {}, and {} more for indices.",
        size(options.unlimited),
        size(fullest),
        size(MARGIN)
    );
    if node < needed {
        let (bytes, name) = largest.unwrap_or_default();
        let names = options.nodes.iter().map(|node| node.name.as_str());
        let each: Vec<String> = names.zip(&held).map(|(name, held)| format!("{name} {}", size(*held))).collect();
        problems.push(Problem {
            message: format!(
                "a node needs {} of {what}, and is given {}: {limited} streams have limits, {unlimited} have none and are reckoned with {} each; \
                 with replicas there are on {}, and {} beside them; the largest is {name} with {}",
                size(needed),
                size(node),
                size(options.unlimited),
                each.join(", "),
                size(MARGIN),
                size(bytes)
            ),
            help: format!(
                "give more by --max-{}, lower `max_bytes` of streams, or say how large those without limits may become: --unlimited",
                if what == "disk" { "file" } else { "memory" }
            ),
        });
    }
    Storage { node, account: node.saturating_mul(nodes as u64), text }
}

/// Puts each replica of a stream on the node that has most left, never two of them on one: as servers do, one stream after the other.
/// (nats-server, server/jetstream_cluster.go, selectPeerGroup.)
fn place(held: &mut [u64], bytes: u64, replicas: usize) {
    let mut order: Vec<usize> = (0..held.len()).collect();
    order.sort_by_key(|node| held.get(*node).copied());
    for node in order.into_iter().take(replicas) {
        if let Some(held) = held.get_mut(node) {
            *held = held.saturating_add(bytes);
        }
    }
}

/// Bytes as people read them, rounded up to a tenth.
fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_048_576 => (1_u64 << 10, "KiB"),
        1_048_576..1_073_741_824 => (1 << 20, "MiB"),
        _ => (1 << 30, "GiB"),
    };
    let tenths = u128::from(bytes).saturating_mul(10).div_ceil(u128::from(unit));
    match tenths % 10 {
        0 => format!("{} {name}", tenths / 10),
        rest => format!("{}.{rest} {name}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_lie_where_most_is_left_and_the_fullest_node_counts() {
        let mut held = [0; 3];

        for (bytes, replicas) in [(10, 3), (7, 1), (5, 1), (4, 1), (3, 2)] {
            place(&mut held, bytes, replicas);
        }

        assert_eq!(held, [17, 18, 17]);
    }

    #[test]
    fn sizes_are_rounded_up() {
        assert_eq!(
            [size(1 << 30), size((1 << 30) + 1), size(1_536), size(0)],
            ["1 GiB", "1.1 GiB", "1.5 KiB", "0 KiB"]
        );
    }
}
