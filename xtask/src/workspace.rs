//! Where the workspace lies and how cargo is called in it.

use std::ffi::OsString;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, Metadata, MetadataCommand};

/// The workspace's root folder.
///
/// `cargo xtask` hands over the manifest folder of this crate; a binary started by hand falls back to the one it was built in.
pub(crate) fn root() -> Result<PathBuf> {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = manifest.parent().context("the xtask folder has no parent folder")?;
    if !root.join("Cargo.toml").is_file() {
        bail!("no Cargo.toml in {}: run `cargo xtask` inside the workspace", root.display());
    }
    Ok(root.to_path_buf())
}

/// The cargo that started us, so that a toolchain override holds for everything we spawn.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root);
    command
}

/// The workspace's members without their dependencies: cheap, and needs no network.
pub(crate) fn members(root: &Path) -> Result<Metadata> {
    MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec().context("`cargo metadata` failed")
}

/// A program that cargo built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Name of its target.
    pub(crate) name: String,
    /// Where it lies.
    pub(crate) path: PathBuf,
}

/// Runs a `cargo build …` and returns the programs it names; what it has to say goes to standard error.
pub(crate) fn build(command: &mut Command) -> Result<Vec<Program>> {
    command.arg("--message-format=json-render-diagnostics").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo's standard output was not captured")?;
    let mut programs = Vec::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        if let Message::CompilerArtifact(artifact) = message.context("cannot read cargo's messages")?
            && let Some(path) = artifact.executable
        {
            programs.push(Program { name: artifact.target.name, path: path.into_std_path_buf() });
        }
    }
    if !child.wait()?.success() {
        bail!("cargo could not build it; its messages stand above");
    }
    Ok(programs)
}
