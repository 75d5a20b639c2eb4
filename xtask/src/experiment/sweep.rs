//! The learning rate of every strategy, chosen on the validation split of seeds that are not judged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::record::write_whole;
use super::settings::{Arm, Settings};
use crate::report::best_of_run;

/// The learning rates that every strategy tries, and on which seeds: never those that are judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sweep {
    /// The same for every strategy.
    pub(crate) learning_rates: Vec<f64>,
    /// Number of seeds, counted from `first_seed`.
    pub(crate) seeds: u64,
    /// The first seed; far from the judged ones.
    #[serde(default = "sweep_seed")]
    pub(crate) first_seed: u64,
}

fn sweep_seed() -> u64 {
    1000
}

impl Sweep {
    /// Refuses what cannot choose, and seeds that are judged.
    pub(crate) fn check(&self, judged: &BTreeSet<u64>) -> Result<()> {
        if self.learning_rates.is_empty() || self.learning_rates.iter().any(|rate| !(rate.is_finite() && *rate > 0.0)) {
            bail!("sweep.learning_rates: name at least one, all above 0");
        }
        if self.seeds == 0 {
            bail!("sweep.seeds = 0: a sweep needs at least one");
        }
        if let Some(seed) = self.seed_list().find(|seed| judged.contains(seed)) {
            bail!("seed {seed} is swept and judged: choose learning rates on other seeds than those of the comparison");
        }
        Ok(())
    }

    /// The seeds of the sweep.
    pub(crate) fn seed_list(&self) -> std::ops::Range<u64> {
        self.first_seed..self.first_seed.saturating_add(self.seeds)
    }
}

/// Folder of the sweep in that of its experiment.
pub(crate) const FOLDER: &str = "sweep";
/// What it came to.
const FILE: &str = "sweep.json";

/// `sweep.json`: what every rate came to, and what was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Choice {
    /// By strategy.
    pub(crate) strategies: BTreeMap<String, Chosen>,
}

/// One strategy in the sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chosen {
    /// Every rate with the mean over seeds of the best smoothed weighted validation token accuracy.
    pub(crate) tried: Vec<(f64, f64)>,
    /// The rate of the highest mean.
    pub(crate) learning_rate: f64,
    /// It lies at an end of the grid: a better one may lie beyond.
    pub(crate) at_edge: bool,
}

/// The strategies that choose a rate, those whose arm does not say one, each with the one that is swept for it: itself, or the first that differs
/// from it by the seed alone, as the null does from mix-all.
fn choosers(settings: &Settings) -> Vec<(&String, &String)> {
    let mut swept: Vec<(Arm, &String)> = Vec::new();
    let mut choosers = Vec::new();
    for strategy in &settings.strategies {
        let arm = Arm { seed_offset: 0, ..settings.arm(strategy) };
        if arm.learning_rate.is_none() {
            let first = swept.iter().find(|(known, _)| *known == arm).map_or(strategy, |(_, first)| *first);
            swept.push((arm, first));
            choosers.push((strategy, first));
        }
    }
    choosers
}

/// The strategies that are swept.
pub(crate) fn swept(settings: &Settings) -> Vec<&String> {
    choosers(settings).into_iter().filter(|(strategy, first)| strategy == first).map(|(strategy, _)| strategy).collect()
}

/// The sweep as an experiment of its own: an arm for each of these strategies and each rate.
pub(crate) fn experiment(settings: &Settings, sweep: &Sweep) -> Settings {
    let mut swept = settings.clone();
    swept.sweep = None;
    swept.strategies.clear();
    (swept.first_seed, swept.seeds) = (sweep.first_seed, sweep.seeds);
    for strategy in self::swept(settings) {
        for (index, rate) in sweep.learning_rates.iter().enumerate() {
            let mut arm = Arm { seed_offset: 0, ..settings.arm(strategy) };
            arm.learning_rate = Some(*rate);
            // Each rate has a grouping file of its own.
            arm.grouping = arm.grouping.or_else(|| Some(settings.grouping.clone()));
            let name = swept_name(strategy, index);
            swept.strategies.push(name.clone());
            swept.arms.insert(name, arm);
        }
    }
    swept
}

/// The arm of a strategy with a rate of the sweep.
pub(crate) fn swept_name(strategy: &str, index: usize) -> String {
    format!("{strategy}.rate-{index}")
}

/// Reads what the sweep in `folder` came to, on the validation split only, and writes `sweep.json` there.
pub(crate) fn choose(folder: &Path, settings: &Settings, sweep: &Sweep) -> Result<Choice> {
    let mut strategies = BTreeMap::new();
    for strategy in swept(settings) {
        let mut tried = Vec::new();
        for (index, rate) in sweep.learning_rates.iter().enumerate() {
            let mut sum = 0.0;
            for seed in sweep.seed_list() {
                let run = folder.join("runs").join(swept_name(strategy, index)).join(format!("seed-{seed}"));
                sum += best_of_run(&run).with_context(|| format!("the sweep of {strategy}"))?;
            }
            tried.push((*rate, sum / sweep.seeds as f64));
        }
        strategies.insert(strategy.clone(), Chosen::of(tried));
    }
    for (strategy, first) in choosers(settings) {
        if let Some(chosen) = strategies.get(first).cloned() {
            strategies.insert(strategy.clone(), chosen);
        }
    }
    let choice = Choice { strategies };
    write_whole(&folder.join(FILE), &serde_json::to_string_pretty(&choice)?)?;
    Ok(choice)
}

impl Chosen {
    /// The rate with the highest figure; of equal ones the lowest.
    pub(crate) fn of(mut tried: Vec<(f64, f64)>) -> Self {
        tried.sort_by(|a, b| a.0.total_cmp(&b.0));
        let best = tried.iter().fold(None, |best: Option<(f64, f64)>, next| match best {
            Some(best) if best.1 >= next.1 => Some(best),
            _ => Some(*next),
        });
        let learning_rate = best.map_or(f64::NAN, |(rate, _)| rate);
        let ends = [tried.first(), tried.last()];
        let at_edge = tried.len() > 1 && ends.into_iter().flatten().any(|(rate, _)| *rate == learning_rate);
        Self { tried, learning_rate, at_edge }
    }

    /// The figure that the rate was chosen by.
    pub(crate) fn best(&self) -> f64 {
        self.tried.iter().map(|(_, value)| *value).fold(0.0, f64::max)
    }
}

impl Choice {
    /// What an experiment's folder keeps of its sweep; `None` where there is nothing yet.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FOLDER).join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).map(Some).with_context(|| format!("{} is no sweep", path.display()))
    }

    /// Gives every strategy its rate.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        for (strategy, chosen) in &self.strategies {
            let mut arm = settings.arm(strategy);
            arm.learning_rate = Some(chosen.learning_rate);
            settings.arms.insert(strategy.clone(), arm);
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "learning rates chosen on the sweep's seeds (best smoothed validation token accuracy):")?;
        for (strategy, chosen) in &self.strategies {
            let tried: Vec<String> = chosen.tried.iter().map(|(rate, value)| format!("{rate}: {value:.3}")).collect();
            let edge = if chosen.at_edge { ", at the edge of the grid" } else { "" };
            writeln!(f, "  {strategy}: {}{edge} ({})", chosen.learning_rate, tried.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::built_in("quick").unwrap();
        settings.strategies = vec!["mix-all".into(), "gst-progressive".into()];
        settings.sweep = Some(Sweep { learning_rates: vec![1e-3, 3e-3, 9e-3], seeds: 2, first_seed: 1000 });
        settings
    }

    #[test]
    fn every_strategy_tries_the_same_rates_on_seeds_of_its_own() {
        let settings = settings();
        let swept = experiment(&settings, settings.sweep.as_ref().unwrap());
        assert_eq!(swept.strategies.len(), 6);
        assert_eq!(swept.seed_list(), [1000, 1001]);
        for strategy in &settings.strategies {
            let rates: Vec<_> = (0..3).map(|index| swept.arm(&swept_name(strategy, index)).learning_rate.unwrap()).collect();
            assert_eq!(rates, [1e-3, 3e-3, 9e-3], "{strategy}");
            assert_eq!(swept.arm(&swept_name(strategy, 1)).strategy, *strategy);
        }
        let mut told = settings.clone();
        told.arms.insert("mix-all".into(), Arm { strategy: "mix-all".into(), learning_rate: Some(1e-12), ..Arm::default() });
        let swept = experiment(&told, told.sweep.as_ref().unwrap());
        assert!(
            swept.strategies.iter().all(|name| name.starts_with("gst-progressive")),
            "an arm with a rate of its own keeps it"
        );
        let mut null = settings.clone();
        null.strategies.push("null".into());
        null.arms.insert("null".into(), Arm { strategy: "mix-all".into(), seed_offset: 500, ..Arm::default() });
        let swept = experiment(&null, null.sweep.as_ref().unwrap());
        assert_eq!(swept.strategies.len(), 6, "the null takes the rate of what it is the null of");
        assert!(choosers(&null).contains(&(&"null".to_owned(), &"mix-all".to_owned())));
        null.check().unwrap();
        null.sweep.as_mut().unwrap().first_seed = 500;
        assert!(null.check().unwrap_err().to_string().contains("seed 500 is swept and judged"));
        let mut overlapping = settings;
        overlapping.sweep.as_mut().unwrap().first_seed = 0;
        assert!(overlapping.check().unwrap_err().to_string().contains("seed 0 is swept and judged"));
    }

    #[test]
    fn the_best_on_validation_is_chosen_whatever_the_test_split_says() {
        let mut settings = settings();
        let folder = tempfile::tempdir().unwrap();
        for (strategy, values) in [("mix-all", [0.2, 0.6, 0.4]), ("gst-progressive", [0.7, 0.5, 0.1])] {
            for (index, value) in values.into_iter().enumerate() {
                for seed in [1000, 1001] {
                    let run = folder.path().join("runs").join(swept_name(strategy, index)).join(format!("seed-{seed}"));
                    let line = |split: &str, step: u64, value: f64| {
                        let weighted = serde_json::json!({ "token_accuracy": value });
                        serde_json::json!({ "event": "evaluation", "split": split, "step": step, "samples": step, "weighted": weighted })
                    };
                    let lines = [line("validation", 10, value), line("validation", 20, value), line("test", 20, 1.0 - value)];
                    write_whole(&run.join("metrics.jsonl"), &lines.map(|line| format!("{line}\n")).concat()).unwrap();
                }
            }
        }
        // One model a dataset: what each reached on its own dataset is no curve of one run.
        settings.strategies.push("individual".into());
        for (index, joined) in [0.3, 0.1, 0.2].into_iter().enumerate() {
            for seed in [1000, 1001] {
                let run = folder.path().join("runs").join(swept_name("individual", index)).join(format!("seed-{seed}"));
                let stage = serde_json::json!({ "datasets": [0], "weights": [1], "steps": 5, "reset": true });
                let head = |format: &str, mut body: serde_json::Value| {
                    body["format"] = format.into();
                    body["version"] = 1.into();
                    body.to_string()
                };
                let schedule = serde_json::json!({ "batch_size": 8, "datasets": [{ "name": "a" }], "stages": [stage, stage] });
                write_whole(&run.join("schedule.json"), &head("gst-schedule", schedule)).unwrap();
                let score = |accuracy: f64| serde_json::json!({ "weighted": { "token_accuracy": accuracy } });
                let result = serde_json::json!({ "cost": {}, "test": score(0.9), "validation": score(joined) });
                write_whole(&run.join("result.json"), &head("gst-result", result)).unwrap();
                let alone = serde_json::json!({ "event": "evaluation", "split": "validation", "step": 5, "samples": 40, "weighted": { "token_accuracy": 1.0 } });
                write_whole(&run.join("metrics.jsonl"), &format!("{alone}\n")).unwrap();
            }
        }
        let choice = choose(folder.path(), &settings, settings.sweep.as_ref().unwrap()).unwrap();
        let individual = &choice.strategies["individual"];
        assert_eq!((individual.learning_rate, individual.tried[0].1), (1e-3, 0.3));
        let (mix, gst) = (&choice.strategies["mix-all"], &choice.strategies["gst-progressive"]);
        assert_eq!((mix.learning_rate, mix.at_edge), (3e-3, false));
        assert_eq!((gst.learning_rate, gst.at_edge), (1e-3, true));
        settings.arms.insert("mix-all-constant".into(), Arm { strategy: "mix-all".into(), ..Arm::default() });
        settings.strategies.push("mix-all-constant".into());
        settings.baselines = vec!["mix-all".into(), "mix-all-constant".into()];
        let mut better = choice.clone();
        better.strategies.insert("mix-all-constant".into(), Chosen::of(vec![(1e-3, 0.61)]));
        assert_eq!((settings.baseline(None), settings.baseline(Some(&choice))), ("mix-all", "mix-all"));
        assert_eq!(settings.baseline(Some(&better)), "mix-all-constant", "the strongest");
        settings.baselines.push("mix-al".into());
        assert!(settings.check().unwrap_err().to_string().contains("`mix-al` is no strategy"));
        let mut applied = settings;
        choice.apply(&mut applied);
        assert_eq!(applied.arm("gst-progressive").learning_rate, Some(1e-3));
        assert!(folder.path().join("sweep.json").is_file());
    }
}
