//! Evaluations of a run, and the final scores of models that a later stage throws away.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::module::Module;
use gst_data::Split;
use gst_model::AudioModel;

use crate::evaluate::{Evaluation, EvaluationSet};
use crate::quarantine::SetAside;
use crate::{Setup, TrainError};

/// Evaluations of a run.
pub(crate) struct Validation<'a> {
    setup: &'a Setup,
    /// Collection index of each of the schedule's datasets.
    collection: Vec<usize>,
    weights: BTreeMap<String, f64>,
    /// Decoded once: the validation records of the datasets that were asked for.
    sets: BTreeMap<Vec<usize>, EvaluationSet>,
    /// Final scores, validation then test, of models that a later stage threw away.
    pub(crate) kept: Vec<(Evaluation, Evaluation)>,
    /// Broken records met since this was last emptied.
    pub(crate) set_aside: Vec<SetAside>,
    /// Seconds spent so far.
    pub(crate) seconds: f64,
}

impl<'a> Validation<'a> {
    pub(crate) fn new(setup: &'a Setup, collection: &[usize], weights: BTreeMap<String, f64>) -> Self {
        let collection = collection.to_vec();
        Self { setup, collection, weights, sets: BTreeMap::new(), kept: Vec::new(), set_aside: Vec::new(), seconds: 0.0 }
    }

    /// Scores on the validation split of the schedule's datasets `only`, or of all.
    pub(crate) fn evaluate(&mut self, model: &AudioModel, only: Option<&[usize]>) -> Result<Evaluation, TrainError> {
        let began = Instant::now();
        let datasets = self.indices(only);
        if !self.sets.contains_key(&datasets) {
            let set = EvaluationSet::new(self.setup, Split::Validation, &datasets)?;
            self.set_aside.extend_from_slice(&set.set_aside);
            self.sets.insert(datasets.clone(), set);
        }
        let scores = self.sets[&datasets].evaluate(&model.valid(), &self.setup.cores, &self.weights);
        self.seconds += began.elapsed().as_secs_f64();
        Ok(scores)
    }

    fn test(&mut self, model: &AudioModel, only: Option<&[usize]>) -> Result<Evaluation, TrainError> {
        let began = Instant::now();
        let set = EvaluationSet::new(self.setup, Split::Test, &self.indices(only))?;
        self.set_aside.extend_from_slice(&set.set_aside);
        let scores = set.evaluate(&model.valid(), &self.setup.cores, &self.weights);
        self.seconds += began.elapsed().as_secs_f64();
        Ok(scores)
    }

    /// Keeps the scores of a model that answers `datasets` alone.
    pub(crate) fn keep(&mut self, model: &AudioModel, datasets: &[usize]) -> Result<(), TrainError> {
        let scores = (self.evaluate(model, Some(datasets))?, self.test(model, Some(datasets))?);
        self.kept.push(scores);
        Ok(())
    }

    /// Final scores, validation then test: of the kept models together if there are any, else of `model`.
    pub(crate) fn finish(&mut self, model: &AudioModel) -> Result<(Evaluation, Evaluation), TrainError> {
        if self.kept.is_empty() {
            return Ok((self.evaluate(model, None)?, self.test(model, None)?));
        }
        let (validation, test): (Vec<_>, Vec<_>) = std::mem::take(&mut self.kept).into_iter().unzip();
        let join =
            |parts: Vec<Evaluation>| Evaluation::new(parts.into_iter().flat_map(|part| part.datasets).collect(), &self.weights);
        Ok((join(validation), join(test)))
    }

    fn indices(&self, only: Option<&[usize]>) -> Vec<usize> {
        only.map_or_else(|| self.collection.clone(), |only| only.iter().map(|&dataset| self.collection[dataset]).collect())
    }
}
