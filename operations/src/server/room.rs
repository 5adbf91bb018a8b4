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
    let nodes = options.nodes.len() as u64;
    let (mut limited, mut unlimited, mut total) = (0_u64, 0_u64, 0_u64);
    for stream in streams {
        let bytes = stream.max_bytes.unwrap_or(options.unlimited);
        *if stream.max_bytes.is_some() { &mut limited } else { &mut unlimited } += 1;
        total = total.saturating_add(bytes.saturating_mul(stream.replicas.min(nodes)));
    }
    // Replicas are spread, and never two of one stream on one node.
    let needed = total.div_ceil(nodes.max(1)).saturating_add(MARGIN);
    let node = most.unwrap_or(needed);
    let text = format!(
        "{limited} streams with limits and {unlimited} without, which are given {} each, replicas counted, need {} here.",
        size(options.unlimited),
        size(needed)
    );
    if node < needed {
        problems.push(Problem {
            message: format!(
                "the streams of the catalogue need {} of {what} on each of {nodes} nodes, and are given {}: {limited} have limits, \
                 {unlimited} have none and are reckoned with {} each",
                size(needed),
                size(node),
                size(options.unlimited)
            ),
            help: format!(
                "give more by --max-{}, lower `max_bytes` of streams, or say how large those without limits may become: --unlimited",
                if what == "disk" { "file" } else { "memory" }
            ),
        });
    }
    Storage { node, account: node.saturating_mul(nodes), text }
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
    fn sizes_are_rounded_up() {
        assert_eq!(
            [size(1 << 30), size((1 << 30) + 1), size(1_536), size(0)],
            ["1 GiB", "1.1 GiB", "1.5 KiB", "0 KiB"]
        );
    }
}
