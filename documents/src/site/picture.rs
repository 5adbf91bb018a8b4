//! Pictures of the flow whose boxes and types lead to their pages.

use std::f64::consts::TAU;

use eventsmith_operations::flow::{Edge, Flow, NodeKind};
use serde_json::{Value, json};

/// More services than these make no picture that anybody reads.
const MOST: usize = 60;
/// Sizes of boxes, of what stands beside them, and of lines of text.
const BOX: (f64, f64) = (190.0, 40.0);
const BESIDE: f64 = 250.0;
const LINE: f64 = 18.0;
const GAP: f64 = 14.0;

/// Where names lead: of a service or what else stands in a box, and of a type.
pub(super) struct Links<'a> {
    pub(super) node: &'a dyn Fn(&str, NodeKind) -> Option<String>,
    pub(super) item: &'a dyn Fn(&str) -> Option<String>,
}

/// One thing in the midst, what leads to it on the left, and where it leads on the right; as data for the template. `None` where nothing
/// leads anywhere.
pub(super) fn around(flow: &Flow, focus: usize, links: &Links<'_>) -> Option<Value> {
    if flow.edges.is_empty() {
        return None;
    }
    let (mut boxes, mut arrows, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    let left: Vec<_> = flow.edges.iter().filter(|edge| edge.to == focus && edge.from != focus).collect();
    let right: Vec<_> = flow.edges.iter().filter(|edge| edge.from == focus).collect();
    let height_of = |edges: &[&Edge]| -> f64 { edges.iter().map(|edge| row(edge)).sum::<f64>() };
    let height = height_of(&left).max(height_of(&right)).max(BOX.1 + GAP);
    let has_left = !left.is_empty();
    let middle = if has_left { BOX.0 + BESIDE } else { 0.0 } + 2.0;
    for (edges, is_left) in [(&left, true), (&right, false)] {
        let mut top = (height - height_of(edges)) / 2.0;
        for edge in edges {
            let row = row(edge);
            let center = top + row / 2.0;
            let node = flow.nodes.get(if is_left { edge.from } else { edge.to });
            let x = if is_left { 2.0 } else { middle + BOX.0 + BESIDE };
            let (from, to) = if is_left { (x + BOX.0, middle) } else { (middle + BOX.0, x) };
            let lines: Vec<&str> = edge.items.iter().map(|item| item.name.as_str()).collect();
            let path = format!("M{from:.0} {center:.0}L{:.0} {center:.0}", to - 2.0);
            // Where one type flows the arrow is it; else its types lead to their pages, and the arrow to whoever is at its other end.
            let of_item = lines.first().filter(|_| lines.len() == 1).and_then(|name| (links.item)(name));
            let href = of_item.or_else(|| node.and_then(|node| (links.node)(&node.name, node.kind)));
            arrows.push(json!({"path": path, "is_request": edge.is_request, "title": lines.join(", "), "href": href}));
            for (at, name) in lines.iter().enumerate() {
                // Half of the lines above the arrow, half of them below.
                let above = lines.len().div_ceil(2);
                let y = match at < above {
                    true => center - 6.0 - LINE * (above - 1 - at) as f64,
                    false => center + LINE * (at - above + 1) as f64 - 2.0,
                };
                texts.push(
                    json!({"x": round((from + to) / 2.0), "y": round(y), "text": name, "href": (links.item)(name)}),
                );
            }
            if let Some(node) = node {
                boxes.push(boxed(&node.name, node.kind, (x, center - BOX.1 / 2.0), BOX.1, links));
            }
            top += row;
        }
    }
    let node = flow.nodes.get(focus)?;
    boxes.push(boxed(&node.name, NodeKind::Focus, (middle, 2.0), height - 4.0, links));
    let width = middle + BOX.0 + if right.is_empty() { 2.0 } else { BESIDE + BOX.0 + 2.0 };
    Some(
        json!({"title": flow.title, "width": round(width), "height": round(height), "boxes": boxes, "arrows": arrows, "texts": texts}),
    )
}

/// All services in a ring; as data for the template. `None` where there are none, or too many to be seen.
pub(super) fn ring(flow: &Flow, links: &Links<'_>) -> Option<Value> {
    let count = flow.nodes.len();
    if count == 0 || count > MOST || flow.edges.is_empty() {
        return None;
    }
    let radius = (count as f64 * 34.0).max(170.0);
    let center = (radius + BOX.0 / 2.0 + 10.0, radius + BOX.1 + 10.0);
    let place = |at: usize| {
        let angle = TAU * at as f64 / count as f64 - TAU / 4.0;
        (center.0 + radius * angle.cos(), center.1 + radius * angle.sin())
    };
    let boxes = flow.nodes.iter().enumerate().map(|(at, node)| {
        let (x, y) = place(at);
        boxed(&node.name, node.kind, (x - BOX.0 / 2.0, y - BOX.1 / 2.0), BOX.1, links)
    });
    let edges = flow.edges.iter().enumerate().filter(|(_, edge)| edge.from != edge.to);
    let arrows = edges.map(|(at, edge)| {
        let (from, to) = (place(edge.from), place(edge.to));
        // Each way and kind bends to a side of its own.
        let bend = if edge.is_request { 0.16 } else { 0.08 };
        let (along, across) = ((to.0 - from.0, to.1 - from.1), (-(to.1 - from.1), to.0 - from.0));
        let by = (from.0 + along.0 / 2.0 + across.0 * bend, from.1 + along.1 / 2.0 + across.1 * bend);
        let (from, to) = (border(from, by), border(to, by));
        let names: Vec<&str> = edge.items.iter().map(|item| item.name.as_str()).collect();
        let ends = [edge.from, edge.to].map(|at| flow.nodes.get(at).map_or("", |node| node.name.as_str()));
        let path = format!("M{:.0} {:.0}Q{:.0} {:.0} {:.0} {:.0}", from.0, from.1, by.0, by.1, to.0, to.1);
        let title = format!("{} to {}: {}", ends[0], ends[1], names.join(", "));
        json!({"path": path, "is_request": edge.is_request, "title": title, "href": format!("#{}", edge_id(at))})
    });
    let (width, height) = (center.0 * 2.0, center.1 * 2.0);
    let (boxes, arrows): (Vec<Value>, Vec<Value>) = (boxes.collect(), arrows.collect());
    Some(
        json!({"title": flow.title, "width": round(width), "height": round(height), "boxes": boxes, "arrows": arrows, "texts": []}),
    )
}

/// The address of what flows within the list of the first page.
pub(super) fn edge_id(at: usize) -> String {
    format!("flow-{}", at + 1)
}

fn row(edge: &Edge) -> f64 {
    (edge.items.len() as f64 * LINE + 8.0).max(BOX.1) + GAP
}

/// Where a line from the middle of a box leaves it.
fn border(middle: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    let (x, y) = (to.0 - middle.0, to.1 - middle.1);
    let scale = |half: f64, way: f64| if way.abs() < 0.001 { f64::MAX } else { half / way.abs() };
    let part = scale(BOX.0 / 2.0 + 2.0, x).min(scale(BOX.1 / 2.0 + 2.0, y)).min(1.0);
    (middle.0 + x * part, middle.1 + y * part)
}

fn boxed(name: &str, kind: NodeKind, (x, y): (f64, f64), height: f64, links: &Links<'_>) -> Value {
    let class = match kind {
        NodeKind::Focus => "focus",
        NodeKind::Nobody | NodeKind::Unknown => "nobody",
        _ => "other",
    };
    let href = if kind == NodeKind::Focus { None } else { (links.node)(name, kind) };
    json!({
        "x": round(x), "y": round(y), "width": BOX.0, "height": round(height),
        "middle": round(x + BOX.0 / 2.0), "base": round(y + height / 2.0 + 5.0),
        "text": short(name), "name": name, "class": class, "href": href,
    })
}

/// A name that fits into its box.
fn short(name: &str) -> String {
    const FITS: usize = 24;
    match name.chars().count() > FITS {
        true => name.chars().take(FITS - 1).chain(['…']).collect(),
        false => name.to_owned(),
    }
}

fn round(number: f64) -> i64 {
    number.round() as i64
}
