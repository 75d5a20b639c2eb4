//! What helps others first: the topological order of a graph of directed gains.

use gst_affinity::{Affinity, Metric};
use ndarray::Array2;
use petgraph::algo::has_path_connecting;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::{Ordered, Sources};
use crate::GroupingError;

/// A directed gain between two groups that stands out from its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prerequisite {
    /// Comes first.
    pub before: usize,
    /// Is helped by it.
    pub after: usize,
    /// gain(before → after) − gain(after → before), above 0.
    pub excess: f64,
    /// Half the width of its interval, below `excess`.
    pub margin: f64,
}

/// An order of groups, and the prerequisites it follows and had to leave out.
#[derive(Debug, Clone, PartialEq)]
pub struct PrerequisiteOrder {
    /// All groups, in order.
    pub sequence: Vec<usize>,
    /// The prerequisites that the order keeps.
    pub kept: Vec<Prerequisite>,
    /// Those that would close a circle with stronger ones.
    pub dropped: Vec<Prerequisite>,
}

/// Orders K groups so that a comes before b wherever training on a helps b more than the reverse, beyond the margin.
///
/// Entry (a, b) of `gains`, `[K, K]`, is what training on a does for b (positive helps); entry (a, b) of `margins` is half the
/// width of the interval of gain(a, b) − gain(b, a). Prerequisites enter a petgraph graph from the strongest excess down; one
/// that would close a circle is dropped. Where the graph leaves a choice the group with the larger net gain over all others comes first, then
/// the one with the smaller number.
///
/// # Errors
/// [`GroupingError`] `Shape`, or `NotFinite` naming the pair.
///
/// ```
/// # fn main() -> Result<(), gst_grouping::GroupingError> {
/// use ndarray::array;
/// let gains = array![[0.0, 0.0, 0.1], [0.5, 0.0, 0.0], [0.1, 0.4, 0.0]];
/// let order = gst_grouping::prerequisite_order(&gains, &ndarray::Array2::from_elem((3, 3), 0.2))?;
/// assert_eq!(order.sequence, [2, 1, 0]);
/// # Ok(()) }
/// ```
pub fn prerequisite_order(gains: &Array2<f64>, margins: &Array2<f64>) -> Result<PrerequisiteOrder, GroupingError> {
    let groups = gains.nrows();
    let matrices = [("the matrix of gains", "the directed gain", gains), ("the matrix of margins", "the margin", margins)];
    for (what, entry, matrix) in matrices {
        let (rows, columns) = matrix.dim();
        if (rows, columns) != (groups, groups) {
            return Err(GroupingError::Shape { what, rows, columns, expected: groups });
        }
        if let Some(((i, j), &value)) = matrix.indexed_iter().find(|((i, j), x)| i != j && !x.is_finite()) {
            return Err(GroupingError::NotFinite { what: entry, first: format!("#{i}"), second: format!("#{j}"), value });
        }
    }
    let mut found = Vec::new();
    for before in 0..groups {
        for after in (0..groups).filter(|b| *b != before) {
            let (excess, margin) = (gains[(before, after)] - gains[(after, before)], margins[(before, after)].abs());
            if excess > margin && excess > 0.0 {
                found.push(Prerequisite { before, after, excess, margin });
            }
        }
    }
    found.sort_by(|a, b| b.excess.total_cmp(&a.excess).then((a.before, a.after).cmp(&(b.before, b.after))));
    let mut graph = DiGraph::<(), Prerequisite>::with_capacity(groups, found.len());
    (0..groups).for_each(|_| {
        graph.add_node(());
    });
    let mut dropped = Vec::new();
    for edge in found {
        let (from, to) = (NodeIndex::new(edge.before), NodeIndex::new(edge.after));
        if has_path_connecting(&graph, to, from, None) {
            dropped.push(edge);
        } else {
            graph.add_edge(from, to, edge);
        }
    }
    let net = |a: usize| (0..groups).filter(|b| *b != a).map(|b| gains[(a, b)] - gains[(b, a)]).sum::<f64>();
    let nets: Vec<f64> = (0..groups).map(net).collect();
    let sequence = topological(&graph, &nets);
    let kept = graph.edge_weights().copied().collect();
    Ok(PrerequisiteOrder { sequence, kept, dropped })
}

/// Kahn's algorithm; petgraph's `toposort` would leave the choice among free groups to chance of insertion.
fn topological(graph: &DiGraph<(), Prerequisite>, nets: &[f64]) -> Vec<usize> {
    let mut waiting: Vec<usize> = vec![0; nets.len()];
    for edge in graph.edge_references() {
        waiting[edge.target().index()] += 1;
    }
    let mut left: Vec<usize> = (0..nets.len()).collect();
    let mut sequence = Vec::with_capacity(nets.len());
    while let Some(next) =
        left.iter().copied().filter(|&n| waiting[n] == 0).max_by(|&a, &b| nets[a].total_cmp(&nets[b]).then(b.cmp(&a)))
    {
        left.retain(|&n| n != next);
        sequence.push(next);
        for after in graph.neighbors(NodeIndex::new(next)) {
            waiting[after.index()] -= 1;
        }
    }
    sequence
}

/// The directed table that prerequisites are read from: the one that the verdict rests on, else the measured transfer, else the one-step
/// lookahead, and one that was measured more than once before one that was not, which has no intervals.
fn directed_metric(affinity: &Affinity) -> Option<Metric> {
    let gains = [Metric::Transferability, Metric::Lookahead];
    let shown = affinity.prerequisites().map(|found| found.metric).filter(|metric| gains.contains(metric));
    if shown.is_some() {
        return shown;
    }
    let repeated = |metric: &Metric| affinity.dependence(*metric).is_some_and(|dependence| dependence.repeats > 1);
    gains.into_iter().find(repeated).or_else(|| gains.into_iter().find(|metric| affinity.table(*metric).is_some()))
}

/// The names of the tables there are, for messages.
pub(super) fn tables(affinity: &Affinity) -> String {
    let names: Vec<&str> = affinity.tables.keys().map(|m| m.name()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Orders groups by the directed table of the affinity.
pub(super) fn arrange(sources: &Sources<'_>) -> Result<Ordered, GroupingError> {
    let affinity = sources.affinity;
    let table = directed_metric(affinity).and_then(|metric| Some((metric, affinity.table(metric)?)));
    let Some((metric, table)) = table else {
        return Err(GroupingError::MissingTable {
            order: "prerequisite",
            needed: "a table of directed gains (`lookahead` or `transferability`)",
            found: tables(affinity),
            remedy: "run the probe with the metric `lookahead`, or order by `slow-first`",
        });
    };
    let datasets = affinity.datasets.len();
    let pairs = || (0..datasets).flat_map(|i| (0..datasets).map(move |j| (i, j))).filter(|(i, j)| i != j);
    if pairs().any(|(i, j)| table.get(i, j).is_some() && table.interval(i, j).is_none()) {
        return Err(GroupingError::MissingTable {
            order: "prerequisite",
            needed: "intervals of the directed gains",
            found: format!("`{metric}` without them"),
            remedy: "let the probe measure it at least twice, or order by `slow-first`",
        });
    }
    let base = sources.by_name();
    let arranged = |m: Array2<f64>| Array2::from_shape_fn(m.dim(), |(a, b)| m[(base[a], base[b])]);
    let gains = arranged(sources.between(|share, i, j| share * table.get(i, j).unwrap_or(0.0)));
    let half = |i: usize, j: usize| table.interval(i, j).map_or(0.0, |(low, high)| (high - low) / 2.0);
    let variances = arranged(sources.between_groups(|from, to| squared_half_width(from, to, half)));
    let margins = (&variances + &variances.t()).mapv(f64::sqrt);
    let order = prerequisite_order(&gains, &margins)?;
    let pairs = order.sequence.len() * order.sequence.len().saturating_sub(1) / 2;
    let (kept, dropped) = (order.kept.len(), order.dropped.len());
    let mut note =
        format!("Order `prerequisite` from `{metric}`: {kept} of {pairs} pairs of groups have a direction beyond its interval");
    if let Some(strongest) = order.kept.first() {
        note += &format!(", the strongest {:.4} ± {:.4}", strongest.excess, strongest.margin);
    }
    if dropped > 0 {
        note += &format!("; {dropped} more would close a circle and were left out");
    }
    note += ".";
    if kept == 0 {
        note += " No group is a prerequisite of another: the order follows net gains, which are noise so far.";
    }
    Ok(Ordered { sequence: order.sequence.into_iter().map(|p| base[p]).collect(), scores: Vec::new(), note })
}

/// The squared half width of the mean gain of one group's training for another, from those of its entries. Entries (i, j) and (i, k) share the
/// training on i, entries (i, k) and (j, k) the records that k is judged by: what is shared adds up as it is and the rest as standard errors do, and
/// of the two ways to share the worse is taken.
fn squared_half_width(from: &[(usize, f64)], to: &[(usize, f64)], half: impl Fn(usize, usize) -> f64) -> f64 {
    let trained: f64 = from.iter().map(|(i, x)| (x * to.iter().map(|(j, y)| y * half(*i, *j)).sum::<f64>()).powi(2)).sum();
    let judged: f64 = to.iter().map(|(j, y)| (y * from.iter().map(|(i, x)| x * half(*i, *j)).sum::<f64>()).powi(2)).sum();
    trained.max(judged)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_staircase_is_climbed() {
        // n helps n + 1 and nothing else.
        let gains = Array2::from_shape_fn((5, 5), |(a, b)| if b == a + 1 { 1.0 } else { 0.0 });
        let shuffled = [3, 0, 4, 1, 2];
        let seen = Array2::from_shape_fn((5, 5), |(a, b)| gains[(shuffled[a], shuffled[b])]);
        let order = prerequisite_order(&seen, &Array2::from_elem((5, 5), 0.5)).unwrap();
        assert_eq!(order.sequence.iter().map(|&n| shuffled[n]).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!((order.kept.len(), order.dropped.len()), (4, 0));
    }

    #[test]
    fn the_weakest_link_of_a_circle_goes() {
        let gains = array![[0.0, 3.0, 0.0], [0.0, 0.0, 2.0], [1.0, 0.0, 0.0]];
        let order = prerequisite_order(&gains, &Array2::zeros((3, 3))).unwrap();
        assert_eq!(order.sequence, [0, 1, 2]);
        assert_eq!((order.dropped[0].before, order.dropped[0].after), (2, 0));
    }

    #[test]
    fn what_entries_share_does_not_cancel() {
        let pair = [(0, 0.5), (1, 0.5)];
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
        // Two trained, judged by one: the one's noise is in both.
        near(squared_half_width(&pair, &[(2, 1.0)], |_, _| 0.4), 0.16);
        near(squared_half_width(&[(2, 1.0)], &pair, |_, _| 0.4), 0.16);
        // Two by two: 0.4 over √2, not over 2.
        near(squared_half_width(&pair, &[(2, 0.5), (3, 0.5)], |_, _| 0.4), 0.08);
        // All the noise is one training's.
        near(squared_half_width(&pair, &[(2, 0.5), (3, 0.5)], |i, _| if i == 0 { 0.4 } else { 0.0 }), 0.04);
    }

    #[test]
    fn inside_the_margin_nothing_is_a_prerequisite() {
        let gains = array![[0.0, 0.3], [0.0, 0.0]];
        let order = prerequisite_order(&gains, &Array2::from_elem((2, 2), 0.4)).unwrap();
        assert!(order.kept.is_empty());
        assert_eq!(order.sequence, [0, 1]);
        assert!(prerequisite_order(&gains, &Array2::zeros((3, 3))).is_err());
        assert!(prerequisite_order(&array![[0.0, f64::NAN], [0.0, 0.0]], &Array2::zeros((2, 2))).is_err());
    }
}
