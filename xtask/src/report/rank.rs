//! Agreement of orders and of groups.

use std::collections::BTreeMap;

use super::interval::mean;

/// Spearman's rank correlation, ties by their mean rank; `None` under four pairs or where one side does not vary.
pub(crate) fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 4 {
        return None;
    }
    let (x, y) = (ranks(pairs.iter().map(|pair| pair.0)), ranks(pairs.iter().map(|pair| pair.1)));
    let (mx, my) = (mean(&x)?, mean(&y)?);
    let sum = |f: &dyn Fn(usize) -> f64| (0..pairs.len()).map(f).sum::<f64>();
    let (xy, xx, yy) = (sum(&|i| (x[i] - mx) * (y[i] - my)), sum(&|i| (x[i] - mx).powi(2)), sum(&|i| (y[i] - my).powi(2)));
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

/// The rank of each value from 0; equal values share the mean of theirs.
fn ranks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for tie in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let shared = first as f64 + (tie.len() - 1) as f64 / 2.0;
        tie.iter().for_each(|index| ranks[*index] = shared);
        first += tie.len();
    }
    ranks
}

/// The adjusted Rand index of two groupings (Hubert and Arabie, 1985): 1 where they are the same, 0 on average by chance. 1 where both
/// put all into one group or each alone; `None` where they are not of the same things.
pub(crate) fn adjusted_rand(a: &[usize], b: &[usize]) -> Option<f64> {
    if a.len() != b.len() || a.len() < 2 {
        return None;
    }
    let (mut both, mut rows, mut columns) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (a, b) in a.iter().zip(b) {
        *both.entry((a, b)).or_insert(0_u32) += 1;
        *rows.entry(a).or_insert(0_u32) += 1;
        *columns.entry(b).or_insert(0_u32) += 1;
    }
    let pairs = |count: f64| count * (count - 1.0) / 2.0;
    let together = |counts: &mut dyn Iterator<Item = &u32>| counts.map(|count| pairs(f64::from(*count))).sum::<f64>();
    let (both, rows, columns) = (together(&mut both.values()), together(&mut rows.values()), together(&mut columns.values()));
    let expected = rows * columns / pairs(a.len() as f64);
    let most = (rows + columns) / 2.0;
    Some(if most == expected { 1.0 } else { (both - expected) / (most - expected) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_correlate() {
        let pairs = |values: &[f64]| (0..).map(f64::from).zip(values.iter().copied()).collect::<Vec<_>>();
        assert_eq!(rank_correlation(&pairs(&[1.0, 2.0, 30.0, 400.0])), Some(1.0));
        assert_eq!(rank_correlation(&pairs(&[9.0, 3.0, 2.0, 1.0])), Some(-1.0));
        assert_eq!(rank_correlation(&pairs(&[1.0, 1.0, 1.0, 1.0])), None);
        assert_eq!(rank_correlation(&pairs(&[1.0, 2.0, 3.0])), None);
        // By hand: ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3.
        let rho = rank_correlation(&pairs(&[1.0, 2.0, 2.0, 3.0])).unwrap();
        assert!((rho - 4.5 / (5.0_f64 * 4.5).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn groupings_agree_beyond_chance() {
        assert_eq!(adjusted_rand(&[0, 0, 1, 1], &[1, 1, 0, 0]), Some(1.0));
        // By hand: 0 pairs together in both, 2 in each, 6 in all: (0 − 4/6) / (2 − 4/6).
        assert!((adjusted_rand(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap() + 0.5).abs() < 1e-12);
        // The example of scikit-learn: 1 together in both, 2 and 1 in each of 6: (1 − 2/6) / (1.5 − 2/6).
        assert!((adjusted_rand(&[0, 0, 1, 2], &[0, 0, 1, 1]).unwrap() - 4.0 / 7.0).abs() < 1e-12);
        assert_eq!(adjusted_rand(&[0, 0, 0], &[1, 1, 1]), Some(1.0));
        assert_eq!(adjusted_rand(&[0, 0], &[0, 0, 1]), None);
    }
}
