//! Means with their spread, and 95 % intervals by Student's t.

/// Two-sided 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
const T_975: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110,
    2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// The 97.5 % quantile of the normal distribution.
const Z_975: f64 = 1.959_964;

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

    /// The interval of the mean by bootstrap over whole pairs: each value is that of one pair, and pairs are drawn anew. Equal values,
    /// equal interval. `None` under two values.
    ///
    /// The percentile interval, with both ends moved away from the mean by t / z · √(n / (n − 1)): resamples of n pairs spread too little by the root, and
    /// take no account of how badly n pairs know their own spread (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section
    /// 5). With five pairs that is 1.6 times as wide, with twenty 1.1 times.
    pub(crate) fn bootstrap(values: &[f64]) -> Option<Self> {
        let centre = mean(values).filter(|_| values.len() > 1)?;
        let mut draws = Draws::default();
        let means = (0..RESAMPLES)
            .map(|_| (0..values.len()).map(|_| values[draws.below(values.len())]).sum::<f64>() / values.len() as f64)
            .collect();
        let Self { low, high, .. } = Self::of_resamples(centre, means)?;
        let n = values.len() as f64;
        let wider = t_975(values.len() - 1) / Z_975 * (n / (n - 1.0)).sqrt();
        Some(Self { mean: centre, low: centre + wider * (low - centre), high: centre + wider * (high - centre) })
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

/// The 97.5 % quantile of Student's t; beyond the table by [`expanded`], right to 0.0002.
pub(crate) fn t_975(freedom: usize) -> f64 {
    freedom.checked_sub(1).and_then(|index| T_975.get(index)).copied().unwrap_or_else(|| expanded(Z_975, freedom))
}

/// The 90 % quantile, right to 0.05 from two degrees of freedom on and to 0.002 from six.
pub(crate) fn t_90(freedom: usize) -> f64 {
    expanded(1.281_552, freedom)
}

/// A quantile of Student's t by the Cornish-Fisher expansion around that of the normal distribution.
fn expanded(z: f64, freedom: usize) -> f64 {
    let n = freedom.max(1) as f64;
    z + (z.powi(3) + z) / (4.0 * n) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bootstrap_covers_about_as_often_as_it_says_with_few_pairs_too() {
        // Means of values drawn evenly from 0 to 2; 95 of 100 intervals should hold 1.
        let mut draws = Draws(7);
        let mut draw = || draws.below(2_000_001) as f64 / 1e6;
        for n in [3, 5, 20] {
            let held = (0..200).filter(|_| {
                let values: Vec<f64> = (0..n).map(|_| draw()).collect();
                Interval::bootstrap(&values).is_some_and(|interval| interval.low <= 1.0 && 1.0 <= interval.high)
            });
            let held = held.count();
            assert!((180..=199).contains(&held), "{held} of 200 with {n} values");
        }
    }

    #[test]
    fn the_bootstrap_of_equal_values_is_a_point_and_that_of_few_is_wide() {
        assert_eq!(Interval::bootstrap(&[1.0]), None);
        assert_eq!(Interval::bootstrap(&[2.0, 2.0]), Some(Interval { mean: 2.0, low: 2.0, high: 2.0 }));
        // By Student's t: 1.5 ± 2.05.
        let spread = Interval::bootstrap(&[0.0, 1.0, 2.0, 3.0]).unwrap();
        assert!((-0.8..-0.2).contains(&spread.low) && (3.2..3.8).contains(&spread.high), "{spread:?}");
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
        assert!((t_90(2) - 1.8856).abs() < 0.05 && (t_90(6) - 1.4398).abs() < 2e-3 && (t_90(9) - 1.3830).abs() < 1e-3);
        assert!((t_975(31) - 2.0395).abs() < 2e-4 && (t_975(120) - 1.9799).abs() < 2e-4, "{} {}", t_975(31), t_975(120));
    }
}
