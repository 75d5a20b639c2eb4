//! A run that begins with the checkpoint of another and follows other settings from there on.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use gst_affinity::artifact::{Artifact, Document, content_hash};
use gst_schedule::{Draws, Evaluation as Record, Schedule};
use serde::{Deserialize, Serialize};

use super::difference::{self, Difference};
use crate::checkpoint::state::{RunState, Scores};
use crate::checkpoint::{self, Checkpoint, SCHEDULE, STATE};
use crate::ledger::LedgerState;
use crate::{RunFolder, Setup, TrainConfig, TrainError, files, trainer};

/// The body of `fork.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fork {
    /// Folder of the run it comes from, as it was named then.
    pub run: PathBuf,
    /// Step of the checkpoint.
    pub step: u64,
    /// What is followed from there on instead of that run's own.
    pub changed: Vec<Difference>,
    /// What that means for the samples of each dataset.
    pub datasets: Vec<ForkedDataset>,
}

impl Artifact for Fork {
    const FORMAT: &'static str = "gst-fork";
    const VERSION: u32 = 1;
}

/// A dataset's place in the run before and in the fork.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkedDataset {
    /// Its name.
    pub name: String,
    /// Samples of it that were trained on until the checkpoint.
    pub drawn: u64,
    /// Place in its order of samples at which the fork goes on.
    pub place: u64,
    /// Whether the fork goes through it in another order (another seed or size), so that places cannot be compared: any sample may
    /// then come again before all others have come.
    pub reordered: bool,
    /// Samples that were trained on and come again.
    pub repeated: u64,
    /// Samples that are passed over in their epoch.
    pub lost: u64,
}

impl Fork {
    /// Makes `target` a run that continues `source` at its newest checkpoint, or at that of `step`, with `config` and, where given,
    /// `schedule`. [`Trainer::resume`](crate::Trainer::resume) then trains it.
    ///
    /// # Errors
    /// [`TrainError::ScheduleMismatch`] when the schedule does not fit the data or has fewer steps; as [`RunFolder::checkpoint`].
    pub fn make(
        source: &RunFolder,
        step: Option<u64>,
        setup: &Setup,
        config: &TrainConfig,
        schedule: Option<Document<Schedule>>,
        target: &RunFolder,
    ) -> Result<Self, TrainError> {
        let checkpoint = source.checkpoint(step)?;
        let state: Document<RunState> = files::read_artifact(&checkpoint.file(STATE))?;
        let before: Document<Schedule> = files::read_artifact(&checkpoint.file(SCHEDULE))?;
        let mut changed = difference::of_settings(&source.config()?, config)?;
        let fingerprint = state.made_from.get("data").map_or("", String::as_str);
        changed.extend(difference::of_data(&before.body, fingerprint, setup));
        changed.extend(difference::of_start(&state.made_from, setup));
        source.check_weights(setup.weights.as_ref())?;
        let (planned, after) = match schedule {
            Some(given) => {
                let differences = difference::of_schedules(&before.body, &given.body)?;
                match differences.is_empty() {
                    true => (state.body.planned.clone(), before.clone()),
                    false => {
                        changed.extend(differences);
                        (content_hash(given.to_json()?.as_bytes()), given)
                    }
                }
            }
            None => (state.body.planned.clone(), before.clone()),
        };
        trainer::check(setup, config, &after)?;
        if checkpoint.step > after.body.steps {
            let reason = format!("it has {} steps, and the checkpoint has done {}", after.body.steps, checkpoint.step);
            return Err(TrainError::ScheduleMismatch(reason));
        }
        let fork = Self {
            run: source.root().to_owned(),
            step: checkpoint.step,
            changed,
            datasets: places(&before.body, &after.body, checkpoint.step)?,
        };
        let _lock = target.lock()?;
        target.begin(setup, config, &after)?;
        let bytes = copy_metrics(source, target, state.body.ledger.metrics_bytes)?;
        let made_from = setup.sign(Document { made_from: state.made_from, body: fork.clone() })?.made_from;
        let state = Document { made_from, body: carried(state.body, planned, config, &before.body, &after.body, bytes) };
        let mut names = checkpoint.files()?;
        names.retain(|name| ![SCHEDULE, STATE].contains(&name.as_str()));
        names.retain(|name| config.ema.is_some() || !checkpoint::is_average(name));
        copy(&checkpoint, &names, target, &after, &state)?;
        files::write(&target.root().join("fork.json"), &Document::new(fork.clone()).to_json()?)?;
        Ok(fork)
    }
}

/// What the fork knows of the run before it.
fn carried(
    state: RunState,
    planned: String,
    config: &TrainConfig,
    before: &Schedule,
    after: &Schedule,
    metrics_bytes: u64,
) -> RunState {
    let name = |index: usize| before.datasets.get(index).map_or("", |facts| facts.name.as_str());
    let renamed = |record: &Record| {
        let named = |values: &[Option<f64>]| -> Vec<(&str, f64)> {
            values.iter().enumerate().filter_map(|(index, &value)| Some((name(index), value?))).collect()
        };
        let (losses, learned) = (named(&record.losses), named(&record.learned));
        Record::from_named(record.step, after, losses).with_learned(after, learned)
    };
    let evaluations = state.evaluations.iter().map(renamed).collect();
    // A run that had stopped improving would otherwise end again before its first step.
    let scores = Scores { without_improvement: 0, ..state.scores };
    // The fork's event file begins anew.
    let ledger = LedgerState { metrics_bytes, tensorboard_bytes: 0, ..state.ledger };
    RunState { seed: config.seed, planned, evaluations, scores, ledger, ..state }
}

/// The checkpoint's files `names` with another schedule and state.
fn copy(
    checkpoint: &Checkpoint,
    names: &[String],
    target: &RunFolder,
    schedule: &Document<Schedule>,
    state: &Document<RunState>,
) -> Result<(), TrainError> {
    checkpoint::write(&target.checkpoints(), checkpoint.step, checkpoint.score, |folder| {
        for name in names {
            let (path, to) = (checkpoint.file(name), folder.join(name));
            to.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(TrainError::io(&to))?;
            std::fs::copy(&path, to).map_err(TrainError::io(&path))?;
        }
        files::write(&folder.join(SCHEDULE), &schedule.to_json()?)?;
        files::write(&folder.join(STATE), &state.to_json()?)
    })?;
    Ok(())
}

/// The lines of the steps that the fork begins with.
fn copy_metrics(source: &RunFolder, target: &RunFolder, bytes: u64) -> Result<u64, TrainError> {
    let (from, to) = (source.metrics_path(), target.metrics_path());
    let mut lines = File::open(&from).map_err(TrainError::io(&from))?.take(bytes);
    let mut file = File::create(&to).map_err(TrainError::io(&to))?;
    io::copy(&mut lines, &mut file).map_err(TrainError::io(&to))
}

/// Where each dataset stood in `before` after `step` steps, and where `after` takes it up.
fn places(before: &Schedule, after: &Schedule, step: u64) -> Result<Vec<ForkedDataset>, TrainError> {
    let counts = |schedule: &Schedule| {
        let draws = Draws::new(schedule)?;
        Ok::<_, TrainError>(draws.counts(step.saturating_mul(draws.batch_size())))
    };
    let (drawn, places) = (counts(before)?, counts(after)?);
    let place = |(facts, &place): (&gst_affinity::DatasetFacts, &u64)| {
        let known = before.datasets.iter().zip(&drawn).find(|(known, _)| known.name == facts.name);
        let drawn = known.map_or(0, |(_, &drawn)| drawn);
        let reordered = before.seed != after.seed || known.is_some_and(|(known, _)| known.size != facts.size);
        let (repeated, lost) = match reordered && drawn > 0 {
            true => (0, 0),
            false => (drawn.saturating_sub(place), place.saturating_sub(drawn)),
        };
        ForkedDataset { name: facts.name.clone(), drawn, place, reordered: reordered && drawn > 0, repeated, lost }
    };
    Ok(after.datasets.iter().zip(&places).map(place).collect())
}

#[cfg(test)]
mod tests {
    use gst_affinity::DatasetFacts;
    use gst_schedule::{ScheduleParams, Strategy};

    use super::*;

    fn schedule(batch_size: u32, seed: u64, sizes: [u64; 2]) -> Schedule {
        let mut datasets = [DatasetFacts::new("a", sizes[0]), DatasetFacts::new("b", sizes[1])];
        DatasetFacts::weigh_by_size(&mut datasets);
        let params = ScheduleParams { strategy: Strategy::MixAll, steps: 50, batch_size, seed, ..ScheduleParams::default() };
        Schedule::new(&datasets, None, &params).unwrap()
    }

    #[test]
    fn what_is_repeated_or_lost_is_counted() {
        let before = schedule(4, 1, [300, 100]);
        let check = |after: &Schedule, expected: [(u64, u64, bool); 2]| {
            let found = places(&before, after, 10).unwrap();
            let found: Vec<_> = found.iter().map(|place| (place.repeated, place.lost, place.reordered)).collect();
            assert_eq!(found, expected);
        };
        check(&before, [(0, 0, false), (0, 0, false)]);
        check(&schedule(8, 1, [300, 100]), [(0, 30, false), (0, 10, false)]);
        check(&schedule(2, 1, [300, 100]), [(15, 0, false), (5, 0, false)]);
        check(&schedule(4, 2, [300, 100]), [(0, 0, true), (0, 0, true)]);
        let [a, b] = [0, 1].map(|index| places(&before, &schedule(4, 1, [300, 90]), 10).unwrap()[index].reordered);
        assert!(!a && b);
    }
}
