//! The `gst` program as the experiments see it: a path, a version, a hash.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::fingerprint::hash_file;

/// The program that runs every job.
#[derive(Clone, Debug)]
pub(crate) struct Gst {
    /// Absolute path of the executable.
    pub(crate) path: PathBuf,
    /// What `gst --version` says.
    pub(crate) version: String,
    /// Hash of the executable.
    pub(crate) binary: String,
}

impl Gst {
    /// Asks an executable for its version.
    pub(crate) fn at(path: &Path) -> Result<Self> {
        let path = std::fs::canonicalize(path).with_context(|| format!("there is no gst program at {}", path.display()))?;
        let output = Command::new(&path).arg("--version").output().with_context(|| format!("cannot start {}", path.display()))?;
        if !output.status.success() {
            bail!("`{} --version` ended with {}", path.display(), output.status);
        }
        let version = String::from_utf8_lossy(&output.stdout).trim().to_string();
        let binary = hash_file(&path)?;
        Ok(Self { path, version, binary })
    }
}
