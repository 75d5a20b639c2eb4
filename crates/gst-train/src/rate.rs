//! The learning rate over a run or a stage.

use gst_schedule::Schedule;
use serde::{Deserialize, Serialize};

/// How the learning rate moves after its warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateShape {
    /// Stays at its peak.
    Constant,
    /// Half a cosine from the peak to the floor (Loshchilov and Hutter, arXiv 1608.03983).
    Cosine,
    /// A straight line from the peak to the floor.
    Linear,
    /// Warm-up, stable, decay: stays at its peak and falls in a straight line to the floor over the last part of the horizon
    /// (Hu et al., MiniCPM, arXiv 2404.06395; the straight line is that of Hägele et al., arXiv 2405.18392).
    Wsd,
}

impl RateShape {
    /// All shapes.
    pub const ALL: [Self; 4] = [Self::Constant, Self::Cosine, Self::Linear, Self::Wsd];
}

/// What warm-up and fall of the learning rate stretch over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateHorizon {
    /// The steps that one model is trained for: the whole run, or, where stages start from fresh weights, such a stage.
    Run,
    /// Every stage of the schedule by itself. An adaptive schedule may end a stage early; its rate then has not reached the floor.
    Stage,
}

impl RateHorizon {
    /// First step of the span that step `at` of `schedule` lies in, and the number of its steps.
    #[must_use]
    pub fn span(self, schedule: &Schedule, at: u64) -> (u64, u64) {
        let boundaries = schedule.boundaries();
        let stage = schedule.stage_at(at);
        let starts = |stage: usize| match self {
            Self::Stage => true,
            Self::Run => stage == 0 || schedule.stages[stage].reset,
        };
        let first = (0..=stage).rev().find(|&stage| starts(stage)).unwrap_or(0);
        let next = (stage + 1..schedule.stages.len()).find(|&stage| starts(stage)).unwrap_or(schedule.stages.len());
        (boundaries[first], boundaries[next] - boundaries[first])
    }
}

/// The learning rate of every step of a span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Highest rate.
    pub peak: f64,
    /// Shape after the warm-up.
    pub shape: RateShape,
    /// Share of the peak that a falling rate ends at, in `[0, 1]`.
    pub floor: f64,
    /// Share of the span over which the rate climbs in a straight line, in `[0, 1]`.
    pub warmup: f64,
    /// Share of the span over which [`RateShape::Wsd`] falls, in `[0, 1]`; cut to what the warm-up leaves.
    pub decay: f64,
}

impl Rate {
    /// The rate of step `step`, counted from 0, of a span of `steps`.
    #[must_use]
    pub fn at(&self, step: u64, steps: u64) -> f64 {
        let warmup = (self.warmup * steps as f64).round() as u64;
        if step < warmup {
            return self.peak * (step + 1) as f64 / warmup as f64;
        }
        let length = steps.saturating_sub(warmup).max(1);
        let progress = |first: u64, length: u64| (step.saturating_sub(first) as f64 / length.max(1) as f64).min(1.0);
        let down_to_floor = |from_one: f64| self.floor + (1.0 - self.floor) * from_one;
        let share = match self.shape {
            RateShape::Constant => 1.0,
            RateShape::Cosine => down_to_floor(0.5 * (1.0 + (std::f64::consts::PI * progress(warmup, length)).cos())),
            RateShape::Linear => down_to_floor(1.0 - progress(warmup, length)),
            RateShape::Wsd => {
                let decay = ((self.decay * steps as f64).round() as u64).min(length);
                down_to_floor(1.0 - progress(steps.saturating_sub(decay), decay))
            }
        };
        self.peak * share
    }
}

#[cfg(test)]
mod tests {
    use gst_affinity::DatasetFacts;
    use gst_schedule::{ScheduleParams, Strategy};

    use super::*;

    fn rate(shape: RateShape) -> Rate {
        Rate { peak: 2.0, shape, floor: 0.01, warmup: 0.1, decay: 0.2 }
    }

    #[test]
    fn climbs_to_the_peak_and_falls_to_the_floor() {
        for shape in RateShape::ALL {
            let rate = rate(shape);
            let at = |step| rate.at(step, 110);
            assert!((at(0) - 2.0 / 11.0).abs() < 1e-12, "{shape:?}");
            assert!((at(10) - 2.0).abs() < 1e-12 && (at(11) - 2.0).abs() < 1e-12, "{shape:?}");
            let end = if shape == RateShape::Constant { 2.0 } else { 0.02 };
            assert!((at(110) - end).abs() < 1e-12, "{shape:?} {}", at(110));
            assert!((12..110).all(|step| at(step) <= at(step - 1)), "{shape:?}");
        }
    }

    #[test]
    fn each_shape_is_its_closed_form() {
        let halfway = 10 + 45;
        let floor_of = |share: f64| 2.0 * (0.01 + 0.99 * share);
        for (shape, step, expected) in [
            (RateShape::Constant, halfway, 2.0),
            (RateShape::Cosine, halfway, floor_of(0.5)),
            (RateShape::Cosine, 10 + 30, floor_of(0.75)),
            (RateShape::Linear, halfway, floor_of(0.5)),
            (RateShape::Linear, 10 + 30, floor_of(2.0 / 3.0)),
            (RateShape::Wsd, 80, 2.0),
            (RateShape::Wsd, 90, floor_of(0.5)),
        ] {
            let found = rate(shape).at(step, 100);
            assert!((found - expected).abs() < 1e-12, "{shape:?} at {step}: {found}, not {expected}");
        }
    }

    #[test]
    fn a_span_that_is_all_warmup_or_empty_stays_finite() {
        for shape in RateShape::ALL {
            for (warmup, steps) in [(0.0, 0), (1.0, 4), (1.0, 0), (0.5, 1)] {
                let rate = Rate { warmup, ..rate(shape) };
                assert!((0..6).all(|step| rate.at(step, steps).is_finite() && rate.at(step, steps) <= 2.0), "{shape:?} {steps}");
            }
        }
    }

    #[test]
    fn the_horizon_is_the_run_or_a_stage_and_a_fresh_model_starts_anew() {
        let mut datasets = [("a", 60), ("b", 30), ("c", 10)].map(|(name, size)| DatasetFacts::new(name, size));
        DatasetFacts::weigh_by_size(&mut datasets);
        let schedule = |strategy| {
            let params = ScheduleParams { strategy, steps: 100, ..ScheduleParams::default() };
            Schedule::new(&datasets, Some(&[vec![0], vec![1, 2]]), &params).unwrap()
        };
        let staged = schedule(Strategy::GstProgressive);
        let second = staged.boundaries()[1];
        assert_eq!(RateHorizon::Run.span(&staged, second), (0, 100));
        assert_eq!(RateHorizon::Stage.span(&staged, second - 1), (0, second));
        assert_eq!(RateHorizon::Stage.span(&staged, second), (second, 100 - second));

        let alone = schedule(Strategy::Individual);
        let boundaries = alone.boundaries();
        assert_eq!(RateHorizon::Run.span(&alone, boundaries[1]), (boundaries[1], boundaries[2] - boundaries[1]));
        assert_eq!(RateHorizon::Run.span(&alone, boundaries[1] - 1), (0, boundaries[1]));
    }
}
