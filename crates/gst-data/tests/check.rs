//! What a check says about a folder with known faults.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod fixture;

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use fixture::{Root, sine, write_wav};
use gst_data::{
    Collection, OpenParams, Split,
    check::{CheckParams, DuplicateKind, check, check_folder},
};

#[test]
fn a_good_folder() {
    let root = Root::new();
    root.dataset("a", 10, 4, 2);
    let collection = Collection::open(root.path(), &OpenParams::default()).unwrap();
    let steps = AtomicUsize::new(0);
    let progress = |done, total| {
        assert!((1..=14).contains(&done) && total == 14);
        steps.fetch_add(1, Ordering::SeqCst);
    };
    let report = check(&collection, &CheckParams { progress: &progress, ..CheckParams::default() }).unwrap();
    assert_eq!(steps.into_inner(), 14);
    assert!(report.is_good() && report.duplicates.is_empty());
    assert_eq!(report.fingerprint, collection.fingerprint());
    let dataset = &report.datasets[0];
    assert_eq!(dataset.splits[&Split::Train].records, 18);
    assert_eq!(dataset.splits[&Split::Validation].clips, 1);
    assert!((dataset.splits[&Split::Test].seconds - 0.2).abs() < 1e-9);
    assert_eq!((dataset.shortest, dataset.longest), (0.05, 0.05));
    assert_eq!(dataset.rates.clone().into_iter().collect::<Vec<_>>(), [(16_000, 14)]);
    assert_eq!(dataset.labels.clone().into_iter().collect::<Vec<_>>(), [("high".to_owned(), 10), ("low".to_owned(), 10)]);
    assert_eq!((dataset.majority, dataset.balance()), (0.5, (10, 10)));
    let text = report.to_string();
    assert!(text.contains("18/2/8") && text.contains("problems: 0"), "{text}");
}

#[test]
fn faults_are_found_and_named() {
    let root = Root::new();
    let folder = root.dataset("a", 10, 4, 1);
    let other = root.dataset("b", 10, 4, 1);
    write_wav(&folder.join("audio/1.wav"), 16_000, std::iter::repeat_n(0.0, 1_600));
    write_wav(&folder.join("audio/2.wav"), 44_100, sine(44_100, 500.0, 0.2).map(|value| (value * 9.0).clamp(-1.0, 1.0)));
    fs::write(folder.join("audio/3.wav"), "not audio").unwrap();
    // Same dataset, training against test.
    fs::copy(folder.join("audio/4.wav"), folder.join("audio/10.wav")).unwrap();
    let mut manifest = fs::read_to_string(other.join("test.jsonl")).unwrap();
    manifest.push_str("{\"id\": \"b-new\"}\n");
    fs::write(other.join("test.jsonl"), manifest.replacen("\"label\":\"low\"", "\"label\":\"deep\"", 1)).unwrap();

    let report =
        check_folder(root.path(), &OpenParams { validation_share: 0.0, ..OpenParams::default() }, &CheckParams::default())
            .unwrap();
    let dataset = &report.datasets[0];
    assert_eq!(
        (dataset.silent.as_slice(), dataset.clipped.as_slice()),
        (["audio/1.wav".to_owned()].as_slice(), ["audio/2.wav".to_owned()].as_slice())
    );
    assert_eq!((dataset.bad, dataset.rates[&44_100]), (1, 1));
    assert_eq!(report.datasets[1].unseen_labels, ["deep"]);

    assert!(!report.is_good());
    let problems: Vec<(&str, bool)> = report
        .problems
        .iter()
        .map(|problem| (problem.dataset.as_str(), problem.message.contains("test.jsonl:5") || problem.message.contains("3.wav")))
        .collect();
    assert_eq!(problems, [("b", true)]);
    let broken: Vec<(&str, &str)> = report.quarantine.iter().map(|clip| (clip.dataset.as_str(), clip.audio.as_str())).collect();
    assert_eq!(broken, [("a", "audio/3.wav")]);
    assert!(report.quarantine[0].reason.contains("3.wav: not a readable"), "{:?}", report.quarantine);

    let gravest = &report.duplicates[0];
    // Clip 4 of `a` is also clip 4 of `b`: the invented datasets play the same notes.
    assert_eq!((gravest.kind, gravest.clips.len()), (DuplicateKind::IntoTest, 3));
    assert!(gravest.clips.contains(&"a/audio/10.wav (test)".to_owned()), "{:?}", gravest.clips);
    assert!(report.duplicates[1..].iter().all(|set| set.kind == DuplicateKind::AcrossDatasets));

    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["datasets"][0]["splits"]["train"]["records"], 10);
    assert_eq!(json["duplicates"][0]["kind"], "into-test");
    let text = report.to_string();
    for part in [
        "a: 1 silent: audio/1.wav",
        "a: 1 clipped: audio/2.wav",
        "training and test: a/audio/10.wav",
        "(left out): 1",
        "problems: 1",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn a_clip_held_out_and_trained_on_under_another_name() {
    let root = Root::new();
    let folder = root.dataset("a", 2, 1, 1);
    fs::copy(folder.join("audio/0.wav"), folder.join("audio/1.wav")).unwrap();
    let report =
        check_folder(root.path(), &OpenParams { validation_share: 0.5, ..OpenParams::default() }, &CheckParams::default())
            .unwrap();
    assert_eq!(report.duplicates.iter().map(|set| set.kind).collect::<Vec<_>>(), [DuplicateKind::IntoValidation]);
}
