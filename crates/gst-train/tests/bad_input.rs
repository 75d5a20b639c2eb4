//! What goes wrong is said with the place and the remedy, and never ends in a panic.

mod common;

use common::{Bench, DATASETS};

#[test]
fn each_mistake_is_named() {
    let bench = Bench::new();
    let check = |arguments: &str, parts: &[&str]| {
        let message = bench.fails(arguments);
        for part in parts {
            assert!(message.contains(part), "gst {arguments}: expected `{part}` in: {message}");
        }
    };
    let schedule = |rest: &str| format!("schedule --steps 10 --out s.json {rest}");
    check(&schedule(""), &["--data"]);
    check(&schedule("--data nowhere --strategy mix-all"), &["nowhere", "no such folder"]);
    check(&schedule("--data data --only pitch_clas --strategy mix-all"), &["pitch_clas", "pitch_class"]);
    check(&schedule("--data data --strategy gst-progresive"), &["gst-progresive", "gst-progressive"]);
    check(&schedule("--data data --strategy gst-progressive"), &["group"]);
    check("schedule --data data --strategy mix-all --steps 0 --out s.json", &["steps"]);
    check("affinity --data data --model maxi --out a.json", &["maxi", "mini"]);
    check("affinity --data data --metric cosin --out a.json", &["cosin", "cosine"]);
    check("affinity --data data --points 5,3 --out a.json", &["points"]);
    check("affinity --data data --device cuda:x --out a.json", &["cuda:x", "cuda:N"]);
    check("data list iemocab", &["iemocab", "iemocap", "folder-per-class"]);
    check("data import absent.toml", &["absent.toml"]);
    let list = "[datasets]\nmy = { reader = \"layout\", path = \"data/pitch_class\", mising = \"error\" }\n";
    std::fs::write(bench.path("sets.toml"), list).unwrap();
    check("data import sets.toml", &["sets.toml:2", "mising", "did you mean `missing`"]);
    check(&schedule("--data sets.toml --strategy mix-all"), &["sets.toml:2", "mising"]);
    check("group absent.json", &["absent.json"]);
    check("evaluate data", &["no run here"]);
    check("model show maxi", &["maxi", "small"]);
    check("model plan mini --batch 0", &["batch", "at least 1"]);
    check("model plan mini --seconds 1e9", &["seconds", "3,600"]);
    check("model plan mini --answer-tokens 18446744073709551615", &["answer", "at most"]);
    check("model plan absent.toml", &["absent.toml"]);
    std::fs::write(bench.path("odd.toml"), "preset = \"odd\"\nwith = 96\n").unwrap();
    check("model plan odd.toml", &["odd.toml", "line 2", "with"]);

    bench.ok(&format!("affinity --data data --only {DATASETS} --points 1 --batches 3 --batch-size 2 --out affinity.json"));
    check("group affinity.json --groups 4 --out g.json", &["4", "3"]);
    check("group affinity.json --method kmeans --out g.json", &["kmeans", "spectral"]);
    check("schedule affinity.json --steps 10 --out s.json", &["affinity.json", "gst-affinity", "gst-grouping"]);
    check(&format!("train --data data --only {DATASETS} --schedule affinity.json --out run"), &["gst-schedule"]);
}

#[test]
fn a_preset_is_copied_changed_and_planned() {
    let bench = Bench::new();
    let preset = bench.ok("model show mini");
    assert!(preset.contains("# mel bands of the input"), "{preset}");
    std::fs::write(bench.path("wide.toml"), preset.replace("width = 96 ", "width = 192")).unwrap();
    let plan = |model: &str| -> serde_json::Value {
        serde_json::from_str(&bench.ok(&format!("model plan {model} --batch 4 --seconds 2 --json"))).unwrap()
    };
    let (mini, wide) = (plan("mini"), plan("wide.toml"));
    assert_eq!(mini["parameters"], mini["trainable"]);
    assert_eq!(wide["model"]["width"], 192);
    assert!(wide["parameters"].as_u64() > mini["parameters"].as_u64());
    assert!(wide["peak_bytes"].as_u64() > mini["peak_bytes"].as_u64());
    let parts: Vec<&str> = mini["plan"]["parts"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(parts, ["encoder", "bridge", "summary", "decoder", "logits"]);
}

#[test]
fn broken_data_is_named_with_its_line() {
    let bench = Bench::new();
    let manifest = bench.path("data/pitch_class/train.jsonl");
    let good = std::fs::read_to_string(&manifest).unwrap();
    let first = good.lines().next().unwrap();
    let check = |text: String, parts: &[&str]| {
        std::fs::write(&manifest, text).unwrap();
        let message = bench.fails("schedule --data data --only pitch_class --strategy mix-all --steps 5 --out s.json");
        for part in parts {
            assert!(message.contains(part), "expected `{part}` in: {message}");
        }
    };
    check(String::new(), &["pitch_class", "train.jsonl"]);
    check(format!("{first}\n{{broken\n"), &["train.jsonl:2", "pitch_class"]);
    let path = |new: &str| {
        let mut record: serde_json::Value = serde_json::from_str(first).unwrap();
        record["audio"] = new.into();
        format!("{record}\n")
    };
    check(path("audio/absent.wav"), &["train.jsonl:1", "absent.wav"]);
    check(path("../noise_colour/audio/x.wav"), &["train.jsonl:1", "../noise_colour"]);
    check(path("/etc/hostname"), &["train.jsonl:1", "/etc/hostname"]);
}

#[test]
fn runs_and_data_that_do_not_belong_together_are_refused() {
    let bench = Bench::new();
    bench.train("run", 2);
    let again = bench.fails(&format!("train --data data --only {DATASETS} --schedule mix.json --out run"));
    assert!(again.contains("finished run") && again.contains("--out"), "{again}");
    let foreign = bench.fails(&format!("train --data data --only {DATASETS} --schedule mix.json --out data"));
    assert!(foreign.contains("not empty"), "{foreign}");
    let fewer = bench.fails("train --data data --only pitch_class --schedule mix.json --out other");
    assert!(fewer.contains("does not fit the data"), "{fewer}");
    let limited = bench.fails(&format!("train --data data --only {DATASETS} --limit 10 --schedule mix.json --out other"));
    assert!(limited.contains("does not fit the data"), "{limited}");

    // A checkpoint of another model: same folder, other sizes.
    let mut model = bench.json("run/model.json");
    model["width"] = 64.into();
    std::fs::write(bench.path("run/model.json"), model.to_string()).unwrap();
    let other = bench.fails("evaluate run");
    assert!(other.contains("not weights of this model"), "{other}");
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_leaves_a_checkpoint() {
    let bench = Bench::new();
    bench.ok(&format!("schedule --data data --only {DATASETS} --strategy mix-all --steps 20 --batch-size 4 --out mix.json"));
    let message = bench.fails(&format!("train --data data --only {DATASETS} --schedule mix.json --learning-rate 1e30 --out run"));
    assert!(message.contains("the loss is") && message.contains("learning_rate"), "{message}");
    assert!(DATASETS.split(',').any(|name| message.contains(&format!("{name}/"))), "{message}");
    assert!(!bench.path("run/result.json").exists());
    // What is left is whole, and its weights are numbers.
    assert!(bench.ok("evaluate run").contains("weighted"));
    let again = bench.fails("train --resume run");
    assert_eq!(
        again.split("the loss is").nth(1),
        message.split("the loss is").nth(1),
        "the same step fails again in the same way"
    );
}
