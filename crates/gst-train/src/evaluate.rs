//! Accuracy per dataset.

pub(crate) mod number;

use std::collections::BTreeMap;

use gst_data::{Broken, Split};
use gst_model::{AudioLm, Batch};
use serde::{Deserialize, Serialize};

use crate::batches::collate;
use crate::cores::Cores;
use crate::quarantine::SetAside;
use crate::{Setup, TrainError};

/// How well one dataset is answered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DatasetScores {
    /// Mean cross-entropy of an answer token, end-of-sequence included, in nats; NaN (`null` in JSON) where it is no finite number.
    #[serde(with = "number")]
    pub loss: f64,
    /// Share of answer tokens predicted right under teacher forcing, end-of-sequence left out.
    pub token_accuracy: f64,
    /// The same with end-of-sequence, as SALMONN counts it.
    pub token_accuracy_with_eos: f64,
    /// Share of greedy answers that equal the reference token for token, end-of-sequence included.
    pub exact_match: f64,
    /// Share of answers that the most frequent training answer gets right (per slot where labels have slots).
    pub majority: f64,
    /// Records looked at.
    pub records: usize,
}

impl DatasetScores {
    /// The share of exact matches, 0 at that of the most frequent answer and 1 where all are right; NaN where that answer is always right.
    #[must_use]
    pub fn learned(&self) -> f64 {
        (self.exact_match - self.majority) / (1.0 - self.majority)
    }
}

/// Means over datasets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Means {
    /// See [`DatasetScores::loss`]; NaN where that of a dataset with a weight is.
    #[serde(with = "number")]
    pub loss: f64,
    /// See [`DatasetScores::token_accuracy`].
    pub token_accuracy: f64,
    /// See [`DatasetScores::token_accuracy_with_eos`].
    pub token_accuracy_with_eos: f64,
    /// See [`DatasetScores::exact_match`].
    pub exact_match: f64,
}

/// When an answer counts as an exact match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scoring {
    /// The greedy answer equals the reference token for token, end-of-sequence included; no text is normalised. Read off
    /// teacher-forced predictions, which agree with generation up to the first mistake.
    #[default]
    TokenForToken,
}

/// Scores of several datasets and their means.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The rule that `exact_match` goes by.
    #[serde(default)]
    pub scoring: Scoring,
    /// By dataset name.
    pub datasets: BTreeMap<String, DatasetScores>,
    /// Mean weighted by the schedule's dataset weights p_i.
    pub weighted: Means,
    /// Plain mean over datasets.
    pub unweighted: Means,
}

impl Evaluation {
    /// Means over `datasets` with `weights` by name; an absent weight counts 0.
    #[must_use]
    pub fn new(datasets: BTreeMap<String, DatasetScores>, weights: &BTreeMap<String, f64>) -> Self {
        let weighted = mean(datasets.iter().map(|(name, scores)| (weights.get(name).copied().unwrap_or(0.0), scores)));
        let unweighted = mean(datasets.values().map(|scores| (1.0, scores)));
        Self { scoring: Scoring::default(), datasets, weighted, unweighted }
    }
}

fn mean<'a>(scores: impl Iterator<Item = (f64, &'a DatasetScores)>) -> Means {
    let mut sum = Means::default();
    let mut total = 0.0;
    // A dataset without a weight is not in the mean, even if its loss is NaN.
    for (weight, scores) in scores.filter(|(weight, _)| *weight > 0.0) {
        total += weight;
        sum.loss += weight * scores.loss;
        sum.token_accuracy += weight * scores.token_accuracy;
        sum.token_accuracy_with_eos += weight * scores.token_accuracy_with_eos;
        sum.exact_match += weight * scores.exact_match;
    }
    let share = if total > 0.0 { 1.0 / total } else { 0.0 };
    Means {
        loss: sum.loss * share,
        token_accuracy: sum.token_accuracy * share,
        token_accuracy_with_eos: sum.token_accuracy_with_eos * share,
        exact_match: sum.exact_match * share,
    }
}

/// Records of one split, decoded and batched once and evaluated often.
pub struct EvaluationSet {
    batches: Vec<(Batch, Vec<usize>)>,
    names: Vec<String>,
    majority: Vec<f64>,
    /// Records left out because their clip or text is broken.
    pub set_aside: Vec<SetAside>,
}

impl EvaluationSet {
    /// The records of `split` in the datasets at collection indices `datasets`; broken ones are left out and listed.
    ///
    /// # Errors
    /// When something else than a single record cannot be used.
    pub fn new(setup: &Setup, split: Split, datasets: &[usize]) -> Result<Self, TrainError> {
        let (mut examples, mut set_aside) = (Vec::new(), Vec::new());
        for &dataset in datasets {
            for record in 0..setup.records(dataset, split) {
                match setup.source.load(split, dataset, record) {
                    Ok(example) => examples.push(example),
                    Err(error) if error.is_of_one_record() => {
                        set_aside.push(SetAside::new(&setup.source, split, dataset, &Broken { record, error }, None)?);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        examples.sort_by_key(|example| (example.features.frames, example.dataset, example.record));
        let eos = setup.source.dialogue().eos();
        let batches = examples
            .chunks(setup.evaluation_batch)
            .map(|chunk| Ok((collate(chunk.iter(), eos)?, chunk.iter().map(|example| example.dataset).collect())))
            .collect::<Result<_, TrainError>>()?;
        let names = setup.datasets().iter().map(|dataset| dataset.name.clone()).collect();
        let majority = setup.datasets().iter().map(|dataset| dataset.majority_exact_match(split)).collect::<Result<_, _>>()?;
        Ok(Self { batches, names, majority, set_aside })
    }

    /// Scores `model`, which must not be in training (see [`burn::module::Module::valid`]), batches side by side on `cores`.
    pub fn evaluate<M: AudioLm + Sync>(&self, model: &M, cores: &Cores, weights: &BTreeMap<String, f64>) -> Evaluation {
        let mut tallies = vec![Tally::default(); self.names.len()];
        let scored = cores.map(&self.batches, |(batch, _)| model.answers(batch).scores());
        for (scores, (_, datasets)) in scored.iter().zip(&self.batches) {
            for (scores, &dataset) in scores.iter().zip(datasets) {
                let tally = &mut tallies[dataset];
                tally.records += 1;
                tally.loss += scores.loss;
                tally.tokens += scores.tokens;
                tally.right += scores.right_tokens;
                tally.right_eos += usize::from(scores.right_eos);
                tally.exact += usize::from(scores.exact);
            }
        }
        let scored = tallies.iter().enumerate().filter(|(_, tally)| tally.records > 0);
        let datasets = scored.map(|(index, tally)| (self.names[index].clone(), tally.scores(self.majority[index]))).collect();
        Evaluation::new(datasets, weights)
    }
}

#[derive(Debug, Clone, Default)]
struct Tally {
    records: usize,
    loss: f64,
    tokens: usize,
    right: usize,
    right_eos: usize,
    exact: usize,
}

impl Tally {
    fn scores(&self, majority: f64) -> DatasetScores {
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let loss = self.loss / self.tokens.max(1) as f64;
        DatasetScores {
            loss: if loss.is_finite() { loss } else { f64::NAN },
            token_accuracy: share(self.right, self.tokens - self.records),
            token_accuracy_with_eos: share(self.right + self.right_eos, self.tokens),
            exact_match: share(self.exact, self.records),
            majority,
            records: self.records,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_follow_the_weights() {
        let scores = |value: f64| DatasetScores {
            loss: value,
            token_accuracy: value,
            token_accuracy_with_eos: value,
            exact_match: value,
            majority: 0.0,
            records: 1,
        };
        let datasets = BTreeMap::from([("a".to_owned(), scores(1.0)), ("b".to_owned(), scores(0.0))]);
        let weights = BTreeMap::from([("a".to_owned(), 0.75), ("b".to_owned(), 0.25), ("absent".to_owned(), 9.0)]);
        let evaluation = Evaluation::new(datasets, &weights);
        assert!((evaluation.weighted.exact_match - 0.75).abs() < 1e-12);
        assert!((evaluation.unweighted.loss - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_loss_that_is_no_number_stays_one_dataset_s_and_comes_back_from_json() {
        let tally = |loss: f64| Tally { records: 1, loss, tokens: 2, right: 1, right_eos: 1, exact: 1 }.scores(0.5);
        let rows = [("lost", f64::NAN), ("far", f64::INFINITY), ("good", 3.0)];
        let datasets: BTreeMap<_, _> = rows.iter().map(|&(name, loss)| (name.to_owned(), tally(loss))).collect();
        let found = Evaluation::new(datasets, &BTreeMap::from([("good".to_owned(), 1.0)]));
        assert_eq!((found.weighted.loss, found.unweighted.exact_match), (1.5, 1.0));
        assert!(found.unweighted.loss.is_nan());

        let json = serde_json::to_string(&found).unwrap();
        let read: Evaluation = serde_json::from_str(&json).unwrap();
        let losses: Vec<_> = read.datasets.iter().map(|(name, row)| (name.as_str(), row.loss.to_bits())).collect();
        let nan = f64::NAN.to_bits();
        assert_eq!(losses, [("far", nan), ("good", 1.5_f64.to_bits()), ("lost", nan)]);
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        // A loss that is left out is another thing than one that is no number.
        assert!(serde_json::from_str::<Means>(r#"{"token_accuracy":0,"token_accuracy_with_eos":0,"exact_match":0}"#).is_err());
    }

    #[test]
    fn end_of_sequence_stands_apart() {
        // Two answers of two words each: three words right, both ends right, one answer exact.
        let tally = Tally { records: 2, loss: 6.0, tokens: 6, right: 3, right_eos: 2, exact: 1 };
        let scores = tally.scores(0.5);
        assert_eq!((scores.token_accuracy, scores.exact_match, scores.loss), (0.75, 0.5, 1.0));
        assert!((scores.token_accuracy_with_eos - 5.0 / 6.0).abs() < 1e-12);
    }
}
