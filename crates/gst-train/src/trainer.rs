//! The training loop.

pub mod pretrain;

use std::cell::Cell;
use std::time::Duration;

use gst_affinity::artifact::{Document, content_hash};
use gst_model::plan::Load;
use gst_schedule::Schedule;

use crate::batches::Batcher;
use crate::checkpoint::state::RunState;
use crate::checkpoint::{self, Checkpoint, SCHEDULE, STATE};
use crate::device::memory;
use crate::evaluate::Evaluation;
use crate::learner::Learner;
use crate::ledger::{Event, Ledger, LedgerState, RunResult, Watch, peak_memory_bytes};
use crate::optimizer::trained_values;
use crate::plan::Plan;
use crate::quarantine::Quarantine;
use crate::run::difference;
use crate::run::lock::RunLock;
use crate::validation::Validation;
use crate::{RunFolder, Setup, TrainConfig, TrainError, files};

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All steps are done and `result.json` is written.
    Finished(Box<RunResult>),
    /// Asked to stop; the newest checkpoint is at this step.
    Stopped {
        /// Optimizer steps done.
        step: u64,
    },
}

/// Follows a schedule and fills a run folder.
pub struct Trainer<'a> {
    setup: &'a Setup,
    config: &'a TrainConfig,
    schedule: Document<Schedule>,
    /// Hash of the schedule as planned, before any decision.
    planned: String,
    folder: RunFolder,
    from: Option<(Checkpoint, RunState)>,
    /// What a user should know about the checkpoint that is continued.
    notes: Vec<String>,
    _lock: RunLock,
}

/// What changes from step to step.
struct Running<'a, 'w> {
    plan: Plan<'a>,
    ledger: Ledger<'w>,
    learner: Learner<'a>,
    validation: Validation<'a>,
    quarantine: Quarantine,
    /// Step of the checkpoint that was saved or loaded last.
    saved: Option<u64>,
    /// Score of the evaluation after the step just done, if there was one.
    score: Option<f64>,
    /// What the ledger has told of the steps done.
    told: LedgerState,
}

impl<'a> Trainer<'a> {
    /// Checks that the schedule fits the data and writes what is known before step 0 to the run folder.
    ///
    /// # Errors
    /// [`TrainError::ScheduleMismatch`], [`TrainError::Setting`], [`TrainError::RunFolder`] when another process is at work there, or
    /// [`TrainError::Io`] when the folder cannot be written.
    pub fn new(
        setup: &'a Setup,
        config: &'a TrainConfig,
        schedule: Document<Schedule>,
        folder: RunFolder,
    ) -> Result<Self, TrainError> {
        check(setup, config, &schedule)?;
        let lock = folder.lock()?;
        folder.begin(setup, config, &schedule)?;
        let planned = content_hash(schedule.to_json()?.as_bytes());
        Ok(Self { setup, config, schedule, planned, folder, from: None, notes: Vec::new(), _lock: lock })
    }

    /// Continues the run in `folder` at its newest whole checkpoint, or from step 0 if it was killed before its first one.
    ///
    /// `setup` must be opened with the run's tokenizer ([`RunFolder::tokenizer_path`]); `config` are the run's own settings, of
    /// which some may differ (see [`crate::run::difference`]), and `schedule` may be given to make sure that it is the run's.
    ///
    /// # Errors
    /// [`TrainError::Changed`] with everything that differs; [`TrainError::RunFolder`] when the run is finished or another process is
    /// at work on it; [`TrainError::Damaged`] when no checkpoint is whole.
    pub fn resume(
        setup: &'a Setup,
        config: &'a TrainConfig,
        schedule: Option<&Document<Schedule>>,
        folder: RunFolder,
    ) -> Result<Self, TrainError> {
        let lock = folder.lock()?;
        folder.refuse_finished()?;
        checkpoint::clean(&folder.checkpoints())?;
        let (found, damaged) = checkpoint::newest_whole(&folder.checkpoints())?;
        let notes: Vec<String> = damaged.iter().map(|error| format!("passed over: {error}")).collect();
        let from = match (found, damaged.into_iter().next()) {
            (Some(checkpoint), _) => {
                let state = files::read_artifact::<RunState>(&checkpoint.file(STATE))?;
                Some((checkpoint, state))
            }
            (None, Some(error)) => return Err(error),
            (None, None) => None,
        };
        let own = match &from {
            Some((checkpoint, _)) => files::read_artifact(&checkpoint.file(SCHEDULE))?,
            None => folder.schedule()?,
        };
        let mut differences = difference::of_settings(&folder.config()?, config)?;
        if let Some((_, state)) = &from {
            let fingerprint = state.made_from.get("data").map_or("", String::as_str);
            differences.extend(difference::of_data(&own.body, fingerprint, setup));
            differences.extend(difference::of_start(&state.made_from, setup));
        }
        differences.extend(folder.model()?.map_or(Ok(Vec::new()), |model| difference::of_models(&model, &setup.model))?);
        if let Some(given) = schedule {
            differences.extend(difference::of_schedules(&own.body, &given.body)?);
        }
        if !differences.is_empty() {
            return Err(TrainError::Changed { path: folder.root().to_owned(), differences });
        }
        folder.check_weights(setup.weights.as_ref())?;
        check(setup, config, &own)?;
        let planned = match &from {
            Some((checkpoint, state)) => {
                checkpoint::remove_after(&folder.checkpoints(), checkpoint.step)?;
                folder.keep(config, &own)?;
                state.body.planned.clone()
            }
            None => {
                folder.begin(setup, config, &own)?;
                content_hash(own.to_json()?.as_bytes())
            }
        };
        let from = from.map(|(checkpoint, state)| (checkpoint, state.body));
        Ok(Self { setup, config, schedule: own, planned, folder, from, notes, _lock: lock })
    }

    /// Optimizer steps that are done before [`Trainer::run`].
    #[must_use]
    pub fn step(&self) -> u64 {
        self.from.as_ref().map_or(0, |(checkpoint, _)| checkpoint.step)
    }

    /// The schedule as resolved so far.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule.body
    }

    /// Trains to the end of the schedule, or until `stop` says so; it is asked before every step, and once for
    /// each part of it before those that run at one time. `watch` is told every event
    /// that `metrics.jsonl` gets.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when the loss is no number; [`TrainError::NotSaved`] when a checkpoint cannot be saved;
    /// [`TrainError::OutOfMemory`] when the device has no memory left, the newest checkpoint being whole then; whatever reading data
    /// or writing files can raise.
    pub fn run(&mut self, stop: &dyn Fn() -> bool, watch: &mut dyn Watch) -> Result<Outcome, TrainError> {
        let load = Cell::new(None);
        memory::guard(self.setup, self.config, &load, || self.follow(stop, watch, &load))
    }

    /// [`Self::run`]; `load` is told the largest part of the step at work.
    fn follow(&self, stop: &dyn Fn() -> bool, watch: &mut dyn Watch, load: &Cell<Option<Load>>) -> Result<Outcome, TrainError> {
        let mut run = self.start(watch)?;
        let mut at = self.step();
        while at < run.plan.schedule().steps && !self.is_enough(&run, at) {
            run.told = run.ledger.state();
            if stop() {
                self.save(&mut run, at)?;
                return Ok(Outcome::Stopped { step: at });
            }
            let (number, stage, begins) = run.plan.stage(at);
            if begins {
                if stage.reset && number > 0 {
                    run.learner.restart()?;
                }
                if let Some(cost) = run.plan.regroup(at, &run.learner.model)? {
                    run.learner.charge(cost);
                    self.decided(&mut run)?;
                    continue;
                }
                run.ledger.write(run.plan.stage_event(at))?;
            }
            let batch = run.plan.next_batch()?;
            load.set(batch.largest_part());
            run.quarantine.add(&batch.set_aside)?;
            run.learner.waited = run.plan.waited();
            let audio = run.learner.cost().audio_seconds;
            match run.learner.step(&batch, run.plan.schedule(), run.plan.batcher(), stop) {
                Ok(Some(event)) => run.ledger.write(event)?,
                Ok(None) => {
                    self.save(&mut run, at)?;
                    return Ok(Outcome::Stopped { step: at });
                }
                // The weights before the step may tell what happened. They displace no other checkpoint.
                Err(error @ TrainError::NotFinite { .. }) if run.learner.is_finite() => {
                    self.save(&mut run, at)?;
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
            at += 1;

            run.score = None;
            let mut due = is_multiple(at, self.config.checkpoint_every);
            let ends = run.plan.stage_ends(at);
            let heard = passes(audio, run.learner.cost().audio_seconds, self.config.evaluate_every_seconds);
            if ends || heard || is_multiple(at, self.config.evaluate_every) {
                let only = stage.reset.then_some(stage.datasets.as_slice());
                let scores = run.validation.evaluate(run.learner.evaluated(), only)?;
                run.quarantine.add(&std::mem::take(&mut run.validation.set_aside))?;
                due |= run.scored(at, number, &scores, stage.reset) && self.config.keep_best;
                let decided = run.plan.evaluated(at, &scores)?;
                run.ledger.write(run.learner.evaluation("validation", at, number, scores))?;
                if decided {
                    self.decided(&mut run)?;
                }
            }
            if ends && stage.reset {
                run.validation.keep(run.learner.evaluated(), &stage.datasets)?;
            }
            if due && at < run.plan.schedule().steps {
                run.told = run.ledger.state();
                self.save(&mut run, at)?;
                self.prune()?;
            }
        }
        run.told = run.ledger.state();
        self.save(&mut run, at)?;
        self.prune()?;
        self.finish(&mut run, at)
    }

    /// As at step 0, or as the checkpoint says.
    fn start<'w>(&self, watch: &'w mut dyn Watch) -> Result<Running<'a, 'w>, TrainError> {
        let (setup, config, schedule) = (self.setup, self.config, self.schedule.body.clone());
        let metrics = self.folder.metrics_path();
        let board = config.tensorboard.then(|| self.folder.tensorboard());
        self.notes.iter().for_each(|note| watch.note(note));
        let Some((checkpoint, state)) = &self.from else {
            let plan = Plan::new(setup, config, schedule, 0, Vec::new(), Duration::ZERO)?;
            let learner = Learner::new(setup, config, plan.schedule())?;
            let validation = Validation::new(setup, plan.collection(), plan.weights());
            let ledger = Ledger::create(&metrics, board.as_deref(), watch)?;
            let (quarantine, told) = (self.quarantine(&plan, 0)?, LedgerState::default());
            let mut run = Running { plan, ledger, learner, validation, quarantine, saved: None, score: None, told };
            run.told = run.ledger.state();
            // From here on a run can be resumed, and a disk that is too small is known before the first step.
            self.save(&mut run, 0)?;
            return Ok(run);
        };
        let learner = Learner::resume(setup, config, &schedule, checkpoint, state)?;
        let plan = Plan::new(setup, config, schedule, checkpoint.step, state.evaluations.clone(), learner.waited)?;
        let mut validation = Validation::new(setup, plan.collection(), plan.weights());
        validation.kept.clone_from(&state.kept);
        validation.seconds = state.evaluation_seconds;
        let (mut ledger, lost) = Ledger::resume(&metrics, board.as_deref(), state.ledger.clone(), watch)?;
        if lost > 0 {
            ledger.note(&format!("{lost} steps after the checkpoint of step {} are lost and done again", checkpoint.step));
        }
        let (told, saved) = (ledger.state(), Some(checkpoint.step));
        let quarantine = self.quarantine(&plan, checkpoint.step)?;
        Ok(Running { plan, ledger, learner, validation, quarantine, saved, score: checkpoint.score, told })
    }

    /// Broken records met before step `from`, and room for more.
    fn quarantine(&self, plan: &Plan<'_>, from: u64) -> Result<Quarantine, TrainError> {
        Quarantine::open(&self.folder.quarantine_path(), from, self.setup, plan.schedule(), self.config)
    }

    /// Saves a checkpoint, unless it is the one that was saved or loaded last.
    fn save(&self, run: &mut Running<'_, '_>, step: u64) -> Result<(), TrainError> {
        if run.saved == Some(step) {
            return Ok(());
        }
        if !run.learner.is_finite() {
            return Err(TrainError::WeightsNotFinite { step });
        }
        run.ledger.sync()?;
        let state = RunState {
            step,
            seed: self.config.seed,
            planned: self.planned.clone(),
            cost: run.learner.spent,
            data_wait_seconds: run.learner.waited.as_secs_f64(),
            evaluation_seconds: run.validation.seconds,
            evaluations: run.plan.evaluations().to_vec(),
            kept: run.validation.kept.clone(),
            scores: run.learner.scores,
            ledger: run.told.clone(),
        };
        let state = self.setup.sign(Document::new(state))?;
        checkpoint::write(&self.folder.checkpoints(), step, run.score, |folder| {
            run.learner.save(folder)?;
            files::write(&folder.join(SCHEDULE), &self.resolved(&run.plan).to_json()?)?;
            files::write(&folder.join(STATE), &state.to_json()?)
        })?;
        run.saved = Some(step);
        Ok(())
    }

    fn prune(&self) -> Result<(), TrainError> {
        checkpoint::prune(&self.folder.checkpoints(), self.config.keep_last, self.config.keep_best)
    }

    /// Whether evaluations have stopped improving for as long as the settings allow.
    fn is_enough(&self, run: &Running<'_, '_>, at: u64) -> bool {
        self.config.stop_after > 0 && at > 0 && run.learner.scores.without_improvement >= self.config.stop_after
    }

    fn resolved(&self, plan: &Plan<'_>) -> Document<Schedule> {
        Document { made_from: self.schedule.made_from.clone(), body: plan.schedule().clone() }
    }

    /// Leaves the schedule as now resolved in the run folder, and tells what was decided.
    fn decided(&self, run: &mut Running<'_, '_>) -> Result<(), TrainError> {
        self.folder.resolve(&self.resolved(&run.plan))?;
        for decision in run.plan.new_decisions() {
            run.ledger.write(Event::Decision(decision.clone()))?;
        }
        run.plan.tell();
        Ok(())
    }

    fn finish(&self, run: &mut Running<'_, '_>, at: u64) -> Result<Outcome, TrainError> {
        let stopped_early = (at < run.plan.schedule().steps).then_some(at);
        if stopped_early.is_some() {
            let (best, since) = (run.learner.scores.best_step, run.learner.scores.without_improvement);
            run.ledger.note(&format!("step {at}: stopped, {since} evaluations without a better score than at step {best}"));
        }
        let (validation, test) = run.validation.finish(run.learner.evaluated())?;
        run.quarantine.add(&std::mem::take(&mut run.validation.set_aside))?;
        if !run.quarantine.is_empty() {
            let list = self.folder.quarantine_path();
            run.ledger.note(&format!("{} broken records were set aside; {} lists them", run.quarantine.len(), list.display()));
        }
        let stage = run.plan.schedule().stages.len().saturating_sub(1);
        run.ledger.write(run.learner.evaluation("test", at, stage, test.clone()))?;
        run.ledger.sync()?;
        let schedule = &self.schedule.body;
        let body = RunResult {
            strategy: schedule.strategy.to_string(),
            seed: self.config.seed,
            model: self.config.model.clone(),
            device: self.config.device.clone(),
            parameters: trained_values(&run.learner.model),
            cost: run.learner.cost(),
            probe_cost: schedule.probe_cost,
            set_aside: run.quarantine.len(),
            evaluation_seconds: run.validation.seconds,
            peak_memory_bytes: peak_memory_bytes(),
            stopped_early,
            validation,
            test,
        };
        let result = self.setup.sign(Document::new(body))?.from_source("schedule", self.planned.clone());
        self.folder.finish(&result)?;
        Ok(Outcome::Finished(Box::new(result.body)))
    }
}

impl Running<'_, '_> {
    /// Takes in an evaluation; true if it is the best so far. The scores of an `individual` run are of different models and are not
    /// compared.
    fn scored(&mut self, at: u64, stage: usize, scores: &Evaluation, individual: bool) -> bool {
        let score = scores.weighted.token_accuracy;
        if individual {
            self.learner.scores.last = Some(score);
            return false;
        }
        self.score = Some(score);
        let last_stage = stage + 1 == self.plan.schedule().stages.len();
        self.learner.scores.add(at, score, last_stage)
    }
}

/// The schedule must be made for this data, and the settings must make sense for it.
pub(crate) fn check(setup: &Setup, config: &TrainConfig, schedule: &Document<Schedule>) -> Result<(), TrainError> {
    if let Some(made_for) = schedule.made_from.get("data").filter(|&hash| *hash != setup.fingerprint) {
        let reason = format!("it was made from data {made_for}, this data is {}", setup.fingerprint);
        return Err(TrainError::ScheduleMismatch(reason));
    }
    if config.stop_after > 0 && schedule.body.stages.iter().any(|stage| stage.reset) {
        let expected = "0 for a schedule whose stages begin anew (individual)";
        return Err(TrainError::Setting { field: "stop_after", found: config.stop_after.to_string(), expected });
    }
    Batcher::new(setup, &schedule.body, config).map(|_| ())
}

/// Whether `step` is a multiple of `every`; never so for 0.
fn is_multiple(step: u64, every: u64) -> bool {
    every > 0 && step.is_multiple_of(every)
}

/// Whether a multiple of `every` lies above `before` and not above `after`; never so for 0.
fn passes(before: f64, after: f64, every: f64) -> bool {
    every > 0.0 && (after / every).floor() > (before / every).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluations_come_once_for_every_stretch_of_audio() {
        let seconds = [0.0, 9.0, 10.0, 15.0, 29.9, 50.0, 50.1];
        let found: Vec<bool> = seconds.windows(2).map(|pair| passes(pair[0], pair[1], 10.0)).collect();
        assert_eq!(found, [false, true, false, true, true, false]);
        assert!(!passes(0.0, 100.0, 0.0));
    }
}
