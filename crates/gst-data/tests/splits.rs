//! Hold-out, limit, fingerprint and majority.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod fixture;

use std::{collections::BTreeSet, fs, path::Path};

use fixture::Root;
use gst_data::{Collection, DataError, Dataset, DatasetBuilder, OpenParams, Record, Split};

fn open(root: &Path, params: OpenParams) -> Collection {
    Collection::open(root, &params).unwrap()
}

fn records(dataset: &Dataset, split: Split) -> Vec<Record> {
    dataset.records(split).map(Result::unwrap).collect()
}

fn clips(dataset: &Dataset, split: Split) -> BTreeSet<String> {
    records(dataset, split).into_iter().map(|record| record.audio).collect()
}

fn ids(dataset: &Dataset, split: Split) -> BTreeSet<String> {
    records(dataset, split).into_iter().map(|record| record.id).collect()
}

#[test]
fn whole_clips_are_held_out() {
    let root = Root::new();
    root.dataset("pitch", 30, 4, 2);
    let collection = open(root.path(), OpenParams { validation_share: 0.2, ..OpenParams::default() });
    let dataset = &collection.datasets[0];
    let held = clips(dataset, Split::Validation);
    assert!(clips(dataset, Split::Train).is_disjoint(&held));
    assert_eq!((held.len(), dataset.len(Split::Validation)), (6, 12));
    assert_eq!((dataset.len(Split::Train), dataset.len(Split::Test)), (48, 8));
    assert_eq!(dataset.domain, "music");
}

#[test]
fn held_out_clips_do_not_depend_on_the_order_of_the_file() {
    let root = Root::new();
    let folder = root.dataset("pitch", 20, 4, 2);
    let before = open(root.path(), OpenParams { limit_per_dataset: Some(9), ..OpenParams::default() });
    let of_both = |dataset: &Dataset| [Split::Train, Split::Validation].map(|split| ids(dataset, split));
    let expected = of_both(&before.datasets[0]);
    let text = fs::read_to_string(folder.join("train.jsonl")).unwrap();
    let turned: Vec<&str> = text.lines().rev().collect();
    fs::write(folder.join("train.jsonl"), turned.join("\n")).unwrap();
    let after = open(root.path(), OpenParams { limit_per_dataset: Some(9), ..OpenParams::default() });
    assert_eq!(of_both(&after.datasets[0]), expected);
    // What was opened before notices that its rows are not there any more.
    let error = before.datasets[0].record(Split::Train, 0).unwrap_err();
    assert!(matches!(error, DataError::ChangedRow { .. }) && error.to_string().contains("train.jsonl:"), "{error}");
    // The order itself is that of the file.
    assert!(records(&after.datasets[0], Split::Train).is_sorted_by_key(|record| record.line));
}

#[test]
fn small_datasets_keep_one_clip_each() {
    for (train, share, held) in [(2, 0.01, 1), (2, 0.99, 1), (3, 0.99, 2), (5, 0.1, 1), (4, 0.0, 0), (20, 0.1, 2)] {
        let root = Root::new();
        root.dataset("pitch", train, 1, 1);
        let collection = open(root.path(), OpenParams { validation_share: share, ..OpenParams::default() });
        let dataset = &collection.datasets[0];
        let counts = (dataset.len(Split::Validation), dataset.len(Split::Train));
        assert_eq!(counts, (held, train - held), "{train} clips, share {share}");
    }
}

#[test]
fn datasets_hold_out_different_clips() {
    let root = Root::new();
    root.dataset("a", 40, 1, 1);
    root.dataset("b", 40, 1, 1);
    let collection = open(root.path(), OpenParams { validation_share: 0.25, ..OpenParams::default() });
    assert_ne!(clips(&collection.datasets[0], Split::Validation), clips(&collection.datasets[1], Split::Validation));
}

#[test]
fn a_limit_takes_a_subset_and_leaves_the_other_splits_alone() {
    let root = Root::new();
    root.dataset("pitch", 30, 5, 1);
    let limited = |limit| open(root.path(), OpenParams { limit_per_dataset: limit, ..OpenParams::default() });
    let (all, ten, five) = (limited(None), limited(Some(10)), limited(Some(5)));
    let train = |collection: &Collection| ids(&collection.datasets[0], Split::Train);
    assert_eq!((train(&ten).len(), train(&five).len()), (10, 5));
    assert!(train(&five).is_subset(&train(&ten)) && train(&ten).is_subset(&train(&all)));
    assert_eq!(train(&limited(Some(1_000))), train(&all));
    for split in [Split::Validation, Split::Test] {
        assert_eq!(records(&five.datasets[0], split), records(&all.datasets[0], split));
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

#[test]
fn fingerprint_and_hold_out_are_what_earlier_versions_made() {
    let root = Root::new();
    let folder = root.path().join("pinned");
    fs::create_dir_all(folder.join("audio")).unwrap();
    for clip in 0..21 {
        fs::write(folder.join(format!("audio/{clip}.wav")), "x".repeat(clip + 1)).unwrap();
    }
    let row = |id: usize, clip: usize, domain: &str| {
        format!(
            "{{\"id\":\"r{id}\",\"audio\":\"audio/{clip}.wav\",\"question\":\"Which?\",\"answer\":\"yes\",\"domain\":\"{domain}\"}}\n"
        )
    };
    let train: String = (0..40).map(|id| row(id, id % 20, ["speech", "music"][usize::from(id % 3 == 0)])).collect();
    fs::write(folder.join("train.jsonl"), train).unwrap();
    fs::write(folder.join("test.jsonl"), row(40, 20, "music")).unwrap();
    let collection = open(root.path(), OpenParams::default());
    assert_eq!(collection.fingerprint(), "sha256:711fc6c6ceaf454f48ec08005e55045eeb76d6ea0a343b8af080899aeb4b65b4");
    let dataset = &collection.datasets[0];
    let held: Vec<String> = records(dataset, Split::Validation).into_iter().map(|record| record.id).collect();
    assert_eq!((dataset.domain.as_str(), held), ("speech", ["r1", "r5", "r21", "r25"].map(str::to_owned).into()));
}

/// A dataset of (label, answer) pairs, each about a clip of its own.
fn answered(name: &str, splits: [&[(&str, &str)]; 3]) -> Dataset {
    let root = Root::new();
    let mut rows = DatasetBuilder::new(name, root.path(), false).unwrap();
    for (split, pairs) in Split::ALL.into_iter().zip(splits) {
        for (number, &(label, answer)) in pairs.iter().enumerate() {
            let (id, audio) = (format!("{split}-{number}"), format!("{split}-{number}.wav"));
            fs::write(root.path().join(&audio), "any").unwrap();
            let [question, domain] = ["Which?", "speech"].map(str::to_owned);
            let (label, answer) = (Some(label.into()), answer.into());
            rows.push(split, Record { id, audio, question, answer, label, domain, ..Record::default() }).unwrap();
        }
    }
    let (dataset, problems) = rows.finish(&OpenParams { validation_share: 0.0, ..OpenParams::default() });
    assert!(problems.is_empty(), "{problems:?}");
    dataset.unwrap()
}

#[test]
fn majority_is_counted_by_slot() {
    let dataset = answered(
        "orders",
        [
            &[("drink=tea", "tea"), ("drink=tea", "tea"), ("drink=coffee", "coffee"), ("size=big", "big")],
            &[("size=small", "small"), ("size=small", "small")],
            &[("drink=tea", "tea"), ("drink=coffee", "coffee"), ("size=small", "small"), ("milk=no", "no")],
        ],
    );
    let answers: Vec<(String, String)> = dataset.majority_answers().unwrap().into_iter().collect();
    assert_eq!(answers, [("drink", "tea"), ("size", "small")].map(|(slot, answer)| (slot.to_owned(), answer.to_owned())));
    assert_eq!(dataset.majority_exact_match(Split::Test).unwrap(), 0.5);
}

#[test]
fn majority_of_a_plain_dataset() {
    let share = |train: &[(&str, &str)], split| {
        let test = [("high", "high"), ("high", "high"), ("low", "low")];
        answered("pitch", [train, &[], &test]).majority_exact_match(split).unwrap()
    };
    // A tie goes to the first in alphabetical order.
    let (tie, low) = ([("high", "high"), ("low", "low")], [("high", "high"), ("low", "low"), ("low", "low")]);
    assert_eq!(share(&tie, Split::Test), 2.0 / 3.0);
    assert_eq!(share(&low, Split::Test), 1.0 / 3.0);
    assert_eq!(share(&low, Split::Validation), 0.0);
}

#[test]
fn splits_by_name() {
    for split in Split::ALL {
        assert_eq!(split.name().parse::<Split>().unwrap(), split);
    }
    assert!("dev".parse::<Split>().unwrap_err().to_string().contains("validation"));
}
