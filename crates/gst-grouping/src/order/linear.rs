//! The order with the most pairs the right way round: for commutators.

use gst_affinity::Metric;
use ndarray::Array2;

use super::{Ordered, Sources};
use crate::GroupingError;

/// Up to this many items [`best_linear_order`] is exact.
pub const MAX_EXACT_ORDER: usize = 14;
/// Rounds of moves beyond that.
const MOST_ROUNDS: usize = 100;
/// Share of the larger entry up to which the two halves of an antisymmetric table may disagree.
const SYMMETRY_TOLERANCE: f64 = 1e-6;

/// The order that maximises Σ advantage(a, b) over all a placed before b; `advantages` is `[K, K]` and finite, its diagonal is
/// not used. For the commutator of gradients entry (a, b) is by how much the loss ends lower after a then b than after b then a.
///
/// Exact up to [`MAX_EXACT_ORDER`] items by dynamic programming over sets (O(2^K K²) time), by moving single items beyond.
///
/// # Errors
/// [`GroupingError`] `Shape`, or `NotFinite` naming the pair.
pub fn best_linear_order(advantages: &Array2<f64>) -> Result<Vec<usize>, GroupingError> {
    let (rows, columns) = advantages.dim();
    if rows != columns {
        return Err(GroupingError::Shape { what: "the matrix of advantages", rows, columns, expected: rows });
    }
    if let Some(((i, j), &value)) = advantages.indexed_iter().find(|((i, j), x)| i != j && !x.is_finite()) {
        let (first, second) = (format!("#{i}"), format!("#{j}"));
        return Err(GroupingError::NotFinite { what: "the advantage", first, second, value });
    }
    Ok(if rows <= MAX_EXACT_ORDER { by_sets(advantages) } else { by_moves(advantages) })
}

/// best[set]: the most that an order of `set`, placed before all others, can gain; `last[set]` ends such an order.
fn by_sets(advantages: &Array2<f64>) -> Vec<usize> {
    let items = advantages.nrows();
    let mut best = vec![f64::NEG_INFINITY; 1 << items];
    let mut last = vec![0; 1 << items];
    best[0] = 0.0;
    for set in 0_usize..1 << items {
        for next in (0..items).filter(|p| set & (1 << p) == 0) {
            let before = (0..items).filter(|p| set & (1 << p) != 0);
            let gain: f64 = best[set] + before.map(|p| advantages[(p, next)]).sum::<f64>();
            let reached = set | (1 << next);
            if gain > best[reached] {
                (best[reached], last[reached]) = (gain, next);
            }
        }
    }
    let mut set = (1 << items) - 1;
    let mut order = Vec::with_capacity(items);
    while set != 0 {
        order.push(last[set]);
        set &= !(1 << last[set]);
    }
    order.reverse();
    order
}

fn by_moves(advantages: &Array2<f64>) -> Vec<usize> {
    let items = advantages.nrows();
    let net = |a: usize, b: usize| advantages[(a, b)] - advantages[(b, a)];
    let lead: Vec<f64> = (0..items).map(|a| (0..items).filter(|b| *b != a).map(|b| net(a, b)).sum()).collect();
    let mut order: Vec<usize> = (0..items).collect();
    order.sort_by(|&a, &b| lead[b].total_cmp(&lead[a]));
    for _ in 0..MOST_ROUNDS {
        let mut moved = false;
        for from in 0..items {
            let item = order[from];
            // What it gains to put the item at `to`: it changes sides with everything in between.
            let (mut best, mut gain, mut so_far) = (from, 0.0, 0.0);
            for to in (0..from).rev() {
                so_far += net(item, order[to]);
                if so_far > gain + 1e-12 {
                    (best, gain) = (to, so_far);
                }
            }
            so_far = 0.0;
            for (to, &other) in order.iter().enumerate().skip(from + 1) {
                so_far += net(other, item);
                if so_far > gain + 1e-12 {
                    (best, gain) = (to, so_far);
                }
            }
            if best != from {
                order.remove(from);
                order.insert(best, item);
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    order
}

/// Orders groups by the commutator table of the affinity.
pub(super) fn arrange(sources: &Sources<'_>) -> Result<Ordered, GroupingError> {
    let table = sources.affinity.table(Metric::Commutator).ok_or_else(|| GroupingError::MissingTable {
        order: "commutator",
        needed: "a table of the commutators of gradients",
        found: super::prerequisite::tables(sources.affinity),
        remedy: "run the probe with the metric `commutator`, or order by `size`",
    })?;
    for i in 0..sources.affinity.datasets.len() {
        for j in 0..i {
            if let (Some(forward), Some(backward)) = (table.get(i, j), table.get(j, i))
                && (forward + backward).abs() > SYMMETRY_TOLERANCE * forward.abs().max(backward.abs())
            {
                let (first, second) = (sources.name(i).to_owned(), sources.name(j).to_owned());
                return Err(GroupingError::NotAntisymmetric { first, second, forward, backward });
            }
        }
    }
    let base = sources.by_name();
    // Undetermined pairs speak for neither order.
    let advantages = sources.between(|share, i, j| share * table.get(i, j).unwrap_or(0.0));
    let advantages = Array2::from_shape_fn(advantages.dim(), |(a, b)| advantages[(base[a], base[b])]);
    let order = best_linear_order(&advantages)?;
    let gain: f64 =
        order.iter().enumerate().flat_map(|(n, &a)| order[n + 1..].iter().map(move |&b| (a, b))).map(|p| advantages[p]).sum();
    let most: f64 = (0..order.len()).flat_map(|a| (0..a).map(move |b| (a, b))).map(|p| advantages[p].abs()).sum();
    // What is against the order counts against the gain: all of it is for and against.
    let share = if most > 0.0 { (gain / most + 1.0) / 2.0 } else { 1.0 };
    let note = format!(
        "Order `commutator`: it has {:.0} % of the Lie brackets between groups on its side (100 % means no cycle).",
        100.0 * share
    );
    Ok(Ordered { sequence: order.into_iter().map(|p| base[p]).collect(), scores: Vec::new(), note })
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn gain(order: &[usize], advantages: &Array2<f64>) -> f64 {
        order.iter().enumerate().map(|(n, &a)| order[n + 1..].iter().map(|&b| advantages[(a, b)]).sum::<f64>()).sum()
    }

    fn antisymmetric(items: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
        let half: Array2<f64> = Array2::from_shape_fn((items, items), |_| rng.random_range(-1.0..1.0));
        &half - &half.t()
    }

    #[test]
    fn a_ranking_without_cycles_is_found_exactly_and_by_moves() {
        for items in [1, 2, 6, 14, 15, 40] {
            let place = |n: usize| (n * 7 + 3) % items.max(1);
            // 7 shares no factor with these sizes but 14, where the places repeat and any order of equals will do.
            let advantages = Array2::from_shape_fn((items, items), |(a, b)| place(b) as f64 - place(a) as f64);
            let order = best_linear_order(&advantages).unwrap();
            assert!(order.windows(2).all(|w| place(w[0]) <= place(w[1])), "{items}: {order:?}");
        }
    }

    #[test]
    fn moves_come_near_the_optimum() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..20 {
            let advantages = antisymmetric(9, &mut rng);
            let (best, moved) = (gain(&by_sets(&advantages), &advantages), gain(&by_moves(&advantages), &advantages));
            assert!(moved <= best + 1e-9 && moved >= 0.8 * best, "{moved} {best}");
        }
    }

    #[test]
    fn bad_tables_are_refused() {
        assert!(best_linear_order(&Array2::zeros((1, 2))).is_err());
        assert!(best_linear_order(&Array2::from_elem((2, 2), f64::INFINITY)).is_err());
    }
}
