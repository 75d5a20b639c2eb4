//! `cargo xtask results`: every page and figure under `docs/results`, made again from what it rests on.
//!
//! | folder | rests on |
//! |---|---|
//! | `NAME/` with `rows.csv` | these rows, and the map `experiments/NAME.toml` |
//! | `planning/`, `transfer/NAME/` | the rows beside the page |
//! | `NAME/` with `results.csv` | the run folder of an experiment, `target/experiments/NAME` or under `--runs`; where it is gone, the page stays |

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::map::{self, MapSettings};
use crate::{planning, report, transfer, workspace};

/// The folder of all committed results.
const FOLDER: &str = "docs/results";
/// What a map teaches, while it is made.
const LEARNED: &str = "forecast.json";

/// Where `gst-schedule` ships what a map teaches: the map of models from scratch, and that of pre-trained ones.
pub(crate) fn forecast_of(map: &str) -> Option<&'static str> {
    match map {
        "map" => Some("crates/gst-schedule/data/forecast.json"),
        "map-pretrained" => Some("crates/gst-schedule/data/forecast-pretrained.json"),
        _ => None,
    }
}

/// How to make the results again.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Options {
    /// Write nothing: fail where a page is not what its rows give.
    #[arg(long)]
    check: bool,
    /// Where the run folders of experiments lie [default: target/experiments].
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,
}

/// Makes everything again and says what changed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let root = workspace::root()?;
    let target = workspace::members(&root)?.target_directory.into_std_path_buf();
    let runs = options.runs.clone().unwrap_or_else(|| target.join("experiments"));
    let scratch = target.join("tmp").join("results");
    let mut stale = Vec::new();
    for source in sources(&root)? {
        let made = match &source {
            Source::Experiment(name) if options.check || !runs.join(name).join("experiment.json").is_file() => {
                eprintln!("{source}: stays as it is, it is made from a run folder");
                continue;
            }
            _ => source.make(&root, &scratch, &runs).with_context(|| format!("{source}"))?,
        };
        let changed: Vec<&Made> = made.iter().filter(|made| !made.is_committed()).collect();
        eprintln!("{source}: {} files, {} differ", made.len(), changed.len());
        for made in &changed {
            stale.push(made.to.strip_prefix(&root).unwrap_or(&made.to).display().to_string());
            if !options.check {
                std::fs::copy(&made.from, &made.to).with_context(|| format!("cannot write {}", made.to.display()))?;
            }
        }
    }
    if options.check && !stale.is_empty() {
        bail!("not what their rows give: {}; `cargo xtask results` makes them again", stale.join(", "));
    }
    Ok(())
}

/// What a folder of results rests on, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Map(String),
    Planning(String),
    Transfer(String),
    Experiment(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.folder().display())
    }
}

/// A file that was made, and where it is committed.
#[derive(Debug)]
struct Made {
    from: PathBuf,
    to: PathBuf,
}

impl Made {
    fn is_committed(&self) -> bool {
        std::fs::read(&self.from).ok() == std::fs::read(&self.to).ok()
    }
}

fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut found: Vec<Source> =
        folders(&root.join(FOLDER).join("transfer"))?.into_iter().map(|(name, _)| Source::Transfer(name)).collect();
    for (name, folder) in folders(&root.join(FOLDER))? {
        if folder.join("rows.csv").is_file() {
            found.push(Source::Map(name));
        } else if folder.join(planning::FILE).is_file() {
            found.push(Source::Planning(name));
        } else if folder.join("results.csv").is_file() {
            found.push(Source::Experiment(name));
        }
    }
    Ok(found)
}

/// The folders in a folder, by name.
fn folders(parent: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent).with_context(|| format!("cannot list {}", parent.display()))? {
        let path = entry?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_dir()) {
            found.push((name.to_string_lossy().into_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

impl Source {
    fn folder(&self) -> PathBuf {
        match self {
            Self::Map(name) | Self::Planning(name) | Self::Experiment(name) => Path::new(FOLDER).join(name),
            Self::Transfer(name) => Path::new(FOLDER).join("transfer").join(name),
        }
    }

    /// Makes its pages in a folder of their own under `scratch`, so that a broken one leaves the committed as they are.
    fn make(&self, root: &Path, scratch: &Path, runs: &Path) -> Result<Vec<Made>> {
        let (committed, folder) = (root.join(self.folder()), scratch.join(self.folder()));
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut made = Vec::new();
        match self {
            Self::Map(name) => {
                copy(&committed, &folder, |name| name == "rows.csv")?;
                let settings = MapSettings::from_file(&root.join("experiments").join(format!("{name}.toml")))?;
                let shipped = forecast_of(name);
                let forecast = shipped.map(|_| folder.join(LEARNED));
                map::write_report(&settings, &folder.join("rows.csv"), forecast.as_deref())?;
                // A map with too few worlds forecasts nothing, and says so.
                let forecast = forecast.filter(|forecast| forecast.is_file());
                made.extend(forecast.zip(shipped).map(|(from, to)| Made { from, to: root.join(to) }));
            }
            Self::Planning(_) => {
                copy(&committed, &folder, |name| has_extension(name, "csv"))?;
                planning::write_report(&folder)?;
            }
            Self::Transfer(_) => {
                copy(&committed, &folder, |name| has_extension(name, "csv"))?;
                transfer::write_report(&folder)?;
            }
            Self::Experiment(name) => {
                report::write_report(&runs.join(name))?;
                let shown = |name: &str| matches!(name, "table.md" | "results.csv") || has_extension(name, "svg");
                copy(&runs.join(name), &folder, shown)?;
            }
        }
        for name in names(&folder)?.into_iter().filter(|name| name != LEARNED) {
            made.push(Made { from: folder.join(&name), to: committed.join(&name) });
        }
        Ok(made)
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

/// Names of the files in a folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found.sort();
    Ok(found)
}

fn copy(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> Result<()> {
    for name in names(from)?.into_iter().filter(|name| wanted(name)) {
        std::fs::copy(from.join(&name), to.join(&name)).with_context(|| format!("cannot copy {}", from.join(&name).display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_pages_are_what_their_rows_give() {
        run(&Options { check: true, runs: None }).unwrap();
    }

    #[test]
    fn a_page_that_was_changed_by_hand_is_found() {
        let root = workspace::root().unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let source = sources(&root).unwrap().into_iter().find(|source| matches!(source, Source::Transfer(_))).unwrap();
        let made = source.make(&root, scratch.path(), Path::new("none")).unwrap();
        let page = made.iter().find(|made| made.to.ends_with("table.md")).unwrap();
        assert!(page.is_committed());
        std::fs::write(&page.from, "another figure").unwrap();
        assert!(!page.is_committed());
    }
}
