//! Sampling weights: from what is known of the datasets to small integers.

use crate::ScheduleError;
use gst_affinity::DatasetFacts;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Draws in one period of a stage made by this crate: integer weights sum to a divisor of it.
///
/// Weights are rounded to this many parts, so over any period of 10⁶ draws inside a stage (ramp over) the count of every dataset is
/// within 1 of its exact share.
pub const PERIOD: u64 = 1_000_000;

/// How often each of a stage's datasets is drawn, relative to the others.
///
/// A dataset's weight holds for the whole run; in each stage the weights of the active datasets are scaled to sum 1.
/// As text: `proportional`, `uniform`, `temperature:2`, `fixed:0.5,0.25,0.25`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Weighting {
    /// The datasets' own weights p_i ([`DatasetFacts::weight`]; by size unless configured).
    #[default]
    Proportional,
    /// Every dataset alike.
    Uniform,
    /// p_i^(1/τ), τ > 0: 1 is proportional, large τ approaches uniform, τ below 1 sharpens.
    Temperature(f64),
    /// One weight for each dataset, in the order of the datasets; 0 switches a dataset off.
    Fixed(Vec<f64>),
}

impl Weighting {
    /// The base weight of every dataset, scaled to sum 1 (all 0 if the weights are).
    ///
    /// # Errors
    /// [`ScheduleError::BadWeight`], [`ScheduleError::WeightCount`], or [`ScheduleError::BadParameter`] for a temperature that is not
    /// above 0 and finite.
    pub fn shares(&self, datasets: &[DatasetFacts]) -> Result<Vec<f64>, ScheduleError> {
        let mut shares: Vec<f64> = match self {
            Self::Proportional | Self::Temperature(_) => datasets.iter().map(|dataset| dataset.weight).collect(),
            Self::Uniform => vec![1.0; datasets.len()],
            Self::Fixed(weights) if weights.len() != datasets.len() => {
                return Err(ScheduleError::WeightCount { found: weights.len(), expected: datasets.len() });
            }
            Self::Fixed(weights) => weights.clone(),
        };
        for (dataset, &share) in datasets.iter().zip(&shares) {
            if !(share.is_finite() && share >= 0.0) {
                return Err(ScheduleError::BadWeight { dataset: dataset.name.clone(), found: share });
            }
        }
        scale(&mut shares);
        if let &Self::Temperature(temperature) = self {
            if !(temperature.is_finite() && temperature > 0.0) {
                return Err(ScheduleError::BadParameter {
                    field: "weighting (temperature)",
                    found: temperature.to_string(),
                    expected: "a finite number above 0",
                });
            }
            // Relative to the largest share, so that a low temperature underflows the small ones and never all of them.
            let largest = shares.iter().copied().fold(0.0, f64::max);
            for share in shares.iter_mut().filter(|share| **share > 0.0) {
                *share = (*share / largest).powf(1.0 / temperature);
            }
            scale(&mut shares);
        }
        Ok(shares)
    }
}

impl fmt::Display for Weighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proportional => f.write_str("proportional"),
            Self::Uniform => f.write_str("uniform"),
            Self::Temperature(temperature) => write!(f, "temperature:{temperature}"),
            Self::Fixed(weights) => {
                write!(f, "fixed:{}", weights.iter().map(f64::to_string).collect::<Vec<_>>().join(","))
            }
        }
    }
}

impl FromStr for Weighting {
    type Err = ScheduleError;

    /// # Errors
    /// [`ScheduleError::Unreadable`] with the forms that are read.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let unreadable = || ScheduleError::Unreadable {
            what: "weighting",
            found: text.to_owned(),
            expected: "proportional, uniform, temperature:NUMBER or fixed:NUMBER,NUMBER,…",
        };
        match text.split_once(':') {
            None if text == "proportional" => Ok(Self::Proportional),
            None if text == "uniform" => Ok(Self::Uniform),
            Some(("temperature", number)) => number.trim().parse().map(Self::Temperature).map_err(|_| unreadable()),
            Some(("fixed", numbers)) => {
                let weights: Result<Vec<f64>, _> = numbers.split(',').map(|number| number.trim().parse()).collect();
                weights.map(Self::Fixed).map_err(|_| unreadable())
            }
            _ => Err(unreadable()),
        }
    }
}

/// Scales to sum 1; leaves all zeros as they are.
pub(crate) fn scale(shares: &mut [f64]) {
    let largest = shares.iter().copied().fold(0.0, f64::max);
    if largest <= 0.0 {
        return;
    }
    // By the largest first: the plain sum of huge weights may be infinite.
    let sum: f64 = shares.iter().map(|share| share / largest).sum();
    for share in shares {
        *share = *share / largest / sum;
    }
}

/// Splits `total` into whole numbers in proportion to `shares` (finite, 0 or more), by largest remainders: each is within 1 of its
/// exact part (but where shares below 1 / `total` are raised, the large ones pay), and every share above 0 gets at least 1. Empty if all shares are 0 or `total` is smaller than their number.
pub(crate) fn apportion(shares: &[f64], total: u64) -> Vec<u64> {
    let mut scaled = shares.to_vec();
    scale(&mut scaled);
    let positive = scaled.iter().filter(|share| **share > 0.0).count() as u64;
    if positive == 0 || total < positive {
        return Vec::new();
    }
    let exact: Vec<f64> = scaled.iter().map(|share| share * total as f64).collect();
    // A float to integer cast saturates, and shares of at most 1 keep each part near `total` at most.
    let mut parts: Vec<u64> = exact.iter().map(|&part| (part as u64).max(u64::from(part > 0.0))).collect();
    let mut by_remainder: Vec<usize> = (0..parts.len()).filter(|&i| scaled[i] > 0.0).collect();
    by_remainder.sort_by(|&a, &b| (exact[b] - parts[b] as f64).total_cmp(&(exact[a] - parts[a] as f64)).then(a.cmp(&b)));
    let mut given: u64 = parts.iter().sum();
    // Rounding down leaves less than one unit for each part, so one round of the loop is enough; the cycle guards against rounding of
    // the shares themselves.
    for &i in by_remainder.iter().cycle() {
        if given >= total {
            break;
        }
        parts[i] += 1;
        given += 1;
    }
    // Raising tiny parts to 1 can overshoot: take it back from those that have most over their exact part and more than 1.
    while given > total {
        let taken = (0..parts.len())
            .filter(|&i| parts[i] > 1)
            .max_by(|&a, &b| (parts[a] as f64 - exact[a]).total_cmp(&(parts[b] as f64 - exact[b])).then(b.cmp(&a)));
        let Some(i) = taken else { break };
        parts[i] -= 1;
        given -= 1;
    }
    parts
}

/// Integer weights for shares: [`apportion`] over one [`PERIOD`], divided by their greatest common divisor.
pub(crate) fn integers(shares: &[f64], stage: &str) -> Result<Vec<u64>, ScheduleError> {
    let mut weights = apportion(shares, PERIOD);
    if weights.is_empty() {
        return Err(ScheduleError::WithoutWeight { stage: stage.to_owned() });
    }
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor);
    for weight in &mut weights {
        *weight /= divisor.max(1);
    }
    Ok(weights)
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn facts(weights: &[f64]) -> Vec<DatasetFacts> {
        let named = |(i, &weight): (usize, &f64)| DatasetFacts { weight, ..DatasetFacts::new(format!("d{i}"), 10) };
        weights.iter().enumerate().map(named).collect()
    }

    #[test]
    fn weightings() {
        let check = |text: &str, weights: &[f64], expected: &[f64]| {
            let shares = text.parse::<Weighting>().unwrap().shares(&facts(weights)).unwrap();
            for (share, expected) in shares.iter().zip(expected) {
                assert!((share - expected).abs() < 1e-12, "{text} of {weights:?}: {shares:?}");
            }
        };
        check("proportional", &[1.0, 3.0], &[0.25, 0.75]);
        check("uniform", &[1.0, 3.0], &[0.5, 0.5]);
        check("temperature:2", &[1.0, 4.0], &[1.0 / 3.0, 2.0 / 3.0]);
        check("temperature: 1e-9", &[1.0, 4.0], &[0.0, 1.0]);
        check("fixed:1, 0,3", &[1.0, 1.0, 1.0], &[0.25, 0.0, 0.75]);
        check("proportional", &[1e308, 1e308, 1e308], &[1.0 / 3.0; 3]);
        check("proportional", &[0.0, 0.0], &[0.0, 0.0]);
    }

    #[test]
    fn text_reads_back() {
        for text in ["proportional", "uniform", "temperature:2.5", "fixed:0.5,0.25,0.25"] {
            assert_eq!(text.parse::<Weighting>().unwrap().to_string(), text);
        }
        for text in ["", "temperature", "temperature:warm", "fixed:1,,2", "sizes"] {
            assert!(matches!(text.parse::<Weighting>(), Err(ScheduleError::Unreadable { .. })), "{text}");
        }
    }

    #[test]
    fn bad_weights_are_named() {
        for weight in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                Weighting::Proportional.shares(&facts(&[1.0, weight])),
                Err(ScheduleError::BadWeight { dataset, .. }) if dataset == "d1"
            ));
        }
        assert!(matches!(
            Weighting::Fixed(vec![1.0]).shares(&facts(&[1.0, 1.0])),
            Err(ScheduleError::WeightCount { found: 1, expected: 2 })
        ));
        for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                Weighting::Temperature(temperature).shares(&facts(&[1.0])),
                Err(ScheduleError::BadParameter { .. })
            ));
        }
    }

    #[test]
    fn integers_are_reduced_and_keep_small_shares() {
        assert_eq!(integers(&[1.0, 1.0, 2.0], "s").unwrap(), [1, 1, 2]);
        assert_eq!(integers(&[0.3, 0.0], "s").unwrap(), [1, 0]);
        let weights = integers(&[6e-5, 1.0 - 6e-5], "s").unwrap();
        assert_eq!(weights, [3, 49_997]);
        assert_eq!(integers(&[1e-12, 1.0], "s").unwrap(), [1, 999_999]);
        assert!(matches!(integers(&[0.0, 0.0], "s"), Err(ScheduleError::WithoutWeight { .. })));
        assert!(matches!(integers(&[], "s"), Err(ScheduleError::WithoutWeight { .. })));
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_total_within_one_of_their_share(shares in prop::collection::vec(0.0_f64..1.0, 1..40), total in 1_000_u64..2_000_000) {
            prop_assume!(shares.iter().sum::<f64>() > 1e-3);
            let parts = apportion(&shares, total);
            let sum: f64 = shares.iter().sum();
            prop_assert_eq!(parts.iter().sum::<u64>(), total);
            for (&part, &share) in parts.iter().zip(&shares) {
                prop_assert!((part as f64 - share / sum * total as f64).abs() < 1.0 + 1e-6 || part == 1);
                prop_assert!(share == 0.0 || part >= 1);
            }
        }
    }
}
