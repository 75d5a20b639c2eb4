//! Tasks, answers, nuisance factors and sound.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::super::clip::Clip;
use super::super::tasks::TASKS;
use super::both_halves;

/// Enough clips of every dataset to see all answers and most values of the nuisance factors.
const SCALE: f64 = 0.4;

#[test]
fn the_table_of_tasks_is_as_promised() {
    let names: Vec<_> = TASKS.iter().map(|task| task.name).collect();
    assert!(names.is_sorted() && names.iter().collect::<HashSet<_>>().len() == 14);
    let sizes: Vec<_> = TASKS.iter().map(|task| task.train).collect();
    assert_eq!((sizes.iter().min(), sizes.iter().max()), (Some(&120), Some(&480)), "sizes are four times apart");
    for domain in ["speech", "music", "environment"] {
        assert!(TASKS.iter().filter(|task| task.domain == domain).count() >= 4, "{domain}");
    }
    for task in TASKS {
        assert!((2..=4).contains(&task.questions.len()), "{}: {} questions", task.name, task.questions.len());
        assert!(task.choices.len() >= 2 && task.choices.iter().collect::<HashSet<_>>().len() == task.choices.len());
        assert!(!task.held_out.is_empty(), "{}: train and test are alike", task.name);
    }
    let all_questions: Vec<_> = TASKS.iter().flat_map(|task| task.questions).collect();
    assert_eq!(all_questions.iter().collect::<HashSet<_>>().len(), all_questions.len(), "a question tells its task");
}

#[test]
fn answers_are_balanced_and_every_question_is_asked() {
    for task in TASKS {
        for half in both_halves(task, SCALE, 3) {
            let mut counts = BTreeMap::new();
            for Clip { row, .. } in &half {
                assert!(row.choices.contains(&row.answer), "{}", row.id);
                assert_eq!(row.label, row.answer, "{}", row.id);
                *counts.entry(row.label).or_insert(0) += 1;
            }
            assert_eq!(counts.len(), task.choices.len(), "{}: an answer is missing", task.name);
            let (fewest, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
            assert!(most - fewest <= 1, "{}: {counts:?}", task.name);
            let asked: BTreeSet<_> = half.iter().map(|clip| clip.row.question).collect();
            assert_eq!(asked.len(), task.questions.len(), "{}: a question form is missing", task.name);
        }
    }
}

#[test]
fn held_out_factors_share_no_value() {
    for task in TASKS {
        let [train, test] = both_halves(task, SCALE, 5);
        for &field in task.held_out {
            let values = |half: &[Clip]| half.iter().map(|clip| clip.row.facts[field].clone()).collect::<Vec<Value>>();
            let (seen, unseen) = (values(&train), values(&test));
            match unseen[0].as_f64().filter(|_| unseen[0].is_f64()) {
                // Numbers: no test value lies between two neighbouring training values that are close, so ranges are apart.
                Some(_) => {
                    let numbers = |values: &[Value]| values.iter().map(|value| value.as_f64().unwrap()).collect::<Vec<_>>();
                    let (seen, unseen) = (numbers(&seen), numbers(&unseen));
                    let spread = unseen.iter().fold(f64::MIN, |a, &b| a.max(b)) - unseen.iter().fold(f64::MAX, |a, &b| a.min(b));
                    assert!(spread > 0.0, "{} {field}: one value only", task.name);
                    let low = unseen.iter().fold(f64::MAX, |a, &b| a.min(b));
                    assert!(!seen.iter().any(|&value| (low..=low + spread).contains(&value)), "{} {field}", task.name);
                }
                None => {
                    let seen: HashSet<String> = seen.iter().map(Value::to_string).collect();
                    assert!(seen.len() > 1, "{} {field}: training has one value only", task.name);
                    assert!(unseen.iter().all(|value| !seen.contains(&value.to_string())), "{} {field}", task.name);
                }
            }
        }
    }
}

#[test]
fn the_other_factors_do_not_give_the_answer_away() {
    // Guessing the most frequent answer for each value of a nuisance word is hardly better than guessing at all.
    let about_the_answer = [("event_order", "first"), ("event_order", "second")];
    for task in TASKS {
        let [train, _] = both_halves(task, 1.0, 9);
        let fields: BTreeSet<_> = train.iter().flat_map(|clip| clip.row.facts.keys().copied()).collect();
        for field in fields.into_iter().filter(|field| !about_the_answer.contains(&(task.name, field))) {
            let mut table: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
            for clip in &train {
                if let Some(Value::String(word)) = clip.row.facts.get(field) {
                    *table.entry(word.clone()).or_default().entry(clip.row.label).or_default() += 1;
                }
            }
            // Rare values fit by chance.
            table.retain(|_, answers| answers.values().sum::<usize>() >= 5 * task.choices.len());
            for (word, answers) in table {
                let share = *answers.values().max().unwrap() as f64 / answers.values().sum::<usize>() as f64;
                assert!(share < 1.0 / task.choices.len() as f64 + 0.3, "{} {field} {word}: {answers:?}", task.name);
            }
        }
    }
}

#[test]
fn clips_are_audible_unclipped_and_all_different() {
    let mut seen = HashSet::new();
    for task in TASKS {
        for Clip { row, samples } in both_halves(task, SCALE, 7).into_iter().flatten() {
            let seconds = samples.len() as f64 / f64::from(task.rate) / f64::from(task.channels());
            assert!((0.4..=2.5).contains(&seconds), "{}: {seconds} s", row.id);
            let peak = samples.iter().map(|sample| f64::from(*sample).abs() / 32_768.0).fold(0.0, f64::max);
            assert!((0.1..0.95).contains(&peak), "{}: peak {peak}", row.id);
            let mean: f64 = samples.iter().map(|sample| f64::from(*sample) / 32_768.0).sum::<f64>() / samples.len() as f64;
            assert!(mean.abs() < 0.02, "{}: offset {mean}", row.id);
            let loud = samples.iter().filter(|sample| f64::from(sample.unsigned_abs()) > 0.1 * peak * 32_768.0).count();
            assert!(loud as f64 > 0.002 * samples.len() as f64, "{}: {loud} loud samples", row.id);
            assert!(seen.insert(samples), "{}: the same clip twice", row.id);
        }
    }
}
