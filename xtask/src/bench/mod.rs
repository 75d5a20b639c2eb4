//! `cargo xtask bench`: the criterion benchmarks, or the yardstick against PyTorch.

mod summary;
mod yardstick;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use crate::workspace;

/// Options of `cargo xtask bench`.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// A Python with torch, transformers, peft, tokenizers and scikit-learn: does the same work in both programs in turn and
    /// writes the ratios to target/bench/summary.md, in place of the criterion benchmarks.
    #[arg(long, value_name = "PYTHON")]
    torch: Option<PathBuf>,
    /// Cases of the yardstick whose names contain one of these, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "A,B", requires = "torch")]
    cases: Vec<String>,
    /// Pairs of measurements of each case.
    #[arg(long, value_name = "N", default_value_t = 11, requires = "torch")]
    pairs: usize,
    /// Handed to criterion: a filter, `--save-baseline NAME`, …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, conflicts_with = "torch")]
    arguments: Vec<String>,
}

/// Measures what `options` ask for.
pub(crate) fn run(options: &Bench) -> Result<()> {
    let root = workspace::root()?;
    if let Some(python) = &options.torch {
        return yardstick::run(&root, python, &options.cases, options.pairs.max(1));
    }
    // The profile and the features of daily work, so that Burn is not compiled once more.
    let mut command = workspace::cargo(&root);
    command.args(["bench", "--workspace", "--profile", "dev"]);
    for bench in ["affinity", "data", "grouping", "schedule"] {
        command.args(["--bench", bench]);
    }
    let status = command.arg("--").args(&options.arguments).status()?;
    if !status.success() {
        bail!("the benchmarks ended with {status}");
    }
    Ok(())
}
