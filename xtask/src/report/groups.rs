//! The groups of every seed, and how much seeds agree on them.

use std::collections::BTreeMap;

use super::artifacts::Grouping;
use super::evidence::Evidence;
use super::interval::mean;
use super::number::{share, short_hash};
use super::rank::adjusted_rand;
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
    let index = |(a, b): (&BTreeMap<String, usize>, &BTreeMap<String, usize>)| {
        let labels = |partition: &BTreeMap<String, usize>| partition.values().copied().collect::<Vec<_>>();
        a.keys().eq(b.keys()).then(|| adjusted_rand(&labels(a), &labels(b)))?
    };
    mean(&pairs.filter_map(index).collect::<Vec<_>>())
}
