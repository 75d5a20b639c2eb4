//! The same work in `yardstick` and in PyTorch, alternately.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::summary::{Measured, table};
use crate::workspace;

/// Every case, in the order of the summary. `yardstick` has the same list.
const CASES: [&str; 15] = [
    "mini-train",
    "mini-evaluate",
    "mini-backward",
    "mini-probe",
    "small-train",
    "small-evaluate",
    "small-backward",
    "small-probe",
    "lora-train",
    "log-mel",
    "tokenize",
    "draws",
    "spectral-14",
    "spectral-200",
    "spectral-2000",
];

/// Seconds that one measurement should take at least, so that a scheduler's tick does not decide it.
const LEAST_SECONDS: f64 = 0.25;

/// Largest difference of the two losses, as a share: above it the work is not the same.
const LOSS_TOLERANCE: f64 = 1e-4;

/// Measures the cases whose names contain one of `wanted`, or all, and writes the summary.
pub(crate) fn run(root: &Path, python: &Path, wanted: &[String], pairs: usize) -> Result<()> {
    let cases: Vec<&str> =
        CASES.into_iter().filter(|case| wanted.is_empty() || wanted.iter().any(|part| case.contains(part.as_str()))).collect();
    if cases.is_empty() {
        bail!("no case has {} in its name; there are {}", wanted.join(" or "), CASES.join(", "));
    }
    let built = workspace::build(workspace::cargo(root).args(["build", "--workspace", "--bin", "yardstick"]))?;
    let program = built.into_iter().find(|program| program.name == "yardstick").context("cargo named no yardstick")?.path;
    let folder = root.join("target/bench");
    let mut measured = Vec::new();
    for case in cases {
        let line = measure(&program, python, root, &folder.join(case), case, pairs).with_context(|| format!("case {case}"))?;
        eprintln!("{case}: {:.2} ms, PyTorch {:.2} ms, ratio {:.2}", line.ours.median, line.theirs.median, line.ratio.median);
        measured.push(line);
    }
    let path = folder.join("summary.md");
    fs::write(&path, table(&measured, pairs)).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("summary: {}", path.display());
    Ok(())
}

/// What a case's export says of itself.
#[derive(Deserialize)]
struct About {
    loss: Option<f64>,
}

fn measure(program: &Path, python: &Path, root: &Path, folder: &Path, case: &str, pairs: usize) -> Result<Measured> {
    let status = Command::new(program).args([case, "--export"]).arg(folder).status().context("cannot start yardstick")?;
    if !status.success() {
        bail!("yardstick --export ended with {status}");
    }
    let about: About = serde_json::from_slice(&fs::read(folder.join("case.json"))?).context("case.json")?;
    let mut ours = Server::start(Command::new(program).args([case, "--serve"]))?;
    let script = root.join("xtask/reference/yardstick.py");
    let mut theirs = Server::start(Command::new(python).arg(script).arg(case).arg(folder))?;
    let found: Option<f64> = serde_json::from_str(&theirs.line()?).context("PyTorch's loss")?;
    match (about.loss, found) {
        (None, None) => {}
        (Some(ours), Some(theirs)) if (ours - theirs).abs() <= LOSS_TOLERANCE * ours.abs() => {}
        _ => bail!("the losses differ, so the work does: {:?} here, {found:?} in PyTorch", about.loss),
    }
    let count = [ours.enough()?, theirs.enough()?];
    let mut seconds = Vec::with_capacity(pairs);
    for _ in 0..pairs {
        seconds.push([ours.seconds(count[0])?, theirs.seconds(count[1])?]);
    }
    Ok(Measured::new(case, &seconds, [ours.peak(), theirs.peak()]))
}

/// A program that does its work as often as it is told.
struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Server {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let input = child.stdin.take().context("no standard input")?;
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Self { child, input, output })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("it ended with {}; its messages stand above", self.child.wait()?);
        }
        Ok(line)
    }

    /// Seconds of one of `count` runs.
    fn seconds(&mut self, count: u32) -> Result<f64> {
        writeln!(self.input, "{count}")?;
        self.input.flush()?;
        let seconds: f64 = self.line()?.trim().parse().context("seconds are expected")?;
        Ok(seconds / f64::from(count))
    }

    /// Runs that take long enough to be measured, after a few to warm up.
    fn enough(&mut self) -> Result<u32> {
        self.seconds(2)?;
        let once = self.seconds(1)?;
        Ok((LEAST_SECONDS / once.max(1e-7)).ceil().clamp(1.0, 1e6) as u32)
    }

    /// Peak resident memory so far in MiB, where the system tells.
    fn peak(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing left to do; that it may be gone already is no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
