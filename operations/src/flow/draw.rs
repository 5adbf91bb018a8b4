//! Pictures as Mermaid and as DOT.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Edge, Flow, Item, Mark, Node, NodeKind};

/// More types than these on one edge stand in lines by their first token.
const SINGLE: usize = 3;
/// How wide a line of types may be, in characters.
const WIDEST: usize = 34;
/// The colors of what one service sends, so that an edge can be followed: dark enough on white.
const COLORS: [&str; 10] =
    ["#1f5fa8", "#b3541e", "#2f7d32", "#8e24aa", "#a8320a", "#00707a", "#6d5c00", "#ad1457", "#4a5ac7", "#5d4037"];
const GREY: &str = "#9e9e9e";
const RED: &str = "#d50000";

impl Flow {
    /// The picture as a flowchart of Mermaid.
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        // Writing to a text does not fail.
        let _ = writeln!(text, "    accTitle: {}", self.title.replace(['\n', ';', '#', '%'], " "));
        for (at, node) in self.nodes.iter().enumerate() {
            let label = mermaid_text(&node_lines(node));
            let (open, close) = match node.kind {
                NodeKind::Service | NodeKind::Focus => ("[", "]"),
                NodeKind::Stream => ("[(", ")]"),
                NodeKind::Saga => ("{{", "}}"),
                NodeKind::Nobody | NodeKind::Unknown => ("([", "])"),
            };
            let _ = writeln!(text, "    n{at}{open}\"{label}\"{close}");
        }
        for Edge { from, to, is_request, items } in &self.edges {
            let label = mermaid_text(&edge_lines(items));
            let (line, arrow) = if *is_request { ("-.", ".->") } else { ("--", "-->") };
            let _ = writeln!(text, "    n{from} {line} \"{label}\" {arrow} n{to}");
        }
        for (class, style, of) in [
            ("focus", "fill:#fff3c4,stroke:#8d6e00,stroke-width:3px", NodeKind::Focus),
            ("nobody", "fill:#fff,stroke:#9e9e9e,stroke-dasharray:4", NodeKind::Nobody),
            ("unknown", "fill:#fff,stroke:#d50000,stroke-dasharray:4", NodeKind::Unknown),
        ] {
            let of_kind = self.nodes.iter().enumerate().filter(|(_, node)| node.kind == of);
            let of_kind: Vec<String> = of_kind.map(|(at, _)| format!("n{at}")).collect();
            if !of_kind.is_empty() {
                let _ = writeln!(text, "    classDef {class} {style}\n    class {} {class}", of_kind.join(","));
            }
        }
        let mut styles: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (at, edge) in self.edges.iter().enumerate() {
            let color = self.color(edge);
            styles.entry(format!("stroke:{color},color:{color}")).or_default().push(at.to_string());
        }
        for (style, edges) in styles {
            let _ = writeln!(text, "    linkStyle {} {style}", edges.join(","));
        }
        text
    }

    /// The picture as a graph of DOT, the language of Graphviz.
    pub fn to_dot(&self) -> String {
        let mut text = String::from("digraph flow {\n");
        let _ =
            writeln!(text, "    label=\"{}\"; labelloc=t; fontname=\"Helvetica\"; fontsize=22;", dot_text(&self.title));
        text.push_str("    rankdir=LR; nodesep=0.4; ranksep=1.0; splines=spline; concentrate=false;\n");
        text.push_str("    node [shape=box style=\"rounded,filled\" fillcolor=\"#eef3fa\" fontname=\"Helvetica\" fontsize=18 margin=\"0.25,0.15\"];\n");
        text.push_str("    edge [fontname=\"Helvetica\" fontsize=12 arrowsize=0.8];\n");
        for (at, node) in self.nodes.iter().enumerate() {
            let lines: Vec<String> = node_lines(node).iter().map(|line| dot_text(line)).collect();
            let style = match node.kind {
                NodeKind::Service => "",
                NodeKind::Focus => " fillcolor=\"#fff3c4\" penwidth=3",
                NodeKind::Stream => " shape=cylinder style=filled",
                NodeKind::Saga => " shape=hexagon style=filled",
                NodeKind::Nobody => " style=\"rounded,dashed\" color=\"#9e9e9e\" fontcolor=\"#616161\"",
                NodeKind::Unknown => " style=\"rounded,dashed\" color=\"#d50000\" fontcolor=\"#d50000\"",
            };
            let _ = writeln!(text, "    n{at} [label=\"{}\"{style}];", lines.join("\\n"));
        }
        for edge in &self.edges {
            let lines: Vec<String> = edge_lines(&edge.items).iter().map(|line| dot_text(line) + "\\l").collect();
            let (color, style) = (self.color(edge), if edge.is_request { " style=dashed" } else { "" });
            let _ = writeln!(
                text,
                "    n{} -> n{} [label=\"{}\" color=\"{color}\" fontcolor=\"{color}\"{style}];",
                edge.from,
                edge.to,
                lines.concat()
            );
        }
        text.push_str("}\n");
        text
    }

    /// Red for what is not declared, grey for what was never seen, else that of the sender.
    fn color(&self, edge: &Edge) -> &'static str {
        let all = |mark| edge.items.iter().all(|item| item.mark == mark);
        if edge.items.iter().any(|item| item.mark == Mark::Undeclared) {
            RED
        } else if all(Mark::NeverSeen) {
            GREY
        } else {
            // Of the other end where there is one in the midst: its own edges would all have one color.
            let focus = self.nodes.get(edge.from).is_some_and(|node| node.kind == NodeKind::Focus);
            COLORS[if focus { edge.to } else { edge.from } % COLORS.len()]
        }
    }
}

fn node_lines(node: &Node) -> Vec<String> {
    [node.name.clone()].into_iter().chain(node.lines.iter().cloned()).collect()
}

/// The types of an edge in lines: each by itself where there are few, otherwise by their first token; apart by what was seen of them.
fn edge_lines(items: &[Item]) -> Vec<String> {
    let mut lines = Vec::new();
    for mark in [Mark::Declared, Mark::Seen, Mark::NeverSeen, Mark::Undeclared] {
        let of_mark: Vec<&Item> = items.iter().filter(|item| item.mark == mark).collect();
        match mark {
            Mark::NeverSeen if !of_mark.is_empty() => lines.push("never seen:".to_owned()),
            Mark::Undeclared if !of_mark.is_empty() => lines.push("not declared:".to_owned()),
            _ => {}
        }
        let has_figures = of_mark.iter().any(|item| item.figure.is_some() || item.dead > 0.0);
        if of_mark.len() <= SINGLE || has_figures {
            lines.extend(of_mark.iter().map(|item| with_figures(item)));
            continue;
        }
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for item in of_mark {
            let (group, name) = item.name.split_once('.').unwrap_or(("", &item.name));
            groups.entry(group).or_default().push(name);
        }
        for (group, names) in groups {
            let mut line = if group.is_empty() { String::new() } else { format!("{group}.") };
            let is_one = names.len() == 1;
            line.push_str(if is_one { "" } else { "{" });
            let last = names.len() - 1;
            for (at, name) in names.into_iter().enumerate() {
                if line.chars().count() + name.chars().count() > WIDEST && at > 0 {
                    lines.push(line.trim_end().to_owned());
                    line = "    ".to_owned();
                }
                line.push_str(name);
                line.push_str(if at < last { ", " } else { "" });
            }
            line.push_str(if is_one { "" } else { "}" });
            lines.push(line);
        }
    }
    lines
}

fn with_figures(item: &Item) -> String {
    let mut text = item.name.clone();
    if let Some(figure) = item.figure {
        let _ = write!(text, " {}", short(figure));
    }
    if item.dead > 0.0 {
        let _ = write!(text, ", {} dead", short(item.dead));
    }
    text
}

/// A number in few characters.
fn short(figure: f64) -> String {
    match figure {
        figure if figure >= 1e6 => format!("{:.1}M", figure / 1e6),
        figure if figure >= 1e4 => format!("{:.0}k", figure / 1e3),
        figure if figure >= 100.0 || figure.fract() == 0.0 => format!("{figure:.0}"),
        figure if figure >= 0.01 => format!("{figure:.2}"),
        figure => format!("{figure:.1e}"),
    }
}

/// Lines within quotes of Mermaid, which has entities of its own, reads HTML, and Markdown between backticks.
fn mermaid_text(lines: &[String]) -> String {
    let escaped = lines.iter().map(|line| {
        let mut text = String::with_capacity(line.len());
        for c in line.chars() {
            match c {
                '"' => text.push_str("#quot;"),
                '#' => text.push_str("#35;"),
                // Two of them begin a directive or a comment, wherever they stand.
                '%' => text.push_str("#37;"),
                '&' => text.push_str("#amp;"),
                '<' => text.push_str("#lt;"),
                '>' => text.push_str("#gt;"),
                '`' => text.push_str("#96;"),
                '\\' => text.push_str("#92;"),
                c if c.is_control() => text.push(' '),
                c => text.push(c),
            }
        }
        text
    });
    escaped.collect::<Vec<_>>().join("<br>")
}

/// A text within quotes of DOT, where a backslash begins an escape.
fn dot_text(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text
}
