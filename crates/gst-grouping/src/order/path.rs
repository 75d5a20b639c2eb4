//! The shortest way through all groups.

use ndarray::Array2;
use petgraph::algo::min_spanning_tree;
use petgraph::data::FromElements;
use petgraph::graph::{NodeIndex, UnGraph};

use crate::GroupingError;

/// Up to this many points [`shortest_path`] is exact.
pub const MAX_EXACT_PATH: usize = 12;
/// Rounds of improvement beyond that; each is O(K³).
const MOST_ROUNDS: usize = 100;

/// An order of K points in which neighbours are as near as can be: the Hamiltonian path of least total `distances`, `[K, K]`,
/// symmetric and finite, from either end (the one with the smaller first point).
///
/// Exact up to [`MAX_EXACT_PATH`] points (Held and Karp 1962: O(2^K K²) time). Beyond, a walk over petgraph's minimum spanning tree,
/// improved by reversing stretches and moving points until nothing helps.
///
/// # Errors
/// [`GroupingError`] `Shape`, or `NotFinite` naming the pair.
pub fn shortest_path(distances: &Array2<f64>) -> Result<Vec<usize>, GroupingError> {
    let (rows, columns) = distances.dim();
    if rows != columns {
        return Err(GroupingError::Shape { what: "the matrix of distances between groups", rows, columns, expected: rows });
    }
    if let Some(((i, j), &value)) = distances.indexed_iter().find(|(_, d)| !d.is_finite()) {
        let (first, second) = (format!("#{i}"), format!("#{j}"));
        return Err(GroupingError::NotFinite { what: "the distance", first, second, value });
    }
    let mut path = match rows {
        0..=2 => (0..rows).collect(),
        3..=MAX_EXACT_PATH => held_karp(distances),
        _ => improved(tree_walk(distances), distances),
    };
    if path.first() > path.last() {
        path.reverse();
    }
    Ok(path)
}

/// shortest[set][last]: the least length of a path over `set` that ends in `last`.
fn held_karp(distances: &Array2<f64>) -> Vec<usize> {
    let points = distances.nrows();
    let mut shortest = vec![vec![f64::INFINITY; points]; 1 << points];
    let mut previous = vec![vec![points; points]; 1 << points];
    for point in 0..points {
        shortest[1 << point][point] = 0.0;
    }
    for set in 1_usize..1 << points {
        for last in (0..points).filter(|p| set & (1 << p) != 0) {
            let length = shortest[set][last];
            for next in (0..points).filter(|p| set & (1 << p) == 0) {
                let longer = length + distances[(last, next)];
                let reached = set | (1 << next);
                if longer < shortest[reached][next] {
                    shortest[reached][next] = longer;
                    previous[reached][next] = last;
                }
            }
        }
    }
    let mut set = (1 << points) - 1;
    let ends = &shortest[set];
    let mut point = (0..points).min_by(|&a, &b| ends[a].total_cmp(&ends[b])).unwrap_or(0);
    let mut path = Vec::with_capacity(points);
    while point < points {
        path.push(point);
        let before = previous[set][point];
        set &= !(1 << point);
        point = before;
    }
    path
}

/// The points in the order in which a walk over the minimum spanning tree meets them.
fn tree_walk(distances: &Array2<f64>) -> Vec<usize> {
    let points = distances.nrows();
    let mut complete = UnGraph::<(), f64>::with_capacity(points, points * points / 2);
    let nodes: Vec<NodeIndex> = (0..points).map(|_| complete.add_node(())).collect();
    for i in 0..points {
        for j in i + 1..points {
            complete.add_edge(nodes[i], nodes[j], distances[(i, j)]);
        }
    }
    let tree: UnGraph<(), f64> = UnGraph::from_elements(min_spanning_tree(&complete));
    // A leaf to start from, so that the walk is not torn in the middle.
    let start = tree.node_indices().find(|n| tree.neighbors(*n).count() <= 1).unwrap_or_default();
    let mut walk = Vec::with_capacity(points);
    let mut seen = vec![false; points];
    let mut waiting = vec![start.index()];
    while let Some(point) = waiting.pop() {
        if std::mem::replace(&mut seen[point], true) {
            continue;
        }
        walk.push(point);
        let mut next: Vec<usize> = tree.neighbors(NodeIndex::new(point)).map(NodeIndex::index).filter(|p| !seen[*p]).collect();
        // The nearest is popped, and so visited, first.
        next.sort_by(|&a, &b| distances[(point, b)].total_cmp(&distances[(point, a)]));
        waiting.extend(next);
    }
    walk
}

fn improved(mut path: Vec<usize>, distances: &Array2<f64>) -> Vec<usize> {
    for _ in 0..MOST_ROUNDS {
        let reversed = reverse_stretches(&mut path, distances);
        let moved = move_points(&mut path, distances);
        if !reversed && !moved {
            break;
        }
    }
    path
}

/// The distance over a joint of the path; nothing beyond its ends.
fn joint(path: &[usize], distances: &Array2<f64>, a: Option<usize>, b: Option<usize>) -> f64 {
    match (a.and_then(|n| path.get(n)), b.and_then(|n| path.get(n))) {
        (Some(&x), Some(&y)) => distances[(x, y)],
        _ => 0.0,
    }
}

fn reverse_stretches(path: &mut [usize], distances: &Array2<f64>) -> bool {
    let mut any = false;
    for from in 0..path.len() {
        for to in from + 1..path.len() {
            let (before, after) = (from.checked_sub(1), Some(to + 1));
            let old = joint(path, distances, before, Some(from)) + joint(path, distances, Some(to), after);
            let new = joint(path, distances, before, Some(to)) + joint(path, distances, Some(from), after);
            if new < old - 1e-12 * old.abs() {
                path[from..=to].reverse();
                any = true;
            }
        }
    }
    any
}

fn move_points(path: &mut Vec<usize>, distances: &Array2<f64>) -> bool {
    let length = |p: &[usize]| p.windows(2).map(|w| distances[(w[0], w[1])]).sum::<f64>();
    let mut any = false;
    for from in 0..path.len() {
        let now = length(path);
        let mut rest = path.clone();
        let point = rest.remove(from);
        let bare = length(&rest);
        let costs = (0..=rest.len()).map(|to| {
            let apart = joint(&rest, distances, to.checked_sub(1), Some(to));
            let left = to.checked_sub(1).map_or(0.0, |n| distances[(rest[n], point)]);
            let right = rest.get(to).map_or(0.0, |&n| distances[(point, n)]);
            bare - apart + left + right
        });
        let best = costs.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((to, cost)) = best
            && cost < now - 1e-12 * now.abs()
        {
            rest.insert(to, point);
            *path = rest;
            any = true;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use rand::seq::SliceRandom;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn length(path: &[usize], distances: &Array2<f64>) -> f64 {
        path.windows(2).map(|w| distances[(w[0], w[1])]).sum()
    }

    fn plane(points: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
        let at: Vec<(f64, f64)> = (0..points).map(|_| (rng.random(), rng.random())).collect();
        Array2::from_shape_fn((points, points), |(i, j)| (at[i].0 - at[j].0).hypot(at[i].1 - at[j].1))
    }

    fn permutations(points: usize) -> Vec<Vec<usize>> {
        (0..points).fold(vec![vec![]], |paths, _| {
            paths
                .iter()
                .flat_map(|p| (0..points).filter(|n| !p.contains(n)).map(|n| [p.as_slice(), &[n]].concat()).collect::<Vec<_>>())
                .collect()
        })
    }

    #[test]
    fn no_path_is_shorter() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for points in 1..=7 {
            let distances = plane(points, &mut rng);
            let found = length(&shortest_path(&distances).unwrap(), &distances);
            let least = permutations(points).iter().map(|p| length(p, &distances)).fold(f64::INFINITY, f64::min);
            assert!((found - least).abs() < 1e-12, "{points}: {found} {least}");
        }
    }

    #[test]
    fn a_shuffled_line_is_found_again_exactly_and_by_search() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        for points in [2, 5, 12, 13, 40] {
            let mut at: Vec<usize> = (0..points).collect();
            at.shuffle(&mut rng);
            let distances = Array2::from_shape_fn((points, points), |(i, j)| at[i].abs_diff(at[j]) as f64);
            let path = shortest_path(&distances).unwrap();
            assert!((length(&path, &distances) - (points - 1) as f64).abs() < 1e-9, "{points}");
        }
    }

    #[test]
    fn search_comes_near_the_optimum() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..20 {
            let distances = plane(11, &mut rng);
            let (best, searched) = (held_karp(&distances), improved(tree_walk(&distances), &distances));
            assert!(length(&searched, &distances) <= 1.25 * length(&best, &distances));
        }
    }

    #[test]
    fn bad_matrices_are_refused() {
        assert!(shortest_path(&Array2::zeros((2, 3))).is_err());
        assert!(shortest_path(&Array2::from_elem((3, 3), f64::NAN)).is_err());
        assert_eq!(shortest_path(&Array2::zeros((0, 0))).unwrap(), Vec::<usize>::new());
    }
}
