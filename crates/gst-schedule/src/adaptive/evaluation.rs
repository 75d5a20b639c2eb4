//! What decisions are made from.

use crate::{Schedule, ScheduleError};
use serde::{Deserialize, Serialize};

/// The validation scores at one moment of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Optimizer steps done when it was made.
    pub step: u64,
    /// Loss of each of the schedule's datasets, by index; `None` where it was not evaluated (infinite and NaN losses read as `None`).
    pub losses: Vec<Option<f64>>,
    /// What is learned of each dataset, by index: the share of right answers, 0 at that of the most frequent answer and 1 where all are right.
    /// Empty where nobody counts; only [`OrderRule`](super::OrderRule) asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<Option<f64>>,
}

impl Evaluation {
    /// An evaluation from losses by dataset name; names the schedule does not know are left out, and so are losses that are no
    /// finite numbers. What is learned is not known ([`Evaluation::with_learned`]).
    pub fn from_named<'a>(step: u64, schedule: &Schedule, losses: impl IntoIterator<Item = (&'a str, f64)>) -> Self {
        Self { step, losses: by_index(schedule, losses), learned: Vec::new() }
    }

    /// The same with what is learned of each dataset, by name as in [`Evaluation::from_named`].
    #[must_use]
    pub fn with_learned<'a>(self, schedule: &Schedule, learned: impl IntoIterator<Item = (&'a str, f64)>) -> Self {
        Self { learned: by_index(schedule, learned), ..self }
    }

    /// The loss of a dataset, if it is known and finite.
    #[must_use]
    pub fn loss(&self, dataset: usize) -> Option<f64> {
        self.losses.get(dataset).copied().flatten().filter(|loss| loss.is_finite())
    }

    /// Mean loss of `datasets`, weighted; `None` if none of them (of weight above 0) was evaluated.
    #[must_use]
    pub fn mean(&self, datasets: &[usize], weights: &[f64]) -> Option<f64> {
        mean(datasets, weights, |dataset| self.loss(dataset))
    }

    /// The same of what is learned.
    #[must_use]
    pub fn mean_learned(&self, datasets: &[usize], weights: &[f64]) -> Option<f64> {
        mean(datasets, weights, |dataset| self.learned.get(dataset).copied().flatten().filter(|learned| learned.is_finite()))
    }
}

fn by_index<'a>(schedule: &Schedule, named: impl IntoIterator<Item = (&'a str, f64)>) -> Vec<Option<f64>> {
    let mut by_index = vec![None; schedule.datasets.len()];
    for (name, value) in named {
        if let Some(index) = schedule.datasets.iter().position(|dataset| dataset.name == name) {
            by_index[index] = Some(value).filter(|value| value.is_finite());
        }
    }
    by_index
}

fn mean(datasets: &[usize], weights: &[f64], of: impl Fn(usize) -> Option<f64>) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for &dataset in datasets {
        let share = weights.get(dataset).copied().unwrap_or(0.0);
        if let Some(value) = of(dataset) {
            sum += share * value;
            weight += share;
        }
    }
    (weight > 0.0).then(|| sum / weight)
}

/// The record belongs to the schedule: one entry a dataset, steps rising and inside the run.
pub(crate) fn check(evaluations: &[Evaluation], schedule: &Schedule) -> Result<(), ScheduleError> {
    let wrong = |number: usize, field: &str, found: usize, expected: String| ScheduleError::BadEvaluation {
        place: format!("number {}: {field}", number + 1),
        found: found.to_string(),
        expected,
    };
    for (number, evaluation) in evaluations.iter().enumerate() {
        if evaluation.losses.len() != schedule.datasets.len() {
            let expected = format!("{}, one a dataset", schedule.datasets.len());
            return Err(wrong(number, "losses", evaluation.losses.len(), expected));
        }
        if !evaluation.learned.is_empty() && evaluation.learned.len() != schedule.datasets.len() {
            let expected = format!("{}, one a dataset, or none", schedule.datasets.len());
            return Err(wrong(number, "learned", evaluation.learned.len(), expected));
        }
        let after = if number == 0 { 0 } else { evaluations[number - 1].step + 1 };
        if evaluation.step < after || evaluation.step > schedule.steps {
            return Err(ScheduleError::BadEvaluation {
                place: format!("number {}: step", number + 1),
                found: evaluation.step.to_string(),
                expected: format!("{after} to {}", schedule.steps),
            });
        }
    }
    Ok(())
}
