//! What an affinity says, in plain sentences with the numbers behind them.

use super::Affinity;
use crate::{Metric, MoreBatches};

/// Batches below which resampling cannot tell noise from what varies with the signal.
const FEW_BATCHES: usize = 4;

/// Rank correlation from which raw distance is said to follow norms.
const FOLLOWS: f64 = 0.7;

/// Reliability below which differences between pairs are said to be noise.
const RELIABLE: f64 = 0.5;

/// Width of a cosine's interval that is worth asking for.
const USEFUL_WIDTH: f64 = 0.2;

pub(super) fn sentences(affinity: &Affinity, level: f64) -> Vec<String> {
    let mut said = vec![measured(affinity)];
    if affinity.datasets.len() < 2 {
        said.push("One dataset: there is nothing to compare, group or order.".to_owned());
        said.push("Recommendation: mix-all.".to_owned());
        return said;
    }
    said.push(conflict(affinity, level));
    said.push(heterogeneity(affinity));
    said.extend(norms(affinity));
    said.push(structure(affinity));
    said.extend(stability(affinity));
    said.extend(dependence(affinity));
    said.push(recommendation(affinity));
    said
}

fn measured(affinity: &Affinity) -> String {
    let probe = &affinity.probe;
    let kept = match probe.sketch_size {
        0 => "exact gradients".to_owned(),
        size => format!("gradients sketched to {size} values"),
    };
    let warning = if probe.batches < FEW_BATCHES {
        format!("; with fewer than {FEW_BATCHES} batches the intervals cannot be trusted, probe more")
    } else {
        String::new()
    };
    format!(
        "Measured: {} of {} parameters, {} at {}, at least {} of each{warning}.",
        kept,
        probe.parameters,
        count(affinity.datasets.len(), "dataset"),
        count(probe.points.len(), "probe point"),
        count(probe.batches, "batch"),
    )
}

fn conflict(affinity: &Affinity, level: f64) -> String {
    let conflict = &affinity.conflict;
    let determined = conflict.pairs - conflict.undetermined;
    let Some(median) = conflict.median_cosine else {
        return format!(
            "Conflict: cannot be told, no gradient stands out of its noise in any of {}.",
            count(conflict.pairs, "pair")
        );
    };
    let negative = (conflict.negative_share * determined as f64).round() as usize;
    let undetermined = match conflict.undetermined {
        0 => String::new(),
        some => format!("; {some} more cannot be told from noise"),
    };
    format!(
        "Conflict: {negative} of {} ({}) pull against each other beyond their {} intervals, where chance alone makes about \
         {}; the median cosine is {median:.2}{undetermined}.",
        count(determined, "pair"),
        percent(conflict.negative_share),
        percent(level),
        percent((1.0 - level) / 2.0),
    )
}

fn heterogeneity(affinity: &Affinity) -> String {
    let h = &affinity.heterogeneity;
    let range = format!("ζ² = {:.4} ({:.4} to {:.4})", h.zeta_squared, h.zeta_squared_low, h.zeta_squared_high);
    match h.ratio {
        None => format!(
            "Heterogeneity: {range}; the common gradient cannot be told from noise, so there is nothing to measure it against."
        ),
        Some(ratio) if ratio < 1.0 => {
            format!(
                "Heterogeneity: {range}, {ratio:.2} times ‖g‖²: what the datasets have in common outweighs what sets them apart."
            )
        }
        Some(ratio) => {
            format!(
                "Heterogeneity: {range}, {ratio:.2} times ‖g‖²: what sets the datasets apart outweighs what they have in common."
            )
        }
    }
}

fn norms(affinity: &Affinity) -> Option<String> {
    let follows = affinity.conflict.distance_follows_norm.filter(|follows| *follows >= FOLLOWS)?;
    let advice = if affinity.metric == Metric::GradientDistance { "; cosine and unit-distance do not" } else { "" };
    Some(format!(
        "Norms: raw gradient distance follows the gradients' size (rank correlation {follows:.2}), so groups made from it \
         set the datasets with the largest gradients apart{advice}."
    ))
}

fn structure(affinity: &Affinity) -> String {
    let Some(reliability) = affinity.conflict.reliability else {
        return format!("Structure: cannot be told, {}.", too_little(affinity));
    };
    let more = match affinity.more_batches(Metric::Cosine, USEFUL_WIDTH) {
        Some(MoreBatches::More(more)) => {
            format!(" About {more} more batches a dataset bring nine in ten cosines to an interval of {USEFUL_WIDTH}.")
        }
        Some(MoreBatches::Never { floor }) => {
            format!(" The sketch alone makes intervals of {floor:.2}: a larger one is needed for {USEFUL_WIDTH}.")
        }
        _ => String::new(),
    };
    if reliability < RELIABLE {
        format!(
            "Structure: the pairs' cosines differ by little more than their noise ({} of their variance is real): groups \
             made from them would not come out again.{more}",
            percent(reliability)
        )
    } else {
        format!(
            "Structure: {} of the variance between the pairs' cosines is real, the rest is noise.{more}",
            percent(reliability)
        )
    }
}

fn stability(affinity: &Affinity) -> Option<String> {
    let resamples = affinity.stability.resamples?;
    let points = match affinity.stability.points {
        Some(points) => format!("cosines at one probe point with those at the next at {points:.2}"),
        None => "one probe point cannot show what another seed or step would change".to_owned(),
    };
    Some(format!(
        "Stability: over resampled batches the pairs' order by {} agrees with the estimate at a rank correlation of \
         {resamples:.2}; {points}.",
        affinity.metric
    ))
}

fn dependence(affinity: &Affinity) -> Vec<String> {
    if affinity.dependence.is_empty() {
        return vec![
            "Dependence: not measured; gradients of one moment do not show which dataset prepares another (lookahead, \
             transferability and commutator are made to)."
                .to_owned(),
        ];
    }
    let sentence = |found: &crate::Dependence| {
        if found.repeats < 2 {
            return format!("Dependence ({}): one repeat only, so no direction can be told from noise.", found.metric);
        }
        let strongest = found.directed.first().map_or(String::new(), |pair| {
            let name = |index: usize| affinity.datasets.get(index).map_or("?", |dataset| dataset.name.as_str());
            format!("; the strongest is {} before {}", name(pair.from), name(pair.to))
        });
        format!(
            "Dependence ({}): {} of {} are directed beyond their {} intervals over {}, where chance alone makes about \
             {}{strongest}.",
            found.metric,
            found.directed.len(),
            count(found.pairs, "pair"),
            percent(found.level),
            count(found.repeats, "repeat"),
            percent(1.0 - found.level),
        )
    };
    affinity.dependence.iter().map(sentence).collect()
}

fn recommendation(affinity: &Affinity) -> String {
    if let Some(found) = affinity.prerequisites() {
        let order = if found.metric == Metric::Commutator { "commutator" } else { "prerequisite" };
        return format!(
            "Recommendation: some datasets prepare others ({} of the pairs by {}), which is where an order can pay: compare \
             gst-progressive in {order} order with mix-all, and keep mix-all if the run shows no gain.",
            percent(found.share()),
            found.metric
        );
    }
    let Some(reliability) = affinity.conflict.reliability else {
        return format!("Recommendation: mix-all. There is nothing to group by: {}.", too_little(affinity));
    };
    if reliability < RELIABLE {
        return format!(
            "Recommendation: mix-all. There is no structure to group by ({} of the differences are real).",
            percent(reliability)
        );
    }
    if let Some(points) = affinity.stability.points.filter(|_| affinity.changes_along_the_run()) {
        return format!(
            "Recommendation: mix-all. What sets the pairs apart changes along the run (rank correlation {points:.2} between probe points), so \
             groups made here would not hold."
        );
    }
    let negative = percent(affinity.conflict.negative_share);
    if affinity.dependence.is_empty() {
        format!(
            "Recommendation: mix-all, unless a directed measurement finds dependence: conflict ({negative} of the pairs) by \
             itself has not predicted a saving."
        )
    } else {
        format!(
            "Recommendation: mix-all. No dataset was found to prepare another, and conflict ({negative} of the pairs) by \
             itself has not predicted a saving."
        )
    }
}

/// Why there is no reliability.
fn too_little(affinity: &Affinity) -> String {
    match affinity.conflict.pairs - affinity.conflict.undetermined {
        few if few < 3 => format!("too few determined pairs ({few})"),
        _ => format!("{} of a dataset cannot be halved", count(affinity.probe.batches, "batch")),
    }
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 || percent >= 9.95 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

fn count(number: usize, noun: &str) -> String {
    match (number, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "batch") => format!("{number} batches"),
        _ => format!("{number} {noun}s"),
    }
}
