//! Questions that `gst` answers in JSON, and a folder for what it has to write on the way.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;

use crate::experiment::Gst;

/// A folder that goes with the value.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("gst-dry-run-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left in the folder for temporary files does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program, and where it may write.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) gst: &'a Gst,
    pub(super) scratch: &'a Scratch,
}

impl Ask<'_> {
    /// What a command says in JSON; its error message when it ends with one.
    pub(super) fn json<T: DeserializeOwned>(&self, arguments: &[String]) -> Result<T> {
        let gst = &self.gst.path;
        let output = Command::new(gst).args(arguments).arg("--json").current_dir(self.scratch.path()).output();
        let output = output.with_context(|| format!("cannot start {}", gst.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            // Above it stand counts and warnings.
            let error = said.find("error: ").map_or(&*said, |at| &said[at + "error: ".len()..]);
            bail!("{}", error.trim());
        }
        let command = arguments.join(" ");
        serde_json::from_slice(&output.stdout).with_context(|| format!("what `gst {command}` says is not understood"))
    }
}
