//! `results.csv`: every figure of a report, one a row.

use anyhow::Result;

use super::artifacts::{Scores, Unit};
use super::comparison::{Comparison, SHARES};
use super::evidence::{Evidence, Run};

/// The columns, for those who read the file with a program.
const COLUMNS: [&str; 5] = ["strategy", "seed", "dataset", "measure", "value"];

/// All figures as CSV. `dataset` is a dataset's name, `weighted`, `unweighted`, or `all` for figures of a whole run.
pub(crate) fn results(evidence: &Evidence, comparison: &Comparison<'_>) -> Result<String> {
    let mut rows = Rows { writer: csv::Writer::from_writer(Vec::new()) };
    rows.writer.write_record(COLUMNS)?;
    for run in &evidence.runs {
        rows.scores(run, "test", &run.result.test)?;
        rows.scores(run, "validation", &run.result.validation)?;
        for unit in Unit::ALL {
            rows.put(run, "all", unit.key(), run.result.cost.of(unit))?;
            rows.put(run, "all", &format!("probe_{}", unit.key()), run.result.probe_cost.of(unit))?;
        }
        rows.put(run, "all", "evaluation_seconds", run.result.evaluation_seconds)?;
        rows.put(run, "all", "peak_memory_bytes", run.result.peak_memory_bytes as f64)?;
        for point in &run.curve {
            rows.put(run, "weighted", &format!("validation_token_accuracy_at_step_{}", point.cost.steps), point.value)?;
        }
        for share in SHARES {
            rows.reached(run, share, comparison)?;
        }
    }
    Ok(String::from_utf8(rows.writer.into_inner()?)?)
}

struct Rows {
    writer: csv::Writer<Vec<u8>>,
}

impl Rows {
    fn put(&mut self, run: &Run, dataset: &str, measure: &str, value: f64) -> Result<()> {
        Ok(self.writer.write_record([&run.strategy, &run.seed.to_string(), dataset, measure, &value.to_string()])?)
    }

    fn scores(&mut self, run: &Run, split: &str, scores: &Scores) -> Result<()> {
        let means = [("weighted", &scores.weighted), ("unweighted", &scores.unweighted)];
        let datasets = scores.datasets.iter().map(|(name, score)| (name.as_str(), score));
        for (dataset, score) in datasets.chain(means) {
            for (figure, value) in score.figures() {
                if let Some(value) = value {
                    self.put(run, dataset, &format!("{split}_{figure}"), value)?;
                }
            }
        }
        Ok(())
    }

    /// Cost to a target (the bound where it was missed), whether it was missed, and the saving where pairs of seeds allow one.
    fn reached(&mut self, run: &Run, share: f64, comparison: &Comparison<'_>) -> Result<()> {
        let level = format!("{:.0}", 100.0 * share);
        let Some((_, reach)) = comparison.reaches(&run.strategy, share).into_iter().find(|(seed, _)| *seed == run.seed) else {
            return Ok(());
        };
        self.put(run, "weighted", &format!("missed_{level}"), f64::from(u8::from(reach.is_censored())))?;
        for unit in Unit::ALL {
            self.put(run, "weighted", &format!("{}_to_{level}", unit.key()), reach.cost(unit))?;
            if comparison.too_short().is_none()
                && let Some(saving) = comparison.savings(&run.strategy, share, unit).iter().find(|saving| saving.seed == run.seed)
            {
                self.put(run, "weighted", &format!("saving_{}_to_{level}", unit.key()), saving.saving)?;
                self.put(run, "weighted", &format!("log_ratio_{}_to_{level}", unit.key()), saving.log_ratio)?;
            }
        }
        Ok(())
    }
}
