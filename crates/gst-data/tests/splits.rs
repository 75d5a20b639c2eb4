//! Hold-out, limit, fingerprint and majority.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod fixture;

use std::{collections::BTreeSet, fs, path::Path};

use fixture::Root;
use gst_data::{Collection, Dataset, OpenParams, Record, Split};

fn open(root: &Path, params: OpenParams) -> Collection {
    Collection::open(root, &params).unwrap()
}

fn clips(records: &[Record]) -> BTreeSet<&str> {
    records.iter().map(|record| record.audio.as_str()).collect()
}

fn ids(records: &[Record]) -> BTreeSet<&str> {
    records.iter().map(|record| record.id.as_str()).collect()
}

#[test]
fn whole_clips_are_held_out() {
    let root = Root::new();
    root.dataset("pitch", 30, 4, 2);
    let collection = open(root.path(), OpenParams { validation_share: 0.2, ..OpenParams::default() });
    let dataset = &collection.datasets[0];
    assert!(clips(&dataset.train).is_disjoint(&clips(&dataset.validation)));
    assert_eq!((clips(&dataset.validation).len(), dataset.validation.len()), (6, 12));
    assert_eq!((dataset.train.len(), dataset.test.len()), (48, 8));
    assert_eq!(dataset.domain, "music");
}

#[test]
fn held_out_clips_do_not_depend_on_the_order_of_the_file() {
    let root = Root::new();
    let folder = root.dataset("pitch", 20, 4, 2);
    let before = open(root.path(), OpenParams { limit_per_dataset: Some(9), ..OpenParams::default() });
    let text = fs::read_to_string(folder.join("train.jsonl")).unwrap();
    let turned: Vec<&str> = text.lines().rev().collect();
    fs::write(folder.join("train.jsonl"), turned.join("\n")).unwrap();
    let after = open(root.path(), OpenParams { limit_per_dataset: Some(9), ..OpenParams::default() });
    for split in [Split::Train, Split::Validation] {
        assert_eq!(ids(before.datasets[0].records(split)), ids(after.datasets[0].records(split)), "{split}");
    }
    // The order itself is that of the file.
    assert!(after.datasets[0].train.is_sorted_by_key(|record| record.line));
}

#[test]
fn small_datasets_keep_one_clip_each() {
    for (train, share, held) in [(2, 0.01, 1), (2, 0.99, 1), (3, 0.99, 2), (5, 0.1, 1), (4, 0.0, 0), (20, 0.1, 2)] {
        let root = Root::new();
        root.dataset("pitch", train, 1, 1);
        let collection = open(root.path(), OpenParams { validation_share: share, ..OpenParams::default() });
        let dataset = &collection.datasets[0];
        assert_eq!((dataset.validation.len(), dataset.train.len()), (held, train - held), "{train} clips, share {share}");
    }
}

#[test]
fn datasets_hold_out_different_clips() {
    let root = Root::new();
    root.dataset("a", 40, 1, 1);
    root.dataset("b", 40, 1, 1);
    let collection = open(root.path(), OpenParams { validation_share: 0.25, ..OpenParams::default() });
    assert_ne!(clips(&collection.datasets[0].validation), clips(&collection.datasets[1].validation));
}

#[test]
fn a_limit_takes_a_subset_and_leaves_the_other_splits_alone() {
    let root = Root::new();
    root.dataset("pitch", 30, 5, 1);
    let limited = |limit| open(root.path(), OpenParams { limit_per_dataset: limit, ..OpenParams::default() });
    let (all, ten, five) = (limited(None), limited(Some(10)), limited(Some(5)));
    let train =
        |collection: &Collection| collection.datasets[0].train.iter().map(|record| record.id.clone()).collect::<BTreeSet<_>>();
    assert_eq!((train(&ten).len(), train(&five).len()), (10, 5));
    assert!(train(&five).is_subset(&train(&ten)) && train(&ten).is_subset(&train(&all)));
    assert_eq!(train(&limited(Some(1_000))), train(&all));
    for split in [Split::Validation, Split::Test] {
        assert_eq!(five.datasets[0].records(split), all.datasets[0].records(split));
    }
}

#[test]
fn datasets_are_sorted_and_chosen_by_name() {
    let root = Root::new();
    for name in ["b", "a", "c"] {
        root.dataset(name, 2, 1, 1);
    }
    fs::create_dir(root.path().join("notes")).unwrap();
    let names = |only: Option<Vec<String>>| -> Vec<String> {
        open(root.path(), OpenParams { only, ..OpenParams::default() }).datasets.into_iter().map(|dataset| dataset.name).collect()
    };
    assert_eq!(names(None), ["a", "b", "c"]);
    assert_eq!(names(Some(vec!["c".into(), "a".into()])), ["a", "c"]);
}

#[test]
fn fingerprint_follows_what_lies_on_disk() {
    let root = Root::new();
    let folder = root.dataset("pitch", 6, 2, 1);
    let print = |params| open(root.path(), params).fingerprint();
    let first = print(OpenParams::default());
    assert!(first.starts_with("sha256:") && first.len() == 71);
    assert_eq!(first, print(OpenParams { validation_share: 0.5, limit_per_dataset: Some(1), ..OpenParams::default() }));
    let elsewhere = Root::new();
    elsewhere.dataset("pitch", 6, 2, 1);
    assert_eq!(first, open(elsewhere.path(), OpenParams::default()).fingerprint());

    fixture::write_wav(&folder.join("audio/0.wav"), 16_000, fixture::sine(16_000, 300.0, 0.06));
    let longer = print(OpenParams::default());
    assert_ne!(first, longer);
    let text = fs::read_to_string(folder.join("test.jsonl")).unwrap();
    fs::write(folder.join("test.jsonl"), text.replacen("How high?", "How low?", 1)).unwrap();
    assert_ne!(longer, print(OpenParams::default()));
}

fn answered(pairs: &[(&str, &str)]) -> Vec<Record> {
    pairs
        .iter()
        .map(|&(label, answer)| Record { label: Some(label.into()), answer: answer.into(), ..Record::default() })
        .collect()
}

#[test]
fn majority_is_counted_by_slot() {
    let dataset = Dataset {
        name: "orders".into(),
        domain: "speech".into(),
        root: "orders".into(),
        train: answered(&[("drink=tea", "tea"), ("drink=tea", "tea"), ("drink=coffee", "coffee"), ("size=big", "big")]),
        validation: answered(&[("size=small", "small"), ("size=small", "small")]),
        test: answered(&[("drink=tea", "tea"), ("drink=coffee", "coffee"), ("size=small", "small"), ("milk=no", "no")]),
    };
    assert_eq!(dataset.majority_answers().into_iter().collect::<Vec<_>>(), [("drink", "tea"), ("size", "small")]);
    assert_eq!(dataset.majority_exact_match(Split::Test), 0.5);
}

#[test]
fn majority_of_a_plain_dataset() {
    let mut dataset = Dataset {
        name: "pitch".into(),
        domain: "music".into(),
        root: "pitch".into(),
        train: answered(&[("high", "high"), ("low", "low")]),
        validation: Vec::new(),
        test: answered(&[("high", "high"), ("high", "high"), ("low", "low")]),
    };
    // A tie goes to the first in alphabetical order.
    assert_eq!(dataset.majority_exact_match(Split::Test), 2.0 / 3.0);
    dataset.train.extend(answered(&[("low", "low")]));
    assert_eq!(dataset.majority_exact_match(Split::Test), 1.0 / 3.0);
    assert_eq!(dataset.majority_exact_match(Split::Validation), 0.0);
}

#[test]
fn splits_by_name() {
    for split in Split::ALL {
        assert_eq!(split.name().parse::<Split>().unwrap(), split);
    }
    assert!("dev".parse::<Split>().unwrap_err().to_string().contains("validation"));
}
