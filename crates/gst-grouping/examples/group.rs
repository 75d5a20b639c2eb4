//! From batch gradients to ordered groups and a verdict, and a second probe to hold it against:
//! `cargo run -p gst-grouping --example group`.

use std::io::Write;

use gst_affinity::{Affinity, AffinityError, DatasetFacts, EstimateParams, GradientSamples, Metric, ProbeFacts};
use gst_grouping::{GroupCount, Grouping, GroupingParams, Method, OrderBy, compare};

/// Six datasets of two kinds; a trainer would bring gradients of its own, at least three batches of each.
fn probe(seed: usize) -> Result<Affinity, AffinityError> {
    let names = ["read-speech", "dialogue", "news", "jazz", "choir", "solo-piano"];
    let mut samples = GradientSamples::new(names)?;
    for dataset in 0..names.len() {
        for batch in 0..4 {
            let value = |p: usize| {
                let kind = if dataset < 3 { 0.7 } else { 1.9 };
                let noise = ((seed * 7919 + dataset * 400 + batch * 100 + p) as f32 * 0.618).fract() - 0.5;
                (kind * p as f32).sin() + noise
            };
            samples.push(dataset, (0..64).map(value).collect())?;
        }
    }
    let mut datasets: Vec<DatasetFacts> =
        names.into_iter().zip([900, 400, 700, 300, 100, 200]).map(|(n, size)| DatasetFacts::new(n, size)).collect();
    DatasetFacts::weigh_by_size(&mut datasets);
    Affinity::estimate(&[samples], datasets, Metric::default(), &EstimateParams::default(), ProbeFacts::default())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let affinity = probe(0)?;
    let params = GroupingParams {
        method: Method::Spectral,
        count: GroupCount::Eigengap,
        order: OrderBy::NearGlobal,
        ..GroupingParams::default()
    };
    let grouping = Grouping::new(&affinity, &params)?;
    let mut out = std::io::stdout().lock();
    for (stage, group) in grouping.group_names.iter().enumerate() {
        writeln!(out, "group {}: {}", stage + 1, group.join(", "))?;
    }
    for sentence in &grouping.verdict {
        writeln!(out, "- {sentence}")?;
    }
    writeln!(out, "and with another seed of the probe:")?;
    for sentence in &compare(&affinity, &probe(1)?, &params)?.verdict {
        writeln!(out, "- {sentence}")?;
    }
    Ok(())
}
