//! Probes every world once a point, then calls `gst group` for every plan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Run;
use super::rows::{self, Row, ahead};
use crate::experiment::{self, Board, Interrupt, Job, Options, Settings, Worker, fingerprint_of, generation, right_groups};
use crate::map::{MapSettings, World, commit, date};
use crate::report::rank::adjusted_rand;
use crate::workspace;

/// Metrics to group by; directed ones are made symmetric by `gst group`.
const METRICS: [&str; 7] =
    ["cosine", "gradient-distance", "unit-distance", "preconditioned-cosine", "lookahead", "commutator", "transferability"];
const METHODS: [&str; 4] = ["spectral", "agglomerative", "exact", "community"];
const ORDERS: [&str; 9] =
    ["size", "slow-first", "cost", "heterogeneity", "near-global", "path", "prerequisite", "commutator", "random"];
/// Rungs of a ladder: every order is tried with so many groups.
const GROUPS: usize = 3;
/// Other numbers of groups, in one order.
const OTHERS: [usize; 2] = [2, 4];

/// How a plan is made.
struct Plan {
    metric: &'static str,
    method: &'static str,
    groups: usize,
    order: &'static str,
}

/// Every metric by every method and number of groups; every order where the method is the usual one and the number the right one.
fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for metric in METRICS {
        for method in METHODS {
            plans.extend(OTHERS.map(|groups| Plan { metric, method, groups, order: ORDERS[0] }));
            let orders = if method == METHODS[0] { &ORDERS[..] } else { &ORDERS[..1] };
            plans.extend(orders.iter().map(|order| Plan { metric, method, groups: GROUPS, order }));
        }
    }
    plans
}

impl Plan {
    fn file(&self, stem: &str) -> String {
        let Self { metric, method, groups, order } = self;
        format!("{stem}.{metric}.{method}.{groups}.{order}.json")
    }

    fn command(&self, stem: &str, seed: u64) -> String {
        let Self { metric, method, groups, order } = self;
        let out = self.file(stem);
        format!(
            "group {stem}.json --metric {metric} --method {method} --groups {groups} --order {order} --out {out} --seed {seed}"
        )
    }
}

/// Runs what is missing and writes the rows after every world; rows of other worlds and points stay.
pub(super) fn run(options: &Run) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let settings = options.config.as_deref().map_or_else(MapSettings::built_in, MapSettings::from_file)?;
    let gst = experiment::program(&settings.experiment, &Options { gst: options.gst.clone(), ..Options::default() })?;
    let work = match &options.work {
        Some(folder) => folder.clone(),
        None => {
            workspace::members(&workspace::root()?)?.target_directory.into_std_path_buf().join("experiments").join(options.name())
        }
    };
    let worlds: Vec<World> =
        settings.judged().into_iter().filter(|world| world.knobs.dependence > 0.0).take(options.worlds).collect();
    let (rows_in, pretext) = (options.out(), settings.experiment.pretrain.is_some());
    let board = Board::new(worlds.len() * (2 * options.points.len() + usize::from(pretext)));
    let (commit, date) = (commit(), date()?);
    let mut found = rows::read_if_any(&rows_in)?;
    for world in &worlds {
        let out = work.join(world.name());
        std::fs::create_dir_all(&out).with_context(|| format!("cannot make the folder {}", out.display()))?;
        let out = std::fs::canonicalize(out)?;
        let mut worker = Worker {
            gst: &gst,
            out: &out,
            data: out.join("data"),
            weights: None,
            fingerprint: String::new(),
            context: String::new(),
            interrupt: &interrupt,
            fresh: false,
            prefix: format!("{} ", world.name()),
            features: false,
            threads: None,
        };
        if let Some(job) = generation(&settings.in_world(world), &gst.version) {
            worker.complete(&job, &Board::quiet())?;
        }
        worker.fingerprint = fingerprint_of(&gst.path, &worker.data)?;
        let rungs = right_groups(&worker.data)?.with_context(|| format!("{} has no right groups", out.display()))?;
        let pretext = pretext_of(&settings.experiment, &worker, world.seed);
        if let Some(job) = &pretext {
            worker.complete(job, &board)?;
        }
        let learning_rate = options.learning_rate.or(settings.experiment.training.learning_rate);
        let model = Model {
            settings: &settings.experiment,
            learning_rate,
            reads: pretext.as_ref().map_or(&worker.fingerprint, |job| &job.key),
        };
        for point in &options.points {
            let stem = format!("point-{point}");
            let (probe, plans) = jobs(&model, gst.version.as_str(), world.seed, options.batches, *point);
            worker.complete(&probe, &board)?;
            worker.complete(&plans, &board)?;
            let start = if pretext.is_some() { "pretrained" } else { "scratch" };
            let facts = Facts { world, start, point: *point, rungs: &rungs, commit: &commit, date: &date };
            rows::replace(&mut found, gather(&out, &stem, &facts)?);
        }
        rows::write(&rows_in, &found)?;
        // The recordings are made again where they are missed; what was measured stays.
        std::fs::remove_dir_all(&worker.data).with_context(|| format!("cannot remove {}", worker.data.display()))?;
    }
    board.close();
    Ok(())
}

/// Folder of the pretext in that of a world.
const PRETEXT: &str = "pretrained";

/// What the model of all probes of a world starts with, where the map says so.
fn pretext_of(settings: &Settings, worker: &Worker<'_>, seed: u64) -> Option<Job> {
    let pretrain = settings.pretrain.as_ref()?;
    let (steps, batch_size) = (pretrain.steps, pretrain.batch_size.unwrap_or(settings.training.batch_size));
    let rate = pretrain.learning_rate.map_or_else(String::new, |rate| format!(" --learning-rate {rate}"));
    let command = format!("pretrain --data DATA --steps {steps} --batch-size {batch_size}{rate} --out {PRETEXT} --seed {seed}");
    let result = format!("{PRETEXT}/pretrained.json");
    Some(Job::alone("pretext".into(), PRETEXT, result, &[command], &worker.fingerprint, &worker.gst.version))
}

/// What is probed.
struct Model<'a> {
    settings: &'a Settings,
    learning_rate: Option<f64>,
    /// Hash of data and pretext.
    reads: &'a str,
}

impl Model<'_> {
    /// Options of `gst affinity`.
    fn options(&self) -> String {
        let start = self.settings.pretrain.as_ref().map(|_| format!(" --start {PRETEXT}"));
        let adapters = self.settings.training.adapters.map(|rank| format!(" --adapters {rank}"));
        let rate = self.learning_rate.map(|rate| format!(" --learning-rate {rate}"));
        [start, adapters, rate].into_iter().flatten().collect()
    }
}

/// The measurement, and all plans made of it.
fn jobs(model: &Model<'_>, version: &str, seed: u64, batches: u64, point: u64) -> (Job, Job) {
    let (stem, of_model) = (format!("point-{point}"), model.options());
    let probe = format!(
        "affinity --data DATA{of_model} --points {point} --batches {batches} --batch-size 4 --directed lookahead,commutator,transferability \
         --transfer-steps 10 --transfer-repeats 2 --out {stem}.json --seed {seed}"
    );
    let label = format!("probe at step {point}");
    let probe = Job::alone(label, &stem, format!("{stem}.json"), &[probe], model.reads, version);
    let plans = plans();
    let commands: Vec<String> = plans.iter().map(|plan| plan.command(&stem, seed)).collect();
    let last = plans.last().map_or_else(String::new, |plan| plan.file(&stem));
    let plans = Job::alone(format!("{} plans", plans.len()), &format!("{stem}-plans"), last, &commands, &probe.key, version);
    (probe, plans)
}

/// What the rows of one probe share.
struct Facts<'a> {
    world: &'a World,
    start: &'a str,
    point: u64,
    /// As `gst group --partition` takes them.
    rungs: &'a str,
    commit: &'a str,
    date: &'a str,
}

#[derive(Deserialize)]
struct Grouping {
    datasets: Vec<Dataset>,
    groups: Vec<Vec<usize>>,
}

#[derive(Deserialize)]
struct Dataset {
    name: String,
}

fn gather(folder: &Path, stem: &str, facts: &Facts<'_>) -> Result<Vec<Row>> {
    let rungs: BTreeMap<&str, usize> =
        facts.rungs.split(';').enumerate().flat_map(|(rung, names)| names.split(',').map(move |name| (name, rung))).collect();
    let row = |plan: &Plan| {
        let path: PathBuf = folder.join(plan.file(stem));
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let grouping: Grouping = serde_json::from_str(&text).with_context(|| format!("{} is no grouping", path.display()))?;
        let place = |dataset: usize| grouping.groups.iter().position(|group| group.contains(&dataset)).unwrap_or(0);
        let placed: Vec<usize> = (0..grouping.datasets.len()).map(place).collect();
        let right: Vec<usize> = grouping
            .datasets
            .iter()
            .map(|dataset| rungs.get(dataset.name.as_str()).copied().with_context(|| format!("`{}` has no rung", dataset.name)))
            .collect::<Result<_>>()?;
        Ok(Row {
            conflict: facts.world.knobs.conflict,
            world: facts.world.seed,
            start: facts.start.into(),
            point: facts.point,
            metric: plan.metric.into(),
            method: plan.method.into(),
            groups: plan.groups,
            order: plan.order.into(),
            rand: rounded(adjusted_rand(&placed, &right).context("groups of other datasets")?),
            ahead: rounded(ahead(&placed, &right).context("all datasets are on one rung")?),
            commit: facts.commit.to_owned(),
            date: facts.date.to_owned(),
        })
    };
    plans().iter().map(row).collect()
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_method_number_and_order_is_tried_and_no_plan_twice() {
        let plans = plans();
        let mut files: Vec<String> = plans.iter().map(|plan| plan.file("p")).collect();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), plans.len());
        let tried = |keep: &dyn Fn(&Plan) -> bool| plans.iter().any(keep);
        assert!(METRICS.iter().all(|metric| tried(&|plan| plan.metric == *metric)));
        assert!(
            METHODS.iter().all(|method| [2, 3, 4].iter().all(|k| tried(&|plan| plan.method == *method && plan.groups == *k)))
        );
        assert!(ORDERS.iter().all(|order| METRICS.iter().all(|m| tried(&|plan| plan.order == *order && plan.metric == *m))));
    }

    #[test]
    fn the_model_of_a_probe_is_that_of_the_map() {
        let root = workspace::root().unwrap();
        let options = |settings: &MapSettings, learning_rate| {
            Model { settings: &settings.experiment, learning_rate, reads: "data" }.options()
        };
        assert_eq!(options(&MapSettings::built_in().unwrap(), None), "");
        let pretrained = MapSettings::from_file(&root.join("experiments/map-pretrained.toml")).unwrap();
        assert_eq!(options(&pretrained, Some(0.004)), " --start pretrained --adapters 8 --learning-rate 0.004");
    }

    #[test]
    fn a_plan_is_held_against_the_rungs() {
        let folder = tempfile::tempdir().unwrap();
        let grouping = r#"{"datasets":[{"name":"b"},{"name":"a"},{"name":"c"}],"groups":[[1],[0],[2]]}"#;
        for plan in plans() {
            std::fs::write(folder.path().join(plan.file("point-20")), grouping).unwrap();
        }
        let world = World { knobs: MapSettings::built_in().unwrap().judged()[0].knobs, seed: 1 };
        let facts = Facts { world: &world, start: "scratch", point: 20, rungs: "a;b;c", commit: "0", date: "2026-01-01" };
        let rows = gather(folder.path(), "point-20", &facts).unwrap();
        assert_eq!(rows.len(), plans().len());
        assert!(rows.iter().all(|row| (row.rand, row.ahead) == (1.0, 1.0)));
        let error = gather(folder.path(), "point-20", &Facts { rungs: "a;b", ..facts }).unwrap_err();
        assert!(error.to_string().contains("`c` has no rung"), "{error}");
    }
}
