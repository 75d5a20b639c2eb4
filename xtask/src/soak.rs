//! `cargo xtask soak`: a long run, watched from outside. Does memory grow, do steps slow down, are files left open?

mod judge;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::experiment::MetricsTail;
use crate::{device, workspace};
use judge::{Sample, verdict};

/// How often the process is looked at.
const TICK: Duration = Duration::from_secs(1);
/// CPU time in `/proc/PID/stat` is counted in hundredths of a second on every Linux (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Options of `cargo xtask soak`.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// Optimizer steps.
    #[arg(long, default_value_t = 5000)]
    steps: u64,
    /// Steps before the figures count: caches fill, allocators settle.
    #[arg(long, default_value_t = 1000)]
    warmup: u64,
    /// Samples in a batch.
    #[arg(long, default_value_t = 8)]
    batch_size: u32,
    /// Model preset.
    #[arg(long, default_value = "mini")]
    model: String,
    /// Folder for data, run and figures; what it holds is overwritten.
    #[arg(long, value_name = "DIR", default_value = "target/soak")]
    out: PathBuf,
    /// Use this gst program instead of building one.
    #[arg(long, value_name = "FILE")]
    gst: Option<PathBuf>,
}

/// Trains on the generated suite, samples `/proc/PID` every second, prints the figures and fails if one is out of bounds.
pub(crate) fn run(options: &Soak) -> Result<()> {
    if !Path::new("/proc/self/status").is_file() {
        bail!("a soak reads memory, CPU time and open files from /proc, which this system does not have");
    }
    let root = workspace::root()?;
    let gst = options.gst.clone().map_or_else(|| device::build_gst(&root, "cpu", false), Ok)?;
    let out = std::path::absolute(&options.out)?;
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let run = out.join("run");
    if run.exists() {
        fs::remove_dir_all(&run).with_context(|| format!("cannot remove {}", run.display()))?;
    }
    if !out.join("data/suite.json").is_file() {
        finish(gst_in(&gst, &out, "data generate data --seed 0 --scale 0.5"))?;
    }
    let (steps, batch_size) = (options.steps, options.batch_size);
    finish(gst_in(
        &gst,
        &out,
        &format!("schedule --data data --strategy mix-all --steps {steps} --batch-size {batch_size} --out mix.json"),
    ))?;
    // Everything that opens files or allocates: evaluations, checkpoints, event files.
    let train = format!(
        "train --data data --model {} --schedule mix.json --evaluate-every 250 --checkpoint-every 500 --tensorboard --plain --out run",
        options.model
    );
    let mut child = gst_in(&gst, &out, &train).spawn().context("cannot start gst train")?;
    let watched = watch(&mut child, &run);
    if watched.is_err() {
        // It may have ended by itself; there is nothing more to do about it.
        let _ = child.kill();
    }
    let samples = watched?;
    let status = child.wait()?;
    if !status.success() {
        bail!("gst train ended with {status}; its messages stand above");
    }
    write_samples(&out.join("samples.csv"), &samples)?;
    let verdict = verdict(&samples, &judge::step_seconds(&run.join("metrics.jsonl"))?, options.warmup)?;
    eprint!("{}", verdict.text);
    eprintln!("every sample: {}", out.join("samples.csv").display());
    if !verdict.passed {
        bail!("the soak found a drift");
    }
    Ok(())
}

fn gst_in(gst: &Path, folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(gst);
    command.args(arguments.split_whitespace()).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn finish(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

fn watch(child: &mut Child, run: &Path) -> Result<Vec<Sample>> {
    let mut tail = MetricsTail::new(run);
    let mut samples = Vec::new();
    let mut step = 0;
    while child.try_wait()?.is_none() {
        step = tail.look().map_or(step, |seen| seen.step);
        // Between the two looks the process may have ended: then there is nothing to read.
        if let Some(sample) = look(child.id(), step) {
            samples.push(sample);
        }
        sleep(TICK);
    }
    Ok(samples)
}

fn look(pid: u32, step: u64) -> Option<Sample> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let status = fs::read_to_string(folder.join("status")).ok()?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse::<u64>().ok()?;
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    // The second field is the name in parentheses, which may hold anything; utime and stime are the 12th and 13th behind it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let handles = fs::read_dir(folder.join("fd")).ok()?.count();
    Some(Sample { step, memory_bytes: memory * 1024, cpu_seconds: ticks as f64 / TICKS_PER_SECOND, handles })
}

fn write_samples(path: &Path, samples: &[Sample]) -> Result<()> {
    let mut writer = csv::Writer::from_path(path).with_context(|| format!("cannot write {}", path.display()))?;
    for sample in samples {
        writer.serialize(sample)?;
    }
    Ok(writer.flush()?)
}
