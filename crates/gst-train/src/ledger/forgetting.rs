//! How much of what a model could do it has lost since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::evaluate::{DatasetScores, Evaluation, number};

/// Best score so far against the score now, since the dataset came in (Chaudhry et al. 2018, arXiv 1801.10112, with the evaluation
/// itself among those compared: 0 says that it was never better).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Forgetting {
    /// First step of the first stage that the dataset had samples in.
    pub since: u64,
    /// Loss now less the lowest so far, in nats; NaN (`null` in JSON) where the loss now is.
    #[serde(with = "number")]
    pub loss: f64,
    /// Highest token accuracy so far less that now.
    pub token_accuracy: f64,
    /// Highest exact match so far less that now.
    pub exact_match: f64,
}

/// The best scores of every dataset since it came in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BestScores {
    datasets: BTreeMap<String, Best>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Best {
    since: u64,
    loss: Option<f64>,
    token_accuracy: f64,
    exact_match: f64,
}

impl BestScores {
    /// A stage that begins at step `at` gives samples to `datasets`.
    pub fn stage<'n>(&mut self, at: u64, datasets: impl IntoIterator<Item = &'n str>) {
        for name in datasets {
            let fresh = Best { since: at, loss: None, token_accuracy: 0.0, exact_match: 0.0 };
            self.datasets.entry(name.to_owned()).or_insert(fresh);
        }
    }

    /// Takes an evaluation into account and compares it with the best. Datasets that have not come in are left out.
    pub fn evaluated(&mut self, scores: &Evaluation) -> BTreeMap<String, Forgetting> {
        let known = |(name, row): (&String, &DatasetScores)| Some((name.clone(), self.datasets.get_mut(name)?.compare(row)));
        scores.datasets.iter().filter_map(known).collect()
    }
}

impl Best {
    fn compare(&mut self, now: &DatasetScores) -> Forgetting {
        let lowest = self.loss.map_or(now.loss, |loss| loss.min(now.loss));
        self.loss = Some(lowest).filter(|loss| loss.is_finite());
        self.token_accuracy = self.token_accuracy.max(now.token_accuracy);
        self.exact_match = self.exact_match.max(now.exact_match);
        Forgetting {
            since: self.since,
            loss: now.loss - lowest,
            token_accuracy: self.token_accuracy - now.token_accuracy,
            exact_match: self.exact_match - now.exact_match,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation(rows: &[(&str, f64, f64)]) -> Evaluation {
        let row = |&(name, loss, accuracy): &(&str, f64, f64)| {
            let scores = DatasetScores {
                loss,
                token_accuracy: accuracy,
                token_accuracy_with_eos: accuracy,
                exact_match: accuracy / 2.0,
                majority: 0.0,
                records: 4,
            };
            (name.to_owned(), scores)
        };
        Evaluation::new(rows.iter().map(row).collect(), &BTreeMap::new())
    }

    #[test]
    fn a_dataset_is_followed_from_the_stage_it_came_in() {
        let mut best = BestScores::default();
        best.stage(0, ["a"]);
        // b is good before it came in, by chance: that does not count.
        let first = best.evaluated(&evaluation(&[("a", 2.0, 0.5), ("b", 0.5, 0.9)]));
        assert_eq!(first.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(first["a"], Forgetting { since: 0, loss: 0.0, token_accuracy: 0.0, exact_match: 0.0 });

        best.stage(10, ["a", "b"]);
        best.evaluated(&evaluation(&[("a", 1.0, 0.75), ("b", 1.5, 0.25)]));
        let saved = serde_json::to_string(&best).unwrap();
        let last = best.evaluated(&evaluation(&[("a", 1.5, 0.25), ("b", 1.0, 0.5)]));
        assert_eq!(last["a"], Forgetting { since: 0, loss: 0.5, token_accuracy: 0.5, exact_match: 0.25 });
        assert_eq!(last["b"], Forgetting { since: 10, loss: 0.0, token_accuracy: 0.0, exact_match: 0.0 });

        let mut restored: BestScores = serde_json::from_str(&saved).unwrap();
        assert_eq!(restored.evaluated(&evaluation(&[("a", 1.5, 0.25), ("b", 1.0, 0.5)])), last);
        assert_eq!(restored, best);
    }

    #[test]
    fn a_loss_that_is_no_number_is_neither_the_best_nor_lost() {
        let mut best = BestScores::default();
        best.stage(0, ["a"]);
        for (loss, expected) in [(f64::NAN, None), (2.0, Some(0.0)), (f64::NAN, None), (2.5, Some(0.5))] {
            let found = best.evaluated(&evaluation(&[("a", loss, 0.5)]));
            assert_eq!(Some(found["a"].loss).filter(|loss| loss.is_finite()), expected);
            let saved = serde_json::to_string(&(&best, &found["a"])).unwrap();
            let (restored, told): (BestScores, Forgetting) = serde_json::from_str(&saved).unwrap();
            assert_eq!(restored, best);
            assert_eq!(told.loss.to_bits(), found["a"].loss.to_bits());
        }
    }
}
