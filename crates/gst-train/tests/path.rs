//! The whole path, one command after another, as a user goes it.

mod common;

use common::{Bench, DATASETS};
use gst_affinity::Affinity;
use gst_affinity::artifact::Document;
use gst_grouping::Grouping;
use gst_schedule::Schedule;

#[test]
fn from_audio_files_to_an_answer() {
    let bench = Bench::new();
    bench.ok(&format!(
        "affinity --data data --only {DATASETS} --points 2,4 --batches 3 --batch-size 4 --metric gradient-distance --out affinity.json"
    ));
    bench.ok("group affinity.json --method spectral --groups 2 --out grouping.json");
    bench.ok("schedule grouping.json --strategy gst-progressive --steps 10 --batch-size 8 --out schedule.json");
    bench.ok(&format!("train --data data --only {DATASETS} --schedule schedule.json --evaluate-every 4 --out run"));
    let result = bench.json("run/result.json");
    assert_eq!(result["cost"]["steps"], 10);
    assert_eq!(result["cost"]["samples"], 80);
    assert!(result["probe_cost"]["samples"].as_u64().unwrap() >= 4 * 32 + 3 * 2 * 2 * 2, "{}", result["probe_cost"]);

    // Every file says what it was made from.
    let hash = |name: &str| gst_affinity::artifact::content_hash(bench.text(name).as_bytes());
    assert_eq!(bench.json("grouping.json")["made_from"]["affinity"], hash("affinity.json"));
    assert_eq!(bench.json("schedule.json")["made_from"]["grouping"], hash("grouping.json"));
    assert_eq!(result["made_from"]["schedule"], hash("schedule.json"));
    assert_eq!(result["made_from"]["data"], bench.json("affinity.json")["made_from"]["data"]);

    // The ledger has every step, an evaluation at every stage end, and costs that only grow.
    let lines: Vec<serde_json::Value> =
        bench.text("run/metrics.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).collect::<Vec<_>>();
    assert_eq!(of("step").len(), 10);
    assert_eq!(of("stage").len(), 2);
    assert!(of("step").windows(2).all(|pair| pair[0]["audio_seconds"].as_f64() < pair[1]["audio_seconds"].as_f64()));
    let boundary = &of("stage")[1]["step"];
    assert!(of("evaluation").iter().any(|line| line["step"] == *boundary && line["split"] == "validation"));

    let again: serde_json::Value = serde_json::from_str(&bench.ok("evaluate run --split test --json")).unwrap();
    assert_eq!(again["weighted"], result["test"]["weighted"]);

    let clip = std::fs::read_dir(bench.path("data/noise_colour/audio")).unwrap().next().unwrap().unwrap().path();
    let answer: serde_json::Value = serde_json::from_slice(
        &std::process::Command::new(env!("CARGO_BIN_EXE_gst"))
            .args(["ask", "run"])
            .arg(clip)
            .args(["What colour is this noise?", "--json"])
            .current_dir(bench.path(""))
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap();
    assert!(answer["answer"].is_string() && answer["step"] == 10, "{answer}");
}

#[test]
fn the_same_seed_gives_the_same_numbers_bit_for_bit() {
    let bench = Bench::new();
    bench.train("first", 6);
    bench.train("second", 6);
    let weights = |run: &str| std::fs::read(bench.path(&format!("{run}/checkpoints/step-6/model.safetensors"))).unwrap();
    assert!(weights("first") == weights("second"));
    let losses = |run: &str| {
        let text = bench.text(&format!("{run}/metrics.jsonl"));
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.map(|line| (line["loss"].clone(), line["weighted"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(losses("first"), losses("second"));

    // One more thread, or none, changes nothing; another seed does.
    let train = |run: &str, more: &str| {
        bench.ok(&format!("train --data data --only {DATASETS} --schedule mix.json --evaluate-every 0 --out {run} {more}"));
        weights(run)
    };
    assert!(train("third", "--seed 5 --workers 0") == weights("first"));
    assert!(train("fourth", "--seed 5 --workers 3") == weights("first"));
    assert!(train("fifth", "--seed 6") != weights("first"));
}

/// Distances, groups and stages of three datasets, computed here by hand and compared with what the crates write.
#[test]
fn the_method_done_by_hand_agrees() {
    let bench = Bench::new();
    bench.ok(&format!(
        "affinity --data data --only {DATASETS} --points 3 --batches 3 --batch-size 4 --metric gradient-distance --out affinity.json"
    ));
    bench.ok("group affinity.json --method exact --groups 2 --order size --out grouping.json");
    bench
        .ok("schedule grouping.json --strategy gst-progressive --steps 100 --batch-size 8 --early-share 0.2 --out schedule.json");
    let affinity: Affinity = Document::from_json(&bench.text("affinity.json"), "affinity.json").unwrap().body;
    let grouping: Grouping = Document::from_json(&bench.text("grouping.json"), "grouping.json").unwrap().body;
    let schedule: Schedule = Document::from_json(&bench.text("schedule.json"), "schedule.json").unwrap().body;

    // d² = ⟨a, a⟩ + ⟨b, b⟩ − 2 ⟨a, b⟩ from the debiased inner products.
    let g = &affinity.gram;
    let squared = |i: usize, j: usize| g[i][i] + g[j][j] - 2.0 * g[i][j];
    let table = affinity.table(gst_affinity::Metric::GradientDistance).unwrap();
    for (i, j) in [(0, 1), (0, 2), (1, 2)] {
        let expected = squared(i, j).max(0.0).sqrt();
        let found = table.values[i][j].unwrap_or(0.0);
        assert!((found - expected).abs() < 1e-9 * expected.max(1.0), "{found} {expected}");
    }
    // Two groups of three: the pair whose weighted squared distance is least, p_i p_j d² / (p_i + p_j), and the one left over.
    let p: Vec<f64> = affinity.datasets.iter().map(|facts| facts.weight).collect();
    let within = |(i, j): (usize, usize)| p[i] * p[j] * squared(i, j) / (p[i] + p[j]);
    let pair = [(0, 1), (0, 2), (1, 2)].into_iter().min_by(|&a, &b| within(a).total_cmp(&within(b))).unwrap();
    let alone = 3 - pair.0 - pair.1;
    let mut groups = [vec![pair.0, pair.1], vec![alone]];
    let size = |group: &Vec<usize>| group.iter().map(|&index| affinity.datasets[index].size).sum::<u64>();
    groups.sort_by_key(|group| std::cmp::Reverse(size(group)));
    assert_eq!(grouping.groups, groups);
    // Progressive: the first group for 20 % of the steps, then all.
    assert_eq!(schedule.stages.len(), 2);
    assert_eq!((schedule.stages[0].steps, schedule.stages[1].steps), (20, 80));
    assert_eq!(schedule.stages[0].datasets, groups[0]);
    assert_eq!(schedule.stages[1].datasets, groups.concat());
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_checkpoint_that_can_be_used() {
    use std::io::{BufRead, BufReader};

    let bench = Bench::new();
    bench.ok(&format!("schedule --data data --only {DATASETS} --strategy mix-all --steps 100000 --batch-size 8 --out long.json"));
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_gst"))
        .args(["train", "--data", "data", "--only", DATASETS, "--schedule", "long.json", "--evaluate-every", "0", "--out", "run"])
        .current_dir(bench.path(""))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Wait for the third step, then interrupt.
    let three_steps = || std::fs::read_to_string(bench.path("run/metrics.jsonl")).is_ok_and(|text| text.lines().count() >= 4);
    while !three_steps() {
        assert!(child.try_wait().unwrap().is_none(), "training ended by itself");
        std::thread::yield_now();
    }
    let interrupted = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let stderr = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok).collect::<Vec<_>>().join("\n");
    assert!(child.wait().unwrap().success(), "{stderr}");
    assert!(!bench.path("run/result.json").exists());
    assert!(bench.ok("evaluate run").contains("weighted"));
}

#[test]
fn a_list_of_datasets_stands_for_a_folder() {
    let bench = Bench::new();
    let line = |name: &str| format!("{name} = {{ reader = \"layout\", path = \"data/{name}\" }}\n");
    let list = format!("[datasets]\n{}{}", line("pitch_class"), line("noise_colour"));
    std::fs::write(bench.path("sets.toml"), list).unwrap();
    let imported: serde_json::Value = serde_json::from_str(&bench.ok("data import sets.toml --json")).unwrap();
    assert_eq!(imported[0]["name"], "noise_colour");
    assert_eq!(imported[0]["read"], true);
    assert!(bench.ok("data import sets.toml").contains("(unchanged)"));
    let report: serde_json::Value = serde_json::from_str(&bench.ok("data check sets.toml --json")).unwrap();
    assert_eq!(report["datasets"].as_array().unwrap().len(), 2);
    // What later files carry does not change while the list and its datasets stay as they are.
    let plan = "schedule --data sets.toml --strategy mix-all --steps 5";
    bench.ok(&format!("{plan} --out first.json"));
    bench.ok(&format!("{plan} --out second.json"));
    let data = &bench.json("first.json")["made_from"]["data"];
    assert!(data.as_str().unwrap().starts_with("sha256:"), "{data}");
    assert_eq!(*data, bench.json("second.json")["made_from"]["data"]);
    let listed = bench.ok("data list clotho");
    assert!(listed.contains("zenodo.org/records/4783391") && listed.contains("keywords = true or false"), "{listed}");
}
