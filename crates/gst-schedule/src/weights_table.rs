//! The schedule as a plain table, for trainers in other languages.

use crate::{Schedule, ScheduleError};
use std::fmt::Write;

/// Writes the weights of every optimizer step as CSV: the columns `step,stage` (both from 0) and one for each dataset under its name, with
/// the integer weight it has in that step (0: not active). One line a step, `steps` lines under the heading.
///
/// The weights of a line are relative to each other; lines of other stages or ramp pieces may have another sum.
///
/// # Errors
/// Whatever [`Schedule::check`] finds, or [`ScheduleError::Unwritable`].
///
/// # Example
/// ```
/// # use gst_affinity::DatasetFacts;
/// use gst_schedule::{Schedule, ScheduleParams, Weighting, write_weights_csv};
/// # let datasets = [DatasetFacts::new("a", 10), DatasetFacts::new("b", 10)];
/// let params = ScheduleParams { steps: 2, weighting: Weighting::Uniform, ..ScheduleParams::default() };
/// let mut csv = String::new();
/// write_weights_csv(&Schedule::new(&datasets, None, &params)?, &mut csv)?;
/// assert_eq!(csv, "step,stage,a,b\n0,0,1,1\n1,0,1,1\n");
/// # Ok::<(), gst_schedule::ScheduleError>(())
/// ```
pub fn write_weights_csv(schedule: &Schedule, out: &mut impl Write) -> Result<(), ScheduleError> {
    schedule.check()?;
    write_table(schedule, out).map_err(|error| ScheduleError::Unwritable { reason: error.to_string() })
}

fn write_table(schedule: &Schedule, out: &mut impl Write) -> std::fmt::Result {
    out.write_str("step,stage")?;
    for dataset in &schedule.datasets {
        write!(out, ",{}", quoted(&dataset.name))?;
    }
    out.write_char('\n')?;
    let mut step = 0_u64;
    for (number, stage) in schedule.stages.iter().enumerate() {
        for (steps, weights) in stage.pieces() {
            let mut row = vec![0; schedule.datasets.len()];
            for (&dataset, &weight) in stage.datasets.iter().zip(weights) {
                row[dataset] = weight;
            }
            let row: String = row.iter().map(|weight| format!(",{weight}")).collect();
            for _ in 0..steps {
                writeln!(out, "{step},{number}{row}")?;
                step += 1;
            }
        }
    }
    Ok(())
}

/// A CSV field (RFC 4180).
fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}
