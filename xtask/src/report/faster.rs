//! What each definition of "faster" says, side by side.

use super::artifacts::{Schedule, Unit};
use super::comparison::Comparison;
use super::convergence::Point;
use super::evidence::{Evidence, Run};
use super::interval::{Interval, mean};
use super::number::{percent, signed};
use super::table::{Cell, Table};

/// Evaluations in a row without a gain after which a patient person stops.
const PATIENCE: usize = 5;
/// The least rise of the smoothed accuracy that counts as a gain.
const GAIN: f64 = 0.002;
/// Shares of the baseline's steps at which accuracies are compared.
const PARTS: [f64; 3] = [0.25, 0.5, 0.75];

/// One row a definition, one column a strategy; `None` where there is nothing beside the baseline.
pub(crate) fn faster(evidence: &Evidence, comparison: &Comparison<'_>) -> Option<Table> {
    let strategies: Vec<&String> = evidence.others().collect();
    let baseline = &evidence.baseline;
    if strategies.is_empty() || comparison.too_short().is_some() {
        return None;
    }
    let mut head = vec!["definition".to_owned()];
    head.extend(strategies.iter().map(|strategy| (*strategy).clone()));
    let mut table = Table::new(
        format!(
            "What each definition of “faster” says: saving against {baseline}, or difference in accuracy, of the same seed; mean and 95 % interval by \
             paired bootstrap."
        ),
        1,
        head,
    );
    let mut row = |name: String, cell: &dyn Fn(&str) -> Cell| {
        let mut cells = vec![Cell::from(name)];
        cells.extend(strategies.iter().map(|strategy| cell(strategy)));
        table.row(cells);
    };
    let units = [(Unit::Samples, "samples"), (Unit::AudioSeconds, "audio"), (Unit::WallSeconds, "wall time")];
    for (unit, name) in units.into_iter().filter(|(unit, _)| *unit != Unit::WallSeconds || !evidence.ran_side_by_side()) {
        row(format!("{name} to 95 % of {baseline}’s mean best"), &|strategy| {
            let savings = comparison.savings(strategy, 0.95, unit);
            saving_cell(&savings.iter().map(|saving| saving.saving).collect::<Vec<_>>())
        });
    }
    let probed = |strategy: &str| evidence.runs_of(strategy).any(|run| run.result.probe_cost.samples > 0.0);
    if strategies.iter().any(|strategy| probed(strategy)) {
        row("samples to 95 %, if the probe cost nothing".into(), &|strategy| match probed(strategy) {
            true => saving_cell(
                &comparison
                    .savings_without_probe(strategy, 0.95, Unit::Samples)
                    .iter()
                    .map(|saving| saving.saving)
                    .collect::<Vec<_>>(),
            ),
            false => Cell::from("–"),
        });
    }
    for part in PARTS {
        row(format!("accuracy after {:.0} % of {baseline}’s steps", 100.0 * part), &|strategy| {
            difference_cell(&pairs(evidence, strategy, &|run, other| {
                let steps = part * other.smoothed.last()?.cost.steps;
                Some(value_at(&run.smoothed, steps)? - value_at(&other.smoothed, steps)?)
            }))
        });
    }
    row("accuracy at the end".into(), &|strategy| {
        difference_cell(&pairs(evidence, strategy, &|run, other| Some(run.smoothed.last()?.value - other.smoothed.last()?.value)))
    });
    row(format!("samples until {PATIENCE} evaluations bring no gain"), &|strategy| {
        saving_cell(&pairs(evidence, strategy, &|run, other| {
            let cost = |run: &Run| {
                patience(&run.smoothed)
                    .map(|point| point.cost.plus(&run.result.probe_cost).samples)
                    .filter(|samples| *samples > 0.0)
            };
            Some(1.0 - cost(run)? / cost(other)?)
        }))
    });
    row("accuracy there".into(), &|strategy| {
        difference_cell(&pairs(evidence, strategy, &|run, other| {
            Some(patience(&run.smoothed)?.value - patience(&other.smoothed)?.value)
        }))
    });
    row("bookkeeping: samples against as many epochs of all datasets".into(), &|strategy| {
        let bookkept = |run: &Run| bookkeeping(&run.schedule.as_ref()?.body);
        saving_cell(&evidence.runs_of(strategy).filter_map(bookkept).collect::<Vec<_>>())
    });
    table.note = format!(
        "Above 0: the strategy is sooner, or better. Accuracy: smoothed weighted validation token accuracy. Patience: the first evaluation after which \
         {PATIENCE} in a row stay within {GAIN} of the best before; a run where that never happens counts whole. Bookkeeping takes an epoch over fewer \
         datasets for an epoch: it needs no training to come out above 0, and says nothing about accuracy."
    );
    Some(table)
}

/// A figure of each run of a strategy and the baseline's run with its seed.
fn pairs(evidence: &Evidence, strategy: &str, figure: &dyn Fn(&Run, &Run) -> Option<f64>) -> Vec<f64> {
    let other = |run: &Run| evidence.runs_of(&evidence.baseline).find(|other| other.seed == run.seed);
    evidence.runs_of(strategy).filter_map(|run| figure(run, other(run)?)).collect()
}

/// The accuracy after so many steps, on the straight line between two evaluations; `None` where the run does not reach so far.
fn value_at(curve: &[Point], steps: f64) -> Option<f64> {
    let after = curve.iter().position(|point| point.cost.steps >= steps)?;
    let high = curve.get(after)?;
    match after.checked_sub(1).and_then(|before| curve.get(before)) {
        Some(low) => Some(low.value + (high.value - low.value) * (steps - low.cost.steps) / (high.cost.steps - low.cost.steps)),
        None => Some(high.value),
    }
}

/// Where a patient person stops: after so many evaluations without a gain, or at the end.
fn patience(curve: &[Point]) -> Option<Point> {
    let (mut best, mut since) = (f64::NEG_INFINITY, 0);
    for point in curve {
        if point.value > best + GAIN {
            (best, since) = (point.value, 0);
        } else {
            since += 1;
        }
        if since == PATIENCE {
            return Some(*point);
        }
    }
    curve.last().copied()
}

/// 1 − samples of the schedule / samples of as many epochs over all datasets, an epoch of a stage being one pass over its own datasets.
fn bookkeeping(schedule: &Schedule) -> Option<f64> {
    let size = |dataset: &usize| schedule.datasets.get(*dataset).map(|dataset| dataset.size as f64);
    let all: f64 = schedule.datasets.iter().map(|dataset| dataset.size as f64).sum();
    let (mut samples, mut epochs) = (0.0, 0.0);
    for stage in &schedule.stages {
        let drawn = (stage.steps * schedule.batch_size) as f64;
        let active: f64 = stage.datasets.iter().map(size).sum::<Option<f64>>()?;
        samples += drawn;
        epochs += drawn / active;
    }
    let saving = 1.0 - samples / (epochs * all);
    saving.is_finite().then_some(saving)
}

fn saving_cell(values: &[f64]) -> Cell {
    cell(values, percent)
}

fn difference_cell(values: &[f64]) -> Cell {
    cell(values, signed)
}

fn cell(values: &[f64], write: fn(f64) -> String) -> Cell {
    match (Interval::bootstrap(values), mean(values)) {
        (Some(Interval { mean, low, high }), _) => {
            let strong = low > 0.0 || high < 0.0;
            Cell::from(write(mean)).under(format!("[{}, {}]", write(low), write(high))).strong(strong)
        }
        (None, Some(only)) => Cell::from(write(only)),
        (None, None) => Cell::from("–"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::artifacts::{Dataset, Stage};
    use super::super::convergence::tests::curve;
    use super::*;

    #[test]
    fn accuracies_are_read_between_evaluations() {
        let curve = curve(&[0.0, 0.4, 0.8]);
        for (steps, expected) in [(0.0, Some(0.0)), (50.0, Some(0.2)), (150.0, Some(0.6)), (200.0, Some(0.8)), (201.0, None)] {
            let found = value_at(&curve, steps);
            assert!(found.zip(expected).map_or(found == expected, |(a, b)| (a - b).abs() < 1e-12), "{steps}: {found:?}");
        }
    }

    #[test]
    fn patience_ends_a_flat_curve_and_waits_for_a_rising_one() {
        let flat = curve(&[0.1, 0.5, 0.5, 0.501, 0.5, 0.5, 0.5, 0.9]);
        assert_eq!(patience(&flat).unwrap().cost.steps, 600.0);
        let rising = curve(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]);
        assert_eq!(patience(&rising).unwrap().cost.steps, 700.0);
        assert!(patience(&[]).is_none());
    }

    #[test]
    fn bookkeeping_counts_epochs_over_fewer_datasets_as_epochs() {
        let dataset = |size| Dataset { name: String::new(), domain: String::new(), size, weight: 0.0 };
        let stage = |datasets: &[usize], steps| Stage {
            name: String::new(),
            datasets: datasets.to_vec(),
            weights: vec![1.0; datasets.len()],
            steps,
            reset: false,
        };
        let schedule = |stages| Schedule { batch_size: 10, datasets: vec![dataset(100), dataset(100)], stages, groups: None };
        // One epoch of half the data and one of all: three quarters of two epochs of all.
        assert_eq!(bookkeeping(&schedule(vec![stage(&[0], 10), stage(&[0, 1], 20)])), Some(0.25));
        assert_eq!(bookkeeping(&schedule(vec![stage(&[0, 1], 30)])), Some(0.0));
    }
}
