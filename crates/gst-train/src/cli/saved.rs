//! Gradients that another trainer has saved.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use gst_affinity::source::{GradientSource, SavedGradients, SavedSketches, collect};
use gst_affinity::{Affinity, Cost, DatasetFacts, EstimateParams, Metric, ProbeFacts, SketchParams, Sketcher};

/// Where saved gradients are.
#[derive(Debug, Args)]
pub(crate) struct Saved {
    /// Gradients saved by another trainer, in place of --data: a `.npy` of shape [datasets, batches, parameters] with --names, a
    /// `.safetensors` with a tensor [batches, parameters] a dataset, a folder with one such file a dataset, or what --sketches
    /// kept.
    #[arg(long, value_name = "FILE")]
    gradients: Option<PathBuf>,
    /// Names of the datasets of --gradients, one a line, each followed by its number of training samples if known.
    #[arg(long, value_name = "FILE", requires = "gradients")]
    names: Option<PathBuf>,
    /// The model of --gradients was pre-trained: what strategies save differs by that.
    #[arg(long, requires = "gradients")]
    pretrained: bool,
}

impl Saved {
    /// The affinity of the saved gradients; `None` when there are none.
    pub(crate) fn affinity(&self, metric: Metric, size: usize, seed: u64) -> anyhow::Result<Option<Affinity>> {
        let Some(path) = &self.gradients else { return Ok(None) };
        let listed = self.names.as_deref().map(read_names).transpose()?;
        let how = How { metric, size, seed, pretrained: self.pretrained };
        let affinity = match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => {
                let files = read_folder(path)?;
                let of = |extension: &str| {
                    let files = files.iter().filter(|(file, _)| file.extension().is_some_and(|found| found == extension));
                    files.map(|(file, bytes)| (stem(file), bytes.as_slice())).collect::<Vec<_>>()
                };
                let (npy, safetensors) = (of("npy"), of("safetensors"));
                match (npy.is_empty(), safetensors.is_empty()) {
                    (false, true) => estimate(&SavedGradients::from_npy_files(&npy)?, listed, &how)?,
                    (true, false) => estimate(&SavedGradients::from_safetensors_files(&safetensors)?, listed, &how)?,
                    _ => {
                        bail!("{}: expected a .npy or a .safetensors file a dataset, and only one of both kinds", path.display())
                    }
                }
            }
            Some("npy") => {
                let listed = listed.context("a single .npy has no names in it: give --names FILE, one name a line")?;
                let names: Vec<String> = listed.iter().map(|(name, _)| name.clone()).collect();
                let bytes = read(path)?;
                let source = SavedGradients::from_npy(&bytes, &path.display().to_string(), &names)?;
                estimate(&source, Some(listed), &how)?
            }
            Some("safetensors") => {
                let bytes = read(path)?;
                if SavedSketches::is_one(&bytes) {
                    ensure!(listed.is_none(), "{} has names in it already: leave out --names", path.display());
                    let sketches = SavedSketches::from_bytes(&bytes, &path.display().to_string())?;
                    let params = EstimateParams { seed, ..EstimateParams::default() };
                    let mut probe = sketches.probe;
                    probe.pretrained |= self.pretrained;
                    return Ok(Some(Affinity::estimate(&sketches.points, sketches.datasets, metric, &params, probe)?));
                }
                let source = SavedGradients::from_safetensors(&bytes, &path.display().to_string())?;
                estimate(&source, listed, &how)?
            }
            _ => bail!("{}: expected a .npy or .safetensors file, or a folder of them", path.display()),
        };
        Ok(Some(affinity))
    }
}

/// What is said of gradients beside their files.
struct How {
    metric: Metric,
    /// Values of a sketch; 0 keeps gradients exact.
    size: usize,
    seed: u64,
    pretrained: bool,
}

fn estimate(source: &impl GradientSource, listed: Option<Vec<(String, u64)>>, how: &How) -> anyhow::Result<Affinity> {
    let How { metric, size, seed, pretrained } = *how;
    let samples = collect(source, &Sketcher::new(SketchParams { size, seed })?)?;
    let sized = |name: &String| {
        let size = listed.as_ref().map(|listed| listed.iter().find(|(found, _)| found == name).map(|(_, size)| *size));
        match size {
            Some(None) => bail!("--names does not list the dataset `{name}` of the gradients"),
            Some(Some(size)) => Ok(DatasetFacts::new(name.clone(), size)),
            None => Ok(DatasetFacts::new(name.clone(), 0)),
        }
    };
    let mut facts = samples.names().iter().map(sized).collect::<anyhow::Result<Vec<_>>>()?;
    DatasetFacts::weigh_by_size(&mut facts);
    let batches = (0..facts.len()).map(|dataset| source.batches(dataset)).min().unwrap_or(0);
    let probe = ProbeFacts {
        model: "given gradients".into(),
        pretrained,
        parameters: source.parameters(),
        sketch_size: size,
        points: vec![0],
        batches,
        batch_size: 0,
        seed,
        cost: Cost::default(),
    };
    let params = EstimateParams { seed, ..EstimateParams::default() };
    Ok(Affinity::estimate(&[samples], facts, metric, &params, probe)?)
}

/// `NAME` or `NAME SIZE`, one a line; empty lines are passed over.
fn read_names(path: &Path) -> anyhow::Result<Vec<(String, u64)>> {
    let text = String::from_utf8(read(path)?).with_context(|| format!("{}: not UTF-8", path.display()))?;
    let mut names = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        let size = words.next().map(str::parse::<u64>).transpose();
        let size = size.with_context(|| format!("{}:{}: the size is no whole number", path.display(), number + 1))?;
        ensure!(words.next().is_none(), "{}:{}: expected NAME or NAME SIZE", path.display(), number + 1);
        names.push((name.to_owned(), size.unwrap_or(0)));
    }
    Ok(names)
}

fn read_folder(path: &Path) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    files.retain(|file| file.extension().is_some_and(|found| found == "npy" || found == "safetensors"));
    files.into_iter().map(|file| read(&file).map(|bytes| (file, bytes))).collect()
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
