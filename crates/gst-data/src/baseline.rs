//! The majority baseline: what one gets without listening.

use std::collections::BTreeMap;

use crate::{
    collection::{Dataset, most_frequent},
    record::{Record, Split},
};

impl Dataset {
    /// For every slot (one, named `""`, where labels are no `slot=value`) the most frequent answer of `train.jsonl`, held-out
    /// clips included; among equals the first in alphabetical order.
    pub fn majority_answers(&self) -> BTreeMap<&str, &str> {
        let mut slots: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for record in self.train.iter().chain(&self.validation) {
            slots.entry(slot(record)).or_default().push(&record.answer);
        }
        slots.into_iter().filter_map(|(slot, answers)| Some((slot, most_frequent(answers.into_iter())?))).collect()
    }

    /// Share of the answers of `split` that are right when the slot's [majority answer](Self::majority_answers) is always
    /// given, in `[0, 1]`; 0 for an empty split.
    pub fn majority_exact_match(&self, split: Split) -> f64 {
        let answers = self.majority_answers();
        let records = self.records(split);
        let right = records.iter().filter(|record| answers.get(slot(record)) == Some(&record.answer.as_str())).count();
        if records.is_empty() { 0.0 } else { right as f64 / records.len() as f64 }
    }
}

fn slot(record: &Record) -> &str {
    record.slot().unwrap_or_default()
}
