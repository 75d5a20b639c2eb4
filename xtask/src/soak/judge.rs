//! From samples to figures to a verdict.

use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// Growth of memory that is accepted, in bytes a step: 1 MB in 1,000 steps.
const MAX_SLOPE: f64 = 1000.0;
/// Growth of the time of a step, last quarter against first, that is accepted.
const MAX_DRIFT: f64 = 0.05;

/// One look at the process.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Sample {
    /// Optimizer steps done.
    pub(super) step: u64,
    /// Resident memory.
    pub(super) memory_bytes: u64,
    /// User and system time of all threads.
    pub(super) cpu_seconds: f64,
    /// Open files, sockets and the like.
    pub(super) handles: usize,
}

/// The figures as text, and whether all are in bounds.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) text: String,
    pub(super) passed: bool,
}

#[derive(Deserialize)]
struct Line {
    event: String,
    #[serde(default)]
    wall_seconds: f64,
    #[serde(default)]
    data_wait_seconds: f64,
}

/// Seconds that each step took by its run's metrics, waiting for data and evaluation left out.
pub(super) fn step_seconds(metrics: &Path) -> Result<Vec<f64>> {
    let file = File::open(metrics).with_context(|| format!("cannot read {}", metrics.display()))?;
    let mut before = 0.0;
    let mut seconds = Vec::new();
    for line in BufReader::new(file).lines() {
        let line: Line = serde_json::from_str(&line?).with_context(|| format!("{}: not a metrics line", metrics.display()))?;
        if line.event == "step" {
            let now = line.wall_seconds - line.data_wait_seconds;
            seconds.push(now - before);
            before = now;
        }
    }
    Ok(seconds)
}

/// Judges what came after `warmup` steps.
///
/// The time of a step is judged by the CPU time of the whole process, which other work on the machine disturbs less than wall time; the
/// wall time is given beside it. Open files are compared by their median in the first and the last quarter: a checkpoint that is being
/// written has one open for a moment.
pub(super) fn verdict(samples: &[Sample], step_seconds: &[f64], warmup: u64) -> Result<Verdict> {
    // At the last step the run reads the test split, once: that is not growth.
    let end = samples.last().map_or(0, |sample| sample.step);
    let settled: Vec<&Sample> = samples.iter().filter(|sample| sample.step > warmup && sample.step < end).collect();
    let quarter = settled.len() / 4;
    let timed = step_seconds.get(usize::try_from(warmup)?..).unwrap_or_default();
    if quarter < 5 || timed.len() < 20 {
        bail!("{} samples after step {warmup} are too few to judge; give more --steps or a shorter --warmup", settled.len());
    }
    let (first, last) = (&settled[..quarter], &settled[settled.len() - quarter..]);
    let slope = slope(settled.iter().map(|sample| (sample.step as f64, sample.memory_bytes as f64)));
    let cpu = |part: &[&Sample]| {
        let (begin, end) = (part[0], part[part.len() - 1]);
        (end.cpu_seconds - begin.cpu_seconds) / (end.step - begin.step).max(1) as f64
    };
    let (cpu_first, cpu_last) = (cpu(first), cpu(last));
    let (wall_first, wall_last) = (median(&timed[..timed.len() / 4]), median(&timed[timed.len() - timed.len() / 4..]));
    let handles = |part: &[&Sample]| median(&part.iter().map(|sample| sample.handles as f64).collect::<Vec<_>>());
    let (handles_first, handles_last) = (handles(first), handles(last));
    let most = settled.iter().map(|sample| sample.handles).max().unwrap_or_default();
    let memory = |part: &[&Sample]| median(&part.iter().map(|sample| sample.memory_bytes as f64 / 1e6).collect::<Vec<_>>());

    let mut text = String::new();
    let mut passed = true;
    let mut say = |ok: bool, figure: String| {
        passed &= ok;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {figure}", if ok { "pass" } else { "FAIL" });
    };
    let per_thousand = slope * 1000.0 / 1e6;
    say(
        slope < MAX_SLOPE,
        format!(
            "memory: {per_thousand:+.3} MB in 1,000 steps ({:.1} MB early, {:.1} MB late; below 1)",
            memory(first),
            memory(last)
        ),
    );
    let drift = |before: f64, after: f64| after / before - 1.0;
    let cpu_drift = drift(cpu_first, cpu_last);
    say(
        cpu_drift < MAX_DRIFT,
        format!(
            "step time: {:+.1} % CPU ({:.1} ms early, {:.1} ms late; below 5 %), {:+.1} % wall ({:.1} ms early, {:.1} ms late)",
            100.0 * cpu_drift,
            1e3 * cpu_first,
            1e3 * cpu_last,
            100.0 * drift(wall_first, wall_last),
            1e3 * wall_first,
            1e3 * wall_last
        ),
    );
    say(handles_last <= handles_first, format!("open files: {handles_first} early, {handles_last} late, {most} at most"));
    Ok(Verdict { text, passed })
}

/// Least-squares slope of y over x; 0 where all x are equal.
fn slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let count = points.clone().count().max(1) as f64;
    let (x, y) = points.clone().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 / count, sum.1 + point.1 / count));
    let (xy, xx) = points.fold((0.0, 0.0), |sum, point| (sum.0 + (point.0 - x) * (point.1 - y), sum.1 + (point.0 - x).powi(2)));
    if xx > 0.0 { xy / xx } else { 0.0 }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of 400 looks at 10 steps each: `bytes` a step of growth, steps that take `slower` more CPU time each, `leak` open files.
    fn check(bytes: f64, slower: f64, leak: usize) -> (bool, String) {
        let mut cpu = 0.0;
        let samples: Vec<Sample> = (0..400)
            .map(|look| {
                let step = look * 10;
                cpu += 10.0 * (0.1 + slower * step as f64);
                let noise = if look % 2 == 0 { 3e6 } else { -3e6 };
                let warm = if step < 1000 { step as f64 * 1e5 } else { 1e8 };
                let memory_bytes = (2e8 + warm + bytes * step as f64 + noise) as u64;
                let handles = 20 + leak * look as usize / 100 + usize::from(look % 50 == 0);
                Sample { step, memory_bytes, cpu_seconds: cpu, handles }
            })
            .collect();
        let seconds = vec![0.05; 4000];
        let verdict = verdict(&samples, &seconds, 1000).unwrap();
        (verdict.passed, verdict.text)
    }

    #[test]
    fn growth_slowing_and_leaks_are_found() {
        let (passed, text) = check(500.0, 0.0, 0);
        assert!(passed && !text.contains("FAIL"), "{text}");
        for (bytes, slower, leak, line) in [(1500.0, 0.0, 0, "memory"), (0.0, 5e-6, 0, "step time"), (0.0, 0.0, 1, "open files")]
        {
            let (passed, text) = check(bytes, slower, leak);
            assert!(!passed && text.contains(&format!("FAIL {line}")) && text.matches("FAIL").count() == 1, "{text}");
        }
    }

    #[test]
    fn a_run_too_short_to_judge_is_refused() {
        assert!(verdict(&[], &[], 10).unwrap_err().to_string().contains("too few"));
    }
}
