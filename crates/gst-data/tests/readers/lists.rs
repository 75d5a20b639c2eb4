//! Lists of datasets: what is refused, what is kept, when it is read again.

use std::fs;

use gst_data::{
    Collection, DataError, OpenParams, Split,
    readers::{self, DATASETS, GENERAL},
    sources::SourceList,
};

use super::host::Host;

/// Asserts that a list is refused with a message that has all `parts`.
fn refused(text: &str, parts: &[&str]) {
    let host = Host::new();
    let path = host.path().join("sets.toml");
    fs::write(&path, text).unwrap();
    let message = SourceList::read(&path).map(|_| ()).unwrap_err().to_string();
    for part in ["sets.toml"].iter().chain(parts) {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn refused_lists() {
    refused("clotho = { path = \"x\" }\n", &[":1:", "unknown key `clotho`", "below [datasets]"]);
    refused("[datasets]\n", &["lists no dataset"]);
    refused("", &["lists no dataset"]);
    refused("[datasets\n", &["not TOML", "line 1"]);
    refused("datasets = 3\n", &[":1:", "`datasets` is 3", "[datasets]"]);
    refused("imported = 3\n[datasets]\n", &[":1:", "`imported` is 3"]);
    refused("[datasets]\n\nclotho = \"/data\"\n", &[":3:", "dataset clotho", "{ path ="]);
    refused("[datasets]\nclotho = { pth = \"x\" }\n", &[":2:", "`path` is missing"]);
    refused("[datasets]\nclotho = { path = 7 }\n", &[":2:", "`path` is 7", "a text in quotes"]);
    refused(
        "[datasets]\ncloto = { path = \"x\" }\n",
        &[":2:", "dataset cloto", "unknown reader `cloto`", "did you mean `clotho`", "audiocaps", "parquet"],
    );
    refused("[datasets]\nmy = { path = \"x\", reader = \"cvs\" }\n", &["unknown reader `cvs`", "did you mean `csv`"]);
    refused(
        "[datasets.clotho]\npath = \"x\"\n\nkeyword = true\n",
        &[
            ":4:",
            "unknown key `keyword` of dataset clotho, reader clotho",
            "did you mean `keywords`",
            "reader, path, clips, missing, keywords",
        ],
    );
    refused("[datasets]\nclotho = { path = \"x\", missing = \"skip\" }\n", &["`missing` is \"skip\"", "\"leave-out\""]);
    refused("[datasets]\n\"../x\" = { path = \"x\", reader = \"csv\" }\n", &[":2:", "no slash"]);
    refused("[datasets]\niemocap = { path = \"x\", test_session = 6 }\n", &["`test_session` is 6", "from 1 to 5"]);
}

fn layout(host: &Host) -> &'static str {
    let row = |id: &str| {
        format!(
            "{{\"id\": \"{id}\", \"audio\": \"{id}.wav\", \"question\": \"Which?\", \"answer\": \"it\", \"domain\": \"music\"}}\n"
        )
    };
    host.file("train.jsonl", row("a") + &row("b")).file("test.jsonl", row("c")).file("validation.jsonl", row("d"));
    host.clips(&["a.wav", "b.wav", "c.wav", "d.wav"]);
    r#"my = { reader = "layout", path = "data" }"#
}

#[test]
fn a_list_opens_as_a_collection_with_its_own_validation_split() {
    let host = Host::new();
    let list = host.list(&format!("{}\nother = {{ reader = \"layout\", path = \"data\" }}", layout(&host)));
    let collection = Collection::open(&list, &OpenParams::default()).unwrap();
    let names: Vec<&str> = collection.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    assert_eq!(names, ["my", "other"]);
    let sizes = Split::ALL.map(|split| collection.datasets[0].len(split));
    assert_eq!(sizes, [2, 1, 1]);
    assert_eq!(collection.datasets[0].root, host.path().join("data"));
    let only = OpenParams { only: Some(vec!["other".into()]), ..OpenParams::default() };
    assert_eq!(Collection::open(&list, &only).unwrap().datasets.len(), 1);
    let unknown = OpenParams { only: Some(vec!["mine".into()]), ..OpenParams::default() };
    let error = Collection::open(&list, &unknown).map(|_| ()).unwrap_err();
    assert!(matches!(&error, DataError::UnknownDataset { known, .. } if known == "my, other"), "{error}");
    // Without a validation split of its own, clips are held out.
    host.remove("validation.jsonl");
    let held = Collection::open(&list, &OpenParams::default()).unwrap();
    assert_eq!(Split::ALL.map(|split| held.datasets[0].len(split)), [1, 1, 1]);
}

#[test]
fn rows_are_read_again_when_something_has_changed() {
    let host = Host::new();
    let line = layout(&host);
    assert!(host.import(line).unwrap().read);
    assert!(!host.import(line).unwrap().read);
    // The line.
    let other = r#"my = { reader = "layout", path = "data", missing = "leave-out" }"#;
    assert!(host.import(other).unwrap().read);
    // A file that was read.
    host.file(
        "test.jsonl",
        "{\"id\": \"c\", \"audio\": \"c.wav\", \"question\": \"Which one?\", \"answer\": \"it\", \"domain\": \"music\"}\n",
    );
    assert!(host.import(other).unwrap().read);
    // A clip that has gone changes the folder.
    host.remove("d.wav");
    let imported = host.import(other).unwrap();
    assert_eq!((imported.read, imported.left_out, imported.rows), (true, 1, [2, 0, 1]));
    assert!(!host.import(other).unwrap().read);
    // What failed leaves nothing behind, and the rows of before are there still.
    host.file("train.jsonl", "broken");
    host.import(other).unwrap_err();
    let kept: Vec<_> = fs::read_dir(host.path().join("list.imported")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept, ["my"]);
}

#[test]
fn rows_are_kept_where_the_list_says() {
    let host = Host::new();
    let line = layout(&host);
    let path = host.path().join("list.toml");
    fs::write(&path, format!("imported = \"kept/here\"\n[datasets]\n{line}\n")).unwrap();
    Collection::open(&path, &OpenParams::default()).unwrap();
    assert!(host.path().join("kept/here/my/train.jsonl").is_file());
    // A folder that cannot be made is an error that says what to set.
    fs::write(&path, format!("imported = \"list.toml/x\"\n[datasets]\n{line}\n")).unwrap();
    let message = Collection::open(&path, &OpenParams::default()).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("cannot be written") && message.contains("imported = "), "{message}");
}

#[test]
fn a_dataset_of_which_nothing_is_left_is_an_error() {
    let host = Host::new();
    let line = layout(&host).replace(" }", ", missing = \"leave-out\" }");
    host.remove("a.wav").remove("b.wav");
    host.fails(&line, &["dataset my", "no train rows (2 rows left out", "right folder"]);
}

#[test]
fn the_registry_is_whole() {
    assert_eq!(DATASETS.len(), 14);
    assert!(DATASETS.is_sorted_by_key(|entry| entry.name) && GENERAL.is_sorted_by_key(|entry| entry.name));
    for entry in readers::all() {
        assert!(std::ptr::eq(readers::find(entry.name).unwrap(), entry), "{}: two entries", entry.name);
        for key in entry.reader.keys() {
            assert!(!key.name.is_empty() && !key.meaning.is_empty(), "{}: {key:?}", entry.name);
            assert!(!["reader", "path", "clips", "missing"].contains(&key.name), "{}: {key:?}", entry.name);
        }
    }
    for entry in DATASETS {
        let facts = entry.facts.unwrap();
        assert!(facts.page.starts_with("https://"), "{}", entry.name);
        assert!(["environment", "music", "speech"].contains(&facts.domain), "{}", entry.name);
        assert!([facts.licence, facts.size, facts.splits, facts.citation].iter().all(|fact| !fact.is_empty()), "{}", entry.name);
    }
}
