//! Runs `gst affinity` and `gst group` where their results are missing, and gathers rows.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Run;
use super::metrics::{METRICS, Metric, Source, TRANSFERABILITY};
use super::rows::{Groups, Pair, Probe, Rows};
use super::sketches::PlainGram;
use crate::experiment::{
    self, Board, Generate, Interrupt, Job, Options, Settings, Worker, fingerprint_of, generation, write_whole,
};
use crate::map::{commit, date};
use crate::workspace;

/// Number of groups whose stability is looked at.
const GROUPS: usize = 3;

/// Runs what is missing; returns the folder of the rows.
pub(super) fn run(options: &Run) -> Result<PathBuf> {
    measure(options, &Interrupt::install()?)
}

fn measure(options: &Run, interrupt: &Interrupt) -> Result<PathBuf> {
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
        interrupt,
        fresh: false,
        prefix: String::new(),
        features: true,
        threads: None,
    };
    if let Some(job) = generation(&settings, &gst.version) {
        worker.complete(&job, &Board::quiet())?;
    }
    worker.fingerprint = fingerprint_of(&gst.path, &worker.data)?;
    let made = Made { commit: commit(), date: date()?, version: gst.version.clone() };
    let mut rows = Rows::read_if_any(&out)?;
    let board = Board::new(0);
    let calls: Vec<Call<'_>> = (0..options.seeds)
        .flat_map(|seed| options.points.iter().map(move |point| Call { options, seed, point: *point }))
        .collect();
    board.expect(2 * calls.len());
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

    fn grouping(&self, metric: &Metric) -> String {
        format!("{}.{}.json", self.stem(), metric.name)
    }

    /// Fine-tunes of each dataset: repeats, which say what noise there is, for the first seed only.
    fn repeats(&self) -> u64 {
        if self.seed == 0 { self.options.transfer_repeats.max(1) } else { 1 }
    }

    /// The measurement.
    fn probe(&self, worker: &Worker<'_>) -> Job {
        let (Run { limit, batches, batch_size, transfer_steps, .. }, transfer_repeats) = (self.options, self.repeats());
        let (stem, seed) = (self.stem(), self.seed);
        let limit = limit.map_or_else(String::new, |limit| format!("--limit {limit} "));
        let command = format!(
            "affinity --data DATA {limit}--points {} --batches {batches} --batch-size {batch_size} \
             --directed lookahead,commutator,transferability --transfer-steps {transfer_steps} --transfer-repeats {transfer_repeats} \
             --sketches {stem}.safetensors --out {stem}.json --seed {seed}",
            self.point
        );
        self.job(worker, &stem, "", &[command], &worker.fingerprint)
    }

    /// Groups by every metric that groups are made from.
    fn groupings(&self, worker: &Worker<'_>) -> Job {
        let (stem, seed) = (self.stem(), self.seed);
        let command = |metric: &Metric| {
            let out = self.grouping(metric);
            format!("group {stem}.json --metric {} --groups {GROUPS} --out {out} --seed {seed}", metric.name)
        };
        let commands: Vec<String> = grouped().map(command).collect();
        let last = self.grouping(&TRANSFERABILITY);
        self.job(worker, last.trim_end_matches(".json"), ", groups", &commands, &self.probe(worker).key)
    }

    /// Commands whose last one leaves `stem`.json, with the hash of what they read.
    fn job(&self, worker: &Worker<'_>, stem: &str, what: &str, commands: &[String], data: &str) -> Job {
        let label = format!("seed {}, step {}{what}", self.seed, self.point);
        Job::alone(label, stem, format!("{stem}.json"), commands, data, &worker.gst.version)
    }

    /// Runs it unless it is done, and keeps of the gradients, which are large, only their products.
    fn complete(&self, worker: &Worker<'_>, board: &Board) -> Result<()> {
        let job = self.probe(worker);
        let path = |ending: &str| worker.out.join(format!("{}.{ending}", self.stem()));
        let (gram, sketches, record) = (path("gram.json"), path("safetensors"), path("cell.json"));
        if !gram.exists() && !sketches.exists() && record.exists() {
            std::fs::remove_file(&record).with_context(|| format!("cannot remove {}", record.display()))?;
        }
        worker.complete(&job, board)?;
        if sketches.exists() {
            let datasets = read::<Affinity>(&worker.out.join(&job.result))?.datasets.len();
            let products = PlainGram::of_sketches(&sketches, datasets)?;
            write_whole(&gram, &serde_json::to_string(&products)?)?;
            std::fs::remove_file(&sketches).with_context(|| format!("cannot remove {}", sketches.display()))?;
        }
        worker.complete(&self.groupings(worker), board)?;
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
        rows.forget(self.seed, self.point);
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
        for metric in grouped() {
            let grouping: Grouping = read(&work.join(self.grouping(metric)))?;
            rows.groups.push(Groups {
                seed: self.seed,
                point: self.point,
                metric: metric.name.into(),
                groups: GROUPS,
                assignment: grouping.assignment(datasets),
                stability: grouping.stability.filter(|_| metric.name == affinity.metric),
            });
        }
        let Run { batches, batch_size, transfer_steps, limit, .. } = *self.options;
        rows.probes.push(Probe {
            seed: self.seed,
            point: self.point,
            batches,
            batch_size,
            transfer_steps,
            transfer_repeats: self.repeats(),
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

/// The metrics that groups are made from.
fn grouped() -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().chain([&TRANSFERABILITY]).filter(|metric| metric.grouped)
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use safetensors::tensor::TensorView;
    use serde_json::json;

    use super::*;

    /// A `gst` that notes its calls and leaves what real ones leave, for two datasets.
    fn fake(folder: &Path) -> PathBuf {
        let table = json!({ "values": [[null, 0.5], [0.25, null]], "high": [[null, 0.75], [0.5, null]] });
        let tables: serde_json::Map<String, serde_json::Value> = METRICS
            .iter()
            .chain([&TRANSFERABILITY])
            .filter(|metric| metric.source == Source::Table)
            .map(|metric| (metric.name.to_owned(), table.clone()))
            .collect();
        let affinity = json!({
            "datasets": [{ "name": "a" }, { "name": "b" }], "metric": "cosine", "tables": tables,
            "probe": { "parameters": 2, "cost": { "samples": 100 } },
        });
        let data = [1.0_f32, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let names = ["point-0/dataset-0", "point-0/dataset-1"];
        let view = || TensorView::new(safetensors::Dtype::F32, vec![1, 2], &data).unwrap();
        let gradients = safetensors::serialize(names.map(|name| (name, view())), None).unwrap();
        std::fs::write(folder.join("gradients"), gradients).unwrap();
        std::fs::write(folder.join("affinity.json"), affinity.to_string()).unwrap();
        std::fs::write(folder.join("group.json"), json!({ "groups": [[1], [0]], "stability": 0.5 }).to_string()).unwrap();
        let script = r#"#!/bin/sh
here=$(dirname "$0")
echo "$1" >> "$here/calls"
case "$1" in
    --version) echo "gst 0.0.0"; exit ;;
    data) echo '{"fingerprint":"sha256:1"}'; exit ;;
esac
kind=$1
while [ $# -gt 0 ]; do
    [ "$1" = --out ] && out=$2
    [ "$1" = --sketches ] && mkdir -p "$(dirname "$2")" && cp "$here/gradients" "$2"
    shift
done
cp "$here/$kind.json" "$out"
"#;
        let path = folder.join("gst");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn what_is_done_is_not_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Run {
            name: "fake".into(),
            data: Some(folder.path().into()),
            seeds: 2,
            points: vec![20, 80],
            limit: None,
            batches: 4,
            batch_size: 4,
            transfer_steps: 10,
            transfer_repeats: 2,
            out: Some(folder.path().join("out")),
            work: Some(folder.path().join("work")),
            gst: Some(fake(folder.path())),
        };
        let calls = |options: &Run| {
            let log = folder.path().join("calls");
            std::fs::write(&log, "").unwrap();
            measure(options, &Interrupt::default()).unwrap();
            let calls = std::fs::read_to_string(log).unwrap();
            let of = |kind: &str| calls.lines().filter(|line| *line == kind).count();
            (of("affinity"), of("group"))
        };
        assert_eq!(calls(&options), (4, 4 * grouped().count()));
        let rows = Rows::read(&folder.path().join("out")).unwrap();
        assert_eq!((rows.probes.len(), rows.pairs.len(), rows.groups.len()), (4, 8, 4 * grouped().count()));
        let first = &rows.pairs[0];
        assert_eq!((first.from, first.to, first.transferability, first.half), (0, 1, 0.5, Some(0.25)));
        assert_eq!(first.metrics[super::super::metrics::place("plain-dot").unwrap()], Some(5.0));
        assert_eq!((rows.groups[0].assignment.as_str(), rows.probes[2].transfer_repeats), ("1 0", 1));

        let one_point = Run { points: vec![80], ..options.clone() };
        assert_eq!(calls(&one_point), (0, 0));
        let again = Rows::read(&folder.path().join("out")).unwrap();
        assert_eq!((again.probes.len(), again.pairs.len()), (4, 8), "rows of other points stay");

        let work = folder.path().join("work/seeds");
        assert!(!work.join("0/point-20.safetensors").exists(), "gradients are large");
        assert_eq!(calls(&options), (0, 0));
        // A call that was cut off between its end and the products of its gradients.
        std::fs::remove_file(work.join("1/point-20.gram.json")).unwrap();
        assert_eq!(calls(&options), (1, 0));
        options.points.push(200);
        assert_eq!(calls(&options), (2, 2 * grouped().count()));
        options.transfer_steps = 20;
        assert_eq!(calls(&options), (6, 6 * grouped().count()));
        assert_eq!(Rows::read(&folder.path().join("out")).unwrap().probes.len(), 6);
    }
}
