//! Runs the worlds of a map: the sweep first, then the judged ones with what it chose.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::analysis::Choices;
use super::instance::{Instance, Made};
use super::rows::{self, Phase, Row};
use super::settings::{MapSettings, NULL, World};
use crate::experiment::{
    Board, Gst, Interrupt, Outcome, Settings, Worker, cores, fingerprint_of, generation, given_weights, run_cells, swept_name,
};
use crate::workspace;

/// Where and how to run a map.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The `gst` program.
    pub(crate) gst: Gst,
    /// The folder of worlds and runs, which come and go.
    pub(crate) out: PathBuf,
    /// The rows, which stay.
    pub(crate) rows: PathBuf,
    /// Worlds side by side.
    pub(crate) jobs: usize,
    /// No world is begun after so many hours.
    pub(crate) hours: Option<f64>,
    /// At most so many worlds of the design.
    pub(crate) worlds: Option<usize>,
    /// Keep the folders of worlds that are done.
    pub(crate) keep: bool,
    /// Drop rows of cells that this map no longer has.
    pub(crate) prune: bool,
}

/// Runs what is missing of a map, then says what is there.
pub(crate) fn run(settings: &MapSettings, options: &Options) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let begun = Instant::now();
    let after = |hours: f64| begun.checked_add(Duration::try_from_secs_f64(3600.0 * hours).ok()?);
    let _alone = lock(&options.rows)?;
    let map = Map {
        options,
        interrupt: &interrupt,
        commit: commit(),
        date: date()?,
        end: options.hours.and_then(after),
        weights: given_weights(&settings.experiment)?,
        rows: Mutex::new(rows::read(&options.rows)?),
    };
    if !map.complete("sweep", sweep_instances(settings))? {
        bail!("stopped in the sweep; the same command goes on with it");
    }
    let sweep = map.keys(&sweep_instances(settings));
    // Rows of other settings may still be there.
    let swept: Vec<Row> = map.rows().into_iter().filter(|row| sweep.contains(&row.key)).collect();
    let choices = Choices::of(settings, &swept)?;
    eprint!("{choices}");
    if !map.complete("map", judged_instances(settings, &choices, options.worlds))? {
        bail!("stopped; the same command goes on with the cells that are not done");
    }
    map.settle(&sweep.union(&map.keys(&judged_instances(settings, &choices, None))).cloned().collect(), options.prune)
}

/// Every arm with every learning rate in the worlds of the sweep.
pub(crate) fn sweep_instances(settings: &MapSettings) -> Vec<Instance> {
    let rates = settings.experiment.sweep.as_ref().map_or(&[][..], |sweep| &sweep.learning_rates);
    let arms = settings.arms();
    let instance = |world: World| {
        let mut inner = plain(settings, &world, rates_seed(settings) + world.seed);
        for arm in &arms {
            for (index, rate) in rates.iter().enumerate() {
                let mut variant = inner.arm(arm);
                variant.learning_rate = Some(*rate);
                inner.strategies.push(swept_name(arm, index));
                inner.arms.insert(swept_name(arm, index), variant);
            }
        }
        Instance { phase: Phase::Sweep, world, settings: inner }
    };
    settings.swept().into_iter().map(instance).collect()
}

/// The baseline, its null, plain mix-all and the judged arms with their learning rates in the worlds of the design.
fn judged_instances(settings: &MapSettings, choices: &Choices, most: Option<usize>) -> Vec<Instance> {
    let instance = |world: World| {
        let choice = choices.at(&world.knobs);
        let mut inner = plain(settings, &world, settings.experiment.first_seed + world.seed);
        let compared = settings.compared_in(&world);
        // An arm that is the baseline here has nothing to be judged against.
        for name in std::iter::once(&choice.baseline).chain(compared.iter().filter(|name| **name != choice.baseline)) {
            let mut arm = inner.arm(choice.variant(name));
            arm.learning_rate = choice.rate(name);
            inner.strategies.push(name.clone());
            inner.arms.insert(name.clone(), arm.clone());
            if *name == choice.baseline {
                arm.seed_offset = NULL_OFFSET;
                inner.strategies.push(NULL.to_owned());
                inner.arms.insert(NULL.to_owned(), arm);
            }
        }
        Instance { phase: Phase::Judge, world, settings: inner }
    };
    settings.judged().into_iter().take(most.unwrap_or(usize::MAX)).map(instance).collect()
}

/// Added to the seed of the null.
const NULL_OFFSET: u64 = 500;

fn rates_seed(settings: &MapSettings) -> u64 {
    settings.experiment.sweep.as_ref().map_or(0, |sweep| sweep.first_seed)
}

/// The experiment of one world without strategies, with one seed. Each world has its own, so that no single draw of weights colours
/// the whole map.
fn plain(settings: &MapSettings, world: &World, seed: u64) -> Settings {
    let mut inner = settings.in_world(world);
    inner.strategies.clear();
    inner.sweep = None;
    (inner.first_seed, inner.seeds) = (seed, 1);
    inner
}

/// Held while a map or plans are run: every process writes the rows as it knows them. On a file system without locks nothing is refused.
pub(crate) fn lock(rows: &Path) -> Result<File> {
    let path = rows.with_extension("csv.lock");
    let folder = rows.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            bail!("another process adds rows to {}: wait for it, or let this one write elsewhere", rows.display())
        }
        Err(TryLockError::Error(error)) if error.kind() != ErrorKind::Unsupported => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

struct Map<'a> {
    options: &'a Options,
    interrupt: &'a Interrupt,
    commit: String,
    date: String,
    /// No world is begun from here on; `None` where there is no end.
    end: Option<Instant>,
    weights: Option<PathBuf>,
    rows: Mutex<Vec<Row>>,
}

impl Map<'_> {
    /// Runs what is missing of some instances, side by side; whether nothing is missing any more.
    fn complete(&self, what: &str, instances: Vec<Instance>) -> Result<bool> {
        let done: BTreeSet<String> = self.rows().into_iter().map(|row| row.key).collect();
        let version = &self.options.gst.version;
        let todo: Vec<Instance> =
            instances.iter().filter_map(|instance| instance.missing(version, &|key| done.contains(key))).collect();
        let cells: usize = todo.iter().map(|instance| instance.settings.strategies.len()).sum();
        eprintln!("{what}: {cells} cells in {} of {} worlds are to be run", todo.len(), instances.len());
        let board = Board::new(todo.iter().map(|instance| instance.jobs(version)).sum());
        // Fewer worlds than jobs, as in a sweep: what is left works inside them.
        let inside = (self.options.jobs / todo.len().max(1)).max(1);
        let queue = Mutex::new(todo.iter());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let failed = Mutex::new(Vec::new());
        let work = || -> Result<()> {
            while !self.interrupt.is_set() && self.end.is_none_or(|end| Instant::now() < end) {
                let Some(instance) = next() else { break };
                let failures = self.world(instance, inside, &board).with_context(|| instance.settings.name.clone())?;
                failed.lock().unwrap_or_else(PoisonError::into_inner).extend(failures);
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.options.jobs.max(1)).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker of the map broke down")))
        })?;
        board.close();
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !failed.is_empty() && !self.interrupt.is_set() {
            bail!("{} jobs failed: {}; their folders are in {}", failed.len(), failed.join("; "), self.options.out.display());
        }
        let done: BTreeSet<String> = self.rows().into_iter().map(|row| row.key).collect();
        Ok(instances.iter().all(|instance| instance.missing(version, &|key| done.contains(key)).is_none()))
    }

    /// Generates a world, runs its cells, `inside` side by side, and keeps their rows. Returns what failed.
    fn world(&self, instance: &Instance, inside: usize, board: &Board) -> Result<Vec<String>> {
        let Options { gst, jobs, .. } = self.options;
        let out = self.options.out.join(match instance.phase {
            Phase::Sweep => format!("sweep-{}", instance.settings.name),
            Phase::Judge => instance.settings.name.clone(),
        });
        std::fs::create_dir_all(&out).with_context(|| format!("cannot make the folder {}", out.display()))?;
        let out = std::fs::canonicalize(&out)?;
        let mut worker = Worker {
            gst,
            out: &out,
            data: out.join("data"),
            weights: self.weights.clone(),
            fingerprint: String::new(),
            context: String::new(),
            interrupt: self.interrupt,
            fresh: false,
            prefix: format!("{} ", instance.settings.name),
            features: instance.settings.shares_features(),
            threads: (*jobs > 1).then(|| (cores() / jobs).max(1)),
        };
        if let Some(job) = generation(&instance.settings, &gst.version) {
            match worker.run(&job, &Board::quiet())? {
                Outcome::Failed(reason) => return Ok(vec![format!("{}: data: {reason}", instance.settings.name)]),
                Outcome::Interrupted => return Ok(Vec::new()),
                Outcome::Done | Outcome::Skipped => {}
            }
        }
        worker.fingerprint = fingerprint_of(&worker.gst.path, &worker.data)?;
        let ran = run_cells(&instance.settings, worker, inside, board)?;
        let made = Made { gst_version: &gst.version, commit: &self.commit, date: &self.date, side_by_side: *jobs };
        self.keep(instance.rows(&out, &ran.done, &made)?)?;
        if ran.failed.is_empty() && !self.interrupt.is_set() && !self.options.keep {
            std::fs::remove_dir_all(&out).with_context(|| format!("cannot remove {}", out.display()))?;
        }
        Ok(ran.failed.into_iter().map(|failure| format!("{}: {failure}", instance.settings.name)).collect())
    }

    /// Adds rows, in the place of older ones with their keys, and writes the file.
    fn keep(&self, new: Vec<Row>) -> Result<()> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let by_key: BTreeMap<String, Row> = new.into_iter().map(|row| (row.key.clone(), row)).collect();
        rows.retain(|row| !by_key.contains_key(&row.key));
        rows.extend(by_key.into_values());
        settle(&mut rows, &BTreeSet::new());
        rows::write(&self.options.rows, &rows)
    }

    /// The keys of all cells of some instances.
    fn keys(&self, instances: &[Instance]) -> BTreeSet<String> {
        instances.iter().flat_map(|instance| instance.keys(&self.options.gst.version).into_values()).collect()
    }

    /// Puts the rows of all cells but the `known` (of other settings, of a rate that the sweep no longer chooses) before those of the same arm and
    /// world that are known, since the page reads the last; with `prune`, drops them.
    fn settle(&self, known: &BTreeSet<String>, prune: bool) -> Result<()> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if prune {
            let before = rows.len();
            rows.retain(|row| known.contains(&row.key));
            eprintln!("pruned: {} of {before} rows are of no cell of this map", before - rows.len());
        }
        settle(&mut rows, known);
        rows::write(&self.options.rows, &rows)
    }

    fn rows(&self) -> Vec<Row> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sorts rows by phase, world and arm; of one arm those whose keys are `known` come last, and else all stay as they came.
fn settle(rows: &mut [Row], known: &BTreeSet<String>) {
    let order = |row: &Row| (row.phase == Phase::Judge, row.knobs(), row.world, row.arm.clone(), known.contains(&row.key));
    rows.sort_by(|a, b| order(a).partial_cmp(&order(b)).unwrap_or(std::cmp::Ordering::Equal));
}

/// What is made of rows: while a map runs, it rewrites these.
const RESULTS: [&str; 2] = [":!docs/results", ":!crates/gst-schedule/data"];

/// The commit of the sources, marked where they ([`RESULTS`] aside) differ from it; `unknown` outside of git.
pub(crate) fn commit() -> String {
    let git = |arguments: &[&str]| {
        let root = workspace::root().ok()?;
        let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".into() };
    let status = [&["status", "--porcelain", "--untracked-files=no", "--", "."], &RESULTS[..]].concat();
    let changed = git(&status).is_some_and(|list| !list.is_empty());
    if changed { format!("{commit}+") } else { commit }
}

/// Today in UTC, as `2026-11-23`.
pub(crate) fn date() -> Result<String> {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).context("the clock stands before 1970")?;
    Ok(civil(seconds.as_secs() / 86_400))
}

/// The date so many days after 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms", days from civil, inverted).
fn civil(days: u64) -> String {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + 400 * era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The folder of a map's runs: beside other experiments.
pub(crate) fn usual_folder(root: &Path, name: &str) -> Result<PathBuf> {
    Ok(workspace::members(root)?.target_directory.join("experiments").join(name).into_std_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, date) in
            [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_780, "2026-11-23"), (47_540, "2100-02-28")]
        {
            assert_eq!(civil(days), date);
        }
    }

    #[test]
    fn two_processes_do_not_write_the_same_rows() {
        let folder = tempfile::tempdir().unwrap();
        let rows = folder.path().join("new").join("rows.csv");
        let first = lock(&rows).unwrap();
        assert!(lock(&rows).unwrap_err().to_string().contains("another process adds rows"));
        drop(first);
        lock(&rows).unwrap();
    }

    #[test]
    fn rows_of_the_present_settings_are_the_last() {
        let made = |arm: &str, key: &str| Row { key: key.into(), ..rows::tests::row(arm, 1, 1.0, &[0.5]) };
        let mut rows = vec![made("gst", "now"), made("gst", "before"), made("a", "now too")];
        settle(&mut rows, &BTreeSet::from(["now".into(), "now too".into()]));
        assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["now too", "before", "now"]);
    }

    #[test]
    fn the_sweep_tries_every_arm_at_every_rate_and_judges_nothing() {
        let map = MapSettings::built_in().unwrap();
        let rates = map.experiment.sweep.as_ref().unwrap().learning_rates.len();
        for instance in sweep_instances(&map) {
            assert_eq!(instance.settings.strategies.len(), rates * map.arms().len());
            assert_eq!(instance.phase, Phase::Sweep);
            assert!(instance.settings.seed_list().iter().all(|seed| !map.experiment.seed_list().contains(seed)));
        }
    }

    #[test]
    fn every_judged_world_has_the_baseline_its_null_and_every_arm() {
        let map = MapSettings::built_in().unwrap();
        let rates = map.arms().iter().map(|arm| ((*arm).to_owned(), 1e-3)).collect();
        let choices = Choices::fixed(&map.baselines[0], rates);
        let instances = judged_instances(&map, &choices, Some(2));
        assert_eq!(instances.len(), 2);
        for instance in instances {
            let compared = map.compared_in(&instance.world);
            assert_eq!(instance.settings.strategies.len(), 2 + compared.len());
            assert_eq!(compared.contains(&"gst-adaptive-short".to_owned()), instance.world.knobs.dependence > 0.0);
            assert_eq!(instance.settings.arm(NULL).strategy, "mix-all");
            assert_eq!(instance.settings.arm(NULL).seed_offset, NULL_OFFSET);
            assert!(instance.settings.strategies.iter().all(|arm| instance.settings.arm(arm).learning_rate.is_some()));
        }
    }
}
