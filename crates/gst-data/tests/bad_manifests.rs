//! Broken folders and manifests: each gets an error that names the place and the remedy.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod fixture;

use std::{
    fs,
    path::{Path, PathBuf},
};

use fixture::Root;
use gst_data::{
    Collection, DataError, OpenParams, Split,
    check::{CheckParams, check_folder},
    manifest::MAX_MANIFEST_LINE,
};

fn open(root: &Path) -> Result<Collection, DataError> {
    Collection::open(root, &OpenParams::default())
}

/// A good record with `change` applied to its JSON text.
fn record(id: &str, change: &[(&str, &str)]) -> String {
    let mut line = format!(
        r#"{{"id": "{id}", "audio": "audio/0.wav", "question": "How high?", "answer": "low", "choices": ["low", "high"], "domain": "music"}}"#
    );
    for (from, to) in change {
        assert!(line.contains(from), "{from}");
        line = line.replace(from, to);
    }
    line
}

/// A good dataset of one line more: what does that line get?
fn check(line: &[u8], expected: fn(&DataError) -> bool, message: &[&str]) {
    let root = Root::new();
    let folder = root.dataset("pitch", 4, 2, 1);
    let mut manifest = fs::read(folder.join("train.jsonl")).unwrap();
    manifest.extend(line);
    fs::write(folder.join("train.jsonl"), manifest).unwrap();
    let error = open(root.path()).map(|_| ()).unwrap_err();
    assert!(expected(&error), "{error:?}");
    let text = error.to_string();
    for part in ["train.jsonl:5", "pitch"].iter().chain(message) {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    // The same problem is one line of a check, which goes on with the rest.
    let report = check_folder(root.path(), &OpenParams::default(), &CheckParams::default()).unwrap();
    assert_eq!(report.problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>(), [text.as_str()]);
    assert_eq!(report.datasets.len(), 1);
}

#[test]
fn lines() {
    use DataError::*;
    check(b"{\"id\": \"x\", \"audio\"", |e| matches!(e, BrokenLine { .. }), &["column"]);
    check(b"not json", |e| matches!(e, BrokenLine { .. }), &[]);
    check(b"[1, 2]", |e| matches!(e, BrokenLine { .. }), &["a list"]);
    check(b"\"text\"", |e| matches!(e, BrokenLine { .. }), &["a text"]);
    check(b"{\"id\": \"caf\xe9\"}", |e| matches!(e, NotUtf8 { byte: 11, .. }), &["UTF-8"]);
    check(&vec![b'x'; MAX_MANIFEST_LINE + 1], |e| matches!(e, LineTooLong { .. }), &["1048576"]);
    check(&vec![b' '; 100 << 20], |e| matches!(e, LineTooLong { .. }), &["longer than 1048576 bytes"]);
    check(b"{\"id\": \"unclosed, \"audio\": 1}", |e| matches!(e, BrokenLine { .. }), &["column"]);
    check(b"id,audio,question,answer,domain", |e| matches!(e, BrokenLine { .. }), &["not a JSON object"]);
    check(b"\xff\xfe{\0", |e| matches!(e, NotUtf8 { byte: 0, .. }), &["save the file as UTF-8"]);
    check(b"{\"id\": \"a\", \"id\": \"b\"}", |e| matches!(e, BrokenLine { .. }), &["duplicate field"]);
    check("[".repeat(100_000).as_bytes(), |e| matches!(e, BrokenLine { .. }), &["not a JSON object"]);
}

#[test]
fn fields() {
    use DataError::*;
    let line = |change: &[(&str, &str)]| record("new", change).into_bytes();
    for field in ["id", "audio", "question", "answer", "domain"] {
        let renamed = format!("\"{field}_\":");
        let text = record("new", &[(&format!("\"{field}\":"), &renamed)]);
        check(text.as_bytes(), |e| matches!(e, MissingField { .. }), &[field, "missing"]);
    }
    check(&line(&[("\"How high?\"", "null")]), |e| matches!(e, MissingField { field: "question", .. }), &[]);
    check(&line(&[("\"low\", \"choices", "\"  \", \"choices")]), |e| matches!(e, EmptyField { field: "answer", .. }), &["empty"]);
    check(&line(&[("How high?", "")]), |e| matches!(e, EmptyField { field: "question", .. }), &[]);
    check(&line(&[("\"new\"", "7")]), |e| matches!(e, WrongField { field: "id", .. }), &["the number 7", "quotes"]);
    check(
        &line(&[("[\"low\", \"high\"]", "\"low\"")]),
        |e| matches!(e, WrongField { field: "choices", .. }),
        &["a list of texts"],
    );
    check(&line(&[("\"high\"]", "2]")]), |e| matches!(e, WrongField { field: "choices", .. }), &["the number 2"]);
    check(
        &line(&[("\"low\", \"choices", "\"loud\", \"choices")]),
        |e| matches!(e, AnswerNotAmongChoices { .. }),
        &["`loud`", "low, high"],
    );
    check(&line(&[("How high?", &"ä".repeat(20_000))]), |e| matches!(e, LongField { found: 20_000, .. }), &["question"]);
    check(
        record("pitch-2-0", &[]).as_bytes(),
        |e| matches!(e, DuplicateId { first_line: 3, .. }),
        &["`pitch-2-0`", "train.jsonl:3"],
    );
}

#[test]
fn audio_paths() {
    use DataError::*;
    let line = |audio: &str| record("new", &[("audio/0.wav", audio)]).into_bytes();
    check(&line("audio/none.wav"), |e| matches!(e, AudioMissing { .. }), &["audio/none.wav", "does not exist"]);
    check(&line("nowhere/0.wav"), |e| matches!(e, AudioMissing { .. }), &["nowhere/0.wav"]);
    check(&line("/etc/hostname"), |e| matches!(e, AudioOutside { .. }), &["absolute"]);
    check(&line("../pitch/audio/0.wav"), |e| matches!(e, AudioOutside { .. }), &["`..`"]);
    check(&line("audio/../../pitch/audio/0.wav"), |e| matches!(e, AudioOutside { .. }), &["`..`"]);
    check(&line("audio"), |e| matches!(e, AudioNotAFile { .. }), &["regular file"]);
    check(&line("audio/0.wav\\u0000"), |e| matches!(e, AudioMissing { .. }), &[]);
}

#[cfg(unix)]
#[test]
fn links_out_of_the_dataset() {
    use std::os::unix::fs::symlink;
    let attempt = |link: fn(&Path, &Path)| {
        let root = Root::new();
        let folder = root.dataset("pitch", 4, 2, 1);
        let other = root.dataset("other", 4, 2, 1);
        link(&folder, &other);
        let mut manifest = fs::read_to_string(folder.join("train.jsonl")).unwrap();
        manifest.push_str(&record("new", &[("audio/0.wav", "linked/0.wav")]));
        fs::write(folder.join("train.jsonl"), manifest).unwrap();
        open(root.path()).map(|_| ())
    };
    let to_folder = attempt(|folder, other| symlink(other.join("audio"), folder.join("linked")).unwrap());
    assert!(matches!(to_folder.unwrap_err(), DataError::AudioOutside { reason: "a link to another folder", .. }));
    let to_file = attempt(|folder, other| {
        fs::create_dir(folder.join("linked")).unwrap();
        symlink(other.join("audio/0.wav"), folder.join("linked/0.wav")).unwrap();
    });
    assert!(matches!(to_file.unwrap_err(), DataError::AudioOutside { reason: "a link to a file elsewhere", .. }));
    let inside = attempt(|folder, _| symlink(folder.join("audio"), folder.join("linked")).unwrap());
    inside.unwrap();
}

#[test]
fn folders_and_files() {
    let root = Root::new();
    let expect = |result: Result<Collection, DataError>, expected: fn(&DataError) -> bool, part: &str| {
        let error = result.map(|_| ()).unwrap_err();
        assert!(expected(&error) && error.to_string().contains(part), "{error:?}: {error}");
    };
    expect(open(&root.path().join("none")), |e| matches!(e, DataError::MissingFolder { .. }), "none");
    expect(open(root.path()), |e| matches!(e, DataError::NoDatasets { folders: 0, .. }), "train.jsonl");
    let folder = root.dataset("pitch", 4, 2, 1);
    expect(open(&folder), |e| matches!(e, DataError::IsADataset { .. }), "the folder that holds");
    let test = fs::read(folder.join("test.jsonl")).unwrap();
    fs::remove_file(folder.join("test.jsonl")).unwrap();
    expect(open(root.path()), |e| matches!(e, DataError::MissingManifest { .. }), "test.jsonl");
    fs::write(folder.join("test.jsonl"), "\n \n").unwrap();
    expect(open(root.path()), |e| matches!(e, DataError::EmptyManifest { .. }), "test.jsonl");
    let train = fs::read_to_string(folder.join("train.jsonl")).unwrap();
    let leaked = train.lines().nth(1).unwrap().replace("\"id\":\"pitch-1-0\"", "\"id\":\"leaked\"");
    fs::write(folder.join("test.jsonl"), [test.as_slice(), leaked.as_bytes()].concat()).unwrap();
    expect(open(root.path()), |e| matches!(e, DataError::ClipInBothSplits { train_line: 2, .. }), "test.jsonl:3");
    fs::write(folder.join("test.jsonl"), &test).unwrap();
    open(root.path()).unwrap();
    fs::write(folder.join("train.jsonl"), train.lines().next().unwrap()).unwrap();
    expect(open(root.path()), |e| matches!(e, DataError::TooFewClips { clips: 1, .. }), "validation");
}

#[test]
fn parameters() {
    let root = Root::new();
    root.dataset("pitch", 4, 2, 1);
    let attempt = |params: OpenParams| Collection::open(root.path(), &params).map(|_| ()).unwrap_err();
    for share in [-0.1, 1.0, f64::NAN, f64::INFINITY] {
        let error = attempt(OpenParams { validation_share: share, ..OpenParams::default() });
        assert!(matches!(error, DataError::BadParameter { field: "validation share", .. }), "{error}");
    }
    let error = attempt(OpenParams { limit_per_dataset: Some(0), ..OpenParams::default() });
    assert!(matches!(error, DataError::BadParameter { field: "limit per dataset", .. }), "{error}");
    let error = attempt(OpenParams { only: Some(vec!["pich".into()]), ..OpenParams::default() });
    assert!(matches!(error, DataError::UnknownDataset { .. }) && error.to_string().contains("there are: pitch"), "{error}");
    let error = attempt(OpenParams { only: Some(Vec::new()), ..OpenParams::default() });
    assert!(matches!(error, DataError::BadParameter { field: "datasets", .. }), "{error}");
}

#[test]
fn byte_order_mark_and_windows_line_ends_are_read() {
    let root = Root::new();
    let folder = root.dataset("pitch", 4, 2, 1);
    let path: PathBuf = folder.join("train.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("\u{feff}{}", text.replace('\n', "\r\n\r\n"))).unwrap();
    let collection = open(root.path()).unwrap();
    let dataset = &collection.datasets[0];
    assert_eq!(dataset.len(Split::Train) + dataset.len(Split::Validation), 4);
}
