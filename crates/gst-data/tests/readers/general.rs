//! CSV, JSON Lines, SALMONN annotations, a folder for each class, gst's own layout.

use super::host::Host;

fn table() -> Host {
    let host = Host::new();
    host.file(
        "a.csv",
        "file_name,label,place,part,q\nx 1,dog,\"park, big\",train,Who?\nx2,cat,home,valid,Which?\nx3,dog,park,TEST,What?\n",
    );
    host.clips(&["wav/x 1.wav", "wav/x2.wav", "wav/x3.wav"]);
    host
}

#[test]
fn csv_rows() {
    let host = table();
    let line = r#"my = { reader = "csv", path = "data/a.csv", clips = "data/wav", audio = "{file_name}.wav", answer = "label", question = "Is it in the {place}?", split = "part", label = "animal={label}", choices = ["dog", "cat"] }"#;
    host.check(
        line,
        r#"
            train | row-1 | x 1.wav | Is it in the park, big? | dog | animal=dog
            validation | row-2 | x2.wav | Is it in the home? | cat | animal=cat
            test | row-3 | x3.wav | Is it in the park? | dog | animal=dog
        "#,
    );
    // A column, several forms, files for the splits, another delimiter, ISO-8859-1 and no line of names.
    host.check(
        &line.replace("\"Is it in the {place}?\"", "\"q\""),
        r#"
            train | row-1 | x 1.wav | Who? | dog | animal=dog
            validation | row-2 | x2.wav | Which? | cat | animal=cat
            test | row-3 | x3.wav | What? | dog | animal=dog
        "#,
    );
    host.file("t.txt", b"x 1.wav|caf\xe9\n").file("e.txt", "x2.wav|thé\n");
    host.check(
        r#"my = { reader = "csv", path = "data", clips = "data/wav", train = "t.txt", test = "e.txt", header = false, delimiter = "|", encoding = "latin-1", audio = "1", answer = "2", question = ["What is heard?", "What is heard?"], domain = "environment" }"#,
        r#"
            train | train-1 | x 1.wav | What is heard? | café | -
            test | test-1 | x2.wav | What is heard? | thÃ© | -
        "#,
    );
}

#[test]
fn csv_splits_by_hash_keep_groups_together() {
    let host = Host::new();
    let mut text = "audio,speaker,word\n".to_owned();
    for clip in 0..60 {
        text += &format!("{clip}.wav,s{},w{clip}\n", clip % 12);
        host.clips(&[&format!("{clip}.wav")]);
    }
    host.file("rows.csv", text);
    let line = r#"my = { reader = "csv", path = "data/rows.csv", audio = "audio", answer = "word", question = "Which word?", label = "speaker", group = "speaker", test_share = 0.4 }"#;
    let rows = host.rows(line);
    assert_eq!(rows.len(), 60);
    let mut splits = std::collections::BTreeMap::new();
    for row in &rows {
        let fields: Vec<&str> = row.split(" | ").collect();
        assert_eq!(*splits.entry(fields[5]).or_insert(fields[0]), fields[0], "{row}");
    }
    let test = splits.values().filter(|split| **split == "test").count();
    assert!((1..12).contains(&test), "{splits:?}");
}

#[test]
fn csv_errors() {
    let host = table();
    let line =
        |rest: &str| format!(r#"my = {{ reader = "csv", path = "data/a.csv", clips = "data/wav", question = "Who?", {rest} }}"#);
    host.fails(
        &line(r#"audio = "filename", answer = "label""#),
        &["a.csv", "no column `filename`", "did you mean `file_name`", "place, part, q"],
    );
    host.fails(&line(r#"audio = "{file}.wav", answer = "label""#), &["no column `file`"]);
    host.fails(&line(r#"audio = "file_name""#), &["list.toml:2", "dataset my", "`answer` is missing", "column"]);
    host.fails(
        &line(r#"audio = "file_name", answer = "label", split = "part""#),
        &["a.csv:2", "clip `x 1`", "missing = \"leave-out\""],
    );
    host.fails(&line(r#"audio = "{file_name}.wav", answer = "label", split = "place""#), &["a.csv:2", "split `park, big`"]);
    host.fails(
        &line(r#"audio = "{file_name}.wav", answer = "label", split = "part", choices = ["dog"]"#),
        &["a.csv:3", "`cat` is not among the choices"],
    );
    host.fails(
        &line(r#"audio = "../{file_name}.wav", answer = "label", split = "part""#),
        &["a.csv:2", "leaves the dataset's folder", "clips"],
    );
    host.fails(&line(r#"audio = "file_name", answer = "label", delimiter = ":""#), &["`delimiter`", "one of"]);
    host.fails(&line(r#"audio = "file_name", answer = "label", test_share = 1"#), &["`test_share` is 1", "below 1.0"]);
    host.file("a.csv", "file_name,label\nx2,\"cat\nx3,dog\n");
    host.fails(&line(r#"audio = "{file_name}.wav", answer = "label", test_share = 0.5"#), &["my"]);
    host.file("b.csv", "");
    host.fails(&line(r#"audio = "a", answer = "b""#).replace("a.csv", ""), &["found 2", "`train` and `test`"]);
}

#[test]
fn jsonl_rows_and_errors() {
    let host = Host::new();
    host.file("train.jsonl", "\u{feff}{\"wav\": \"a.wav\", \"n\": 3, \"q\": \"How many?\", \"key\": \"k1\", \"extra\": [1]}\r\n\n{\"wav\": \"b.wav\", \"n\": true, \"q\": \"Yes?\", \"key\": \"k2\"}\n");
    host.file("eval.jsonl", "{\"wav\": \"c.wav\", \"n\": \"so\", \"q\": \"Why?\", \"key\": \"k3\"}");
    host.clips(&["a.wav", "b.wav", "c.wav"]);
    let line = r#"my = { reader = "jsonl", path = "data", train = "train.jsonl", test = "eval.jsonl", audio = "wav", answer = "n", question = "q", id = "key", strip = "/old/" }"#;
    host.check(
        line,
        r#"
            train | k1 | a.wav | How many? | 3 | -
            train | k2 | b.wav | Yes? | true | -
            test | k3 | c.wav | Why? | so | -
        "#,
    );
    host.file("eval.jsonl", "{\"wav\": \"/old/c.wav\", \"n\": null, \"q\": \"Why?\", \"key\": \"k3\"}");
    host.fails(line, &["eval.jsonl:1", "column `n` is empty"]);
    host.file("eval.jsonl", "{\"wav\": \"/old/c.wav\", \"n\": 1, \"q\": \"Why?\", \"key\": \"k3\"}\n{\"wav\":");
    host.fails(line, &["eval.jsonl:2", "EOF"]);
    host.file("eval.jsonl", vec![b'x'; 2 << 20]);
    host.fails(line, &["eval.jsonl:1", "longer than 1048576 bytes"]);
    host.fails(&line.replace("eval.jsonl", "none.jsonl"), &["none.jsonl", "not found"]);
    host.fails(&line.replace("\"wav\"", "\"audio\""), &["train.jsonl", "no column `audio`", "extra, key, n, q, wav"]);
}

#[test]
fn salmonn_rows_and_errors() {
    let host = Host::new();
    host.file("train.json", r#"{"annotation": [{"path": "/data/x/a.wav", "text": "hello you", "task": "asr"}, {"path": "/data/x/b.wav", "text": "A dog.", "task": "audiocaption"}, {"path": "/data/x/b.wav", "text": "Yes", "task": "QA", "Q": "Is there a dog?"}, {"path": "/data/x/a.wav", "text": "one", "task": "speaker_count"}]}"#);
    host.file("test.json", r#"{"other": {"annotation": []}, "annotation": [{"path": "c.wav", "text": "bye", "task": "asr"}]}"#);
    host.clips(&["a.wav", "b.wav", "c.wav"]);
    let line = r#"my = { reader = "salmonn", path = "data", train = "train.json", test = "test.json", strip = "/data/x/", domain = "speech" }"#;
    host.check(
        line,
        r#"
            train | train-1 | a.wav | Write down what is said. | hello you | -
            train | train-2 | b.wav | Write a caption for this sound. | A dog. | -
            train | train-3 | b.wav | Is there a dog? | Yes | -
            train | train-4 | a.wav | Task: speaker count. | one | -
            test | test-5 | c.wav | What does the speaker say? | bye | -
        "#,
    );
    assert_eq!(host.rows(&line.replace(" }", ", tasks = [\"asr\"] }")).len(), 2);
    host.file("test.json", r#"{"annotation": [{"path": "c.wav", "text": "bye"}]}"#);
    host.fails(line, &["test.json:1", "neither `Q` nor `task`"]);
    host.file("test.json", r#"[{"path": "c.wav", "text": "bye"}]"#);
    host.fails(line, &["test.json:1", "an object with the list `annotation`"]);
}

#[test]
fn folder_per_class_rows_and_errors() {
    let host = Host::new();
    host.clips(&["train/siren_loud/1.wav", "valid/rain/2.flac", "Test/rain/3.mp3", "train/readme.txt"]);
    let line = r#"my = { reader = "folder-per-class", path = "data", question = "Which sound?", domain = "environment" }"#;
    host.check(
        line,
        r#"
            train | train/siren_loud/1.wav | train/siren_loud/1.wav | Which sound? | siren loud | siren loud
            validation | valid/rain/2.flac | valid/rain/2.flac | Which sound? | rain | rain
            test | Test/rain/3.mp3 | Test/rain/3.mp3 | Which sound? | rain | rain
        "#,
    );
    let flat = Host::new();
    for clip in 0..40 {
        flat.clips(&[&format!("dog/{clip}.wav"), &format!("cat/{clip}.wav")]);
    }
    let rows = flat.rows(line);
    let test = rows.iter().filter(|row| row.starts_with("test")).count();
    assert_eq!(rows.len(), 80);
    assert!((1..25).contains(&test), "{test}");
    let none = Host::new();
    none.clips(&["one/a.wav"]);
    none.fails(line, &["found 1 classes"]);
    none.fails(&line.replace("question = \"Which sound?\", ", ""), &["`question` is missing"]);
    none.fails(r#"my = { reader = "folder-per-class", path = "nowhere", question = "Which?" }"#, &["nowhere", "cannot be read"]);
}

#[test]
fn layout_rows_and_errors() {
    let host = Host::new();
    let row = |id: &str| {
        format!(
            "{{\"id\": \"{id}\", \"audio\": \"audio/{id}.wav\", \"question\": \"Which?\", \"answer\": \"it\", \"domain\": \"music\"}}\n"
        )
    };
    host.file("train.jsonl", row("a") + &row("b")).file("test.jsonl", row("c")).file("validation.jsonl", row("d"));
    host.clips(&["audio/a.wav", "audio/b.wav", "audio/c.wav", "audio/d.wav"]);
    let line = r#"my = { reader = "layout", path = "data" }"#;
    host.check(
        line,
        r#"
            train | a | audio/a.wav | Which? | it | -
            train | b | audio/b.wav | Which? | it | -
            validation | d | audio/d.wav | Which? | it | -
            test | c | audio/c.wav | Which? | it | -
        "#,
    );
    host.file("test.jsonl", "{\"id\": 3}");
    host.fails(line, &["test.jsonl:1", "field `id`"]);
    host.remove("test.jsonl");
    host.fails(line, &["test.jsonl", "missing"]);
}
