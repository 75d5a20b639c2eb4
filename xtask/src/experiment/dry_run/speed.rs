//! Optimizer steps in a second: as stated, or measured over a few.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::ask::Ask;
use super::model::Plan;
use super::survey::Survey;
use crate::experiment::plan::{Ground, jobs, with_folders};
use crate::experiment::process::{self, Interrupt};
use crate::experiment::settings::Settings;
use crate::experiment::write_whole;

/// Steps that are trained to measure; the median of their times counts.
const STEPS: u64 = 12;
/// A run ends with an evaluation: with more records than this it would take longer than a measurement should.
const MOST_EVALUATED: u64 = 10_000;

/// Steps in a second, and how they are known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Speed {
    Stated(f64),
    Measured(f64),
    /// For this reason.
    Unknown(String),
}

impl Speed {
    /// `ready` is the program and the data, where all is there to train.
    pub(super) fn of(
        stated: Option<f64>,
        settings: &Settings,
        plan: Option<&Plan>,
        survey: &Survey,
        ready: Option<(&Ask, &Path)>,
    ) -> Self {
        if let Some(stated) = stated {
            return Self::Stated(stated);
        }
        let unknown = |why: &str| Self::Unknown(format!("{why}; --steps-per-second X says it"));
        if plan.is_some_and(Plan::is_pretrained) || settings.training.device != "cpu" {
            return unknown("not measured: only models from scratch are, on the CPU");
        }
        let Some((ask, data)) = ready else {
            return unknown("not measured, since not everything is there yet");
        };
        if survey.sum(|dataset| Some(dataset.validation? + dataset.test?)).is_none_or(|records| records > MOST_EVALUATED) {
            return unknown("not measured: the evaluation behind it would take too long");
        }
        measure(settings, ask, data).map_or_else(|error| unknown(&format!("not measured: {error:#}")), Self::Measured)
    }

    pub(super) fn per_second(&self) -> Option<f64> {
        match self {
            Self::Stated(speed) | Self::Measured(speed) => Some(*speed),
            Self::Unknown(_) => None,
        }
    }
}

/// Trains mix-all for a few steps in a folder that goes.
fn measure(settings: &Settings, ask: &Ask, data: &Path) -> Result<f64> {
    let mut few = settings.clone();
    few.strategies = vec!["mix-all".into()];
    few.arms.clear();
    few.seeds = 1;
    few.training.steps = STEPS;
    few.training.evaluate_every = Some(0);
    few.pretrain.iter_mut().for_each(|pretrain| pretrain.steps = 1);
    for (flag, value) in [("--checkpoint-every", "0"), ("--keep-best", "false")] {
        if !few.training.arguments.iter().any(|argument| argument == flag) {
            few.training.arguments.extend([flag.to_string(), value.to_string()]);
        }
    }
    let folder = ask.scratch.path();
    let ground = Ground::new(&few, String::new(), ask.gst.version.clone(), None);
    for job in jobs(&few, &ground) {
        for (path, text) in &job.files {
            write_whole(&folder.join(path), text)?;
        }
        fs::create_dir_all(folder.join("seeds").join(few.first_seed.to_string()))?;
        for command in &job.commands {
            let arguments = with_folders(command, data, None);
            let ended = process::run(&ask.gst.path, &arguments, folder, None, &Interrupt::default(), || {})?;
            if !ended.status.success() {
                bail!("{}", ended.reason());
            }
        }
        if let Some(run) = job.folder.as_ref().filter(|_| job.steps.is_some()) {
            let path = folder.join(run).join("metrics.jsonl");
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            return median_speed(&text).context("the few steps left no times");
        }
    }
    bail!("nothing was trained")
}

/// From the times of the steps, each as the sum up to it.
fn median_speed(metrics: &str) -> Option<f64> {
    #[derive(Deserialize)]
    struct Line {
        event: String,
        wall_seconds: Option<f64>,
    }
    let lines = metrics.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let sums: Vec<f64> = lines.filter(|line| line.event == "step").filter_map(|line| line.wall_seconds).collect();
    let mut times: Vec<f64> = sums.windows(2).map(|pair| pair[1] - pair[0]).collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).filter(|time| **time > 0.0).map(|time| 1.0 / time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_step_counts_and_the_first_does_not() {
        let step = |sum: f64| format!("{{\"event\":\"step\",\"wall_seconds\":{sum}}}\n");
        let metrics: String =
            [9.0, 9.5, 14.5, 15.0, 15.25].map(step).concat() + "{\"event\":\"evaluation\",\"wall_seconds\":99}\n";
        assert_eq!(median_speed(&metrics), Some(2.0));
        assert_eq!(median_speed(&step(3.0)), None, "one step has no time of its own");
    }
}
