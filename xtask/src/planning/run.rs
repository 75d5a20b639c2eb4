//! Probes every world once a point, then calls `gst group` for every plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Run;
use super::rows::{self, Row, ahead};
use crate::experiment::{
    self, Board, Ground, Interrupt, Job, Options, Outcome, Probe, Settings, Worker, fingerprint_of, generation, given_weights,
    probe_jobs, right_groups,
};
use crate::map::{MapSettings, World, commit, date, lock};
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
    let weights = given_weights(&settings.experiment)?;
    let (rows_in, pretext) = (options.out(), settings.experiment.pretrain.is_some());
    let _alone = lock(&rows_in.join(rows::FILE))?;
    let start = if pretext { "pretrained" } else { "scratch" };
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
            weights: weights.clone(),
            fingerprint: String::new(),
            context: String::new(),
            interrupt: &interrupt,
            fresh: false,
            prefix: format!("{} ", world.name()),
            features: false,
            threads: None,
        };
        let mut here = settings.in_world(world);
        here.training.learning_rate = options.learning_rate.or(here.training.learning_rate);
        if let Some(job) = generation(&here, &gst.version) {
            worker.complete(&job, &Board::quiet())?;
        }
        worker.fingerprint = fingerprint_of(&gst.path, &worker.data)?;
        let rungs = right_groups(&worker.data)?.with_context(|| format!("{} has no right groups", out.display()))?;
        let ground = Ground::new(&here, worker.fingerprint.clone(), gst.version.clone(), None);
        let mut probed = BTreeSet::new();
        for point in &options.points {
            let (stem, jobs) = jobs(&here, &ground, world.seed, options.batches, *point);
            let mut anew = false;
            // The pretext is a job of every point, and done once.
            for job in jobs.iter().filter(|job| probed.insert(job.key.clone())) {
                worker.write_files(std::slice::from_ref(job))?;
                anew |= worker.complete(job, &board)? == Outcome::Done;
            }
            let facts = Facts { world, start, point: *point, rungs: &rungs, commit: &commit, date: &date };
            let made = gather(&out, &stem, &facts)?;
            // What was measured before keeps its commit and day.
            let is_known = |row: &Row| found.iter().any(|known| row.is_of(known));
            if anew || !made.iter().all(is_known) {
                rows::replace(&mut found, made);
            }
        }
        rows::write(&rows_in, &found)?;
        // The recordings are made again where they are missed; what was measured stays.
        std::fs::remove_dir_all(&worker.data).with_context(|| format!("cannot remove {}", worker.data.display()))?;
    }
    board.close();
    Ok(())
}

/// The pretext, if the map has one, the measurement, and all plans made of it; before them the path of the measurement without `.json`.
fn jobs(settings: &Settings, ground: &Ground, seed: u64, batches: u64, point: u64) -> (String, Vec<Job>) {
    let words =
        format!("--points {point} --directed lookahead,commutator,transferability --transfer-steps 10 --transfer-repeats 2");
    let probe = Probe {
        metric: METRICS[0].into(),
        batches: Some(batches),
        batch_size: Some(4),
        arguments: words.split_whitespace().map(str::to_owned).collect(),
        ..Probe::default()
    };
    let mut jobs = probe_jobs(settings, ground, seed, &format!("step {point}"), &probe);
    let (measured, key) = jobs.last().map_or_else(Default::default, |job| (job.result.clone(), job.key.clone()));
    let (stem, plans) = (measured.with_extension("").display().to_string(), plans());
    let commands: Vec<String> = plans.iter().map(|plan| plan.command(&stem, seed)).collect();
    let last = plans.last().map_or_else(String::new, |plan| plan.file(&stem));
    let label = format!("{} plans", plans.len());
    jobs.push(Job::alone(label, &format!("{stem}-plans"), last, &commands, &key, &ground.gst_version));
    (stem, jobs)
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
            dependence: facts.world.knobs.dependence,
            inequality: facts.world.knobs.inequality,
            difficulty: facts.world.knobs.difficulty,
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
        let commands = |settings: &Settings, point| {
            let ground = Ground::new(settings, "data".into(), "gst 1".into(), None);
            let (stem, jobs) = jobs(settings, &ground, 7, 4, point);
            let commands: Vec<String> = jobs.iter().map(|job| job.commands[0].join(" ")).collect();
            assert!(commands.last().unwrap().starts_with(&format!("group {stem}.json --metric cosine")), "{commands:?}");
            commands
        };
        let mut settings = MapSettings::built_in().unwrap().experiment;
        let [probe, _] = commands(&settings, 20).try_into().unwrap();
        assert!(probe.starts_with("affinity --data DATA --model mini --metric cosine"), "{probe}");
        assert!(!probe.contains("--start") && !probe.contains("--learning-rate"), "{probe}");
        settings.training.model = "small".into();
        settings.training.learning_rate = Some(0.004);
        assert!(commands(&settings, 20)[0].contains("--model small"), "another preset");
        assert!(commands(&settings, 20)[0].contains("--learning-rate 0.004"), "another rate");

        let root = workspace::root().unwrap();
        let pretrained = MapSettings::from_file(&root.join("experiments/map-pretrained.toml")).unwrap().experiment;
        let [pretext, probe, _] = commands(&pretrained, 100).try_into().unwrap();
        assert!(pretext.starts_with("pretrain --data DATA --model mini --steps 600"), "{pretext}");
        assert!(pretext.contains("--validation-share 0.2"), "held out of the pretext too: {pretext}");
        assert!(probe.contains("--start seeds/7/pretrained --adapters 8"), "{probe}");
        assert_eq!(commands(&pretrained, 20)[0], pretext, "points share the pretext");
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
