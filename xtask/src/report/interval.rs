//! Means with their spread, and 95 % intervals by Student's t.

/// Two-sided 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
const T_975: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110,
    2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// Resamples of a bootstrap.
const RESAMPLES: usize = 10_000;

/// Arithmetic mean.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviation of a sample (n − 1), from two values on.
pub(crate) fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// A mean with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) mean: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Interval {
    /// The t interval of the mean; `None` under two values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let (mean, deviation) = (mean(values)?, deviation(values)?);
        let half = t_975(values.len() - 1) * deviation / (values.len() as f64).sqrt();
        Some(Self { mean, low: mean - half, high: mean + half })
    }

    /// The percentile interval of the mean by bootstrap over whole pairs: each value is that of one pair, and pairs are drawn anew.
    /// Equal values, equal interval. `None` under two values.
    ///
    /// Under about ten pairs it is too narrow by a fifth or so: beside it belongs [`Interval::of`].
    pub(crate) fn bootstrap(values: &[f64]) -> Option<Self> {
        let centre = mean(values).filter(|_| values.len() > 1)?;
        let mut draws = Draws::default();
        let means = (0..RESAMPLES)
            .map(|_| (0..values.len()).map(|_| values[draws.below(values.len())]).sum::<f64>() / values.len() as f64)
            .collect();
        Self::of_resamples(centre, means)
    }

    /// The percentile interval of an estimate by its values in resamples; `None` without any.
    pub(crate) fn of_resamples(estimate: f64, mut resampled: Vec<f64>) -> Option<Self> {
        resampled.sort_by(f64::total_cmp);
        let last = resampled.len().checked_sub(1)?;
        let at = |share: f64| resampled[(share * last as f64).round() as usize];
        Some(Self { mean: estimate, low: at(0.025), high: at(0.975) })
    }

    /// Whether the interval leaves out 0.
    pub(crate) fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): a stream of its own, always the same, so that a report needs no random numbers of the system.
pub(crate) struct Draws(u64);

impl Default for Draws {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Draws {
    /// The next number from 0 to `n` − 1.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(word ^ (word >> 31)) * n as u128) >> 64) as usize
    }
}

/// The quantile; beyond the table the Cornish-Fisher expansion around the normal quantile, right to 0.0002.
pub(crate) fn t_975(freedom: usize) -> f64 {
    const Z: f64 = 1.959_964;
    match freedom.checked_sub(1).and_then(|index| T_975.get(index)) {
        Some(quantile) => *quantile,
        None => {
            let n = freedom.max(1) as f64;
            Z + (Z.powi(3) + Z) / (4.0 * n) + (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / (96.0 * n * n)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bootstrap_covers_about_as_often_as_it_says() {
        // Means of 20 values of a fixed rough distribution around 1; the interval should hold 1 in most of 100 samples.
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 31) * 2.0
        };
        let held = (0..100).filter(|_| {
            let values: Vec<f64> = (0..20).map(|_| draw()).collect();
            Interval::bootstrap(&values).is_some_and(|interval| interval.low <= 1.0 && 1.0 <= interval.high)
        });
        assert!((85..=99).contains(&held.count()));
        assert_eq!(Interval::bootstrap(&[1.0]), None);
        assert_eq!(Interval::bootstrap(&[2.0, 2.0]), Some(Interval { mean: 2.0, low: 2.0, high: 2.0 }));
        let spread = Interval::bootstrap(&[0.0, 1.0, 2.0, 3.0]).unwrap();
        assert!(spread.low >= 0.0 && spread.low < 0.8 && spread.high > 2.2 && spread.mean == 1.5, "{spread:?}");
    }

    #[test]
    fn the_interval_is_that_of_the_textbook() {
        // Sleep data of Student (1908), second drug minus first: mean 1.58, 95 % interval 0.7001 to 2.4599.
        let differences = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];
        let interval = Interval::of(&differences).unwrap();
        assert!((interval.mean - 1.58).abs() < 1e-9, "{interval:?}");
        assert!((interval.low - 0.7001).abs() < 5e-4 && (interval.high - 2.4599).abs() < 5e-4, "{interval:?}");
        assert!(interval.excludes_zero());
    }

    #[test]
    fn two_values_give_a_wide_interval_and_one_gives_none() {
        let interval = Interval::of(&[0.1, 0.3]).unwrap();
        assert!((interval.high - (0.2 + 12.706 * 0.1)).abs() < 1e-9 && !interval.excludes_zero());
        assert_eq!(Interval::of(&[0.1]), None);
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn the_quantile_goes_on_smoothly_past_the_table() {
        assert!((t_975(31) - 2.0395).abs() < 2e-4 && (t_975(120) - 1.9799).abs() < 2e-4, "{} {}", t_975(31), t_975(120));
    }
}
