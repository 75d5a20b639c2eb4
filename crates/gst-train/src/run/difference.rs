//! What differs between a run and what it is to be continued with.

use std::collections::BTreeMap;
use std::fmt;

use gst_schedule::Schedule;
use serde::Serialize;
use serde_json::Value;

use gst_data::Split;
use gst_model::AudioModelConfig;

use crate::trainer::pretrain::Start;
use crate::{Setup, TrainConfig, TrainError};

/// Settings that may change when a run goes on: where data, checkpoints and what it began with lie and how they are read, the device, what is saved
/// and when it is enough. None of them moves a sample or (the device aside) a bit.
const FREE: &[&str] = &[
    "data",
    "weights",
    "start",
    "checks",
    "device",
    "gradient_checkpointing",
    "workers",
    "cache_mib",
    "cache_dir",
    "cache_dir_gib",
    "ahead_mib",
    "checkpoint_every",
    "keep_last",
    "keep_best",
    "stop_after",
    "tensorboard",
];

/// Longest value that a message shows.
const SHOWN: usize = 60;

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Difference {
    /// A key of `config.toml`, `schedule.` and a field of `schedule.json`, or what the data has.
    pub field: String,
    /// The run's value.
    pub run: String,
    /// The given value.
    pub given: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the run has {}, given is {}", self.field, self.run, self.given)
    }
}

/// Settings of `given` that are not those of `run`, leaving out what may change in any run.
///
/// # Errors
/// [`TrainError::Io`] when a configuration has no JSON form.
pub fn of_settings(run: &TrainConfig, given: &TrainConfig) -> Result<Vec<Difference>, TrainError> {
    let mut found = Vec::new();
    compare("", &value(run)?, &value(given)?, &mut found);
    found.retain(|difference| !FREE.contains(&difference.field.as_str()));
    Ok(found)
}

/// What `given` plans otherwise than `run`, a schedule as resolved so far: nothing, if taking the run's decisions turns one into
/// the other.
///
/// # Errors
/// [`TrainError::Io`] when a schedule has no JSON form.
pub fn of_schedules(run: &Schedule, given: &Schedule) -> Result<Vec<Difference>, TrainError> {
    // Where the run's decisions do not even fit, the plans as they are say best what differs.
    let replayed = if given.decisions.is_empty() { given.replay(&run.decisions).ok() } else { None };
    let mut found = Vec::new();
    compare("schedule", &value(run)?, &value(replayed.as_ref().unwrap_or(given))?, &mut found);
    Ok(found)
}

/// Sizes or parts that the opened model has otherwise than the run's, whose file may have changed since.
///
/// # Errors
/// [`TrainError::Io`] when a configuration has no JSON form.
pub fn of_models(run: &AudioModelConfig, given: &AudioModelConfig) -> Result<Vec<Difference>, TrainError> {
    let mut found = Vec::new();
    compare("model", &value(run)?, &value(given)?, &mut found);
    Ok(found)
}

/// What the opened data holds otherwise than the run's.
#[must_use]
pub fn of_data(schedule: &Schedule, fingerprint: &str, setup: &Setup) -> Vec<Difference> {
    if fingerprint == setup.fingerprint {
        return Vec::new();
    }
    let mut found =
        vec![Difference { field: "data fingerprint".into(), run: fingerprint.into(), given: setup.fingerprint.clone() }];
    for facts in &schedule.datasets {
        let given = setup.datasets().iter().find(|dataset| dataset.name == facts.name);
        let given = given.map_or_else(|| "none".to_owned(), |dataset| dataset.len(Split::Train).to_string());
        if given != facts.size.to_string() {
            found.push(Difference { field: format!("training samples of {}", facts.name), run: facts.size.to_string(), given });
        }
    }
    found
}

/// Whether `setup` begins with what the run began with, whose sources are `made_from`.
#[must_use]
pub fn of_start(made_from: &BTreeMap<String, String>, setup: &Setup) -> Option<Difference> {
    let show = |hash: Option<&str>| hash.unwrap_or("none").to_owned();
    let (run, given) = (made_from.get("start").map(String::as_str), setup.start.as_ref().map(Start::hash));
    (run != given.as_deref()).then(|| Difference { field: "start".into(), run: show(run), given: show(given.as_deref()) })
}

fn value(of: &impl Serialize) -> Result<Value, TrainError> {
    serde_json::to_value(of).map_err(std::io::Error::from).map_err(TrainError::io("settings".as_ref()))
}

/// Goes down into objects; lists are compared as a whole.
fn compare(field: &str, run: &Value, given: &Value, found: &mut Vec<Difference>) {
    match (run, given) {
        (Value::Object(run), Value::Object(given)) => {
            let keys: std::collections::BTreeSet<&String> = run.keys().chain(given.keys()).collect();
            for key in keys {
                let inner = if field.is_empty() { key.clone() } else { format!("{field}.{key}") };
                compare(&inner, run.get(key).unwrap_or(&Value::Null), given.get(key).unwrap_or(&Value::Null), found);
            }
        }
        (run, given) if run == given => {}
        (run, given) => found.push(Difference { field: field.to_owned(), run: show(run), given: show(given) }),
    }
}

fn show(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => other.to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use gst_affinity::DatasetFacts;
    use gst_schedule::{Change, Decision, ScheduleParams, Strategy};

    use super::*;

    fn fields(differences: &[Difference]) -> Vec<&str> {
        differences.iter().map(|difference| difference.field.as_str()).collect()
    }

    #[test]
    fn settings_that_move_no_bit_are_free() {
        let run = TrainConfig { data: "here".into(), ..TrainConfig::default() };
        let moved = TrainConfig { data: "there".into(), workers: 7, cache_mib: 1, checkpoint_every: 3, ..run.clone() };
        assert_eq!(of_settings(&run, &moved).unwrap(), []);
        let mut other = TrainConfig { seed: 4, limit: Some(9), ..moved };
        other.augment.level = 0.5;
        let found = of_settings(&run, &other).unwrap();
        assert_eq!(fields(&found), ["augment.level", "limit", "seed"]);
        assert_eq!(found[1].to_string(), "limit: the run has none, given is 9");
    }

    #[test]
    fn a_plan_and_what_became_of_it_do_not_differ() {
        let mut datasets = [("a", 100), ("b", 50)].map(|(name, size)| DatasetFacts::new(name, size));
        DatasetFacts::weigh_by_size(&mut datasets);
        let params = ScheduleParams { strategy: Strategy::MixAdaptive, steps: 40, batch_size: 4, ..ScheduleParams::default() };
        let planned = Schedule::new(&datasets, None, &params).unwrap();
        let decision = Decision { step: 10, change: Change::Reweight { weights: vec![1, 1] }, reason: String::new() };
        let resolved = planned.apply(&decision).unwrap();
        assert_eq!(of_schedules(&resolved, &planned).unwrap(), []);
        assert_eq!(of_schedules(&resolved, &resolved).unwrap(), []);

        let other = Schedule::new(&datasets, None, &ScheduleParams { batch_size: 8, seed: 3, ..params }).unwrap();
        let found = of_schedules(&resolved, &other).unwrap();
        assert_eq!(fields(&found), ["schedule.batch_size", "schedule.seed"]);
    }
}
