//! What a schedule will use, before anything runs.

use crate::{Draws, Schedule, ScheduleError};
use gst_affinity::{Cost, DatasetFacts};
use serde::Serialize;
use std::fmt;

/// How many times a dataset may be gone through before [`Simulation::warnings`] names it, unless another number is given: repeats are nearly
/// as good as new samples up to about four epochs (Muennighoff and others, 2305.16264; measured on text).
pub const DEFAULT_MAX_REPEATS: f64 = 4.0;

/// What a schedule uses: exact counts of samples, and what they cost by the datasets' mean facts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Simulation {
    /// For each stage, in order.
    pub stages: Vec<StageUse>,
    /// For each dataset of the schedule, over the whole run.
    pub datasets: Vec<Use>,
    /// The whole run, without probing.
    pub total: Cost,
    /// What measuring the groups cost.
    pub probe: Cost,
}

/// What one stage uses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageUse {
    /// The stage's name.
    pub name: String,
    /// For each of the stage's datasets, in its order.
    pub datasets: Vec<Use>,
    /// All of them together.
    pub cost: Cost,
}

/// What is used of one dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Use {
    /// The dataset (index).
    pub dataset: usize,
    /// Its name.
    pub name: String,
    /// Samples drawn.
    pub samples: u64,
    /// Samples drawn ÷ the dataset's size: 1 is every sample once.
    pub repeats: f64,
    /// Tokens, by the dataset's mean (0 if unknown).
    pub tokens: u64,
    /// Seconds of audio, by the dataset's mean (0 if unknown).
    pub audio_seconds: f64,
    /// Seconds of training, by the dataset's seconds a sample (0 if unknown).
    pub wall_seconds: f64,
}

/// Counts what a schedule draws of each dataset in each stage. Exact, and in closed form: no draw is made.
///
/// # Errors
/// Whatever [`Schedule::check`] finds.
///
/// # Complexity
/// O(stages · datasets) where every dataset was drawn shortly before, O(stages² · datasets) where each stage has others; whatever the
/// number of steps.
pub fn simulate(schedule: &Schedule) -> Result<Simulation, ScheduleError> {
    let draws = Draws::new(schedule)?;
    let mut before = vec![0; schedule.datasets.len()];
    let mut stages = Vec::with_capacity(schedule.stages.len());
    let mut total = Cost::default();
    for (stage, end) in schedule.stages.iter().zip(schedule.boundaries().into_iter().skip(1)) {
        let counts = draws.counts(end * draws.batch_size());
        let datasets: Vec<Use> = stage
            .datasets
            .iter()
            .map(|&dataset| Use::of(dataset, &schedule.datasets[dataset], counts[dataset] - before[dataset]))
            .collect();
        let cost = cost(stage.steps, &datasets);
        total += cost;
        stages.push(StageUse { name: stage.name.clone(), datasets, cost });
        before = counts;
    }
    let datasets =
        schedule.datasets.iter().zip(&before).enumerate().map(|(i, (facts, &samples))| Use::of(i, facts, samples)).collect();
    Ok(Simulation { stages, datasets, total, probe: schedule.probe_cost })
}

impl Use {
    fn of(dataset: usize, facts: &DatasetFacts, samples: u64) -> Self {
        Self {
            dataset,
            name: facts.name.clone(),
            samples,
            repeats: samples as f64 / facts.size.max(1) as f64,
            // A cast of a float saturates and takes NaN to 0.
            tokens: (samples as f64 * facts.mean_tokens).round() as u64,
            audio_seconds: samples as f64 * facts.mean_audio_seconds,
            wall_seconds: samples as f64 * facts.seconds_per_sample,
        }
    }
}

fn cost(steps: u64, uses: &[Use]) -> Cost {
    uses.iter().fold(Cost { steps, ..Cost::default() }, |sum, part| {
        sum + Cost {
            steps: 0,
            samples: part.samples,
            tokens: part.tokens,
            audio_seconds: part.audio_seconds,
            wall_seconds: part.wall_seconds,
        }
    })
}

impl Simulation {
    /// Sentences on datasets that are never drawn, not drawn once through, or gone through more than `max_repeats` times
    /// ([`DEFAULT_MAX_REPEATS`]).
    #[must_use]
    pub fn warnings(&self, max_repeats: f64) -> Vec<String> {
        let warning = |part: &Use| {
            let Use { name, samples, repeats, .. } = part;
            if *samples == 0 {
                Some(format!("dataset `{name}` is never drawn"))
            } else if *repeats > max_repeats {
                Some(format!("dataset `{name}` is gone through {repeats:.1} times, more than {max_repeats}"))
            } else if *repeats < 1.0 {
                Some(format!("{:.1} % of dataset `{name}` are drawn: the run ends before its first epoch does", repeats * 100.0))
            } else {
                None
            }
        };
        self.datasets.iter().filter_map(warning).collect()
    }
}

impl fmt::Display for Simulation {
    /// A table for a terminal: one line for each dataset of each stage, and sums.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.stages.iter().map(|stage| &stage.name).chain(self.datasets.iter().map(|part| &part.name));
        let width = names.map(|name| name.chars().count() + 2).max().unwrap_or(0).max(8);
        let heading = ["samples", "repeats", "tokens", "audio [s]", "time [s]"];
        write!(f, "{:width$}", "")?;
        heading.iter().try_for_each(|title| write!(f, " {title:>12}"))?;
        let uses = |f: &mut fmt::Formatter<'_>, uses: &[Use]| {
            uses.iter().try_for_each(|part| {
                let (name, repeats) = (format!("  {}", part.name), format!("{:.2}", part.repeats));
                write!(f, "\n{name:width$} {:>12} {repeats:>12} {:>12}", part.samples, part.tokens)?;
                write!(f, " {:>12.0} {:>12.0}", part.audio_seconds, part.wall_seconds)
            })
        };
        let sum = |f: &mut fmt::Formatter<'_>, name: &str, cost: &Cost| {
            write!(f, "\n{name:width$} {:>12} {:>12} {:>12}", cost.samples, "", cost.tokens)?;
            write!(f, " {:>12.0} {:>12.0}  ({} steps)", cost.audio_seconds, cost.wall_seconds, cost.steps)
        };
        for stage in &self.stages {
            sum(f, &stage.name, &stage.cost)?;
            uses(f, &stage.datasets)?;
        }
        if self.stages.len() > 1 {
            sum(f, "run", &self.total)?;
            uses(f, &self.datasets)?;
        }
        Ok(())
    }
}
