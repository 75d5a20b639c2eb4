//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand};

use crate::experiment::{BUILT_IN, Options, Regime, Settings};
use crate::map::MapSettings;
use crate::{bench, ci, experiment, map, planning, report, results, soak, tidy, transfer, workspace};

/// The workspace's own tool: experiments, house rules, checks, benchmarks.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Compare training strategies, or make the report again.
    #[command(subcommand)]
    Experiment(Experiment),
    /// Compare strategies over generated worlds of known conflict and dependence, or make the page again.
    #[command(subcommand)]
    Map(Map),
    /// Hold every metric, grouping, number of groups and order against worlds whose right plan is known.
    #[command(subcommand)]
    Planning(planning::Planning),
    /// Measure whether affinity predicts transfer, or make the page again.
    #[command(subcommand)]
    Transfer(transfer::Transfer),
    /// Make every page and figure under docs/results again from its rows, or from the run folder where that is there.
    Results(results::Options),
    /// Hold the house rules: crate arrows, manifests, leftovers, links, sizes.
    Tidy,
    /// Run every check of continuous integration, cheapest first.
    Ci(ci::Choice),
    /// Run the criterion benchmarks, or the same work here and in PyTorch.
    Bench(bench::Bench),
    /// Train for thousands of steps and judge memory, step time and open files.
    Soak(soak::Soak),
}

#[derive(Debug, Subcommand)]
enum Experiment {
    /// Run strategies × seeds, skip what is done, write the report.
    #[command(
        after_help = "Examples:\n  cargo xtask experiment run quick\n  cargo xtask experiment run recorded --data DIR --seeds 5 --device cuda:0\n  \
                            cargo xtask experiment run --config mine.toml --strategies mix-all,gst-progressive\n  cargo xtask experiment run paper-full --data sets.toml --weights DIR --dry-run"
    )]
    Run(Box<Run>),
    /// Make the report of an experiment's folder again.
    Report {
        /// The folder, for instance target/experiments/quick.
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum Map {
    /// Run the worlds that are missing, add their rows, make the page.
    #[command(after_help = "Examples:\n  cargo xtask map run --jobs 2\n  cargo xtask map run --jobs 2 --hours 3 --worlds 18")]
    Run(MapRun),
    /// Make table and figure from the rows again.
    Report(MapPlace),
}

#[derive(Debug, Args)]
struct MapPlace {
    /// A map of your own, a TOML file like experiments/map.toml.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The finished cells; the page is written beside them [default: docs/results/NAME/rows.csv for the map NAME.toml].
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// Write the table that `gst group` forecasts from here [default: that of gst-schedule for map and map-pretrained with their own rows, else none].
    #[arg(long, value_name = "FILE")]
    forecast: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct MapRun {
    #[command(flatten)]
    place: MapPlace,
    /// Worlds that run side by side, each with its part of the cores.
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// Begin no world after so many hours.
    #[arg(long, value_name = "H", value_parser = above_zero)]
    hours: Option<f64>,
    /// Only the first N worlds of the design.
    #[arg(long, value_name = "N")]
    worlds: Option<usize>,
    /// Keep the folders of worlds that are done.
    #[arg(long)]
    keep: bool,
    /// When all is done, drop the rows of cells that this map no longer has: of other settings, of a rate that the sweep no longer chooses.
    #[arg(long)]
    prune: bool,
    /// Folder of worlds and runs [default: target/experiments/NAME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Use this gst program instead of building one.
    #[arg(long, value_name = "FILE")]
    gst: Option<PathBuf>,
}

impl MapPlace {
    fn settings(&self) -> Result<MapSettings> {
        self.config.as_deref().map_or_else(MapSettings::built_in, MapSettings::from_file)
    }

    /// What folders are called by: the file of the map, or `map` for the built-in one.
    fn name(&self) -> String {
        self.config.as_deref().and_then(Path::file_stem).map_or_else(|| "map".into(), |stem| stem.to_string_lossy().into_owned())
    }

    fn rows(&self) -> PathBuf {
        self.rows.clone().unwrap_or_else(|| Path::new("docs/results").join(self.name()).join("rows.csv"))
    }

    fn report(&self) -> Result<()> {
        let usual = || results::forecast_of(&self.name()).filter(|_| self.rows.is_none()).map(PathBuf::from);
        let forecast = self.forecast.clone().or_else(usual);
        let written = map::write_report(&self.settings()?, &self.rows(), forecast.as_deref())?;
        eprintln!("map: {} ({} of {} worlds)", written.page.display(), written.worlds, written.planned);
        Ok(())
    }
}

impl MapRun {
    fn run(self) -> Result<()> {
        let settings = self.place.settings()?;
        let chosen = Options { gst: self.gst, ..Options::default() };
        let options = map::Options {
            gst: experiment::program(&settings.experiment, &chosen)?,
            out: self.out.map_or_else(|| map::usual_folder(&workspace::root()?, &self.place.name()), Ok)?,
            rows: self.place.rows(),
            jobs: self.jobs.max(1),
            hours: self.hours,
            worlds: self.worlds,
            keep: self.keep,
            prune: self.prune,
        };
        let ran = map::run(&settings, &options);
        // A map that was stopped has worlds to show; without any, why it stopped says enough.
        let shown = self.place.report();
        ran.and(shown)
    }
}

#[derive(Debug, Args)]
struct Run {
    /// A built-in experiment: quick, suite, recorded, paper-full or paper-low-resource.
    #[arg(required_unless_present = "config", conflicts_with = "config")]
    name: Option<String>,
    /// An experiment of your own, a TOML file like those under experiments/.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of datasets (NAME/train.jsonl, NAME/test.jsonl, NAME/audio/); GST_DATA where the experiment needs one and none is given.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Model preset.
    #[arg(long)]
    model: Option<String>,
    /// Folder of the checkpoints that a pretrained model is put together from.
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// Where to train: cpu, cuda, cuda:N, wgpu or vulkan. gst is built with what it needs.
    #[arg(long)]
    device: Option<String>,
    /// Number of seeds.
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Strategies, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "A,B,C")]
    strategies: Option<Vec<String>>,
    /// Optimizer steps of every cell.
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// The experiment's folder [default: target/experiments/NAME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Build gst in the release profile; the dev profile compiles the arithmetic alike and builds sooner.
    #[arg(long)]
    release: bool,
    /// Do every cell anew, also those that are done.
    #[arg(long)]
    fresh: bool,
    /// Use this gst program instead of building one.
    #[arg(long, value_name = "FILE")]
    gst: Option<PathBuf>,
    /// Cells that run side by side, each with its part of the cores; with 1, wall times can be compared.
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// Training records a dataset: full, low-resource (250), low-resource-100 or low-resource-50.
    #[arg(long)]
    regime: Option<Regime>,
    /// Run nothing: say every command, what is missing, how many records there are, what memory and time it would take.
    #[arg(long)]
    dry_run: bool,
    /// Optimizer steps in a second, for the time of a dry run; measured over a few steps where a model from scratch is trained on the CPU.
    #[arg(long, value_name = "X", requires = "dry_run", value_parser = above_zero)]
    steps_per_second: Option<f64>,
}

fn above_zero(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if number.is_finite() && number > 0.0 { Ok(number) } else { Err("expected a number above 0".into()) }
}

impl Run {
    fn settings(&self) -> Result<Settings> {
        let mut settings = match (&self.config, &self.name) {
            (Some(path), _) => Settings::from_file(path)?,
            (None, Some(name)) => Settings::built_in(name)?,
            (None, None) => bail!("name an experiment ({}) or give --config FILE", BUILT_IN.map(|(name, _)| name).join(", ")),
        };
        if let Some(folder) = &self.data {
            settings.data.folder = Some(folder.clone());
            settings.data.generate = None;
        }
        let training = &mut settings.training;
        if self.model.is_some() {
            settings.model = None;
        }
        put(&mut training.model, self.model.as_ref());
        training.weights = self.weights.clone().or(training.weights.take());
        put(&mut training.device, self.device.as_ref());
        put(&mut training.steps, self.steps.as_ref());
        put(&mut settings.seeds, self.seeds.as_ref());
        if self.regime.is_some() {
            (settings.data.regime, settings.data.limit) = (self.regime, None);
        }
        put(&mut settings.strategies, self.strategies.as_ref());
        Ok(settings)
    }
}

/// Lets a flag override a setting where it was given.
fn put<T: Clone>(setting: &mut T, flag: Option<&T>) {
    if let Some(value) = flag {
        setting.clone_from(value);
    }
}

/// Reads the command line, does what it says, and turns an error into a message and an exit code.
#[must_use]
pub fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(task: Task) -> Result<()> {
    match task {
        Task::Experiment(Experiment::Run(run)) => {
            let Run { out, release, gst, fresh, jobs, .. } = &*run;
            let options = Options { out: out.clone(), release: *release, gst: gst.clone(), fresh: *fresh, jobs: *jobs };
            let settings = run.settings()?;
            if run.dry_run {
                experiment::dry_run(&settings, &options, run.steps_per_second)
            } else {
                experiment::run(&settings, &options)
            }
        }
        Task::Experiment(Experiment::Report { folder }) => {
            let written = report::write_report(&folder)?;
            eprintln!("report: {} ({} cells, {} missing)", written.html.display(), written.cells, written.missing);
            Ok(())
        }
        Task::Map(Map::Run(run)) => run.run(),
        Task::Map(Map::Report(place)) => place.report(),
        Task::Planning(task) => planning::run(task),
        Task::Transfer(task) => transfer::run(task),
        Task::Results(options) => results::run(&options),
        Task::Tidy => tidy::run(),
        Task::Ci(choice) => ci::run(&choice),
        Task::Bench(options) => bench::run(&options),
        Task::Soak(options) => soak::run(&options),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str]) -> Settings {
        let cli = Cli::try_parse_from(["xtask", "experiment", "run"].iter().chain(arguments)).unwrap();
        match cli.command {
            Task::Experiment(Experiment::Run(run)) => run.settings().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_override_the_experiment() {
        let changed = settings(&[
            "quick",
            "--seeds",
            "4",
            "--strategies",
            "mix-all,gst-reverse",
            "--steps",
            "9",
            "--device",
            "cuda:0",
            "--data",
            "d",
        ]);
        assert_eq!((changed.seeds, changed.training.steps, changed.training.device.as_str()), (4, 9, "cuda:0"));
        assert_eq!(changed.strategies, ["mix-all", "gst-reverse"]);
        assert_eq!((changed.data.folder, changed.data.generate), (Some(PathBuf::from("d")), None));
        assert_eq!(settings(&["quick"]), Settings::built_in("quick").unwrap());
    }

    #[test]
    fn an_experiment_must_be_named() {
        assert!(Cli::try_parse_from(["xtask", "experiment", "run"]).is_err());
        assert!(Cli::try_parse_from(["xtask", "experiment", "run", "quick", "--config", "f"]).is_err());
        let error = Settings::built_in("quik").unwrap_err().to_string();
        assert!(error.contains("quick, suite, recorded, paper-full"), "{error}");
    }
}
