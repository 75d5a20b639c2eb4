//! Intervals from resamples and from what is known of the sketch.

use super::quantile::{normal, quantile};

/// An estimate's resamples, on the scale on which the sketch's error is known (squared distances, products, cosines).
pub(crate) struct Spread {
    /// The estimate.
    pub(crate) value: f64,
    /// Its resamples; `None` where a resample leaves it undetermined.
    pub(crate) resamples: Vec<Option<f64>>,
    /// Standard deviation of the sketch's error.
    pub(crate) sketch: f64,
    /// The least and the greatest value there can be: where a resample is undetermined it could have been either.
    pub(crate) bounds: (f64, f64),
}

/// Ends of an interval, and the half width that the sketch alone makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) sketch: f64,
}

impl Spread {
    /// The interval at a level: percentiles of the resamples, widened by the sketch's error, which is independent of the batches.
    pub(crate) fn interval(mut self, level: f64) -> Interval {
        let tail = (1.0 - level) / 2.0;
        let unknown = self.resamples.iter().filter(|value| value.is_none()).count();
        let mut known: Vec<f64> = self.resamples.drain(..).flatten().collect();
        known.sort_by(f64::total_cmp);
        let (low, high) = ends(&known, unknown, tail, self.bounds);
        let sketch = normal(1.0 - tail) * self.sketch;
        let below = (self.value - low).max(0.0).hypot(sketch);
        let above = (high - self.value).max(0.0).hypot(sketch);
        Interval { low: self.value - below, high: self.value + above, sketch }
    }
}

/// Undetermined resamples count at both ends.
fn ends(known: &[f64], unknown: usize, tail: f64, bounds: (f64, f64)) -> (f64, f64) {
    let all = known.len() + unknown;
    let cut = tail * all as f64 - unknown as f64;
    if known.is_empty() || (unknown > 0 && cut <= 0.0) {
        let least = known.first().copied().unwrap_or(bounds.0).min(bounds.0);
        let most = known.last().copied().unwrap_or(bounds.1).max(bounds.1);
        return (least, most);
    }
    let tail = cut / known.len() as f64;
    (quantile(known, tail), quantile(known, 1.0 - tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sketch_widens_an_interval_in_quadrature() {
        let resamples: Vec<Option<f64>> = (0..=1000).map(|i| Some(f64::from(i) / 1000.0)).collect();
        let spread = |sketch| Spread { value: 0.5, resamples: resamples.clone(), sketch, bounds: (-1.0, 1.0) };
        let exact = spread(0.0).interval(0.9);
        assert!((exact.low - 0.05).abs() < 1e-9 && (exact.high - 0.95).abs() < 1e-9, "{exact:?}");
        let sketched = spread(0.4).interval(0.9);
        let expected = (0.45_f64.powi(2) + (1.6448536 * 0.4_f64).powi(2)).sqrt();
        assert!((sketched.high - 0.5 - expected).abs() < 1e-6, "{sketched:?}");
    }

    #[test]
    fn undetermined_resamples_reach_the_bounds() {
        let resamples = (0..100).map(|i| (i >= 10).then_some(0.5)).collect();
        let interval = Spread { value: 0.5, resamples, sketch: 0.0, bounds: (-1.0, 1.0) }.interval(0.95);
        assert_eq!((interval.low, interval.high), (-1.0, 1.0));
    }
}
