//! What a run knows beside weights and moments: `state.json` of a checkpoint.

use gst_affinity::Cost;
use gst_affinity::artifact::Artifact;
use gst_schedule::Evaluation as Record;
use serde::{Deserialize, Serialize};

use crate::evaluate::Evaluation;
use crate::ledger::LedgerState;

/// All of a run's state that is neither weights, optimizer state nor the resolved schedule. Nothing of the loader is in it:
/// which samples a step trains on follows from the schedule and the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Optimizer steps done.
    pub step: u64,
    /// Seed of weights, dropout and augmentation; each step derives its own from it.
    pub seed: u64,
    /// [`content_hash`](gst_affinity::artifact::content_hash) of the schedule as planned, before any decision.
    pub planned: String,
    /// What training has cost, waiting for data left out.
    pub cost: Cost,
    /// Seconds spent waiting for data.
    pub data_wait_seconds: f64,
    /// Seconds spent on evaluation.
    pub evaluation_seconds: f64,
    /// Losses at every evaluation so far: what decisions of an adaptive schedule rest on.
    pub evaluations: Vec<Record>,
    /// Final scores, validation then test, of models that a later stage has thrown away (`individual`).
    pub kept: Vec<(Evaluation, Evaluation)>,
    /// Scores so far.
    pub scores: Scores,
    /// How far the files go that belong to the steps done, and the best scores in them.
    pub ledger: LedgerState,
}

impl Artifact for RunState {
    const FORMAT: &'static str = "gst-run-state";
    const VERSION: u32 = 1;
}

/// The score of a run (weighted validation token accuracy, in `[0, 1]`) over its evaluations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// At the last evaluation.
    pub last: Option<f64>,
    /// The best so far.
    pub best: Option<f64>,
    /// Step of the best.
    pub best_step: u64,
    /// Evaluations of the last stage since it began or the best was reached, whichever is later.
    pub without_improvement: usize,
}

impl Scores {
    /// Takes in the score after `step` steps. `counts`: whether an evaluation without improvement counts here. Returns whether it
    /// is the best so far.
    pub fn add(&mut self, step: u64, score: f64, counts: bool) -> bool {
        self.last = Some(score);
        let better = self.best.is_none_or(|best| score > best);
        if better {
            (self.best, self.best_step, self.without_improvement) = (Some(score), step, 0);
        } else if counts {
            self.without_improvement += 1;
        }
        better
    }
}

#[cfg(test)]
mod tests {
    use gst_affinity::artifact::Document;

    use super::*;
    use crate::checkpoint::STATE;
    use crate::evaluate::{DatasetScores, Means};

    #[test]
    fn a_loss_that_is_no_number_can_be_saved_and_loaded() {
        let rates = Means { loss: f64::NAN, token_accuracy: 0.5, token_accuracy_with_eos: 0.5, exact_match: 0.5 };
        let row = DatasetScores {
            loss: f64::NAN,
            token_accuracy: 0.5,
            token_accuracy_with_eos: 0.5,
            exact_match: 0.5,
            majority: 0.5,
            records: 2,
        };
        let scores =
            Evaluation { datasets: [("a".to_owned(), row)].into(), weighted: rates, unweighted: rates, ..Evaluation::default() };
        let mut ledger = LedgerState::default();
        ledger.best.stage(0, ["a"]);
        ledger.best.evaluated(&scores);
        let state = RunState {
            step: 4,
            seed: 1,
            planned: "sha256:0".into(),
            cost: Cost::default(),
            data_wait_seconds: 0.0,
            evaluation_seconds: 1.0,
            evaluations: vec![Record { step: 4, losses: vec![None, Some(1.0)], learned: vec![None, Some(-0.25)] }],
            kept: vec![(scores.clone(), scores)],
            scores: Scores::default(),
            ledger,
        };
        let json = Document::new(state.clone()).to_json().unwrap();
        let read = Document::<RunState>::from_json(&json, STATE).unwrap().body;
        assert!(read.kept[0].0.datasets["a"].loss.is_nan() && read.kept[0].1.weighted.loss.is_nan());
        assert_eq!((&read.ledger, &read.evaluations), (&state.ledger, &state.evaluations));
        assert_eq!(Document::new(read).to_json().unwrap(), json);
    }

    #[test]
    fn the_best_and_the_evaluations_since() {
        let mut scores = Scores::default();
        let steps = [(10, 0.2, true), (20, 0.5, true), (30, 0.5, false), (40, 0.4, true), (50, 0.3, true)];
        let better: Vec<bool> = steps.iter().map(|&(step, score, counts)| scores.add(step, score, counts)).collect();
        assert_eq!(better, [true, true, false, false, false]);
        assert_eq!((scores.best, scores.best_step, scores.without_improvement, scores.last), (Some(0.5), 20, 2, Some(0.3)));
        assert!(scores.add(60, 0.6, true));
        assert_eq!(scores.without_improvement, 0);
    }
}
