//! The page: `table.md`, from the rows alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::analysis::{Correlation, Measured, Over, is_directed, stability};
use super::metrics::{METRICS, Source, TRANSFERABILITY, place};
use super::rows::{Probe, Rows};
use crate::experiment::write_whole;
use crate::report::interval::{Interval, mean};
use crate::report::number::{count, duration};
use crate::report::page::{Part, markdown};
use crate::report::table::{Cell, Table};

/// Samples of an optimizer step of the warm-up and of a fine-tune, as `gst affinity` has them.
const BATCH: f64 = 32.0;
/// A forward pass as a share of a training pass.
const FORWARD: f64 = 1.0 / 3.0;
/// Steps of a fine-tune of usual length.
const LONG: f64 = 200.0;

/// Writes the page beside the rows.
pub(crate) fn write_report(folder: &Path) -> Result<PathBuf> {
    let rows = Rows::read(folder)?;
    let measured = Measured::of(&rows)?;
    let probe = rows.probes.first().with_context(|| format!("{} has no probes", folder.join("probes.csv").display()))?;
    let page = Page { rows: &rows, measured: &measured, probe };
    let path = folder.join("table.md");
    write_whole(&path, &page.markdown()?)?;
    Ok(path)
}

struct Page<'a> {
    rows: &'a Rows,
    measured: &'a Measured,
    probe: &'a Probe,
}

impl Page<'_> {
    fn markdown(&self) -> Result<String> {
        let transfer_steps = self.probe.transfer_steps;
        let subtitle = format!(
            "Each metric of `gst affinity` against measured transferability: the relative drop of the loss of j after {transfer_steps} steps \
             on i alone, on a copy of the model. {} datasets, so {} ordered pairs; {} seeds; the model at {} of its \
             training on all datasets mixed.",
            self.measured.datasets,
            self.measured.datasets * (self.measured.datasets - 1),
            self.measured.seeds.len(),
            steps(&self.measured.points),
        );
        let parts = vec![
            Part::Findings(self.findings()),
            Part::Paragraph(
                "Rank correlations are Spearman's; a distance counts as negative closeness. Metric and transferability are of the same seed and \
                 probe point. In a cell: the mean over seeds; in brackets its 95 % interval over seeds (Student's t: what other weights and another \
                 order of the data would change); then that of a bootstrap over datasets (what other datasets would change; pairs that share a dataset go \
                 together, so that pairs are not taken as independent). Bold: both leave out 0. Debiased estimates come from products over \
                 different probe batches; plain ones from mean gradients, noise included."
                    .into(),
            ),
            Part::Table(self.correlations(Over::Ordered)),
            Part::Table(self.correlations(Over::Symmetrised)),
            Part::Table(self.correlations(Over::EachTarget)),
            Part::Table(self.correlations(Over::Direction)),
            Part::Table(self.noise()),
            Part::Table(self.cost()),
            Part::Table(self.entries()),
            Part::Table(self.groups()?),
            Part::Table(self.made()),
        ];
        Ok(markdown("Does affinity predict transfer?", &subtitle, &parts))
    }

    fn findings(&self) -> Vec<String> {
        let mut lines = vec![self.best()];
        for (over, what) in [
            (Over::Ordered, "over all ordered pairs"),
            (Over::EachTarget, "which dataset helps a given one"),
            (Over::Direction, "which of the two ways helps more"),
        ] {
            let certain = |metric: &usize| {
                self.measured.points.iter().all(|point| {
                    self.measured.predicts(*metric, *point, over).is_some_and(|found| found.is_certain() && found.mean > 0.0)
                })
            };
            let names: Vec<&str> = (0..METRICS.len()).filter(certain).map(|metric| METRICS[metric].name).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            lines.push(format!("Above 0 with both intervals at every probe point, {what}: {names}."));
        }
        for point in &self.measured.points {
            let reliability = self.measured.reliability(*point, self.probe.transfer_repeats);
            let again = self.measured.comes_back(None, *point, Over::Ordered);
            if let (Some(reliability), Some(again)) = (reliability, again) {
                lines.push(format!(
                    "Noise, step {point}: two fine-tunes with other orders of the samples correlate at {}, so a perfect predictor would reach {}; \
                     the transferability of another seed (other weights, other clips) reaches {}.",
                    two(reliability),
                    two(reliability.max(0.0).sqrt()),
                    two(again)
                ));
            }
        }
        lines
    }

    /// The metric with the best mean over probe points, and how far from the rest.
    fn best(&self) -> String {
        let over_points = |metric: usize| {
            let values: Option<Vec<f64>> = self
                .measured
                .points
                .iter()
                .map(|point| self.measured.predicts(metric, *point, Over::Ordered).map(|found| found.mean))
                .collect();
            mean(&values?).map(|value| (METRICS[metric].name, value))
        };
        let mut found: Vec<(&str, f64)> = (0..METRICS.len()).filter_map(over_points).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        let list: Vec<String> = found.iter().map(|(name, value)| format!("{name} {}", two(*value))).collect();
        format!("Rank correlation with transferability over all ordered pairs, mean over probe points: {}.", list.join(", "))
    }

    fn correlations(&self, over: Over) -> Table {
        let caption = match over {
            Over::Ordered => "All ordered pairs: rank correlation with transferability.",
            Over::Symmetrised => {
                "The mean of both ways: rank correlation with the mean of both transferabilities, over unordered pairs."
            }
            Over::EachTarget => {
                "Which dataset helps a given one: rank correlation over what is trained on, for each target by itself; the mean over targets."
            }
            Over::Direction => {
                "Direction: rank correlation of (i, j) less (j, i) with the same of transferability. Symmetric metrics have none."
            }
        };
        let mut head = vec!["metric".to_owned()];
        head.extend(self.measured.points.iter().map(|point| format!("step {point}")));
        let mut table = Table::new(caption, 1, head);
        // A commutator's two ways cancel in their mean.
        let commutator = place("commutator");
        let shown = |metric: &usize| match over {
            Over::Direction => is_directed(Some(*metric)),
            Over::Symmetrised => Some(*metric) != commutator,
            Over::Ordered | Over::EachTarget => true,
        };
        for metric in (0..METRICS.len()).filter(shown) {
            let mut cells = vec![Cell::from(title(metric))];
            let at = |point: &u64| self.measured.predicts(metric, *point, over).map_or_else(|| Cell::from("–"), correlation);
            cells.extend(self.measured.points.iter().map(at));
            table.row(cells);
        }
        let mut again = vec![Cell::from("transferability of another seed")];
        again.extend(
            self.measured
                .points
                .iter()
                .map(|point| Cell::from(self.measured.comes_back(None, *point, over).map_or("–".into(), two))),
        );
        table.ruled_row(again);
        table
    }

    fn noise(&self) -> Table {
        let head = [
            "probe point",
            "reliability of the repeats",
            "most that could be reached",
            "share of what is trained on",
            "of what is affected",
            "of the pair, and noise",
        ];
        let mut table = Table::new(
            "What there is to predict: noise and make-up of transferability over ordered pairs.",
            1,
            head.map(str::to_owned).to_vec(),
        );
        for point in &self.measured.points {
            let reliability = self.measured.reliability(*point, self.probe.transfer_repeats);
            let mut cells = vec![Cell::from(format!("step {point}")), Cell::from(reliability.map_or("–".into(), two))];
            cells.push(Cell::from(reliability.map_or("–".into(), |value| two(value.max(0.0).sqrt()))));
            let shares = self.measured.sources(*point);
            cells.extend((0..3).map(|index| Cell::from(shares.map_or("–".into(), |shares| percent(shares[index])))));
            table.row(cells);
        }
        table.note = "Reliability: the share of the variance between pairs that is not the noise of one fine-tune, from the repeats of the first seed: the \
                      correlation to expect between two. Its root is the most that a perfect predictor would correlate (product moments; rank \
                      correlations are close to them). Repeats share weights and the clips on which losses are measured. Shares: least squares over rows and columns; what a \
                      metric of pairs can see beyond levels of single datasets is in the last one."
            .into();
        table
    }

    /// Training passes of a sample for each measurement at one probe point, the warm-up left out: (name, passes).
    fn passes(&self) -> [(&'static str, f64); 4] {
        let Probe { batches, batch_size, transfer_steps, .. } = *self.probe;
        let (datasets, batches, batch_size) = (self.measured.datasets as f64, batches as f64, batch_size as f64);
        let losses = datasets * (datasets + 1.0) * batches * batch_size * FORWARD;
        let gradients = datasets * batches * batch_size;
        [
            ("gradients: every table but the directed", gradients),
            ("lookahead", gradients + losses),
            ("commutator", 3.0 * gradients),
            ("transferability, one repeat", datasets * transfer_steps as f64 * BATCH + losses),
        ]
    }

    fn cost(&self) -> Table {
        let head =
            ["measurement", "training passes of a sample", "share of the fine-tunes here", "share of fine-tunes of 200 steps"];
        let mut table = Table::new(
            "What a probe point costs, beside the fine-tunes of transferability.",
            1,
            head.map(str::to_owned).to_vec(),
        );
        let passes = self.passes();
        let here = passes[3].1;
        let long = here + self.measured.datasets as f64 * (LONG - self.probe.transfer_steps as f64) * BATCH;
        for (name, cost) in passes {
            let times = |all: f64| Cell::from(percent(cost / all)).under(format!("{:.1} times cheaper", all / cost));
            let mut cells = vec![Cell::from(name), Cell::from(count(cost))];
            cells.extend(if cost < here { [times(here), times(long)] } else { [Cell::from("1"), times(long)] });
            table.row(cells);
        }
        let measured: Vec<f64> = self.rows.probes.iter().map(|probe| probe.samples - probe.point as f64 * BATCH).collect();
        let all: Vec<f64> = self.rows.probes.iter().map(|probe| probe.transfer_repeats as f64).collect();
        let repeats = mean(&all).unwrap_or(1.0);
        let counted = passes[0].1 + (passes[1].1 - passes[0].1) + (passes[2].1 - passes[0].1) + repeats * passes[3].1;
        table.note = format!(
            "A training pass of one sample is forward and backward; a forward pass alone is a third, a Hessian-vector product two. All \
             passes are of the same samples and the same model, so shares of passes are shares of FLOPs. Gradients are shared by the first three. \
             The warm-up to the probe point is left out on both sides. By this count all of a probe point makes {}; `gst affinity` counted {} on average (small datasets have \
             smaller batches). Published for other models and longer fine-tunes: first-order estimates 105 times cheaper than fine-tuning (EnsembleLoRA, \
             [arXiv 2505.21930](https://arxiv.org/abs/2505.21930)); affinities within 2.7 % of the true ones at 3 % of the FLOPs (Grad-TAG, \
             [arXiv 2409.06091](https://arxiv.org/abs/2409.06091)). Those estimate the outcome of the very fine-tuning; the tables above say what the cheap metrics here know of it.",
            count(counted),
            count(mean(&measured).unwrap_or(0.0)),
        );
        table
    }

    fn entries(&self) -> Table {
        let mut head = vec!["metric".to_owned()];
        head.extend(self.measured.points.iter().map(|point| format!("step {point}")));
        let mut table =
            Table::new("What comes back with another seed: mean rank correlation of the entries between two seeds.", 1, head);
        for metric in (0..METRICS.len()).map(Some).chain([None]) {
            let over = if is_directed(metric) { Over::Ordered } else { Over::Symmetrised };
            let mut cells = vec![Cell::from(metric.map_or_else(|| TRANSFERABILITY.name.to_owned(), title))];
            let at = |point: &u64| Cell::from(self.measured.comes_back(metric, *point, over).map_or("–".into(), two));
            cells.extend(self.measured.points.iter().map(at));
            table.row(cells);
        }
        table
    }

    fn groups(&self) -> Result<Table> {
        let mut counts: Vec<usize> = self.rows.groups.iter().map(|row| row.groups).collect();
        counts.sort_unstable();
        counts.dedup();
        let mut head = vec!["metric".to_owned()];
        for groups in &counts {
            head.extend([format!("{groups} groups: another seed"), format!("{groups} groups: resampled batches")]);
        }
        let mut table =
            Table::new("Do groups come back? Mean adjusted Rand index of spectral groups, over all probe points.", 1, head);
        let names = METRICS.iter().chain([&TRANSFERABILITY]).filter(|metric| metric.grouped).map(|metric| metric.name);
        for name in names {
            let mut cells = vec![Cell::from(name)];
            for groups in &counts {
                let found = stability(self.rows, &self.measured.points, name, *groups)?;
                cells.extend([found.seeds, found.resamples].map(|value| Cell::from(value.map_or("–".into(), two))));
            }
            table.row(cells);
        }
        table.note = "1: the same groups; 0: as alike as by chance. Resampled: the `stability` of `grouping.json`, which has resampled tables of the affinity's own metric \
                      only. It holds weights and order of the data fixed, so it overstates what would come back."
            .into();
        Ok(table)
    }

    fn made(&self) -> Table {
        let head = ["probe point", "seeds", "batches", "training samples a dataset", "time of a call", "commits", "dates"];
        let mut table = Table::new("What the rows were made with.", 1, head.map(str::to_owned).to_vec());
        for point in &self.measured.points {
            let here: Vec<&Probe> = self.rows.probes.iter().filter(|probe| probe.point == *point).collect();
            let list = |pick: &dyn Fn(&Probe) -> String| {
                let mut values: Vec<String> = here.iter().map(|probe| pick(probe)).collect();
                values.dedup();
                Cell::from(values.join(", "))
            };
            table.row(vec![
                Cell::from(format!("step {point}")),
                list(&|probe| probe.seed.to_string()),
                list(&|probe| format!("{} of {}", probe.batches, probe.batch_size)),
                list(&|probe| probe.limit.map_or("all".into(), |limit| format!("at most {limit}"))),
                Cell::from(duration(mean(&here.iter().map(|probe| probe.seconds).collect::<Vec<_>>()).unwrap_or(0.0))),
                list(&|probe| probe.commit.clone()),
                list(&|probe| probe.date.clone()),
            ]);
        }
        table.note = format!(
            "{}, exact gradients of {} parameters. Datasets: {}. Times were taken beside other work and are not to be compared.",
            self.probe.version,
            count(self.probe.parameters as f64),
            self.probe.datasets.replace(' ', ", ")
        );
        table
    }
}

fn title(metric: usize) -> String {
    let metric = METRICS[metric];
    match metric.source {
        Source::Plain => format!("{}, plain", metric.name.trim_start_matches("plain-")),
        Source::Table => metric.name.to_owned(),
    }
}

fn correlation(found: Correlation) -> Cell {
    let range = |interval: Interval| format!("{} to {}", two(interval.low), two(interval.high));
    let seeds = found.seeds.map_or_else(String::new, |interval| format!(" [{}]", range(interval)));
    let datasets = found.datasets.map_or_else(String::new, |interval| format!("datasets {}", range(interval)));
    Cell::from(format!("{}{seeds}", two(found.mean))).under(datasets).strong(found.is_certain())
}

/// A coefficient with two digits.
fn two(value: f64) -> String {
    let text = format!("{value:.2}").replace('-', "−");
    if text == "−0.00" { "0.00".into() } else { text }
}

fn percent(share: f64) -> String {
    let hundred = 100.0 * share;
    if hundred.abs() < 9.95 { format!("{hundred:.1} %") } else { format!("{hundred:.0} %") }
}

fn steps(points: &[u64]) -> String {
    let words: Vec<String> = points.iter().map(u64::to_string).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("steps {} and {last}", rest.join(", ")),
        _ => format!("step {}", words.concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::probe;
    use super::super::rows::{Groups, Pair};
    use super::*;

    #[test]
    fn a_page_is_made_from_the_rows_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = Rows::default();
        for seed in 0..3 {
            rows.probes.push(probe(seed, 20));
            for (from, to) in (0..5).flat_map(|i| (0..5).map(move |j| (i, j))).filter(|(i, j)| i != j) {
                let value = (from * 7 + to * 3 + seed as usize) as f64;
                let metrics = METRICS.iter().map(|metric| Some(metric.closer * value)).collect();
                rows.pairs.push(Pair { seed, point: 20, from, to, metrics, transferability: value, half: Some(0.1) });
            }
            let assignment = "0 0 1 1 0".to_owned();
            rows.groups.push(Groups { seed, point: 20, metric: "cosine".into(), groups: 2, assignment, stability: Some(0.5) });
        }
        rows.write(folder.path()).unwrap();
        let page = std::fs::read_to_string(write_report(folder.path()).unwrap()).unwrap();
        for expected in [
            "| gradient-distance, plain | **1.00 [1.00 to 1.00]** (datasets 1.00 to 1.00) |",
            "| cosine | 1.00 | 0.50 |",
            "| transferability, one repeat | ",
            "at step 20 of its training",
        ] {
            assert!(page.contains(expected), "{expected} in\n{page}");
        }
        // By hand: 5 datasets, 4 batches of 8; 10 steps of 32 samples each, and 30 losses of 32 samples at a third.
        assert!(page.contains("| gradients: every table but the directed | 160 | 8.3 % (12.0 times cheaper) |"), "{page}");
        assert!(page.contains("| transferability, one repeat | 1\u{202f}920 |"), "{page}");
    }

    #[test]
    fn small_numbers_are_written_whole() {
        assert_eq!([two(-0.001), two(-0.5), percent(0.034), percent(0.5)], ["0.00", "−0.50", "3.4 %", "50 %"]);
        assert_eq!((steps(&[20]), steps(&[20, 100, 400])), ("step 20".into(), "steps 20, 100 and 400".into()));
    }
}
