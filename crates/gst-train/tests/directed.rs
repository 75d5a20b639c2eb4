//! What training on one dataset does to another, measured by `gst affinity` itself.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use common::{Bench, DATASETS};
use gst_affinity::artifact::Document;
use gst_affinity::{Affinity, Metric};

fn affinity(bench: &Bench, name: &str) -> Affinity {
    Document::from_json(&bench.text(name), name).unwrap().body
}

#[test]
fn directed_tables_stand_beside_the_gradients() {
    let bench = Bench::new();
    let probe = format!("affinity --data data --only {DATASETS} --points 2 --batches 3 --batch-size 3");
    bench.ok(&format!("{probe} --out plain.json"));
    bench.ok(&format!(
        "{probe} --directed lookahead,commutator,transferability --transfer-steps 2 --sketches kept.safetensors --out all.json"
    ));
    let (plain, all) = (affinity(&bench, "plain.json"), affinity(&bench, "all.json"));
    assert_eq!(plain.tables[&Metric::Cosine], all.tables[&Metric::Cosine], "measuring more changed what was measured before");
    let measured: Vec<(Metric, usize)> = all.dependence.iter().map(|found| (found.metric, found.repeats)).collect();
    assert_eq!(measured, [(Metric::Lookahead, 3), (Metric::Transferability, 2), (Metric::Commutator, 3)]);
    for metric in [Metric::Lookahead, Metric::Commutator, Metric::Transferability] {
        let table = all.table(metric).unwrap();
        assert!((0..3).all(|i| (0..3).all(|j| i == j || table.interval(i, j).is_some())), "{metric}: {table:?}");
        assert!((0..3).any(|i| (0..i).any(|j| table.get(i, j) != table.get(j, i))), "{metric} is symmetric");
    }
    // A step along a dataset's own gradient lowers its loss.
    let lookahead = all.table(Metric::Lookahead).unwrap();
    assert!((0..3).all(|i| lookahead.get(i, i).unwrap() > 0.0), "{lookahead:?}");

    // Lookahead: 3 repeats of (1 + 3) × 3 forward passes of 3 samples, a third each. Transferability: 2 repeats of 3 datasets × 2
    // steps of 32 samples, and (1 + 3) × 3 × 3 forward passes. Commutator: 3 repeats of 3 datasets × 2 backward passes.
    let more = all.probe.cost.samples - plain.probe.cost.samples;
    let forward = |passes: u64| passes * 3 / 3;
    assert_eq!(more, forward(3 * 12) + 2 * 3 * 2 * 32 + forward(2 * 36) + 3 * 3 * 2 * 3, "{:?}", all.probe.cost);
    assert!(all.probe.cost.steps >= plain.probe.cost.steps + 12);

    // Another estimate of the same gradients needs neither data nor model.
    bench.ok("affinity --gradients kept.safetensors --metric unit-distance --out again.json");
    let again = affinity(&bench, "again.json");
    assert_eq!(again.metric, Metric::UnitDistance);
    assert_eq!((&again.tables[&Metric::Cosine], &again.datasets), (&all.tables[&Metric::Cosine], &all.datasets));

    // A directed metric is measured because it was asked for, sketched gradients included.
    bench.ok(&format!("{probe} --sketch-size 512 --metric commutator --out sketched.json"));
    let sketched = affinity(&bench, "sketched.json");
    let exact = all.table(Metric::Commutator).unwrap();
    let found = sketched.table(Metric::Commutator).unwrap();
    assert!((0..3).all(|i| found.get(i, i) == Some(0.0)));
    let scale = (0..3).flat_map(|i| (0..3).map(move |j| (i, j))).map(|(i, j)| exact.get(i, j).unwrap().abs()).fold(0.0, f64::max);
    assert!(
        (0..3).all(|i| (0..3).all(|j| (found.get(i, j).unwrap() - exact.get(i, j).unwrap()).abs() < scale)),
        "{found:?} {exact:?}"
    );
    bench.ok("group sketched.json --method exact --groups 2 --order commutator --out grouping.json");

    for (flags, part) in [
        ("--directed cosine", "lookahead, commutator or transferability"),
        ("--directed commutator --batches 2", "at least 3 batches"),
        ("--directed transferability --transfer-steps 0", "transfer_steps"),
        ("--directed lookahed", "lookahed"),
    ] {
        let probe = probe.replace(" --batches 3", if flags.contains("--batches") { "" } else { " --batches 3" });
        let message = bench.fails(&format!("{probe} {flags} --out x.json"));
        assert!(message.contains(part), "{flags}: {message}");
    }
}

#[test]
fn training_on_a_copy_of_a_dataset_helps_it_more_than_training_on_others() {
    let bench = Bench::new();
    for file in ["train.jsonl", "test.jsonl"] {
        let folder = bench.path("data/vowel_again");
        std::fs::create_dir_all(folder.join("audio")).unwrap();
        std::fs::copy(bench.path("data/vowel").join(file), folder.join(file)).unwrap();
    }
    for clip in std::fs::read_dir(bench.path("data/vowel/audio")).unwrap() {
        let clip = clip.unwrap().path();
        std::fs::copy(&clip, bench.path("data/vowel_again/audio").join(clip.file_name().unwrap())).unwrap();
    }
    bench.ok(
        "affinity --data data --only noise_colour,vowel,vowel_again --points 4 --batches 3 --batch-size 8 --metric transferability \
         --transfer-steps 12 --out affinity.json",
    );
    let affinity = affinity(&bench, "affinity.json");
    let table = affinity.table(Metric::Transferability).unwrap();
    let (noise, vowel, again) = (0, 1, 2);
    for (from, to) in [(vowel, again), (again, vowel)] {
        assert!(table.get(from, to) > table.get(noise, to), "{table:?}");
        assert!(table.get(from, to).unwrap() > 0.0, "{table:?}");
    }
}
