//! Which dataset the draws of one segment come from: a fixed, even interleave in closed form.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Debts are kept in units of 2⁻³² draws.
pub(crate) const DEBT_UNIT: i128 = 1 << 32;

/// One fork of the tree: of the draws that reach it, `left_weight` in `weight` go left, evenly spread.
#[derive(Debug, Clone, Copy)]
struct Fork {
    weight: u64,
    left_weight: u64,
    phase: u64,
    left: Branch,
    right: Branch,
}

#[derive(Debug, Clone, Copy)]
enum Branch {
    Fork(u32),
    Leaf(u32),
}

/// An even interleave of weighted datasets with closed-form counts.
///
/// The datasets are the leaves of a Huffman tree over their integer weights. Of the first `j` draws that reach a fork,
/// `⌊(j · left_weight + phase) / weight⌋` go left: the evenly spread ("Bresenham") sequence for two. So the number of draws of a leaf
/// among the first `n` needs one division for each level, no table, and
///
/// * after every full period (`Σ weights` draws) the count of each leaf is exactly its weight times the periods;
/// * anywhere else it is less than 2 from its share (with no debts): each level adds at most half a draw and hands down at most the parent's
///   error times the child's share, and in a Huffman tree two levels at least halve a share;
/// * the mean depth is at most one more than the entropy of the shares, and the depth at most about 1.44 · log₂ of the period.
///
/// The *phase* carries what earlier segments of the run still owe to, or gave too much to, either side, so that many short segments
/// (the steps of a ramp) do not add up their rounding.
#[derive(Debug, Clone)]
pub(crate) struct Interleave {
    period: u64,
    weights: Vec<u64>,
    forks: Vec<Fork>,
    root: Branch,
}

impl Interleave {
    /// `weights` (at least one above 0, sum at most [`crate::MAX_PERIOD`]) and, for each, what the run owes it, in [`DEBT_UNIT`]s.
    pub(crate) fn new(weights: &[u64], debts: &[i128]) -> Self {
        let mut heap = BinaryHeap::new();
        let mut branches = Vec::new();
        for (leaf, &weight) in (0_u32..).zip(weights) {
            if weight > 0 {
                heap.push(Reverse((weight, branches.len())));
                branches.push((Branch::Leaf(leaf), debts.get(leaf as usize).copied().unwrap_or(0)));
            }
        }
        let mut forks: Vec<Fork> = Vec::new();
        while let (Some(Reverse((left_weight, left))), Some(Reverse((right_weight, right)))) = (heap.pop(), heap.pop()) {
            let weight = left_weight + right_weight;
            let debt = branches[left].1 + branches[right].1;
            let excess = branches[left].1 - (i128::from(left_weight) * debt).div_euclid(i128::from(weight));
            let phase = (i128::from(weight) * (DEBT_UNIT / 2 + excess)).div_euclid(DEBT_UNIT).clamp(0, i128::from(weight) - 1);
            // The clamp keeps the phase inside 0..weight, and there are fewer forks than datasets, of which u32 numbers all.
            forks.push(Fork { weight, left_weight, phase: phase as u64, left: branches[left].0, right: branches[right].0 });
            heap.push(Reverse((weight, branches.len())));
            branches.push((Branch::Fork(forks.len() as u32 - 1), debt));
            if heap.len() == 1 {
                break;
            }
        }
        let root = branches.last().map_or(Branch::Leaf(0), |branch| branch.0);
        Self { period: weights.iter().sum::<u64>().max(1), weights: weights.to_vec(), forks, root }
    }

    /// Draw number `n` of the segment: which leaf it belongs to, and how many draws of that leaf came before it.
    pub(crate) fn locate(&self, n: u64) -> (usize, u64) {
        let (periods, mut j) = (n / self.period, n % self.period);
        let mut branch = self.root;
        loop {
            match branch {
                Branch::Leaf(leaf) => {
                    let leaf = leaf as usize;
                    return (leaf, periods * self.weights[leaf] + j);
                }
                Branch::Fork(fork) => {
                    let fork = &self.forks[fork as usize];
                    let before = (j * fork.left_weight + fork.phase) / fork.weight;
                    if (j + 1) * fork.left_weight + fork.phase >= (before + 1) * fork.weight {
                        (branch, j) = (fork.left, before);
                    } else {
                        (branch, j) = (fork.right, j - before);
                    }
                }
            }
        }
    }

    /// How many of the first `n` draws each leaf gets.
    pub(crate) fn counts(&self, n: u64) -> Vec<u64> {
        let (periods, rest) = (n / self.period, n % self.period);
        let mut counts: Vec<u64> = self.weights.iter().map(|weight| weight * periods).collect();
        let mut open = vec![(self.root, rest)];
        while let Some((branch, j)) = open.pop() {
            match branch {
                Branch::Leaf(leaf) => counts[leaf as usize] += j,
                Branch::Fork(fork) => {
                    let fork = &self.forks[fork as usize];
                    let left = (j * fork.left_weight + fork.phase) / fork.weight;
                    open.push((fork.left, left));
                    open.push((fork.right, j - left));
                }
            }
        }
        counts
    }

    /// What is owed to each leaf after `n` draws and given `counts`, on top of `debts`.
    pub(crate) fn owed(&self, n: u64, counts: &[u64], debts: &mut [i128]) {
        for ((debt, &weight), &count) in debts.iter_mut().zip(&self.weights).zip(counts) {
            let share = (i128::from(n) * i128::from(weight) * DEBT_UNIT).div_euclid(i128::from(self.period));
            *debt += share - i128::from(count) * DEBT_UNIT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn interleave(weights: &[u64]) -> Interleave {
        Interleave::new(weights, &vec![0; weights.len()])
    }

    #[test]
    fn one_dataset_takes_every_draw() {
        let only = interleave(&[5]);
        for n in 0..20 {
            assert_eq!(only.locate(n), (0, n));
        }
    }

    #[test]
    fn a_weight_of_zero_is_never_drawn() {
        let some = interleave(&[0, 2, 0, 1]);
        for n in 0..30 {
            assert!(matches!(some.locate(n).0, 1 | 3));
        }
        assert_eq!(some.counts(30), [0, 20, 0, 10]);
    }

    proptest! {
        #[test]
        fn located_draws_agree_with_counts_and_stay_near_their_share(weights in prop::collection::vec(0_u64..50, 1..12), start in 0_u64..500) {
            prop_assume!(weights.iter().sum::<u64>() > 0);
            let tree = interleave(&weights);
            let mut counts = tree.counts(start);
            for n in start..start + 300 {
                let (leaf, rank) = tree.locate(n);
                prop_assert_eq!(rank, counts[leaf]);
                counts[leaf] += 1;
                for (&count, &weight) in counts.iter().zip(&weights) {
                    let share = (n + 1) as f64 * weight as f64 / tree.period as f64;
                    prop_assert!((count as f64 - share).abs() < 2.0);
                }
            }
            prop_assert_eq!(tree.counts(start + 300), counts);
            let full = tree.counts(3 * tree.period);
            prop_assert!(full.iter().zip(&weights).all(|(&count, &weight)| count == 3 * weight));
        }

        /// Many short segments with weights of very different size, datasets coming and going: what is owed stays small.
        #[test]
        fn debts_do_not_pile_up(segments in prop::collection::vec((prop::collection::vec(0_u32..26, 8), 1_u64..70), 1..80)) {
            let mut debts = vec![0_i128; 8];
            for (powers, draws) in segments {
                let weights: Vec<u64> = powers.iter().map(|&power| if power < 6 { 0 } else { 1 << (power - 6) }).collect();
                if weights.iter().all(|&weight| weight == 0) {
                    continue;
                }
                let tree = Interleave::new(&weights, &debts);
                let counts = tree.counts(draws);
                prop_assert_eq!(counts.iter().sum::<u64>(), draws);
                tree.owed(draws, &counts, &mut debts);
                prop_assert!(debts.iter().all(|debt| debt.abs() < 3 * DEBT_UNIT), "{:?}", debts);
            }
        }
    }
}
