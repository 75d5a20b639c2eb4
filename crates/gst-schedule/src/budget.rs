//! Budgets in samples, tokens or seconds of audio, turned into steps before step 0.

use crate::{MAX_STEPS, Schedule, ScheduleError, simulate};
use gst_affinity::{Cost, DatasetFacts};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

/// What a run may cost at most.
///
/// As text: `steps:2000`, `samples:64000`, `tokens:1000000`, `audio-seconds:36000`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Budget {
    /// Optimizer steps.
    Steps(u64),
    /// Samples.
    Samples(u64),
    /// Tokens, by each dataset's mean ([`DatasetFacts::mean_tokens`]).
    Tokens(u64),
    /// Seconds of audio, by each dataset's mean ([`DatasetFacts::mean_audio_seconds`]).
    AudioSeconds(f64),
}

impl Budget {
    /// The schedule with the most steps that keeps inside the budget, of those that `plan` makes for a number of steps.
    ///
    /// Tokens and seconds are those of the datasets as the schedule mixes them, so two strategies may get different steps from one budget.
    ///
    /// # Errors
    /// [`ScheduleError::FactMissing`], [`ScheduleError::BudgetTooSmall`], [`ScheduleError::BadParameter`] for a budget of seconds that is
    /// no positive number, and what `plan` finds wrong whatever the steps.
    ///
    /// # Example
    /// ```
    /// use gst_affinity::DatasetFacts;
    /// use gst_schedule::{Budget, Schedule, ScheduleParams, Weighting};
    ///
    /// let datasets = [DatasetFacts { mean_tokens: 20.0, ..DatasetFacts::new("notes", 500) }];
    /// let params = ScheduleParams { batch_size: 10, weighting: Weighting::Uniform, ..ScheduleParams::default() };
    /// let plan = |steps| Schedule::new(&datasets, None, &ScheduleParams { steps, ..params.clone() });
    /// assert_eq!(Budget::Tokens(10_100).largest(plan)?.steps, 50);
    /// # Ok::<(), gst_schedule::ScheduleError>(())
    /// ```
    pub fn largest(self, plan: impl Fn(u64) -> Result<Schedule, ScheduleError>) -> Result<Schedule, ScheduleError> {
        self.check()?;
        let too_small = |reason: String| ScheduleError::BudgetTooSmall { budget: self.to_string(), reason };
        // Steps too few for the stages cost nothing and fit; what is wrong whatever the steps is found when the result is planned.
        let planned = Cell::new(false);
        let fits = |steps| {
            let Ok(schedule) = plan(steps) else { return Ok(true) };
            planned.set(true);
            self.check_facts(&schedule)?;
            simulate(&schedule).map(|simulation| self.holds(&simulation.total))
        };
        let mut low = 0;
        let mut high = 1;
        while high < MAX_STEPS && fits(high)? {
            (low, high) = (high, high * 2);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if fits(middle)? { low = middle } else { high = middle }
        }
        if low == 0 {
            return Err(too_small("one step costs more".to_owned()));
        }
        plan(low).map_err(|error| if planned.get() { too_small(error.to_string()) } else { error })
    }

    fn holds(self, cost: &Cost) -> bool {
        match self {
            Self::Steps(steps) => cost.steps <= steps,
            Self::Samples(samples) => cost.samples <= samples,
            Self::Tokens(tokens) => cost.tokens <= tokens,
            Self::AudioSeconds(seconds) => cost.audio_seconds <= seconds,
        }
    }

    fn check(self) -> Result<(), ScheduleError> {
        match self {
            Self::AudioSeconds(seconds) if !(seconds.is_finite() && seconds > 0.0) => {
                let (found, expected) = (seconds.to_string(), "a finite number of seconds above 0");
                Err(ScheduleError::BadParameter { field: "budget (audio seconds)", found, expected })
            }
            _ => Ok(()),
        }
    }

    /// What the budget counts is known of every dataset.
    fn check_facts(self, schedule: &Schedule) -> Result<(), ScheduleError> {
        let fact = |dataset: &DatasetFacts| match self {
            Self::Steps(_) | Self::Samples(_) => None,
            Self::Tokens(_) => Some(("mean_tokens", dataset.mean_tokens)),
            Self::AudioSeconds(_) => Some(("mean_audio_seconds", dataset.mean_audio_seconds)),
        };
        for dataset in &schedule.datasets {
            if let Some((field, value)) = fact(dataset)
                && !(value.is_finite() && value > 0.0)
            {
                return Err(ScheduleError::FactMissing { dataset: dataset.name.clone(), field });
            }
        }
        Ok(())
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(steps) => write!(f, "steps:{steps}"),
            Self::Samples(samples) => write!(f, "samples:{samples}"),
            Self::Tokens(tokens) => write!(f, "tokens:{tokens}"),
            Self::AudioSeconds(seconds) => write!(f, "audio-seconds:{seconds}"),
        }
    }
}

impl FromStr for Budget {
    type Err = ScheduleError;

    /// # Errors
    /// [`ScheduleError::Unreadable`] with the forms that are read.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let budget = text.split_once(':').and_then(|(unit, amount)| {
            let amount = amount.trim();
            match unit {
                "steps" => amount.parse().ok().map(Self::Steps),
                "samples" => amount.parse().ok().map(Self::Samples),
                "tokens" => amount.parse().ok().map(Self::Tokens),
                "audio-seconds" => amount.parse().ok().map(Self::AudioSeconds),
                _ => None,
            }
        });
        budget.ok_or_else(|| ScheduleError::Unreadable {
            what: "budget",
            found: text.to_owned(),
            expected: "steps:NUMBER, samples:NUMBER, tokens:NUMBER or audio-seconds:NUMBER",
        })
    }
}
