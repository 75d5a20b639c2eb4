//! The learning rate over a run.

use serde::{Deserialize, Serialize};

/// How the learning rate moves after its warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateShape {
    /// Stays at its peak.
    Constant,
    /// Half a cosine from the peak to a hundredth of it (Loshchilov and Hutter, arXiv 1608.03983).
    Cosine,
    /// A straight line from the peak to a hundredth of it.
    Linear,
}

/// Share of the peak that a falling rate ends at.
const FLOOR: f64 = 0.01;

/// The learning rate of every step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Highest rate.
    pub peak: f64,
    /// Shape after the warm-up.
    pub shape: RateShape,
    /// Steps of linear climb.
    pub warmup_steps: u64,
    /// Steps of the whole run.
    pub steps: u64,
}

impl Rate {
    /// The rate of optimizer step `step`, counted from 0.
    #[must_use]
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.peak * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let length = self.steps.saturating_sub(self.warmup_steps).max(1);
        let done = ((step - self.warmup_steps) as f64 / length as f64).min(1.0);
        let share = match self.shape {
            RateShape::Constant => 1.0,
            RateShape::Cosine => FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
            RateShape::Linear => FLOOR + (1.0 - FLOOR) * (1.0 - done),
        };
        self.peak * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn climbs_to_the_peak_and_falls_to_the_floor() {
        for shape in [RateShape::Constant, RateShape::Cosine, RateShape::Linear] {
            let rate = Rate { peak: 2.0, shape, warmup_steps: 10, steps: 110 };
            assert!((rate.at(0) - 0.2).abs() < 1e-12, "{shape:?}");
            assert!((rate.at(9) - 2.0).abs() < 1e-12 && (rate.at(10) - 2.0).abs() < 1e-12, "{shape:?}");
            let end = if shape == RateShape::Constant { 2.0 } else { 0.02 };
            assert!((rate.at(110) - end).abs() < 1e-12, "{shape:?}");
            assert!((11..110).all(|step| rate.at(step) <= rate.at(step - 1)), "{shape:?}");
        }
    }

    #[test]
    fn a_run_that_is_all_warmup_or_empty_stays_finite() {
        let rate = Rate { peak: 1.0, shape: RateShape::Cosine, warmup_steps: 0, steps: 0 };
        assert!(rate.at(0).is_finite() && rate.at(5).is_finite());
    }
}
