//! The majority baseline: what one gets without listening.

use std::collections::{BTreeMap, HashMap};

use crate::{
    dataset::Dataset,
    error::DataError,
    record::{Record, Split},
};

/// Most different answers that are counted at a time. The datasets with labels have at most hundreds; captions are as many as records.
const MAX_ANSWERS: usize = 1 << 16;

impl Dataset {
    /// For every slot (one, named `""`, where labels are no `slot=value`) the most frequent answer of the training records, held-out
    /// clips included; among equals the first in alphabetical order.
    ///
    /// Exact up to 65,536 different answers. Beyond, rare ones are forgotten on the way (Misra and Gries 1982), so that memory is bounded:
    /// an answer that is more frequent than any other by 1 in 65,536 of the records is found all the same.
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
    let mut counts = Counts::new(MAX_ANSWERS);
    for record in records {
        let record = record?;
        counts.add(slot(&record), &record.answer);
    }
    Ok(counts.most_frequent())
}

/// How often each answer to each slot was given, as far as `most` different ones go.
struct Counts {
    most: usize,
    different: usize,
    slots: BTreeMap<String, HashMap<String, usize>>,
}

impl Counts {
    fn new(most: usize) -> Self {
        Self { most, different: 0, slots: BTreeMap::new() }
    }

    fn add(&mut self, slot: &str, answer: &str) {
        if let Some(count) = self.slots.get_mut(slot).and_then(|answers| answers.get_mut(answer)) {
            *count += 1;
            return;
        }
        // What is taken off here is taken off `most` others, too: no count falls short by more than 1 in `most` of all that was added.
        while self.different >= self.most {
            self.slots.retain(|_, answers| {
                answers.retain(|_, count| {
                    *count -= 1;
                    *count > 0
                });
                !answers.is_empty()
            });
            self.different = self.slots.values().map(HashMap::len).sum();
        }
        self.slots.entry(slot.to_owned()).or_default().insert(answer.to_owned(), 1);
        self.different += 1;
    }

    /// The answer of each slot that was counted most often, the first in alphabetical order among equals.
    fn most_frequent(self) -> BTreeMap<String, String> {
        let first =
            |answers: HashMap<String, usize>| answers.into_iter().min_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        self.slots.into_iter().filter_map(|(slot, answers)| Some((slot, first(answers)?.0))).collect()
    }
}

fn slot(record: &Record) -> &str {
    record.slot().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn among_more_answers_than_are_counted_the_frequent_one_is_found() {
        let mut counts = Counts::new(100);
        // One answer in ten is `rain`, the others are all different.
        for number in 0..50_000_usize {
            let answer = if number % 10 == 3 { "rain".to_owned() } else { format!("caption {number}") };
            counts.add("", &answer);
            counts.add("mood", ["calm", "wild", "calm"][number % 3]);
            assert!(counts.slots.values().map(HashMap::len).sum::<usize>() <= 100);
        }
        let found = counts.most_frequent();
        assert_eq!(found, BTreeMap::from([("".to_owned(), "rain".to_owned()), ("mood".to_owned(), "calm".to_owned())]));
    }

    #[test]
    fn few_answers_are_counted_exactly() {
        let mut counts = Counts::new(3);
        ["b", "a", "c", "a", "b"].iter().for_each(|answer| counts.add("", answer));
        assert_eq!(counts.slots[""], [("a", 2), ("b", 2), ("c", 1)].map(|(answer, count)| (answer.to_owned(), count)).into());
        assert_eq!(counts.most_frequent()[""], "a");
    }
}
