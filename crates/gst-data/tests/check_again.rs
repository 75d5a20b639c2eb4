//! What a check leaves: the next check goes on from it, and opening leaves out what it lists.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod fixture;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use fixture::{Root, sine, write_wav};
use gst_data::{
    Collection, DataError, LeftOut, OpenParams, Split,
    check::{CheckParams, CheckReport, QUARANTINE, VERIFIED, VerifiedClip, check_folder, examine},
};

/// Checks a folder and counts the clips that were really looked at.
fn check(root: &Path, fresh: bool) -> (CheckReport, usize) {
    let seen = AtomicUsize::new(0);
    let params = CheckParams {
        examine: &|path, known| {
            seen.fetch_add(1, Ordering::SeqCst);
            Ok(examine(path, known))
        },
        out: Some(root.into()),
        fresh,
        ..CheckParams::default()
    };
    let report = check_folder(root, &OpenParams::default(), &params).unwrap();
    (report, seen.into_inner())
}

fn lines(root: &Root, file: &str) -> Vec<String> {
    fs::read_to_string(root.path().join(file)).unwrap().lines().map(str::to_owned).collect()
}

fn tone(path: &Path, hertz: f64) {
    write_wav(path, 16_000, sine(16_000, hertz, 0.05));
}

#[test]
fn only_what_has_changed_is_decoded_again() {
    let root = Root::new();
    let folder = root.dataset("a", 8, 2, 2);
    fs::write(folder.join("audio/3.wav"), "no audio").unwrap();
    assert_eq!(check(root.path(), false).1, 10);
    let first: VerifiedClip = serde_json::from_str(&lines(&root, VERIFIED)[1]).unwrap();
    assert_eq!((first.dataset.as_str(), first.audio.as_str(), first.size, first.records), ("a", "audio/0.wav", 1_644, 2));
    assert_eq!((first.shortest_answer, first.longest_answer, first.facts.rate, first.facts.channels), (3, 3, 16_000, 1));
    assert!((first.facts.seconds, first.facts.silence, first.facts.clipped) == (0.05, 0.0, 0.0) && first.facts.peak > 0.49);
    assert_eq!((lines(&root, VERIFIED).len(), lines(&root, QUARANTINE).len()), (10, 2));
    let (report, seen) = check(root.path(), false);
    assert_eq!((seen, report.decoded, report.clips, report.quarantine.len()), (0, 0, 10, 1));

    // Another sound, the same bytes written again, a broken file put right, and a good one broken.
    tone(&folder.join("audio/0.wav"), 999.0);
    let same = fs::read(folder.join("audio/1.wav")).unwrap();
    fs::write(folder.join("audio/1.wav"), same).unwrap();
    tone(&folder.join("audio/3.wav"), 888.0);
    fs::write(folder.join("audio/4.wav"), "").unwrap();
    let before = lines(&root, VERIFIED);
    let (report, seen) = check(root.path(), false);
    assert_eq!((seen, report.decoded), (4, 3));
    assert_eq!((report.quarantine.len(), report.quarantine[0].audio.as_str()), (1, "audio/4.wav"));
    let after = lines(&root, VERIFIED);
    assert_ne!(before[1], after[1]);
    assert_eq!(before[3], after[3], "audio/2.wav");
    assert_eq!((check(root.path(), false).1, check(root.path(), true).1), (0, 10));
}

#[test]
fn a_check_that_was_cut_off_is_gone_on_with() {
    let root = Root::new();
    root.dataset("a", 8, 2, 1);
    check(root.path(), false);
    let whole = fs::read_to_string(root.path().join(VERIFIED)).unwrap();
    // Five rows and half of the sixth.
    let cut: usize = whole.split_inclusive('\n').take(6).map(str::len).sum();
    fs::write(root.path().join(VERIFIED), &whole[..cut + 40]).unwrap();
    assert_eq!(check(root.path(), false).1, 5);
    assert_eq!(fs::read_to_string(root.path().join(VERIFIED)).unwrap(), whole);
    // Another decoder may find something else.
    fs::write(root.path().join(VERIFIED), whole.replacen("\"decoder\":\"gst-data ", "\"decoder\":\"gst-data 0", 1)).unwrap();
    assert_eq!(check(root.path(), false).1, 10);
    for (text, part) in [("", "is empty"), ("{\"format\":\"gst-verified\",\"version\":9,\"decoder\":\"x\"}\n", "version 9")] {
        fs::write(root.path().join(VERIFIED), text).unwrap();
        let params = CheckParams { out: Some(root.path().into()), ..CheckParams::default() };
        let error = check_folder(root.path(), &OpenParams::default(), &params).unwrap_err();
        assert!(
            matches!(error, DataError::BadCheckFile { line: 1, .. }) && error.to_string().contains("verified.jsonl:1"),
            "{part}: {error}"
        );
    }
}

#[test]
fn quarantined_clips_are_left_out_and_nothing_else_moves() {
    let root = Root::new();
    let folder = root.dataset("a", 20, 3, 2);
    let open = |params: &OpenParams| Collection::open(root.path(), params).unwrap();
    let ids = |collection: &Collection, split| -> Vec<String> {
        collection.datasets[0].records(split).map(|record| record.unwrap().id).collect()
    };
    let whole = open(&OpenParams::default());
    for clip in [2, 21] {
        fs::write(folder.join(format!("audio/{clip}.wav")), "no").unwrap();
    }
    check(root.path(), false);
    let all = open(&OpenParams { quarantine: false, ..OpenParams::default() });
    let left = open(&OpenParams::default());
    assert_eq!(
        (left.left_out(), left.left_out().to_string().as_str()),
        (LeftOut { quarantined: 4, ..LeftOut::default() }, "left out: 4 records of quarantined clips")
    );
    for split in Split::ALL {
        let mut expected = ids(&whole, split);
        expected.retain(|id| !id.starts_with("a-2-") && !id.starts_with("a-21-"));
        assert_eq!(ids(&left, split), expected, "{split}");
    }
    assert_ne!(left.fingerprint(), all.fingerprint());
    // A file that was put right counts again at once: its size is another.
    tone(&folder.join("audio/2.wav"), 300.0);
    assert_eq!(open(&OpenParams::default()).left_out().quarantined, 2);
    // A quarantine that concerns no clip changes nothing.
    tone(&folder.join("audio/21.wav"), 300.0);
    let checked = open(&OpenParams::default());
    fs::remove_file(root.path().join(QUARANTINE)).unwrap();
    assert_eq!(checked.fingerprint(), open(&OpenParams::default()).fingerprint());

    for clip in 20..23 {
        fs::write(folder.join(format!("audio/{clip}.wav")), "no").unwrap();
    }
    check(root.path(), false);
    let error = Collection::open(root.path(), &OpenParams::default()).unwrap_err();
    assert!(matches!(error, DataError::NothingLeft { split: Split::Test, .. }), "{error}");
}

#[test]
fn overlap_is_counted_and_left_out_on_request() {
    let root = Root::new();
    let (a, b) = (root.dataset("a", 10, 2, 2), root.dataset("b", 10, 2, 1));
    for (number, folder) in [&a, &b].into_iter().enumerate() {
        for clip in 0..12 {
            tone(&folder.join(format!("audio/{clip}.wav")), f64::from(300 + 100 * number as u32 + clip));
        }
    }
    // Clip 1 of a sounds like test clip 10 of b; clip 3 of a comes from the recording of test clip 11 of b.
    fs::copy(b.join("audio/10.wav"), a.join("audio/1.wav")).unwrap();
    let source = |folder: &Path, file: &str, clip: &str, source: &str| {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        let from = format!("\"audio\":\"audio/{clip}.wav\"");
        assert!(text.contains(&from));
        fs::write(folder.join(file), text.replace(&from, &format!("{from},\"source\":{source}"))).unwrap();
    };
    source(&a, "train.jsonl", "3", "[\"freesound:7\",\"clotho:x y\"]");
    source(&b, "test.jsonl", "11", "\"clotho:x y\"");
    // Inside one dataset a shared recording is the dataset's own affair.
    source(&a, "train.jsonl", "4", "\"freesound:8\"");
    source(&a, "test.jsonl", "10", "\"freesound:8\"");

    let (report, _) = check(root.path(), false);
    let overlap = &report.overlaps[0];
    assert_eq!((report.overlaps.len(), overlap.train.as_str(), overlap.test.as_str()), (1, "a", "b"));
    assert_eq!(
        (overlap.by_audio.clips, overlap.by_audio.records, overlap.by_audio.examples.as_slice()),
        (1, 2, ["audio/1.wav".to_owned()].as_slice())
    );
    assert_eq!(
        (overlap.by_source.clips, overlap.by_source.records, overlap.by_source.examples.as_slice()),
        (1, 2, ["audio/3.wav".to_owned()].as_slice())
    );
    let text = report.to_string();
    assert!(text.contains("a (training) and b (test): 1 clips (2 records) equal in audio: audio/1.wav; 1 clips"), "{text}");

    let params = OpenParams { exclude_overlap: true, validation_share: 0.0, ..OpenParams::default() };
    let collection = Collection::open(root.path(), &params).unwrap();
    assert_eq!(collection.left_out(), LeftOut { overlap_by_audio: 2, overlap_by_source: 2, ..LeftOut::default() });
    assert_eq!(collection.datasets[0].len(Split::Train), 16);
    let clips: Vec<&str> = (0..16).map(|index| collection.datasets[0].audio(Split::Train, index).unwrap()).collect();
    assert!(!clips.contains(&"audio/1.wav") && !clips.contains(&"audio/3.wav") && clips.contains(&"audio/4.wav"));
    // Alone, a overlaps with nobody.
    let alone = OpenParams { only: Some(vec!["a".into()]), ..params.clone() };
    assert_eq!(Collection::open(root.path(), &alone).unwrap().left_out().records(), 0);
    fs::remove_file(root.path().join(VERIFIED)).unwrap();
    let error = Collection::open(root.path(), &params).unwrap_err();
    assert!(matches!(error, DataError::NotChecked { .. }) && error.to_string().contains("gst data check"), "{error}");
}
