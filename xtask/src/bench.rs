//! `cargo xtask bench`: the criterion benchmarks.

use anyhow::{Result, bail};

use crate::workspace;

/// Runs the benchmarks of the `benches` crate; `arguments` go to criterion (a filter, `--save-baseline NAME`, …).
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let root = workspace::root()?;
    let status = workspace::cargo(&root).args(["bench", "--package", "benches", "--"]).args(arguments).status()?;
    if !status.success() {
        bail!("the benchmarks ended with {status}");
    }
    Ok(())
}
