//! The groups of every seed, and how much seeds agree on them.

use std::collections::BTreeMap;

use super::artifacts::Grouping;
use super::evidence::Evidence;
use super::number::{share, short_hash};
use super::table::{Cell, Table};

/// One row a group, seed by seed; `None` where nothing was grouped.
pub(crate) fn groups_table(evidence: &Evidence) -> Option<Table> {
    let head = ["groups of", "seed", "group", "datasets in order of introduction", "within share of ζ²", "stability"];
    let mut table = Table::new("Groups by seed, in the order in which they are introduced.", 4, head.map(String::from).to_vec());
    let mut notes = Vec::new();
    for name in names(evidence) {
        let mut partitions = Vec::new();
        for (seed, plan) in &evidence.plans {
            let Some(grouping) = plan.groupings.get(&name) else { continue };
            let body = &grouping.body;
            for (number, group) in body.groups.iter().enumerate() {
                let members: Vec<&str> =
                    group.iter().filter_map(|index| body.datasets.get(*index)).map(|dataset| dataset.name.as_str()).collect();
                let mut cells =
                    vec![Cell::from(""), Cell::from(""), Cell::from((number + 1).to_string()), Cell::from(members.join(", "))];
                if number == 0 {
                    cells[0] = Cell::from(title(&name, body)).under(short_hash(&grouping.hash));
                    cells[1] = Cell::from(seed.to_string());
                    let within = body
                        .within
                        .zip(body.zeta_squared)
                        .filter(|(_, total)| *total > 0.0)
                        .map(|(within, total)| within / total);
                    cells.push(within.map_or_else(|| "–".into(), share).into());
                    cells.push(body.stability.map_or_else(|| "–".into(), share).into());
                    table.ruled_row(cells);
                } else {
                    cells.extend([Cell::from(""), Cell::from("")]);
                    table.row(cells);
                }
            }
            partitions.push(labels(body));
        }
        if let Some(agreement) = agreement(&partitions) {
            let seeds = partitions.len();
            notes.push(format!("{}: mean adjusted Rand index between {seeds} seeds {}", short_title(&name), share(agreement)));
        }
    }
    table.note = "Within share: part of the heterogeneity that stays inside groups. Stability: mean adjusted Rand index over bootstrap resamples of one \
                  probe, which overstates how much new probes would agree. "
        .to_string();
    if !notes.is_empty() {
        table.note += &format!("{} (1: the same groups, 0: as chance would have it).", notes.join("; "));
    }
    (!table.rows.is_empty()).then_some(table)
}

fn names(evidence: &Evidence) -> Vec<String> {
    let mut names: Vec<String> = evidence.plans.values().flat_map(|plan| plan.groupings.keys().cloned()).collect();
    names.sort();
    names.dedup();
    names
}

fn title(name: &str, grouping: &Grouping) -> String {
    format!("{} ({}, {})", short_title(name), grouping.method, grouping.order)
}

fn short_title(name: &str) -> &str {
    name.strip_prefix("grouping-").unwrap_or("all gst-*")
}

/// The group of every dataset, by name.
fn labels(grouping: &Grouping) -> BTreeMap<String, usize> {
    let members = grouping.groups.iter().enumerate().flat_map(|(number, group)| group.iter().map(move |index| (index, number)));
    members.filter_map(|(index, number)| Some((grouping.datasets.get(*index)?.name.clone(), number))).collect()
}

/// Mean adjusted Rand index over pairs of seeds.
fn agreement(partitions: &[BTreeMap<String, usize>]) -> Option<f64> {
    let pairs = partitions.iter().enumerate().flat_map(|(index, a)| partitions[index + 1..].iter().map(move |b| (a, b)));
    super::interval::mean(&pairs.filter_map(|(a, b)| adjusted_rand(a, b)).collect::<Vec<_>>())
}

/// Adjusted Rand index (Hubert and Arabie 1985); `None` for different datasets, 1 where both put all in one group or all apart.
fn adjusted_rand(a: &BTreeMap<String, usize>, b: &BTreeMap<String, usize>) -> Option<f64> {
    if !a.keys().eq(b.keys()) {
        return None;
    }
    let choose = |n: usize| (n * n.saturating_sub(1)) as f64 / 2.0;
    let pairs = |counts: BTreeMap<(usize, usize), usize>| counts.into_values().map(choose).sum::<f64>();
    let count = |key: fn(usize, usize) -> (usize, usize)| {
        let mut counts = BTreeMap::new();
        for (left, right) in a.values().zip(b.values()) {
            *counts.entry(key(*left, *right)).or_insert(0) += 1;
        }
        pairs(counts)
    };
    let (both, left, right) = (count(|l, r| (l, r)), count(|l, _| (l, 0)), count(|_, r| (r, 0)));
    let expected = left * right / choose(a.len()).max(1.0);
    let most = f64::midpoint(left, right);
    Some(if most - expected == 0.0 { 1.0 } else { (both - expected) / (most - expected) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &[usize], b: &[usize], expected: f64) {
        let partition =
            |labels: &[usize]| labels.iter().enumerate().map(|(index, label)| (format!("{index:02}"), *label)).collect();
        let found = adjusted_rand(&partition(a), &partition(b)).unwrap();
        assert!((found - expected).abs() < 1e-9, "{a:?} {b:?}: {found}");
    }

    #[test]
    fn the_index_is_that_of_the_literature() {
        check(&[0, 0, 1, 1], &[1, 1, 0, 0], 1.0);
        check(&[0, 0, 1, 1], &[0, 0, 1, 2], 0.571_428_571_428_571_4);
        check(&[0, 0, 1, 1], &[0, 1, 0, 1], -0.5);
        check(&[0, 0, 0], &[0, 0, 0], 1.0);
    }
}
