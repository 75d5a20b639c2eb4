//! `cargo xtask ci`: every check of continuous integration, cheapest first, with its time.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::{tidy, workspace};

/// Examples that are given a folder of datasets.
const READ_DATA: [&str; 3] = ["check", "features", "open"];

/// The crates that stand on their own.
const PLANNING: [&str; 3] = ["gst-affinity", "gst-grouping", "gst-schedule"];

/// Which checks to run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Choice {
    /// Only these checks; all but `cuda` and `wgpu` when none is named.
    checks: Vec<Check>,
    /// Go on after a check that failed.
    #[arg(long)]
    keep_going: bool,
}

/// One check, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Check {
    /// The source is formatted.
    Fmt,
    /// The house rules hold.
    Tidy,
    /// No compiler or clippy warning anywhere.
    Clippy,
    /// `cargo test --workspace`.
    Test,
    /// `gst` without its model compiles no Burn and still serves saved gradients.
    WithoutModel,
    /// The fuzz targets compile.
    Fuzz,
    /// The documentation builds without a warning.
    Doc,
    /// Each planning crate packs, and builds from its package alone.
    Package,
    /// Every example runs.
    Examples,
    /// The quick experiment runs end to end, with few steps.
    Quick,
    /// The CUDA build type-checks. Only by name: it checks Burn and CubeCL from their beginning.
    Cuda,
    /// A run on wgpu follows one on the CPU, where there is a Vulkan driver. Only by name: it builds Burn and wgpu in full.
    Wgpu,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Clippy => "clippy",
            Self::Test => "test",
            Self::WithoutModel => "without-model",
            Self::Fuzz => "fuzz",
            Self::Doc => "doc",
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
            Self::Package => "package",
            Self::Examples => "examples",
            Self::Quick => "quick",
        }
    }

    /// Whether it runs only when it is named.
    fn is_by_name(self) -> bool {
        matches!(self, Self::Cuda | Self::Wgpu)
    }

    fn run(self, root: &Path) -> Result<Ended> {
        let cargo = |arguments: &[&str]| {
            let mut command = workspace::cargo(root);
            command.args(arguments);
            command
        };
        let passed = match self {
            Self::Fmt => succeed(&mut cargo(&["fmt", "--all", "--check"])),
            Self::Tidy => tidy::run(),
            Self::Clippy => succeed(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])),
            Self::Test => succeed(&mut cargo(&["test", "--workspace"])),
            Self::WithoutModel => without_model(root),
            Self::Fuzz => succeed(&mut cargo(&["check", "--manifest-path", "fuzz/Cargo.toml", "--bins", "--locked"])),
            Self::Doc => succeed(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings")),
            Self::Cuda => cuda(root),
            Self::Wgpu => return wgpu(root),
            Self::Package => package(root),
            Self::Examples => examples(root),
            Self::Quick => quick(root),
        };
        passed.map(|()| Ended::Passed)
    }
}

/// How a check ended that found nothing wrong.
enum Ended {
    /// It ran.
    Passed,
    /// It could not run, for this reason.
    Skipped(String),
}

/// Runs the chosen checks, prints each one's time and a summary.
pub(crate) fn run(choice: &Choice) -> Result<()> {
    let root = workspace::root()?;
    let wanted = |check: &&Check| if choice.checks.is_empty() { !check.is_by_name() } else { choice.checks.contains(check) };
    let chosen = Check::value_variants().iter().filter(wanted);
    let mut rows: Vec<(Check, Duration, Result<Ended>)> = Vec::new();
    for check in chosen {
        eprintln!("\n== {} ==", check.name());
        let started = Instant::now();
        let ended = check.run(&root);
        let took = started.elapsed();
        match &ended {
            Ok(Ended::Passed) => eprintln!("== {}: passed in {:.1} s ==", check.name(), took.as_secs_f64()),
            Ok(Ended::Skipped(reason)) => eprintln!("== {}: skipped {reason} ==", check.name()),
            Err(error) => eprintln!("== {}: FAILED after {:.1} s: {error:#} ==", check.name(), took.as_secs_f64()),
        }
        let stop = ended.is_err() && !choice.keep_going;
        rows.push((*check, took, ended));
        if stop {
            break;
        }
    }
    eprint!("{}", summary(&rows));
    let failed: Vec<&str> = rows.iter().filter(|(_, _, ended)| ended.is_err()).map(|(check, ..)| check.name()).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn summary(rows: &[(Check, Duration, Result<Ended>)]) -> String {
    let mut text = String::from("\ncheck          result    seconds\n");
    for (check, took, ended) in rows {
        let (result, reason) = match ended {
            Ok(Ended::Passed) => ("passed", ""),
            Ok(Ended::Skipped(reason)) => ("skipped", reason.as_str()),
            Err(_) => ("FAILED", ""),
        };
        let line = format!("{:<14} {result:<8} {:>8.1}  {reason}", check.name(), took.as_secs_f64());
        text += &format!("{}\n", line.trim_end());
    }
    let total: Duration = rows.iter().map(|(_, took, _)| *took).sum();
    text + &format!("{:<14} {:<8} {:>8.1}\n", "all", "", total.as_secs_f64())
}

fn succeed(command: &mut Command) -> Result<()> {
    let status: ExitStatus = command.status().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{} ended with {status}", line(command));
    }
    Ok(())
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| Path::new(word).file_name().unwrap_or(word).to_string_lossy()).collect();
    words.join(" ")
}

/// Packs the crates that others depend on without the rest, and builds each package outside of the workspace, on the packages of the
/// others. Without Burn, which takes minutes to compile once more; offline, since the checks before have fetched everything.
fn package(root: &Path) -> Result<()> {
    let mut command = workspace::cargo(root);
    command.args(["package", "--no-default-features", "--offline", "--allow-dirty"]);
    for name in PLANNING {
        command.args(["--package", name]);
    }
    succeed(&mut command)
}

/// Builds all examples in one go, with the features that `cargo test --workspace` has used, then runs each from the root.
fn examples(root: &Path) -> Result<()> {
    let mut programs = workspace::build(workspace::cargo(root).args(["build", "--workspace", "--examples", "--bin", "gst"]))?;
    let gst = programs.iter().position(|program| program.name == "gst").context("cargo named no executable `gst`")?;
    let gst = programs.swap_remove(gst);
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = programs.windows(2).find(|pair| pair[0].path == pair[1].path) {
        bail!("two examples are named `{}`: one overwrites the other in the target folder", pair[0].name);
    }
    let data = fresh_folder(root, "data")?;
    succeed(Command::new(gst.path).args(["data", "generate"]).arg(&data).args(["--seed", "0", "--scale", "0.25"]))?;
    for program in programs {
        eprintln!("-- example {}", program.name);
        let mut command = Command::new(&program.path);
        if READ_DATA.contains(&program.name.as_str()) {
            command.arg(&data);
        }
        succeed(command.current_dir(root)).with_context(|| format!("example {}", program.name))?;
    }
    Ok(())
}

/// Builds and tests what a user gets who brings gradients of his own: `gst` with no default feature. With it what fetches from the Hub,
/// which needs no Burn either.
fn without_model(root: &Path) -> Result<()> {
    let gst = ["-p", "gst-train", "--no-default-features"];
    let tree = workspace::cargo(root).arg("tree").args(gst).args(["--edges", "normal", "--prefix", "none"]).output()?;
    let tree = String::from_utf8_lossy(&tree.stdout);
    if let Some(found) = tree.lines().find(|line| line.starts_with("burn")) {
        bail!("gst without its model depends on {found}");
    }
    if !tree.contains("gst-grouping") {
        bail!("cargo tree names no dependency of gst");
    }
    let with_hub = ["--features", "hub"];
    succeed(workspace::cargo(root).arg("clippy").args(gst).args(with_hub).args(["--all-targets", "--", "--deny", "warnings"]))?;
    succeed(workspace::cargo(root).arg("test").args(gst).args(with_hub).args(["--test", "saved_gradients", "--test", "hub"]))?;
    succeed(workspace::cargo(root).args(["test", "-p", "gst-data", "--features", "hub", "--test", "hub"]))
}

/// Cargo for another backend, which is another set of Burn's features and so another build of it, in a target folder kept for that.
fn cargo_of_backends(root: &Path) -> Result<Command> {
    let mut command = workspace::cargo(root);
    command.env("CARGO_TARGET_DIR", workspace::members(root)?.target_directory.join("backends"));
    Ok(command)
}

fn cuda(root: &Path) -> Result<()> {
    let mut command = cargo_of_backends(root)?;
    command.args(["check", "--workspace", "--features", "gst-train/cuda", "--bin", "gst"]);
    // The build script of a dependency downloads LLVM unless it is told that only documentation is made; nothing is linked here.
    succeed(command.env("DOCS_RS", "1"))
}

fn wgpu(root: &Path) -> Result<Ended> {
    if !has_vulkan() {
        let reason = "no Vulkan driver is installed (Debian and Ubuntu: apt install mesa-vulkan-drivers libvulkan1)";
        return Ok(Ended::Skipped(reason.into()));
    }
    let test = ["test", "--workspace", "--features", "gst-train/wgpu", "--test", "backends", "--", "--nocapture"];
    succeed(cargo_of_backends(root)?.args(test))?;
    Ok(Ended::Passed)
}

/// Whether a driver for Vulkan, in software or not, has put its description where the loader looks for it; true where that is unknown.
fn has_vulkan() -> bool {
    let named = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].iter().any(|name| std::env::var_os(name).is_some());
    let folders = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
    let holds = |folder: &&str| std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some());
    !cfg!(target_os = "linux") || named || folders.iter().any(holds)
}

/// A folder of this name under the target folder that is not there yet.
fn fresh_folder(root: &Path, name: &str) -> Result<PathBuf> {
    let folder = workspace::members(root)?.target_directory.join("ci").join(name).into_std_path_buf();
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
    }
    Ok(folder)
}

/// The whole path from data to report, in a folder of its own and with few steps; then once more, which must find every cell done.
fn quick(root: &Path) -> Result<()> {
    let folder = fresh_folder(root, "quick")?;
    // Not this very program: the builds before may have replaced its file.
    let built = workspace::build(workspace::cargo(root).args(["build", "--workspace", "--bin", "xtask"]))?;
    let program = built.into_iter().find(|program| program.name == "xtask").context("cargo named no executable `xtask`")?.path;
    let again = || {
        let mut command = Command::new(&program);
        command.args(["experiment", "run", "quick", "--steps", "40", "--out"]).arg(&folder);
        command
    };
    succeed(&mut again())?;
    let started = Instant::now();
    succeed(&mut again())?;
    eprintln!("the second run found every cell done in {:.1} s", started.elapsed().as_secs_f64());
    for file in ["report.html", "table.md", "results.csv", "learning-curves.svg"] {
        if !folder.join(file).is_file() {
            bail!("the quick experiment left no {file}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_every_check_and_what_failed() {
        let rows = [
            (Check::Fmt, Duration::from_millis(1500), Ok(Ended::Passed)),
            (Check::Tidy, Duration::from_secs(2), Err(anyhow::anyhow!("broken"))),
            (Check::Wgpu, Duration::from_secs(1), Ok(Ended::Skipped("no driver".into()))),
        ];
        let text = summary(&rows);
        assert!(
            text.contains("fmt            passed        1.5")
                && text.contains("tidy           FAILED        2.0")
                && text.contains("wgpu           skipped       1.0  no driver\n")
                && text.contains("4.5"),
            "{text}"
        );
    }
}
