//! Circles in a graph of definitions, each with the definition at which to break it.

use crate::shape::Id;

/// How many definitions are looked at, those that are looked at again included, before circles are found without choosing where.
const MOST_STEPS: usize = 1 << 22;

/// Circles by the first definition of each: with all that lies on one with it, if those before it are taken out.
///
/// Breaking each circle at its first definition leaves none. Where very many definitions refer to each other, so that most of them
/// stay in circles whichever is taken out, a circle is one by the definition that leads back to one before it: `(definition, those
/// it leads back to)`.
pub(super) fn circles(edges: &[Vec<Id>]) -> Vec<(Id, Vec<Id>)> {
    circles_within(edges, MOST_STEPS)
}

fn circles_within(edges: &[Vec<Id>], mut steps: usize) -> Vec<(Id, Vec<Id>)> {
    let (mut found, mut late) = (Vec::new(), Vec::new());
    let mut open: Vec<Vec<Id>> = vec![(0..edges.len()).collect()];
    let mut search = Search::new(edges);
    while let Some(ids) = open.pop() {
        let cost: usize = ids.iter().map(|id| 1 + edges[*id].len()).sum();
        if cost > steps {
            late.extend(ids);
            continue;
        }
        steps -= cost;
        for component in search.components(&ids) {
            let Some(first) = component.iter().copied().min() else { continue };
            if component.len() == 1 && !edges[first].contains(&first) {
                continue;
            }
            open.push(component.iter().copied().filter(|id| *id != first).collect());
            found.push((first, component));
        }
    }
    if !late.is_empty() {
        late.sort_unstable();
        found.extend(backward(edges, &late));
    }
    found
}

/// The definitions that lead to each other, each behind those that it leads to.
pub(super) fn components(edges: &[Vec<Id>]) -> Vec<Vec<Id>> {
    let all: Vec<Id> = (0..edges.len()).collect();
    Search::new(edges).components(&all)
}

/// The definitions among some that lead back to others, from which one search came to them. Without these steps back nothing is a
/// circle.
fn backward(edges: &[Vec<Id>], ids: &[Id]) -> Vec<(Id, Vec<Id>)> {
    let (mut is_part, mut is_entered, mut is_open) =
        (vec![false; edges.len()], vec![false; edges.len()], vec![false; edges.len()]);
    ids.iter().for_each(|id| is_part[*id] = true);
    let mut found = Vec::new();
    for start in ids {
        let mut path: Vec<(Id, usize)> = if is_entered[*start] { Vec::new() } else { vec![(*start, 0)] };
        while let Some((id, next)) = path.pop() {
            if next == 0 {
                (is_entered[id], is_open[id]) = (true, true);
                let back: Vec<Id> = edges[id].iter().copied().filter(|to| is_part[*to] && is_open[*to]).collect();
                if !back.is_empty() {
                    found.push((id, back));
                }
            }
            match edges[id].get(next).copied() {
                Some(to) => {
                    path.push((id, next + 1));
                    if is_part[to] && !is_entered[to] {
                        path.push((to, 0));
                    }
                }
                None => is_open[id] = false,
            }
        }
    }
    found
}

/// Tarjan's search for strongly connected components, without recursion: chains of definitions are long.
struct Search<'a> {
    edges: &'a [Vec<Id>],
    /// Which definitions belong to the part of the graph at hand.
    part: Vec<usize>,
    parts: usize,
    /// When each was entered, and the earliest that it leads back to; 0 before.
    entered: Vec<usize>,
    lowest: Vec<usize>,
    is_open: Vec<bool>,
}

impl<'a> Search<'a> {
    fn new(edges: &'a [Vec<Id>]) -> Self {
        let count = edges.len();
        Self {
            edges,
            part: vec![0; count],
            parts: 0,
            entered: vec![0; count],
            lowest: vec![0; count],
            is_open: vec![false; count],
        }
    }

    /// The components of the part of the graph that some definitions make.
    fn components(&mut self, ids: &[Id]) -> Vec<Vec<Id>> {
        self.parts += 1;
        for id in ids {
            self.part[*id] = self.parts;
            self.entered[*id] = 0;
        }
        let mut found = Vec::new();
        let mut clock = 0;
        let mut open: Vec<Id> = Vec::new();
        for start in ids {
            if self.entered[*start] > 0 {
                continue;
            }
            let mut path: Vec<(Id, usize)> = vec![(*start, 0)];
            while let Some((id, next)) = path.pop() {
                if next == 0 {
                    clock += 1;
                    self.entered[id] = clock;
                    self.lowest[id] = clock;
                    self.is_open[id] = true;
                    open.push(id);
                }
                let Some(to) = self.edges[id].get(next).copied() else {
                    if self.lowest[id] == self.entered[id] {
                        let at = open.iter().rposition(|other| *other == id).unwrap_or_default();
                        let component = open.split_off(at);
                        component.iter().for_each(|id| self.is_open[*id] = false);
                        found.push(component);
                    }
                    if let Some((before, _)) = path.last() {
                        self.lowest[*before] = self.lowest[*before].min(self.lowest[id]);
                    }
                    continue;
                };
                path.push((id, next + 1));
                if self.part[to] != self.parts {
                    continue;
                }
                if self.entered[to] == 0 {
                    path.push((to, 0));
                } else if self.is_open[to] {
                    self.lowest[id] = self.lowest[id].min(self.entered[to]);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(edges: &[&[Id]]) -> Vec<Id> {
        let edges: Vec<Vec<Id>> = edges.iter().map(|edges| edges.to_vec()).collect();
        let mut firsts: Vec<Id> = circles(&edges).into_iter().map(|(first, _)| first).collect();
        firsts.sort_unstable();
        firsts
    }

    #[test]
    fn each_circle_is_found_at_its_first_definition() {
        assert_eq!(firsts(&[&[1], &[2], &[]]), Vec::<Id>::new());
        assert_eq!(firsts(&[&[0]]), [0]);
        assert_eq!(firsts(&[&[1], &[2], &[0]]), [0]);
        assert_eq!(firsts(&[&[1], &[0, 2], &[1]]), [0, 1]);
        assert_eq!(firsts(&[&[1, 2], &[0], &[2, 3], &[]]), [0, 2]);
    }

    /// Whether the definitions that are left have no circle once some steps are taken away.
    fn are_broken(edges: &[Vec<Id>], circles: &[(Id, Vec<Id>)]) -> bool {
        let mut left = edges.to_vec();
        for (id, others) in circles {
            left[*id].retain(|to| !others.contains(to));
        }
        super::circles(&left).is_empty()
    }

    #[test]
    fn circles_are_broken_however_little_time_there_is() {
        let both_ways = |count: usize| -> Vec<Vec<Id>> {
            (0..count)
                .map(|id| [id.checked_sub(1), Some(id + 1)].into_iter().flatten().filter(|id| *id < count).collect())
                .collect()
        };
        let graphs = [
            both_ways(9),
            vec![vec![0]],
            vec![vec![1, 2], vec![0], vec![2, 3], vec![]],
            vec![vec![1], vec![2], vec![0]],
        ];
        for graph in &graphs {
            for steps in 0..40 {
                assert!(are_broken(graph, &circles_within(graph, steps)), "{graph:?} {steps}");
            }
        }
        let long = both_ways(200_000);
        assert!(are_broken(&long, &circles(&long)));
    }

    #[test]
    fn long_chains_and_long_circles_are_no_deep_recursion() {
        const LONG: usize = 100_000;
        let circle: Vec<Vec<Id>> = (0..LONG).map(|id| vec![(id + 1) % LONG]).collect();

        assert_eq!(circles(&circle).len(), 1);
    }
}
