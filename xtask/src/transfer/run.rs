//! Runs `gst affinity` and `gst group` where their results are missing, and gathers rows.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::Run;
use super::metrics::{METRICS, Metric, Source, TRANSFERABILITY};
use super::rows::{Groups, Pair, Probe, Rows};
use super::sketches::PlainGram;
use crate::experiment::{
    self, Board, Generate, Interrupt, Job, Options, Outcome, Settings, Worker, fingerprint_of, generation, hash, write_whole,
};
use crate::map::{commit, date};
use crate::workspace;

/// Numbers of groups whose stability is looked at.
const GROUPS: [usize; 2] = [3, 4];

/// Runs what is missing; returns the folder of the rows.
pub(super) fn run(options: &Run) -> Result<PathBuf> {
    let settings = settings(options)?;
    let root = workspace::root()?;
    let target = || Ok::<_, anyhow::Error>(workspace::members(&root)?.target_directory.into_std_path_buf());
    let out = options.out.clone().unwrap_or_else(|| root.join("docs/results/transfer").join(&options.name));
    let work = match &options.work {
        Some(folder) => folder.clone(),
        None => target()?.join("experiments").join(format!("transfer-{}", options.name)),
    };
    std::fs::create_dir_all(&work).with_context(|| format!("cannot make the folder {}", work.display()))?;
    let work = std::fs::canonicalize(work)?;
    let gst = experiment::program(&settings, &Options { gst: options.gst.clone(), ..Options::default() })?;
    let interrupt = Interrupt::install()?;
    let data = match &options.data {
        Some(folder) => std::fs::canonicalize(folder).with_context(|| format!("there is no data folder {}", folder.display()))?,
        None => work.join("data"),
    };
    let mut worker = Worker {
        gst: &gst,
        out: &work,
        data,
        weights: None,
        fingerprint: String::new(),
        context: String::new(),
        interrupt: &interrupt,
        fresh: false,
        prefix: String::new(),
        threads: None,
    };
    if let Some(job) = generation(&settings, &gst.version) {
        go(&worker, &job, &Board::quiet())?;
    }
    worker.fingerprint = fingerprint_of(&gst.path, &worker.data)?;
    let made = Made { commit: commit(), date: date()?, version: gst.version.clone() };
    let mut rows = Rows::default();
    let board = Board::new(0);
    let calls: Vec<Call<'_>> = (0..options.seeds)
        .flat_map(|seed| options.points.iter().map(move |point| Call { options, seed, point: *point }))
        .collect();
    board.expect(calls.len());
    for call in calls {
        call.complete(&worker, &board)?;
        call.gather(&work, &made, &mut rows)?;
        // After every call, so that a run that is stopped has something to show.
        rows.write(&out)?;
    }
    board.close();
    Ok(out)
}

/// An experiment that says no more than where data and program come from.
fn settings(options: &Run) -> Result<Settings> {
    let mut settings = Settings::built_in("suite")?;
    settings.data.generate = match &options.data {
        Some(_) => None,
        None => settings.data.generate.map(|generate| Generate { seed: 0, ..generate }),
    };
    Ok(settings)
}

fn go(worker: &Worker<'_>, job: &Job, board: &Board) -> Result<()> {
    match worker.run(job, board)? {
        Outcome::Done | Outcome::Skipped => Ok(()),
        Outcome::Interrupted => bail!("stopped; the same command goes on with what is not done"),
        Outcome::Failed(reason) => bail!("{}: {reason}; see {}", job.label, worker.out.join(&job.log).display()),
    }
}

/// What made the rows.
struct Made {
    commit: String,
    date: String,
    version: String,
}

/// One call of `gst affinity`, with the groupings made of it.
#[derive(Clone, Copy)]
struct Call<'a> {
    options: &'a Run,
    seed: u64,
    point: u64,
}

impl Call<'_> {
    fn stem(&self) -> String {
        format!("seeds/{}/point-{}", self.seed, self.point)
    }

    fn grouping(&self, metric: &Metric, groups: usize) -> String {
        format!("{}.{}.{groups}.json", self.stem(), metric.name)
    }

    fn job(&self, worker: &Worker<'_>) -> Job {
        let Run { limit, batches, batch_size, transfer_steps, transfer_repeats, .. } = self.options;
        let (stem, seed) = (self.stem(), self.seed);
        let limit = limit.map_or_else(String::new, |limit| format!("--limit {limit} "));
        let mut commands = vec![format!(
            "affinity --data DATA {limit}--points {} --batches {batches} --batch-size {batch_size} \
             --directed lookahead,commutator,transferability --transfer-steps {transfer_steps} --transfer-repeats {transfer_repeats} \
             --sketches {stem}.safetensors --out {stem}.json --seed {seed}",
            self.point
        )];
        for metric in METRICS.iter().chain([&TRANSFERABILITY]).filter(|metric| metric.grouped) {
            commands.extend(GROUPS.map(|groups| {
                let out = self.grouping(metric, groups);
                format!("group {stem}.json --metric {} --groups {groups} --out {out} --seed {seed}", metric.name)
            }));
        }
        let commands: Vec<Vec<String>> =
            commands.iter().map(|command| command.split_whitespace().map(str::to_owned).collect()).collect();
        let made_from = serde_json::json!({ "commands": commands, "data": worker.fingerprint, "gst": worker.gst.version });
        Job {
            label: format!("seed {seed}, step {}", self.point),
            folder: None,
            record: format!("{stem}.cell.json").into(),
            log: format!("{stem}.log.txt").into(),
            result: format!("{stem}.json").into(),
            files: Vec::new(),
            commands,
            key: hash(made_from.to_string().as_bytes()),
            needs: None,
            steps: None,
        }
    }

    /// Runs it unless it is done, and keeps of the gradients, which are large, only their products.
    fn complete(&self, worker: &Worker<'_>, board: &Board) -> Result<()> {
        let job = self.job(worker);
        let path = |ending: &str| worker.out.join(format!("{}.{ending}", self.stem()));
        let (gram, sketches, record) = (path("gram.json"), path("safetensors"), path("cell.json"));
        if !gram.exists() && !sketches.exists() && record.exists() {
            std::fs::remove_file(&record).with_context(|| format!("cannot remove {}", record.display()))?;
        }
        go(worker, &job, board)?;
        if sketches.exists() {
            let datasets = read::<Affinity>(&worker.out.join(&job.result))?.datasets.len();
            let products = PlainGram::of_sketches(&sketches, datasets)?;
            write_whole(&gram, &serde_json::to_string(&products)?)?;
            std::fs::remove_file(&sketches).with_context(|| format!("cannot remove {}", sketches.display()))?;
        }
        Ok(())
    }

    /// Adds its rows.
    fn gather(&self, work: &Path, made: &Made, rows: &mut Rows) -> Result<()> {
        let path = |ending: &str| work.join(format!("{}.{ending}", self.stem()));
        let affinity: Affinity = read(&path("json"))?;
        let gram: PlainGram = read(&path("gram.json"))?;
        let record = experiment::Record::read(&path("cell.json")).context("a call is done but has no record")?;
        let datasets = affinity.datasets.len();
        let transferability = affinity.table(TRANSFERABILITY.name)?;
        for (from, to) in (0..datasets).flat_map(|i| (0..datasets).map(move |j| (i, j))).filter(|(i, j)| i != j) {
            let entry = |metric: &Metric| match metric.source {
                Source::Table => Ok(at(&affinity.table(metric.name)?.values, from, to)),
                Source::Plain => Ok(gram.entry(metric.name, from, to)),
            };
            let value = at(&transferability.values, from, to).context("a transferability is undetermined")?;
            rows.pairs.push(Pair {
                seed: self.seed,
                point: self.point,
                from,
                to,
                metrics: METRICS.iter().map(entry).collect::<Result<_>>()?,
                transferability: value,
                half: at(&transferability.high, from, to).map(|high| high - value),
            });
        }
        for metric in METRICS.iter().chain([&TRANSFERABILITY]).filter(|metric| metric.grouped) {
            for groups in GROUPS {
                let grouping: Grouping = read(&work.join(self.grouping(metric, groups)))?;
                rows.groups.push(Groups {
                    seed: self.seed,
                    point: self.point,
                    metric: metric.name.into(),
                    groups,
                    assignment: grouping.assignment(datasets),
                    stability: grouping.stability.filter(|_| metric.name == affinity.metric),
                });
            }
        }
        let Run { batches, batch_size, transfer_steps, transfer_repeats, limit, .. } = *self.options;
        rows.probes.push(Probe {
            seed: self.seed,
            point: self.point,
            batches,
            batch_size,
            transfer_steps,
            transfer_repeats,
            limit,
            parameters: affinity.probe.parameters,
            samples: affinity.probe.cost.samples,
            seconds: record.seconds.round(),
            commit: made.commit.clone(),
            date: made.date.clone(),
            version: made.version.clone(),
            datasets: affinity.datasets.iter().map(|dataset| dataset.name.as_str()).collect::<Vec<_>>().join(" "),
        });
        Ok(())
    }
}

/// What is read of `affinity.json`.
#[derive(Deserialize)]
struct Affinity {
    datasets: Vec<Dataset>,
    metric: String,
    tables: std::collections::BTreeMap<String, Table>,
    probe: Probed,
}

#[derive(Deserialize)]
struct Dataset {
    name: String,
}

#[derive(Deserialize)]
struct Table {
    values: Vec<Vec<Option<f64>>>,
    high: Vec<Vec<Option<f64>>>,
}

#[derive(Deserialize)]
struct Probed {
    parameters: u64,
    cost: Cost,
}

#[derive(Deserialize)]
struct Cost {
    samples: f64,
}

impl Affinity {
    fn table(&self, metric: &str) -> Result<&Table> {
        self.tables.get(metric).with_context(|| format!("the affinity has no table `{metric}`"))
    }
}

fn at(table: &[Vec<Option<f64>>], i: usize, j: usize) -> Option<f64> {
    table.get(i)?.get(j).copied().flatten()
}

/// What is read of `grouping.json`.
#[derive(Deserialize)]
struct Grouping {
    groups: Vec<Vec<usize>>,
    stability: Option<f64>,
}

impl Grouping {
    fn assignment(&self, datasets: usize) -> String {
        let group = |dataset: usize| self.groups.iter().position(|group| group.contains(&dataset)).unwrap_or(0).to_string();
        (0..datasets).map(group).collect::<Vec<_>>().join(" ")
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} has not what is looked for", path.display()))
}
