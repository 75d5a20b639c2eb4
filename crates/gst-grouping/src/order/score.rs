//! Orders by one number for each group.

use gst_affinity::DatasetFacts;

use super::{OrderBy, Ordered, Sources};
use crate::GroupingError;

/// Sorts groups by the number that `order` stands for.
pub(super) fn arrange(sources: &Sources<'_>, order: OrderBy) -> Result<Ordered, GroupingError> {
    let groups = 0..sources.groups.len();
    let mean = |of: &dyn Fn(&DatasetFacts) -> Result<f64, GroupingError>| -> Result<Vec<f64>, GroupingError> {
        let one = |group: usize| {
            sources
                .shares(group)
                .into_iter()
                .try_fold(0.0, |sum, (i, share)| Ok(sum + share * of(&sources.affinity.datasets[i])?))
        };
        groups.clone().map(one).collect()
    };
    let (numbers, falling, what) = match order {
        OrderBy::SlowFirst => {
            (mean(&|d| progress(d, "slow-first"))?, false, "relative drop of the loss over the warm-up, least first")
        }
        OrderBy::Cost => {
            (mean(&progress_per_second)?, true, "relative drop of the loss per second of training on a sample, most first")
        }
        OrderBy::Heterogeneity => {
            let spread = |group: usize| {
                let members = &sources.groups[group];
                let mass: f64 = members.iter().map(|&i| sources.distances.weights()[i]).sum();
                if mass > 0.0 { sources.distances.within_group(members) / mass } else { 0.0 }
            };
            (
                groups.map(spread).collect(),
                false,
                "mean squared distance from the group's centre in the metric grouped by, least first",
            )
        }
        OrderBy::NearGlobal => (from_global(sources)?, false, "squared distance from the global gradient, least first"),
        _ => {
            let size = |group: usize| sources.groups[group].iter().map(|&i| sources.affinity.datasets[i].size as f64).sum();
            (groups.map(size).collect::<Vec<f64>>(), true, "training samples, most first")
        }
    };
    let mut sequence = sources.by_name();
    sequence.sort_by(|&a, &b| {
        let rising = numbers[a].total_cmp(&numbers[b]);
        if falling { rising.reverse() } else { rising }
    });
    let scores: Vec<f64> = sequence.iter().map(|&group| numbers[group]).collect();
    let listed = scores.iter().map(|x| rounded(*x)).collect::<Vec<_>>().join(", ");
    Ok(Ordered { sequence, note: format!("Order `{order}` ({what}): {listed}."), scores })
}

/// Four digits, whatever the magnitude; whole numbers as they are.
pub(crate) fn rounded(x: f64) -> String {
    match x.abs() {
        size if x.fract() == 0.0 && size < 1e15 => format!("{x:.0}"),
        size if (1e-3..1e6).contains(&size) => format!("{x:.4}"),
        _ => format!("{x:.3e}"),
    }
}

/// (first − last) / first of the warm-up losses: 1 is all of the loss, below 0 it grew.
fn progress(dataset: &DatasetFacts, order: &'static str) -> Result<f64, GroupingError> {
    let missing = |field| GroupingError::MissingFact {
        order,
        field,
        dataset: dataset.name.clone(),
        remedy: "run the probe with a warm-up and at least two evaluations of it, or order by `size`",
    };
    let (Some(first), Some(last)) = (dataset.warmup_losses.first(), dataset.warmup_losses.last()) else {
        return Err(missing("warm-up losses"));
    };
    if dataset.warmup_losses.len() < 2 {
        return Err(missing("at least two warm-up losses"));
    }
    if !(first.is_finite() && last.is_finite() && *first > 0.0) {
        return Err(missing("finite warm-up losses above 0"));
    }
    Ok((first - last) / first)
}

fn progress_per_second(dataset: &DatasetFacts) -> Result<f64, GroupingError> {
    let seconds = dataset.seconds_per_sample;
    if !(seconds.is_finite() && seconds > 0.0) {
        return Err(GroupingError::MissingFact {
            order: "cost",
            field: "seconds_per_sample above 0",
            dataset: dataset.name.clone(),
            remedy: "let the probe time its samples, or order by `slow-first`",
        });
    }
    Ok(progress(dataset, "cost")? / seconds)
}

/// ‖g_k − g‖² of each group from the debiased Gram matrix; may come out below 0 where noise is large.
fn from_global(sources: &Sources<'_>) -> Result<Vec<f64>, GroupingError> {
    let gram = &sources.affinity.gram;
    let weights = sources.distances.weights();
    let fits = gram.len() == weights.len() && gram.iter().all(|row| row.len() == weights.len());
    if !fits || gram.iter().flatten().any(|x| !x.is_finite()) {
        return Err(GroupingError::MissingTable {
            order: "near-global",
            needed: "a finite Gram matrix of all datasets",
            found: format!("one of {} rows", gram.len()),
            remedy: "make the affinity again",
        });
    }
    let product = |a: &[(usize, f64)], b: &[(usize, f64)]| -> f64 {
        a.iter().map(|&(i, x)| b.iter().map(|&(j, y)| x * y * gram[i][j]).sum::<f64>()).sum()
    };
    let all: Vec<(usize, f64)> = weights.iter().copied().enumerate().collect();
    let norm = product(&all, &all);
    let from = |group: usize| {
        let own = sources.shares(group);
        product(&own, &own) - 2.0 * product(&own, &all) + norm
    };
    Ok((0..sources.groups.len()).map(from).collect())
}
