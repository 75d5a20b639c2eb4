//! Compares what three strategies would use of five datasets, before anything runs: `cargo run -p gst-schedule --example plan`.

use gst_affinity::DatasetFacts;
use gst_schedule::{DEFAULT_MAX_REPEATS, Schedule, ScheduleError, ScheduleParams, Strategy, simulate};
use std::io::Write;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for strategy in [Strategy::MixAll, Strategy::StrictCycle, Strategy::GstProgressive] {
        let schedule = plan(strategy)?;
        let simulation = simulate(&schedule)?;
        writeln!(out, "{strategy}\n{simulation}")?;
        for note in schedule.notes.iter().chain(&simulation.warnings(DEFAULT_MAX_REPEATS)) {
            writeln!(out, "note: {note}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn plan(strategy: Strategy) -> Result<Schedule, ScheduleError> {
    let mut datasets: Vec<DatasetFacts> =
        [("speech", 16_000, 4.5), ("music", 8_000, 9.0), ("birds", 900, 3.0), ("rain", 2_000, 5.0), ("bells", 40, 1.5)]
            .into_iter()
            .map(|(name, size, seconds)| DatasetFacts {
                mean_audio_seconds: seconds,
                mean_tokens: 18.0,
                ..DatasetFacts::new(name, size)
            })
            .collect();
    DatasetFacts::weigh_by_size(&mut datasets);
    let groups = [vec![1, 4], vec![2, 3], vec![0]];
    let params = ScheduleParams { strategy, steps: 2_000, ramp_steps: 40, ..ScheduleParams::default() };
    Schedule::new(&datasets, Some(&groups), &params)
}
