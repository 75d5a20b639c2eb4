//! Gradients from another trainer: the same file in three forms, to groups and a schedule, without data or model.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use common::gst;

/// What `numpy.save` writes for `[datasets, batches, parameters]` of float32.
fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[test]
fn saved_gradients_become_groups() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    // Two datasets point one way, two the other; four batches each with a little noise.
    let wave = |dataset: usize, batch: usize, index: usize| {
        let sign = if dataset < 2 { 1.0 } else { -1.0 };
        sign * (index as f32 + 1.0) + 0.1 * ((dataset * 31 + batch * 17 + index * 7) as f32).sin()
    };
    let values = |dataset: usize| (0..4).flat_map(move |batch| (0..6).map(move |index| wave(dataset, batch, index)));
    write("all.npy", &npy("(4, 4, 6)", &(0..4).flat_map(values).collect::<Vec<_>>()));
    write("names.txt", b"a 100\nb 300\nc 100\nd 300\n");
    std::fs::create_dir(folder.path().join("each")).unwrap();
    for (dataset, name) in ["a", "b", "c", "d"].iter().enumerate() {
        write(&format!("each/{name}.npy"), &npy("(4, 6)", &values(dataset).collect::<Vec<_>>()));
    }
    let run = |arguments: &str| {
        let output = gst(folder.path(), arguments);
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(folder.path().join(name)).unwrap()).unwrap()
    };
    for arguments in
        ["--gradients all.npy --names names.txt --out one.json", "--gradients each --names names.txt --out many.json"]
    {
        let (good, message) = run(&format!("affinity --metric cosine {arguments}"));
        assert!(good, "{message}");
    }
    assert_eq!(read("one.json")["tables"], read("many.json")["tables"]);
    assert_eq!(read("one.json")["datasets"][1]["weight"], 0.375);
    for arguments in [
        "group one.json --method spectral --groups 2 --out grouping.json",
        "schedule grouping.json --strategy gst-progressive --steps 10 --out schedule.json",
    ] {
        let (good, message) = run(arguments);
        assert!(good, "{message}");
    }
    let mut groups: Vec<Vec<String>> = serde_json::from_value(read("grouping.json")["group_names"].clone()).unwrap();
    groups.iter_mut().for_each(|group| group.sort());
    groups.sort();
    assert_eq!(groups, [["a", "b"], ["c", "d"]]);

    // The order is the user's where he gives one; the metric too.
    for (given, first) in [("a,c", "a"), ("c,a", "c")] {
        let (good, message) = run(&format!("group one.json --groups 2 --metric unit-distance --given {given} --out given.json"));
        assert!(good, "{message}");
        let groups: Vec<Vec<String>> = serde_json::from_value(read("given.json")["group_names"].clone()).unwrap();
        assert!(groups[0].contains(&first.to_owned()), "{groups:?}");
    }
    let (good, message) = run("group one.json --groups 2 --given a --out x.json");
    assert!(!good && message.contains("given"), "{message}");
    // Against another affinity of the same datasets: here itself.
    let output = gst(folder.path(), "group one.json --groups 2 --compare many.json --json --out compared.json");
    let compared: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(compared["comparison"]["agreement"]["adjusted_rand"], 1.0);
    assert_eq!(compared["group_names"], read("compared.json")["group_names"]);

    // What to expect of a strategy is another thing where the model was pre-trained.
    let (good, message) =
        run("affinity --gradients all.npy --names names.txt --metric cosine --pretrained --out pretrained.json");
    assert!(good, "{message}");
    for (affinity, pretrained, of) in [("one.json", false, "model from scratch"), ("pretrained.json", true, "model pre-trained")]
    {
        assert_eq!(read(affinity)["probe"]["pretrained"], pretrained);
        let output = gst(folder.path(), &format!("group {affinity} --groups 2 --out x.json"));
        let text = String::from_utf8(output.stdout).unwrap();
        let expected: Vec<&str> = text.lines().filter(|line| line.contains("Expected of ")).collect();
        assert!(!expected.is_empty() && expected.iter().all(|line| line.contains(of)), "{text}");
    }

    for (arguments, part) in [
        ("--gradients all.npy", "--names"),
        ("--gradients absent.npy --names names.txt", "absent.npy"),
        ("--gradients names.txt", "expected a .npy"),
        ("--gradients all.npy --names one.json", "one.json"),
    ] {
        let (good, message) = run(&format!("affinity {arguments} --out x.json"));
        assert!(!good && message.contains(part) && !message.contains("panicked"), "{arguments}: {message}");
    }
}
