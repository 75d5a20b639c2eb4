//! The training loop.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use gst_affinity::artifact::{Document, content_hash};
use gst_schedule::Schedule;

use crate::batches::Batcher;
use crate::checkpoint;
use crate::evaluate::Evaluation;
use crate::learner::Learner;
use crate::ledger::{Event, Ledger, RunResult, peak_memory_bytes};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::quarantine::Quarantine;
use crate::validation::Validation;
use crate::{RunFolder, Setup, TrainConfig, TrainError};

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
    folder: RunFolder,
}

impl<'a> Trainer<'a> {
    /// Checks that the schedule fits the data and writes what is known before step 0 to the run folder.
    ///
    /// # Errors
    /// [`TrainError::ScheduleMismatch`], or [`TrainError::Io`] when the folder cannot be written.
    pub fn new(
        setup: &'a Setup,
        config: &'a TrainConfig,
        schedule: Document<Schedule>,
        folder: RunFolder,
    ) -> Result<Self, TrainError> {
        if let Some(made_for) = schedule.made_from.get("data").filter(|&hash| *hash != setup.fingerprint) {
            return Err(TrainError::ScheduleMismatch(format!(
                "it was made from data {made_for}, this data is {}",
                setup.fingerprint
            )));
        }
        Batcher::new(setup, &schedule.body, config)?;
        folder.begin(setup, config, &schedule)?;
        Ok(Self { setup, config, schedule, folder })
    }

    /// Trains to the end of the schedule, or until `stop` is set.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when the loss is no number; whatever reading data or writing files can raise.
    pub fn run(&mut self, stop: &AtomicBool, progress: &Progress) -> Result<Outcome, TrainError> {
        let mut plan = Plan::new(self.setup, self.config, self.schedule.body.clone())?;
        let mut ledger = Ledger::create(&self.folder.metrics_path())?;
        let mut quarantine = Quarantine::open(&self.folder.quarantine_path(), 0, self.setup, plan.schedule(), self.config)?;
        let mut learner = Learner::new(self.setup, self.config, plan.schedule())?;
        let mut validation = Validation::new(self.setup, plan.collection(), plan.weights());
        let checkpoints = self.folder.checkpoints();
        let (evaluate_every, checkpoint_every) = (self.config.evaluate_every, self.config.checkpoint_every);

        let mut at = 0;
        while at < plan.schedule().steps {
            let (number, stage, begins) = plan.stage(at);
            if begins {
                if stage.reset && number > 0 {
                    learner.restart(stage.steps)?;
                }
                if let Some(cost) = plan.regroup(at, &learner.model)? {
                    learner.charge(cost);
                    self.decided(&mut plan, &mut ledger, progress)?;
                    continue;
                }
                ledger.write(&plan.stage_event(at))?;
            }
            if stop.load(Ordering::Relaxed) {
                checkpoint::save(&checkpoints, at, &learner.model, false)?;
                return Ok(Outcome::Stopped { step: at });
            }
            let batch = plan.next_batch()?;
            quarantine.add(&batch.set_aside)?;
            learner.waited = plan.waited();
            let step = learner.step(&batch, number, plan.batcher());
            if matches!(step, Err(TrainError::NotFinite { .. })) {
                checkpoint::save(&checkpoints, at, &learner.model, true)?;
            }
            ledger.write(&step?)?;
            at += 1;
            progress.set(at);
            progress.message(learner.message());

            let ends = plan.stage_ends(at);
            if ends || is_multiple(at, evaluate_every) {
                let only = stage.reset.then_some(stage.datasets.as_slice());
                let scores = validation.evaluate(&learner.model, only)?;
                quarantine.add(&std::mem::take(&mut validation.set_aside))?;
                learner.score = Some(scores.weighted.token_accuracy);
                let decided = plan.evaluated(at, &scores)?;
                ledger.write(&learner.evaluation("validation", at, number, scores))?;
                if decided {
                    self.decided(&mut plan, &mut ledger, progress)?;
                }
            }
            if ends && stage.reset {
                validation.keep(&learner.model, &stage.datasets)?;
            }
            if is_multiple(at, checkpoint_every) && at < plan.schedule().steps {
                checkpoint::save(&checkpoints, at, &learner.model, true)?;
            }
        }
        checkpoint::save(&checkpoints, at, &learner.model, checkpoint_every > 0)?;
        let (last, test) = validation.finish(&learner.model)?;
        quarantine.add(&std::mem::take(&mut validation.set_aside))?;
        if !quarantine.is_empty() {
            let list = self.folder.quarantine_path();
            progress.line(&format!("{} broken records were set aside; {} lists them", quarantine.len(), list.display()));
        }
        let stage = plan.schedule().stages.len().saturating_sub(1);
        ledger.write(&learner.evaluation("test", at, stage, test.clone()))?;
        let result = self.result(&learner, quarantine.len(), validation.seconds, last, test);
        self.folder.finish(&result)?;
        Ok(Outcome::Finished(Box::new(result.body)))
    }

    /// Leaves the schedule as now resolved in the run folder, and says what was decided.
    fn decided(&self, plan: &mut Plan<'_>, ledger: &mut Ledger, progress: &Progress) -> Result<(), TrainError> {
        let mut document = self.schedule.clone();
        document.body = plan.schedule().clone();
        self.folder.resolve(&document)?;
        for decision in plan.new_decisions() {
            progress.line(&format!("step {}: {} ({})", decision.step, decision.change.name(), decision.reason));
            ledger.write(&Event::Decision(decision.clone()))?;
        }
        plan.tell();
        Ok(())
    }

    fn result(
        &self,
        learner: &Learner<'_>,
        set_aside: usize,
        seconds: f64,
        validation: Evaluation,
        test: Evaluation,
    ) -> Document<RunResult> {
        let schedule = &self.schedule.body;
        let body = RunResult {
            strategy: schedule.strategy.to_string(),
            seed: self.config.seed,
            model: self.config.model.clone(),
            device: self.config.device.clone(),
            parameters: learner.model.num_params(),
            cost: learner.cost(),
            probe_cost: schedule.probe_cost,
            set_aside,
            evaluation_seconds: seconds,
            peak_memory_bytes: peak_memory_bytes(),
            validation,
            test,
        };
        let json = self.schedule.to_json().unwrap_or_default();
        Document::new(body)
            .from_source("data", self.setup.fingerprint.clone())
            .from_source("schedule", content_hash(json.as_bytes()))
    }
}

/// Whether `step` is a multiple of `every`; never so for 0.
fn is_multiple(step: u64, every: u64) -> bool {
    every > 0 && step.is_multiple_of(every)
}
