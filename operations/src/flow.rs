//! Pictures of who publishes, consumes, asks and answers what, and of what was seen of it.

mod draw;
mod observed;

use std::collections::{BTreeMap, BTreeSet};

use crate::landscape::Landscape;
use observed::SOMEBODY;

pub use observed::{Observed, Undeclared};

/// A picture: services and what flows between them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flow {
    /// What it shows, in words.
    pub title: String,
    /// The services, and those whom the catalogue does not have.
    pub nodes: Vec<Node>,
    /// What flows, one for each pair and kind.
    pub edges: Vec<Edge>,
}

/// One end of what flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name, which no other has.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// What stands below its name.
    pub lines: Vec<String>,
}

/// What stands at one end of what flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// A service.
    Service,
    /// The service that the picture is about.
    Focus,
    /// A stream.
    Stream,
    /// A saga.
    Saga,
    /// Nobody: of events that none consumes, and requests that none makes.
    Nobody,
    /// Somebody whom the catalogue does not have.
    Unknown,
}

/// What flows from one to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// The place of its beginning among the nodes.
    pub from: usize,
    /// The place of its end.
    pub to: usize,
    /// Whether it is requests.
    pub is_request: bool,
    /// The types, in order.
    pub items: Vec<Item>,
}

/// One type that flows, and what was seen of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The type.
    pub name: String,
    /// Whether it was seen.
    pub mark: Mark,
    /// How often, or how often in a second where there are two looks.
    pub figure: Option<f64>,
    /// How many dead letters of it the one at the end has.
    pub dead: f64,
}

/// Whether what flows was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Nobody has looked.
    Declared,
    /// It was seen, as declared.
    Seen,
    /// It is declared, and was not seen.
    NeverSeen,
    /// It was seen, and is not declared.
    Undeclared,
}

/// Collects what flows, one edge for each pair.
struct Collected<'a> {
    landscape: &'a Landscape,
    observed: &'a Observed,
    /// By the names of both ends, and whether it is requests.
    edges: BTreeMap<(String, String, bool), BTreeMap<String, Item>>,
}

/// The name of the node for what nobody consumes or asks.
const NOBODY: &str = "nobody";

impl Flow {
    /// Everything that the catalogue declares, and everything that was seen.
    pub fn whole(landscape: &Landscape, observed: &Observed) -> Self {
        let collected = Collected::of(landscape, observed, |_, _| true);
        collected.draw(format!("The flow of {}", landscape.root), None)
    }

    /// What one service publishes, consumes, asks and answers, with the others at the other ends; `None` for one that the catalogue
    /// does not have.
    pub fn of_service(landscape: &Landscape, observed: &Observed, name: &str) -> Option<Self> {
        let service = landscape.service(name)?;
        let mut collected = Collected::of(landscape, observed, |from, to| from == name || to == name);
        let is_missing =
            |types: &[String], is_request: bool, at_end: bool, edges: &BTreeMap<_, BTreeMap<String, Item>>| {
                let is_here = |key: &&(String, String, bool)| {
                    key.2 == is_request && if at_end { key.1 == name } else { key.0 == name }
                };
                let known: BTreeSet<&String> = edges.keys().filter(is_here).flat_map(|key| edges[key].keys()).collect();
                types.iter().filter(|name| !known.contains(name)).cloned().collect::<Vec<String>>()
            };
        for (types, is_request, at_end) in [
            (&service.publishes, false, false),
            (&service.consumes, false, true),
            (&service.asks, true, false),
            (&service.handles, true, true),
        ] {
            for missing in is_missing(types, is_request, at_end, &collected.edges) {
                let (from, to) = if at_end { (NOBODY, name) } else { (name, NOBODY) };
                let item = collected.item(&missing, (from, to, is_request), Some(true));
                collected.add(from, to, is_request, item);
            }
        }
        Some(collected.draw(format!("The flow of {name}"), Some(name)))
    }

    /// What the catalogue knows of a saga: its stream and its state; and, where it was seen, what happened to it. `None` for one that
    /// the catalogue does not have.
    pub fn of_saga(landscape: &Landscape, observed: &Observed, name: &str) -> Option<Self> {
        let saga = landscape.sagas.iter().find(|saga| saga.name == name)?;
        let mut lines = vec![format!("state: {}", saga.state)];
        lines.extend(observed.turns(name).map(|(kind, count)| format!("{kind}: {count}")));
        let mut nodes = vec![
            Node { name: name.to_owned(), kind: NodeKind::Saga, lines },
            Node {
                name: saga.stream.clone(),
                kind: NodeKind::Stream,
                lines: vec![format!("{}.saga.{name}.>", landscape.root)],
            },
        ];
        let item = |name: &str| Item { name: name.to_owned(), mark: Mark::Declared, figure: None, dead: 0.0 };
        let items = ["events", "requests", "time-outs"].map(item).to_vec();
        let mut edges = vec![Edge { from: 0, to: 1, is_request: false, items }];
        // Who runs it, and which versions.
        let mut runners: BTreeMap<&str, Vec<Item>> = BTreeMap::new();
        for (service, version) in &saga.run_by {
            runners.entry(service).or_default().push(item(&format!("runs version {version}")));
        }
        for (service, items) in runners {
            edges.push(Edge { from: nodes.len(), to: 0, is_request: false, items });
            nodes.push(Node { name: service.to_owned(), kind: NodeKind::Service, lines: Vec::new() });
        }
        Some(Self { title: format!("The saga {name}"), nodes, edges })
    }

    /// How many types were seen that are not declared, and how many are declared that were not seen.
    pub fn differences(&self) -> (usize, usize) {
        let items = || self.edges.iter().flat_map(|edge| edge.items.iter());
        let count = |mark| items().filter(|item| item.mark == mark).count();
        (count(Mark::Undeclared), count(Mark::NeverSeen))
    }
}

impl<'a> Collected<'a> {
    fn of(landscape: &'a Landscape, observed: &'a Observed, wanted: impl Fn(&str, &str) -> bool) -> Self {
        let mut collected = Self { landscape, observed, edges: BTreeMap::new() };
        for from in &landscape.services {
            for to in landscape.services.iter().filter(|to| wanted(&from.name, &to.name)) {
                for (own, other, is_request) in
                    [(&from.publishes, &to.consumes, false), (&from.asks, &to.handles, true)]
                {
                    for name in own.iter().filter(|name| other.contains(name)) {
                        let item = collected.item(name, (&from.name, &to.name, is_request), None);
                        collected.add(&from.name, &to.name, is_request, item);
                    }
                }
            }
        }
        for Undeclared { service, event, is_request, is_sender, figure } in observed.undeclared(landscape) {
            let others = landscape.services.iter().filter(|other| {
                let types = match (is_sender, is_request) {
                    (true, false) => &other.consumes,
                    (true, true) => &other.handles,
                    (false, false) => &other.publishes,
                    (false, true) => &other.asks,
                };
                types.contains(&event)
            });
            let mut others: Vec<&str> = others.map(|other| other.name.as_str()).collect();
            if others.is_empty() {
                others.push(if is_sender { NOBODY } else { SOMEBODY });
            }
            for other in others {
                let (from, to) = if is_sender { (&*service, other) } else { (other, &*service) };
                if wanted(from, to) {
                    let item = Item { name: event.clone(), mark: Mark::Undeclared, figure, dead: 0.0 };
                    collected.add(from, to, is_request, item);
                }
            }
        }
        collected
    }

    /// A declared type on its way, and what was seen of it. At an open end only one side can be seen.
    fn item(&self, name: &str, (from, to, is_request): (&str, &str, bool), is_open: Option<bool>) -> Item {
        let (sent, received) =
            (self.observed.sent(from, name, is_request), self.observed.received(to, name, is_request));
        let figure = match is_open {
            Some(_) if to == NOBODY => sent,
            // What two publish, each consumer counts together.
            _ => received.filter(|_| sent != Some(0.0)),
        };
        let mark = match (self.observed.is_empty(), figure.is_some_and(|figure| figure > 0.0)) {
            (true, _) => Mark::Declared,
            (false, true) => Mark::Seen,
            (false, false) => Mark::NeverSeen,
        };
        let dead = if is_request { 0.0 } else { self.observed.dead(to, name) };
        Item { name: name.to_owned(), mark, figure: figure.filter(|_| mark == Mark::Seen), dead }
    }

    fn add(&mut self, from: &str, to: &str, is_request: bool, item: Item) {
        let edge = self.edges.entry((from.to_owned(), to.to_owned(), is_request)).or_default();
        edge.entry(item.name.clone()).or_insert(item);
    }

    fn draw(self, title: String, focus: Option<&str>) -> Flow {
        let is_wanted = |name: &str| {
            focus.is_none_or(|focus| focus == name) || self.edges.keys().any(|(from, to, _)| from == name || to == name)
        };
        let mut names: Vec<&str> = self.landscape.services.iter().map(|service| service.name.as_str()).collect();
        names.retain(|name| is_wanted(name));
        let others: BTreeSet<&str> = self
            .edges
            .keys()
            .flat_map(|(from, to, _)| [from.as_str(), to.as_str()])
            .filter(|name| !names.contains(name))
            .collect();
        names.extend(others);
        let nodes = names.iter().map(|name| Node {
            name: (*name).to_owned(),
            kind: match *name {
                name if Some(name) == focus => NodeKind::Focus,
                name if self.landscape.service(name).is_some() => NodeKind::Service,
                NOBODY => NodeKind::Nobody,
                _ => NodeKind::Unknown,
            },
            lines: Vec::new(),
        });
        let at = |name: &str| names.iter().position(|other| *other == name);
        let edges = self.edges.iter().filter_map(|((from, to, is_request), items)| {
            let items = items.values().cloned().collect();
            Some(Edge { from: at(from)?, to: at(to)?, is_request: *is_request, items })
        });
        Flow { title, nodes: nodes.collect(), edges: edges.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::Service;
    use crate::landscape::tests::shop;
    use crate::prometheus::read;

    fn label<'a>(text: &'a str, of: &str) -> &'a str {
        text.lines().find(|line| line.contains(of)).unwrap_or_default()
    }

    #[test]
    fn a_pair_has_one_arrow_for_events_and_one_for_requests() {
        let flow = Flow::whole(&shop(), &Observed::default());

        let drawn: Vec<(usize, usize, bool, usize)> =
            flow.edges.iter().map(|edge| (edge.from, edge.to, edge.is_request, edge.items.len())).collect();
        assert_eq!(
            drawn,
            [(1, 0, true, 1), (0, 1, false, 4)].map(|(from, to, is_request, count)| (from, to, is_request, count))
        );
        assert!(
            label(&flow.to_mermaid(), "-->").contains("order.{lost, paid, placed, shipped}"),
            "{}",
            flow.to_mermaid()
        );
    }

    #[test]
    fn names_cannot_leave_their_quotes() {
        let odd = "a\"]; click n0 \"x\\\" `**b**` #quot; <img>\n%% c";
        let service = |name: &str, publishes: &[&str], consumes: &[&str]| Service {
            name: name.to_owned(),
            publishes: publishes.iter().map(ToString::to_string).collect(),
            consumes: consumes.iter().map(ToString::to_string).collect(),
            ..Service::default()
        };
        let landscape = Landscape {
            root: odd.to_owned(),
            services: vec![service(odd, &[odd], &[]), service("b", &[], &[odd])],
            ..Landscape::default()
        };

        let flow = Flow::whole(&landscape, &Observed::default());

        let escaped = "a#quot;]; click n0 #quot;x#92;#quot; #96;**b**#96; #35;quot; #lt;img#gt; #37;#37; c";
        assert_eq!(label(&flow.to_mermaid(), "n0["), format!("    n0[\"{escaped}\"]"));
        let dot = flow.to_dot();
        assert!(dot.contains(r#"n0 [label="a\"]; click n0 \"x\\\" `**b**` #quot; <img> %% c"]"#), "{dot}");
        assert_eq!(dot.lines().filter(|line| line.trim_start().starts_with("n0 ")).count(), 2, "{dot}");
    }

    #[test]
    fn what_was_seen_is_told_from_what_was_not_and_what_is_not_declared() {
        let landscape = shop();
        let figures = r#"
messaging_client_consumed_messages_total{messaging_operation_name="process",messaging_consumer_group_name="mail",messaging_destination_template="shop.domain.order.paid"} 3
messaging_client_consumed_messages_total{messaging_operation_name="process",messaging_consumer_group_name="spy",messaging_destination_template="shop.domain.order.paid"} 1
messaging_client_sent_messages_total{messaging_operation_name="publish",messaging_destination_template="shop.domain.other",job="mail"} 9
messaging_client_sent_messages_total{messaging_operation_name="publish",messaging_destination_template="shop.domain.odd"} 9
messaging_client_sent_messages_total{messaging_operation_name="publish",messaging_destination_template="shop.domain.order.lost",error_type="denied"} 9
"#;
        let observed = Observed::of(&landscape, &read(figures).unwrap());

        let flow = Flow::whole(&landscape, &observed);

        let marks: Vec<(&str, &str, &str, Mark)> = flow
            .edges
            .iter()
            .flat_map(|edge| {
                let (from, to) = (flow.nodes[edge.from].name.as_str(), flow.nodes[edge.to].name.as_str());
                edge.items.iter().map(move |item| (from, to, item.name.as_str(), item.mark))
            })
            .collect();
        for wanted in [
            ("orders", "mail", "order.paid", Mark::Seen),
            ("orders", "mail", "order.placed", Mark::NeverSeen),
            ("mail", "orders", "order.place", Mark::NeverSeen),
            ("orders", "spy", "order.paid", Mark::Undeclared),
            ("mail", "nobody", "shop.domain.other", Mark::Undeclared),
            ("somebody", "nobody", "shop.domain.odd", Mark::Undeclared),
        ] {
            assert!(marks.contains(&wanted), "{wanted:?}: {marks:?}");
        }
        assert_eq!(flow.differences(), (3, 4));
    }

    #[test]
    fn two_looks_make_a_rate_even_where_a_process_began_anew() {
        let landscape = shop();
        let line = |count: u64| {
            format!(
                "messaging_client_consumed_messages_total{{messaging_operation_name=\"process\",messaging_consumer_group_name=\"mail\",messaging_destination_template=\"shop.domain.order.paid\"}} {count}\n"
            )
        };
        let rate = |earlier, later| {
            let (earlier, later) = (read(&line(earlier)).unwrap(), read(&line(later)).unwrap());
            let observed = Observed::between(&landscape, &earlier, &later, std::time::Duration::from_secs(10));
            observed.received("mail", "order.paid", false)
        };

        assert_eq!((rate(100, 160), rate(100, 30)), (Some(6.0), Some(3.0)));
        // Two processes with the same labels, one after the other in each file.
        let two = |first, second| read(&(line(first) + &line(second))).unwrap();
        let time = std::time::Duration::from_secs(10);
        let both = Observed::between(&landscape, &two(100, 100), &two(110, 110), time);
        assert_eq!(both.received("mail", "order.paid", false), Some(2.0));
    }

    #[test]
    fn a_saga_is_its_stream_and_what_was_seen_of_it() {
        let figures = "eventsmith_saga_turns_total{eventsmith_saga=\"checkout\",eventsmith_happened=\"started\"} 4\n";
        let observed = Observed::of(&shop(), &read(figures).unwrap());

        let flow = Flow::of_saga(&shop(), &observed, "checkout").unwrap();

        assert_eq!(flow.nodes[0].lines, ["state: checkout.summary", "started: 4"]);
        assert!(flow.to_mermaid().contains("n1[(\"SAGAS<br>shop.saga.checkout.#gt;\")]"), "{}", flow.to_mermaid());
        let runners: Vec<_> = flow.edges[1].items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!((flow.nodes[2].name.as_str(), runners), ("orders", vec!["runs version 1", "runs version 2"]));
        assert!(Flow::of_saga(&shop(), &observed, "other").is_none());
    }
}
