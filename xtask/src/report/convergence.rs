//! Learning curves and the cost at which they reach a target.

use super::artifacts::{Cost, Unit};

/// Evaluation intervals of mix-all over which every curve is smoothed.
pub(crate) const SMOOTHING: usize = 3;

/// One evaluation on a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Cost of the run so far.
    pub(crate) cost: Cost,
    /// Weighted validation token accuracy, 0..1.
    pub(crate) value: f64,
}

/// Mean over the last `width` optimizer steps, over fewer at the beginning: nothing looks ahead, and a strategy that is evaluated more
/// often, at the ends of its stages, is smoothed over no shorter a time.
pub(crate) fn smooth(curve: &[Point], width: f64) -> Vec<Point> {
    let mut begin = 0;
    let smoothed = curve.iter().enumerate().map(|(end, point)| {
        while begin < end && curve[begin].cost.steps <= point.cost.steps - width {
            begin += 1;
        }
        let seen = &curve[begin..=end];
        Point { value: seen.iter().map(|point| point.value).sum::<f64>() / seen.len() as f64, ..*point }
    });
    smoothed.collect()
}

/// Median number of steps between two evaluations of some curves.
pub(crate) fn interval<'a>(curves: impl Iterator<Item = &'a [Point]>) -> Option<f64> {
    let gaps = curves.flat_map(|curve| curve.windows(2).map(|pair| pair[1].cost.steps - pair[0].cost.steps));
    let mut gaps: Vec<f64> = gaps.collect();
    gaps.sort_by(f64::total_cmp);
    gaps.get(gaps.len() / 2).copied()
}

/// The highest value of a curve.
pub(crate) fn best(curve: &[Point]) -> Option<f64> {
    curve.iter().map(|point| point.value).reduce(f64::max)
}

/// Whether and where a run reached a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reach {
    /// Reached at this cost, taken on the straight line between two evaluations.
    At(Cost),
    /// Not reached within this cost: a censored observation.
    Beyond(Cost),
}

impl Reach {
    /// Where a smoothed curve first reaches `target`, with `before` (the probe) spent ahead of step 0.
    pub(crate) fn of(curve: &[Point], target: f64, before: &Cost) -> Option<Self> {
        let last = curve.last()?;
        let Some(hit) = curve.iter().position(|point| point.value >= target) else {
            return Some(Self::Beyond(last.cost.plus(before)));
        };
        let cost = match hit.checked_sub(1).map(|previous| (&curve[previous], &curve[hit])) {
            Some((low, high)) => low.cost.towards(&high.cost, (target - low.value) / (high.value - low.value)),
            None => curve[hit].cost,
        };
        Some(Self::At(cost.plus(before)))
    }

    /// The cost in one unit: where it was reached, or the bound it lies beyond.
    pub(crate) fn cost(&self, unit: Unit) -> f64 {
        match self {
            Self::At(cost) | Self::Beyond(cost) => cost.of(unit),
        }
    }

    pub(crate) fn is_censored(&self) -> bool {
        matches!(self, Self::Beyond(_))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A curve with one evaluation every 100 steps of 32 samples, from step 0.
    pub(crate) fn curve(values: &[f64]) -> Vec<Point> {
        let cost = |index: usize| {
            let steps = 100.0 * index as f64;
            Cost { steps, samples: 32.0 * steps, tokens: 64.0 * steps, audio_seconds: steps, wall_seconds: 0.1 * steps }
        };
        values.iter().enumerate().map(|(index, value)| Point { cost: cost(index), value: *value }).collect()
    }

    fn values(curve: &[Point]) -> Vec<f64> {
        curve.iter().map(|point| point.value).collect()
    }

    #[test]
    fn smoothing_looks_back_only() {
        assert_eq!(values(&smooth(&curve(&[0.0, 3.0, 6.0, 0.0]), 300.0)), [0.0, 1.5, 3.0, 3.0]);
        assert_eq!(values(&smooth(&curve(&[1.0, 2.0]), 100.0)), [1.0, 2.0]);
        assert_eq!(smooth(&[], 300.0), []);
        assert_eq!(smooth(&curve(&[0.0, 1.0, 2.0]), 300.0)[2].cost.steps, 200.0, "the cost is that of the last evaluation");
    }

    #[test]
    fn further_evaluations_do_not_shorten_the_smoothing() {
        let mut often = curve(&[0.0, 1.0, 2.0, 3.0, 4.0]);
        often.insert(4, Point { cost: Cost { steps: 390.0, ..Cost::default() }, value: 3.5 });
        assert_eq!(values(&smooth(&often, 300.0)), [0.0, 0.5, 1.0, 2.0, 2.375, 3.125]);
        assert_eq!(interval([often.as_slice()].into_iter()), Some(100.0), "the median gap");
        assert_eq!(interval([&often[..1]].into_iter()), None);
    }

    #[test]
    fn a_target_is_reached_on_the_line_between_two_evaluations() {
        let reach = Reach::of(&curve(&[0.0, 0.4, 0.8]), 0.5, &Cost::default()).unwrap();
        assert!(!reach.is_censored());
        assert!((reach.cost(Unit::Steps) - 125.0).abs() < 1e-9);
        assert!((reach.cost(Unit::Samples) - 32.0 * 125.0).abs() < 1e-9);
        assert!((reach.cost(Unit::WallSeconds) - 12.5).abs() < 1e-9);
    }

    #[test]
    fn the_first_evaluation_may_reach_it_and_a_later_fall_does_not_matter() {
        assert_eq!(Reach::of(&curve(&[0.9, 0.1]), 0.5, &Cost::default()).unwrap().cost(Unit::Steps), 0.0);
        assert_eq!(Reach::of(&curve(&[0.0, 0.5, 0.1, 0.9]), 0.5, &Cost::default()).unwrap().cost(Unit::Steps), 100.0);
    }

    #[test]
    fn a_miss_is_censored_at_the_end_of_the_run() {
        let reach = Reach::of(&curve(&[0.0, 0.1, 0.2]), 0.5, &Cost::default()).unwrap();
        assert_eq!((reach.is_censored(), reach.cost(Unit::Steps)), (true, 200.0));
        assert_eq!(Reach::of(&[], 0.5, &Cost::default()), None);
    }

    #[test]
    fn the_probe_counts_in_hits_and_in_misses() {
        let probe = Cost { steps: 30.0, wall_seconds: 4.0, ..Cost::default() };
        let hit = Reach::of(&curve(&[0.0, 1.0]), 0.5, &probe).unwrap();
        assert_eq!((hit.cost(Unit::Steps), hit.cost(Unit::WallSeconds)), (80.0, 9.0));
        assert_eq!(Reach::of(&curve(&[0.0, 0.1]), 0.5, &probe).unwrap().cost(Unit::Steps), 130.0);
    }
}
