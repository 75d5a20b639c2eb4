//! Everything a report is made of, read from an experiment's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::artifacts::{Affinity, Dataset, Grouping, Hashed, RunResult, Schedule, read};
use super::convergence::{Point, SMOOTHING, interval, smooth};
use super::curve_file::{self, Validation};
use super::saving::Trial;
use crate::experiment::{BASELINE, Choice, Manifest, Record, Settings, Status, reads_groups};

/// One finished cell.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) strategy: String,
    pub(crate) seed: u64,
    pub(crate) record: Option<Record>,
    pub(crate) result: RunResult,
    /// Weighted validation token accuracy, unsmoothed; empty for a strategy that trains many models.
    pub(crate) curve: Vec<Point>,
    /// The same, smoothed.
    pub(crate) smoothed: Vec<Point>,
    /// By dataset: how far the validation token accuracy is, at the end, below its highest.
    pub(crate) forgotten: BTreeMap<String, f64>,
    pub(crate) schedule: Option<Hashed<Schedule>>,
}

/// A cell without a result.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) strategy: String,
    pub(crate) seed: u64,
    pub(crate) reason: String,
}

/// What was planned for one seed.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) affinity: Option<Hashed<Affinity>>,
    /// By file name without its ending: `grouping`, `grouping-ARM`.
    pub(crate) groupings: BTreeMap<String, Hashed<Grouping>>,
    /// The commands that made them.
    pub(crate) commands: Vec<String>,
}

/// An experiment, as far as it got.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) name: String,
    pub(crate) manifest: Option<Manifest>,
    /// The strategy that all others are held against.
    pub(crate) baseline: String,
    /// In the order of the report.
    pub(crate) strategies: Vec<String>,
    pub(crate) seeds: Vec<u64>,
    /// As the schedules name and weigh them.
    pub(crate) datasets: Vec<Dataset>,
    pub(crate) runs: Vec<Run>,
    pub(crate) missing: Vec<Missing>,
    pub(crate) plans: BTreeMap<u64, Plan>,
    /// The commands that generated the data, if the experiment did.
    pub(crate) generation: Vec<String>,
    /// What the learning rates were chosen by, where there was a sweep.
    pub(crate) sweep: Option<Choice>,
    /// Cells on disk that were made under other settings and stay out.
    pub(crate) left_out: Vec<String>,
}

impl Evidence {
    /// Reads a folder that `experiment run` made, or any with `runs/STRATEGY/seed-S/`.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let cells = cells(folder)?;
        let manifest = Manifest::read(folder)?;
        if cells.is_empty() && manifest.is_none() {
            bail!("{} holds no experiment: there is no runs/STRATEGY/seed-S in it", folder.display());
        }
        let name = folder.file_name().map_or_else(|| "experiment".into(), |name| name.to_string_lossy().into_owned());
        let name = manifest.as_ref().map_or(name, |manifest| manifest.settings.name.clone());
        let planned = planned(manifest.as_ref());
        let swept = manifest.as_ref().is_some_and(|manifest| manifest.settings.sweep.is_some());
        let sweep = if swept { Choice::read(folder)? } else { None };
        let baseline = manifest.as_ref().map_or(BASELINE, |manifest| manifest.settings.baseline(sweep.as_ref())).to_owned();
        let mut evidence = Self {
            name,
            baseline,
            manifest,
            strategies: Vec::new(),
            seeds: Vec::new(),
            datasets: Vec::new(),
            runs: Vec::new(),
            missing: Vec::new(),
            plans: BTreeMap::new(),
            generation: Record::read(&folder.join("data.cell.json")).map_or_else(Vec::new, |record| record.commands),
            sweep,
            left_out: Vec::new(),
        };
        for (strategy, seed) in cells.union(&planned) {
            evidence.cell(folder, strategy, *seed, planned.contains(&(strategy.clone(), *seed)))?;
        }
        evidence.arrange();
        evidence.smooth();
        for seed in evidence.seeds.clone() {
            evidence.plans.insert(seed, plan(&folder.join("seeds").join(seed.to_string()))?);
        }
        Ok(evidence)
    }

    /// Whether wall times cannot be compared, since cells shared the machine.
    pub(crate) fn ran_side_by_side(&self) -> bool {
        self.manifest.as_ref().is_some_and(|manifest| manifest.side_by_side > 1)
    }

    /// The strategies beside the baseline.
    pub(crate) fn others(&self) -> impl Iterator<Item = &String> {
        self.strategies.iter().filter(|strategy| **strategy != self.baseline)
    }

    /// Finished runs of a strategy, by seed.
    pub(crate) fn runs_of<'a>(&'a self, strategy: &'a str) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().filter(move |run| run.strategy == strategy)
    }

    /// Runs of a strategy that have one curve to compare.
    pub(crate) fn trials<'a>(&'a self, strategy: &'a str) -> Vec<Trial<'a>> {
        let runs = self.runs_of(strategy).filter(|run| !run.smoothed.is_empty());
        runs.map(|run| Trial { seed: run.seed, curve: &run.smoothed, before: run.result.probe_cost }).collect()
    }

    fn cell(&mut self, folder: &Path, strategy: &str, seed: u64, planned: bool) -> Result<()> {
        let run = Path::new("runs").join(strategy).join(format!("seed-{seed}"));
        let path = folder.join(&run);
        let record = Record::read(&path.join("cell.json"));
        if let (Some(record), Some(manifest)) = (&record, &self.manifest)
            && (record.context != manifest.context
                || manifest.cells.get(&run.join("cell.json")).is_some_and(|key| *key != record.key))
        {
            self.left_out.push(format!("{strategy}, seed {seed}"));
            if planned {
                self.miss(strategy, seed, "not run yet under the present settings");
            }
            return Ok(());
        }
        if let Some(record) = &record
            && record.status != Status::Done
        {
            let reason = match record.status {
                Status::Failed => record.failure.as_deref().unwrap_or("failed"),
                Status::Interrupted | Status::Done => "stopped by Ctrl-C",
            };
            self.miss(strategy, seed, reason);
            return Ok(());
        }
        let read_cell = || -> Result<Option<Run>> {
            let Some(result) = read::<RunResult>(&path.join("result.json"), "gst-result")? else { return Ok(None) };
            let planned = folder.join("seeds").join(seed.to_string()).join(format!("schedule-{strategy}.json"));
            let schedule = match read(&path.join("schedule.json"), "gst-schedule")? {
                Some(schedule) => Some(schedule),
                None => read(&planned, "gst-schedule")?,
            };
            let schedule: Option<Hashed<Schedule>> = schedule;
            let many = schedule.as_ref().is_some_and(|schedule| schedule.body.is_many_models());
            let Validation { curve, forgotten } =
                if many { Validation::default() } else { curve_file::read(&path.join("metrics.jsonl"))? };
            Ok(Some(Run {
                strategy: strategy.into(),
                seed,
                record: record.clone(),
                result: result.body,
                curve,
                smoothed: Vec::new(),
                forgotten,
                schedule,
            }))
        };
        match read_cell() {
            Ok(Some(run)) => self.runs.push(run),
            Ok(None) if path.join("metrics.jsonl").is_file() => self.miss(strategy, seed, "cut off before its end"),
            Ok(None) => self.miss(strategy, seed, "not run yet"),
            Err(error) => self.miss(strategy, seed, &format!("its files cannot be read: {error:#}")),
        }
        Ok(())
    }

    fn miss(&mut self, strategy: &str, seed: u64, reason: &str) {
        self.missing.push(Missing { strategy: strategy.into(), seed, reason: reason.into() });
    }

    /// Puts strategies, seeds and runs in the order of the report: as the settings name them, others behind, the baseline first.
    fn arrange(&mut self) {
        let wanted = self.manifest.as_ref().map_or(&[][..], |manifest| &manifest.settings.strategies);
        let found = self.runs.iter().map(|run| &run.strategy).chain(self.missing.iter().map(|missing| &missing.strategy));
        let mut strategies: Vec<String> = wanted.iter().chain(found).cloned().collect();
        let mut seen = BTreeSet::new();
        strategies.retain(|strategy| seen.insert(strategy.clone()));
        strategies.sort_by_key(|strategy| *strategy != self.baseline);
        let place = |strategy: &str| strategies.iter().position(|known| known == strategy);
        self.runs.sort_by_key(|run| (place(&run.strategy), run.seed));
        self.missing.sort_by_key(|missing| (place(&missing.strategy), missing.seed));
        let seeds: BTreeSet<u64> =
            self.runs.iter().map(|run| run.seed).chain(self.missing.iter().map(|missing| missing.seed)).collect();
        self.seeds = seeds.into_iter().collect();
        let scheduled = self.runs.iter().find_map(|run| run.schedule.as_ref()).map(|schedule| schedule.body.datasets.clone());
        self.datasets = scheduled.unwrap_or_else(|| {
            let names: BTreeSet<&String> = self.runs.iter().flat_map(|run| run.result.test.datasets.keys()).collect();
            names.into_iter().map(|name| Dataset { name: name.clone(), domain: String::new(), size: 0, weight: 0.0 }).collect()
        });
        self.strategies = strategies;
    }

    /// Smooths every curve over the same number of steps: that of some evaluations of the baseline.
    fn smooth(&mut self) {
        let curves = |only: Option<&str>| {
            let runs = self.runs.iter().filter(move |run| only.is_none_or(|only| run.strategy == only));
            interval(runs.map(|run| run.curve.as_slice()))
        };
        let width = SMOOTHING as f64 * curves(Some(&self.baseline)).or_else(|| curves(None)).unwrap_or(0.0);
        for run in &mut self.runs {
            run.smoothed = smooth(&run.curve, width);
        }
    }

    /// The grouping that a strategy's cells read in one seed.
    pub(crate) fn grouping(&self, strategy: &str, seed: u64) -> Option<&Hashed<Grouping>> {
        let groupings = &self.plans.get(&seed)?.groupings;
        let behind =
            self.manifest.as_ref().map_or_else(|| strategy.to_string(), |manifest| manifest.settings.arm(strategy).strategy);
        let own = groupings.get(&format!("grouping-{strategy}"));
        own.or_else(|| groupings.get("grouping").filter(|_| reads_groups(&behind)))
    }
}

fn planned(manifest: Option<&Manifest>) -> BTreeSet<(String, u64)> {
    let Some(Settings { strategies, .. }) = manifest.map(|manifest| &manifest.settings) else { return BTreeSet::new() };
    let seeds = manifest.map(|manifest| manifest.settings.seed_list()).unwrap_or_default();
    strategies.iter().flat_map(|strategy| seeds.iter().map(|seed| (strategy.clone(), *seed))).collect()
}

/// Strategy and seed of every folder `runs/STRATEGY/seed-S`.
fn cells(folder: &Path) -> Result<BTreeSet<(String, u64)>> {
    let mut cells = BTreeSet::new();
    for strategy in folders(&folder.join("runs"))? {
        for seed in folders(&folder.join("runs").join(&strategy))? {
            if let Some(seed) = seed.strip_prefix("seed-").and_then(|seed| seed.parse().ok()) {
                cells.insert((strategy.clone(), seed));
            }
        }
    }
    Ok(cells)
}

fn folders(path: &Path) -> Result<Vec<String>> {
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

fn plan(folder: &Path) -> Result<Plan> {
    let mut plan = Plan { affinity: read(&folder.join("affinity.json"), "gst-affinity")?, ..Plan::default() };
    if !folder.is_dir() {
        return Ok(plan);
    }
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".cell.json")
            && let Some(record) = Record::read(&folder.join(&name))
        {
            plan.commands.extend(record.commands);
        }
        let stem = name.strip_suffix(".json").filter(|stem| stem.starts_with("grouping") && !stem.ends_with(".cell"));
        if let Some(stem) = stem
            && let Some(grouping) = read(&folder.join(&name), "gst-grouping")?
        {
            plan.groupings.insert(stem.to_string(), grouping);
        }
    }
    // `gst affinity` comes before `gst group` in the alphabet too.
    // In the order in which they were run: the pretext first.
    plan.commands.sort_by_key(|command| (!command.starts_with("gst pretrain"), command.clone()));
    Ok(plan)
}
