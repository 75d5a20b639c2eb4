//! The recorded datasets, where they are at hand: `GST_DATA`, or `../shared/data` beside the workspace.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::path::PathBuf;

use gst_data::{
    Collection, OpenParams, Split,
    check::{CheckParams, check},
};

#[test]
fn recorded_datasets_are_good() {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let root = std::env::var_os("GST_DATA").map_or(beside, PathBuf::from);
    if !root.is_dir() {
        println!("skipped: {} is not here (set GST_DATA to a folder of datasets)", root.display());
        return;
    }
    let collection = Collection::open(&root, &OpenParams::default()).unwrap();
    let report = check(&collection, &CheckParams::default()).unwrap();
    assert!(report.is_good() && report.quarantine.is_empty(), "{report}");
    for dataset in &collection.datasets {
        for split in Split::ALL {
            assert!(dataset.len(split) > 0, "{} has no {split} record", dataset.name);
        }
        let majority = dataset.majority_exact_match(Split::Test).unwrap();
        assert!(majority < 0.5, "{}: one answer alone is right {majority:.2} of the time", dataset.name);
    }
    // Two datasets share recordings in training; none leaks into another's test.
    let leaks: Vec<_> = report.duplicates.iter().filter(|set| set.kind == gst_data::check::DuplicateKind::IntoTest).collect();
    assert!(leaks.is_empty(), "{leaks:?}");
}
