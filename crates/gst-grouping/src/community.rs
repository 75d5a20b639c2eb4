//! Communities of a graph by modularity, and the graph of nearest neighbours they are looked for in.

use std::collections::BTreeMap;

use ndarray::Array2;
use petgraph::graph::{NodeIndex, UnGraph};
use petgraph::visit::EdgeRef;

use crate::{Distances, GroupingError, Kernel, Partition};

/// Neighbours of each dataset in the graph: √D − 1 rounded up, at most this many.
const MOST_NEIGHBOURS: usize = 15;
/// A move must raise modularity by more than this, so that rounding cannot send a dataset back and forth.
const LEAST_GAIN: f64 = 1e-12;
/// Rounds of moves over all datasets; in practice a handful.
const MOST_SWEEPS: usize = 100;

/// Divides datasets into the [`communities`] of their [`neighbour_graph`]; into exactly `groups` if that is given, 1 to D.
///
/// # Errors
/// `ZeroGroups`, `TooManyGroups`, or [`GroupingError::Parameter`] for a kernel out of range.
pub fn community(distances: &Distances, groups: Option<usize>, kernel: Kernel) -> Result<Partition, GroupingError> {
    distances.canonically(|arranged| communities(&neighbour_graph(arranged, kernel)?, groups))
}

/// The graph of datasets in which each is joined to its most similar others (√D − 1 rounded up, 1 to 15), the edges weighing
/// their similarity by `kernel`. Node n is dataset n.
///
/// # Errors
/// [`GroupingError::Parameter`] for a kernel out of range.
pub fn neighbour_graph(distances: &Distances, kernel: Kernel) -> Result<UnGraph<usize, f64>, GroupingError> {
    let similarities = kernel.similarities(distances)?;
    let datasets = distances.len();
    let neighbours = ((datasets as f64).sqrt().ceil() as usize).saturating_sub(1).clamp(1, MOST_NEIGHBOURS);
    let mut joined: Array2<bool> = Array2::from_elem((datasets, datasets), false);
    for i in 0..datasets {
        let mut others: Vec<usize> = (0..datasets).filter(|j| *j != i).collect();
        others.sort_by(|&a, &b| similarities[(i, b)].total_cmp(&similarities[(i, a)]));
        for &j in others.iter().take(neighbours) {
            joined[(i.min(j), i.max(j))] = true;
        }
    }
    let mut graph = UnGraph::with_capacity(datasets, datasets * neighbours);
    let nodes: Vec<NodeIndex> = (0..datasets).map(|n| graph.add_node(n)).collect();
    for ((i, j), _) in joined.indexed_iter().filter(|(pair, is)| **is && similarities[*pair] > 0.0) {
        graph.add_edge(nodes[i], nodes[j], similarities[(i, j)]);
    }
    Ok(graph)
}

/// Newman's modularity of a division of a weighted graph, −½ to 1: the share of edge weight inside groups beyond what the
/// degrees alone would put there. 0 for a graph without edges. Edge weights must be 0 or more.
///
/// # Errors
/// [`GroupingError::Count`] when the partition does not have one label for each node.
pub fn modularity<N>(graph: &UnGraph<N, f64>, partition: &Partition) -> Result<f64, GroupingError> {
    if partition.len() != graph.node_count() {
        return Err(GroupingError::Count {
            what: "labels in the partition",
            found: partition.len(),
            expected: graph.node_count(),
        });
    }
    let state = State::new(graph, partition.labels().to_vec());
    Ok(state.modularity())
}

/// Divides the nodes of a weighted graph into the communities of greatest modularity that greedy merging (Clauset, Newman
/// and Moore 2004) followed by moves of single nodes finds; into exactly `groups` communities if that is given.
///
/// The graph of equal weights everywhere has communities too: modularity always finds some. Whether they mean anything is for
/// a [`structure_test`](crate::structure_test) to say.
///
/// # Complexity
/// O(D · edges).
///
/// # Errors
/// `ZeroGroups` or `TooManyGroups`.
///
/// ```
/// # fn main() -> Result<(), gst_grouping::GroupingError> {
/// let graph = petgraph::graph::UnGraph::<(), f64>::from_edges([(0, 1, 1.0), (1, 2, 0.1), (2, 3, 1.0)]);
/// let communities = gst_grouping::communities(&graph, None)?;
/// assert_eq!(communities.labels(), [0, 0, 1, 1]);
/// # Ok(()) }
/// ```
pub fn communities<N>(graph: &UnGraph<N, f64>, groups: Option<usize>) -> Result<Partition, GroupingError> {
    let datasets = graph.node_count();
    match groups {
        Some(0) => return Err(GroupingError::ZeroGroups { datasets }),
        Some(groups) if groups > datasets => return Err(GroupingError::TooManyGroups { groups, datasets }),
        _ => {}
    }
    let mut state = State::new(graph, (0..datasets).collect());
    let merged = merge(&state, groups);
    state.relabel(merged.labels().to_vec());
    state.improve(groups.is_some());
    Ok(Partition::from_labels(&state.labels))
}

/// A division under way. Weights are shares of twice the graph's total, so that all degrees sum to 1.
struct State {
    neighbours: Vec<Vec<(usize, f64)>>,
    degrees: Vec<f64>,
    labels: Vec<usize>,
    totals: Vec<f64>,
    sizes: Vec<usize>,
}

impl State {
    fn new<N>(graph: &UnGraph<N, f64>, labels: Vec<usize>) -> Self {
        let total: f64 = graph.edge_weights().sum();
        let unit = if total > 0.0 { 1.0 / (2.0 * total) } else { 0.0 };
        let mut neighbours = vec![Vec::new(); graph.node_count()];
        let mut degrees = vec![0.0; graph.node_count()];
        for edge in graph.edge_references() {
            let (a, b, share) = (edge.source().index(), edge.target().index(), *edge.weight() * unit);
            for (from, to) in [(a, b), (b, a)] {
                degrees[from] += share;
                neighbours[from].push((to, share));
            }
        }
        let mut state = Self { neighbours, degrees, labels: Vec::new(), totals: Vec::new(), sizes: Vec::new() };
        state.relabel(labels);
        state
    }

    fn relabel(&mut self, labels: Vec<usize>) {
        let groups = labels.iter().max().map_or(0, |m| m + 1);
        self.totals = vec![0.0; groups];
        self.sizes = vec![0; groups];
        for (node, &label) in labels.iter().enumerate() {
            self.totals[label] += self.degrees[node];
            self.sizes[label] += 1;
        }
        self.labels = labels;
    }

    fn modularity(&self) -> f64 {
        let inside = |node: usize| self.neighbours[node].iter().filter(move |(to, _)| self.labels[*to] == self.labels[node]);
        let inside: f64 = (0..self.labels.len()).flat_map(|node| inside(node).map(|(_, share)| share)).sum();
        inside - self.totals.iter().map(|t| t * t).sum::<f64>()
    }

    /// Moves nodes to the community that gains most by them, until none gains. With `keep` no community is emptied.
    fn improve(&mut self, keep: bool) {
        for _ in 0..MOST_SWEEPS {
            let mut moved = false;
            for node in 0..self.labels.len() {
                moved |= self.move_node(node, keep);
            }
            if !moved {
                break;
            }
        }
    }

    fn move_node(&mut self, node: usize, keep: bool) -> bool {
        let here = self.labels[node];
        if keep && self.sizes[here] == 1 {
            return false;
        }
        let mut links: BTreeMap<usize, f64> = BTreeMap::new();
        for (to, share) in &self.neighbours[node] {
            if *to != node {
                *links.entry(self.labels[*to]).or_default() += share;
            }
        }
        let degree = self.degrees[node];
        let worth = |label: usize, total: f64| 2.0 * (links.get(&label).copied().unwrap_or(0.0) - degree * total);
        let stay = worth(here, self.totals[here] - degree);
        let best = links
            .keys()
            .filter(|label| **label != here)
            .map(|&label| (label, worth(label, self.totals[label]) - stay))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((there, gain)) if gain > LEAST_GAIN => {
                self.labels[node] = there;
                self.totals[here] -= degree;
                self.totals[there] += degree;
                self.sizes[here] -= 1;
                self.sizes[there] += 1;
                true
            }
            _ => false,
        }
    }
}

/// Merges communities, always the pair that raises modularity most (or lowers it least), down to `groups` or to the best level.
fn merge(state: &State, groups: Option<usize>) -> Partition {
    let datasets = state.labels.len();
    let mut totals = state.degrees.clone();
    let mut links: Vec<BTreeMap<usize, f64>> = vec![BTreeMap::new(); datasets];
    for (node, neighbours) in state.neighbours.iter().enumerate() {
        for (to, share) in neighbours.iter().filter(|(to, _)| *to != node) {
            *links[node].entry(*to).or_default() += share;
        }
    }
    let mut labels: Vec<usize> = (0..datasets).collect();
    let mut alive: Vec<usize> = labels.clone();
    let mut gain_so_far = 0.0;
    let mut best = (0.0, labels.clone());
    while alive.len() > groups.unwrap_or(1) {
        let Some((a, b, gain)) = best_merge(&alive, &links, &totals) else { break };
        let moved = std::mem::take(&mut links[b]);
        for (to, share) in moved {
            links[to].remove(&b);
            if to != a {
                *links[a].entry(to).or_default() += share;
                *links[to].entry(a).or_default() += share;
            }
        }
        totals[a] += totals[b];
        alive.retain(|c| *c != b);
        labels.iter_mut().filter(|l| **l == b).for_each(|l| *l = a);
        gain_so_far += gain;
        if groups.is_some() || gain_so_far > best.0 + LEAST_GAIN {
            best = (gain_so_far, labels.clone());
        } else if gain < 0.0 {
            // Once the best merge loses, every later one does.
            break;
        }
    }
    Partition::from_labels(&best.1)
}

/// The pair of communities whose union gains most: among those with an edge between them, and the two of least degree.
fn best_merge(alive: &[usize], links: &[BTreeMap<usize, f64>], totals: &[f64]) -> Option<(usize, usize, f64)> {
    let mut smallest = alive.to_vec();
    smallest.sort_by(|&a, &b| totals[a].total_cmp(&totals[b]));
    let (&first, &second) = (smallest.first()?, smallest.get(1)?);
    let gain = |a: usize, b: usize| 2.0 * (links[a].get(&b).copied().unwrap_or(0.0) - totals[a] * totals[b]);
    let mut best = (first.min(second), first.max(second), gain(first, second));
    for &a in alive {
        for (&b, _) in links[a].range(a + 1..) {
            let candidate = gain(a, b);
            if candidate > best.2 {
                best = (a, b, candidate);
            }
        }
    }
    Some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_triangles() -> UnGraph<(), f64> {
        UnGraph::from_edges([(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0), (3, 4, 1.0), (4, 5, 1.0), (3, 5, 1.0), (2, 3, 1.0)])
    }

    #[test]
    fn modularity_of_two_triangles() {
        // Six of seven edges inside, each half of the degrees: 6/7 - 2/4.
        let found = modularity(&two_triangles(), &Partition::from_labels(&[0, 0, 0, 1, 1, 1])).unwrap();
        assert!((found - 5.0 / 14.0).abs() < 1e-12, "{found}");
        assert!(modularity(&two_triangles(), &Partition::single(6)).unwrap().abs() < 1e-12);
        assert!(modularity(&two_triangles(), &Partition::single(5)).is_err());
    }

    #[test]
    fn communities_with_and_without_a_number() {
        let graph = two_triangles();
        assert_eq!(communities(&graph, None).unwrap().labels(), [0, 0, 0, 1, 1, 1]);
        for groups in 1..=6 {
            assert_eq!(communities(&graph, Some(groups)).unwrap().count(), groups);
        }
        assert!(communities(&graph, Some(7)).is_err() && communities(&graph, Some(0)).is_err());
    }

    #[test]
    fn a_graph_without_edges_falls_apart() {
        let mut graph = UnGraph::<(), f64>::new_undirected();
        (0..3).for_each(|_| {
            graph.add_node(());
        });
        assert_eq!(communities(&graph, None).unwrap().count(), 3);
        assert_eq!(communities(&graph, Some(2)).unwrap().count(), 2);
    }
}
