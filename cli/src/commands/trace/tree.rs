//! What follows from what.

use std::collections::HashMap;

use eventsmith::admin::TracedMessage;
use eventsmith::state::saga_request_id;

use super::kind::Kind;

/// Messages and the causes that are stored nowhere, in the order of cause.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    /// Each after what it follows from, what follows from one in the order of time.
    pub(super) lines: Vec<Line<'a>>,
}

/// One line of the tree.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) what: What<'a>,
    /// How many causes stand above it.
    pub(super) depth: usize,
    /// Which of the lines is its cause.
    pub(super) cause: Option<usize>,
    /// Whether nothing else follows from its cause after it.
    pub(super) is_last: bool,
}

/// What stands in a line.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'a> {
    Stored(&'a TracedMessage),
    /// The id of a message that is not there.
    Missing(&'a str),
}

impl<'a> Tree<'a> {
    pub(super) fn of(messages: &'a [TracedMessage]) -> Self {
        let (mut nodes, parents) = nodes(messages);
        cut_circles(&mut nodes, &parents);
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
        let mut roots = Vec::new();
        for (node, Node { parent, .. }) in nodes.iter().enumerate() {
            match parent {
                Some(parent) => children[*parent].push(node),
                None => roots.push(node),
            }
        }
        // A cause that is missing stands where the first thing that follows from it does.
        let time = |node: usize| match nodes[node].what {
            What::Stored(message) => (message.stored, &*message.stream, message.sequence),
            What::Missing(_) => nodes[node].first.map_or_else(Default::default, |first| {
                (messages[first].stored, &*messages[first].stream, messages[first].sequence)
            }),
        };
        for siblings in children.iter_mut().chain([&mut roots]) {
            siblings.sort_by(|a, b| time(*a).cmp(&time(*b)));
        }
        // No recursion: a chain of causes may be as long as there are messages.
        let mut lines: Vec<Line<'a>> = Vec::with_capacity(nodes.len());
        let last_of = |siblings: &[usize], at: usize| at + 1 == siblings.len();
        let mut waiting: Vec<(usize, usize, Option<usize>, bool)> = Vec::new();
        for (at, root) in roots.iter().enumerate().rev() {
            waiting.push((*root, 0, None, last_of(&roots, at)));
        }
        while let Some((node, depth, cause, is_last)) = waiting.pop() {
            let line = lines.len();
            lines.push(Line { what: nodes[node].what, depth, cause, is_last });
            for (at, child) in children[node].iter().enumerate().rev() {
                waiting.push((*child, depth + 1, Some(line), last_of(&children[node], at)));
            }
        }
        Self { lines }
    }
}

struct Node<'a> {
    what: What<'a>,
    parent: Option<usize>,
    /// Of a missing cause: the earliest message that follows from it.
    first: Option<usize>,
}

/// Every message with its cause, and behind them the causes that are missing. Also, which node each message's cause is.
fn nodes(messages: &[TracedMessage]) -> (Vec<Node<'_>>, Vec<Option<usize>>) {
    let kinds: Vec<Kind<'_>> = messages.iter().map(Kind::of).collect();
    let (mut by_id, mut by_place) = (HashMap::<String, usize>::new(), HashMap::new());
    for (node, (message, kind)) in messages.iter().zip(&kinds).enumerate() {
        by_place.insert((&*message.stream, message.sequence), node);
        let id = match kind {
            Kind::DeadLetter(_) => None,
            _ => message.header("Nats-Msg-Id"),
        };
        if let Some(id) = id {
            by_id.entry(id.to_owned()).or_insert(node);
        }
        // What follows from a request of a saga names the request, which its command was stored for.
        if let Kind::Saga(saga) = kind
            && let ("command", Ok(command)) = (saga.leaf, saga.of.parse())
        {
            by_id.entry(saga_request_id(saga.name, saga.id, command).to_string()).or_insert(node);
        }
    }
    let (mut missing, mut nodes) = (HashMap::<&str, usize>::new(), Vec::with_capacity(messages.len()));
    let mut absent: Vec<(&str, usize)> = Vec::new();
    for (node, (message, kind)) in messages.iter().zip(&kinds).enumerate() {
        let (place, id) = match kind {
            Kind::DeadLetter(dead) => (dead.origin, dead.event_id),
            _ => (message.header("Eventsmith-Replay-Of").and_then(place), message.header("Eventsmith-Causation")),
        };
        let found = place.and_then(|place| by_place.get(&place)).or_else(|| by_id.get(id?)).copied();
        let parent = match (found, id) {
            (Some(found), _) => Some(found).filter(|found| *found != node),
            (None, Some(id)) => {
                let index = *missing.entry(id).or_insert_with(|| {
                    absent.push((id, node));
                    absent.len() - 1
                });
                let first = &mut absent[index].1;
                if message.stored < messages[*first].stored {
                    *first = node;
                }
                Some(messages.len() + index)
            }
            (None, None) => None,
        };
        nodes.push(Node { what: What::Stored(message), parent, first: None });
    }
    nodes.extend(absent.iter().map(|(id, first)| Node { what: What::Missing(id), parent: None, first: Some(*first) }));
    let parents = nodes.iter().map(|node| node.parent).collect();
    (nodes, parents)
}

/// Lets one of those that follow from each other stand without a cause: whoever publishes may write what they like.
fn cut_circles(nodes: &mut [Node<'_>], parents: &[Option<usize>]) {
    // 0: not seen, 1: on the way that is being followed, 2: leads to one without a cause.
    let mut marks = vec![0u8; nodes.len()];
    for start in 0..nodes.len() {
        let (mut way, mut next) = (Vec::new(), Some(start));
        while let Some(node) = next.filter(|node| marks[*node] == 0) {
            marks[node] = 1;
            way.push(node);
            next = parents[node];
        }
        if let Some(node) = next.filter(|node| marks[*node] == 1) {
            nodes[node].parent = None;
        }
        way.into_iter().for_each(|node| marks[node] = 2);
    }
}

/// Reads `STREAM:SEQUENCE`.
fn place(text: &str) -> Option<(&str, u64)> {
    let (stream, sequence) = text.rsplit_once(':')?;
    Some((stream, sequence.parse().ok()?))
}
