//! The majority baseline: what one gets without listening.

use std::collections::{BTreeMap, HashMap};

use crate::{
    dataset::Dataset,
    error::DataError,
    record::{Record, Split},
};

impl Dataset {
    /// For every slot (one, named `""`, where labels are no `slot=value`) the most frequent answer of the training records, held-out
    /// clips included; among equals the first in alphabetical order.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn majority_answers(&self) -> Result<BTreeMap<String, String>, DataError> {
        majority(self.records(Split::Train).chain(self.records(Split::Validation)))
    }

    /// Share of the answers of `split` that are right when the slot's [majority answer](Self::majority_answers) is always
    /// given, in `[0, 1]`; 0 for an empty split.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn majority_exact_match(&self, split: Split) -> Result<f64, DataError> {
        let answers = self.majority_answers()?;
        let mut right = 0;
        for record in self.records(split) {
            let record = record?;
            right += usize::from(answers.get(slot(&record)) == Some(&record.answer));
        }
        Ok(right as f64 / self.len(split).max(1) as f64)
    }
}

fn majority(records: impl Iterator<Item = Result<Record, DataError>>) -> Result<BTreeMap<String, String>, DataError> {
    let mut slots: BTreeMap<String, HashMap<String, usize>> = BTreeMap::new();
    for record in records {
        let record = record?;
        let answers = match slots.get_mut(slot(&record)) {
            Some(answers) => answers,
            None => slots.entry(slot(&record).to_owned()).or_default(),
        };
        *answers.entry(record.answer).or_default() += 1;
    }
    Ok(slots.into_iter().filter_map(|(slot, answers)| Some((slot, most_frequent(answers)?))).collect())
}

/// The answer counted most often, the first in alphabetical order among equals.
fn most_frequent(counts: HashMap<String, usize>) -> Option<String> {
    counts.into_iter().min_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0))).map(|(answer, _)| answer)
}

fn slot(record: &Record) -> &str {
    record.slot().unwrap_or_default()
}
