//! Made-up results of `gst`: run folders that look like real ones, from a formula and a seed, for tests and for looking at a report.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

/// Name, domain, training records, difficulty (0 easy … 1 hard).
const DATASETS: [(&str, &str, u64, f64); 14] = [
    ("animal_calls", "environment", 280, 0.45),
    ("bell_count", "environment", 220, 0.55),
    ("chord_quality", "music", 300, 0.35),
    ("door_or_window", "environment", 180, 0.25),
    ("event_order", "environment", 260, 0.70),
    ("instrument", "music", 420, 0.15),
    ("interval_size", "music", 340, 0.60),
    ("noise_colour", "environment", 150, 0.20),
    ("pitch_class", "music", 380, 0.50),
    ("speaker", "speech", 460, 0.30),
    ("spoken_digit", "speech", 520, 0.35),
    ("tempo", "music", 240, 0.65),
    ("vowel", "speech", 360, 0.25),
    ("word_in_noise", "speech", 560, 0.75),
];
/// Groups as indices into [`DATASETS`], in order of introduction.
const GROUPS: [&[usize]; 3] = [&[9, 10, 12, 13], &[2, 5, 6, 8, 11], &[0, 1, 3, 4, 7]];
const BATCH: u64 = 32;

/// What to make up.
pub(crate) struct Fake<'a> {
    /// Strategies; `mix-all`, `sequential` and `gst-progressive` have a shape of their own.
    pub(crate) strategies: &'a [&'a str],
    /// Number of seeds, from 0.
    pub(crate) seeds: u64,
    /// Optimizer steps of a run.
    pub(crate) steps: u64,
}

impl Fake<'_> {
    /// Writes `seeds/S/` and `runs/STRATEGY/seed-S/` into a folder.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        for seed in 0..self.seeds {
            let plans = folder.join("seeds").join(seed.to_string());
            put(&plans.join("affinity.json"), &affinity(seed))?;
            put(&plans.join("grouping.json"), &grouping(seed))?;
            for strategy in self.strategies {
                let run = folder.join("runs").join(strategy).join(format!("seed-{seed}"));
                put(&run.join("schedule.json"), &self.schedule(strategy, seed))?;
                put(&run.join("result.json"), &self.result(strategy, seed))?;
                fs::write(run.join("metrics.jsonl"), self.metrics(strategy, seed))?;
            }
        }
        Ok(())
    }

    fn schedule(&self, strategy: &str, seed: u64) -> Value {
        let all: Vec<usize> = (0..DATASETS.len()).collect();
        let stage = |name: &str, members: &[usize], steps: u64| {
            let weights: Vec<u64> = members.iter().map(|index| DATASETS[*index].2).collect();
            json!({"name": name, "datasets": members, "weights": weights, "steps": steps, "reset": false})
        };
        let stages: Vec<Value> = if strategy == "sequential" {
            let total: u64 = DATASETS.iter().map(|dataset| dataset.2).sum();
            all.iter().map(|index| stage(DATASETS[*index].0, &[*index], self.steps * DATASETS[*index].2 / total)).collect()
        } else if strategy.starts_with("gst-") {
            let early = self.steps * 15 / 100;
            let union = |count: usize| GROUPS[..count].concat();
            vec![
                stage("group 1", &union(1), early),
                stage("groups 1..2", &union(2), early),
                stage("groups 1..3", &union(3), self.steps - 2 * early),
            ]
        } else {
            vec![stage("all", &all, self.steps)]
        };
        let groups = strategy.starts_with("gst-").then_some(GROUPS);
        json!({
            "format": "gst-schedule", "version": 1, "made_from": {"data": "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f0"},
            "strategy": strategy, "seed": seed, "batch_size": BATCH, "steps": self.steps, "datasets": facts(), "groups": groups, "stages": stages,
            "probe_cost": cost(0, 0.0),
        })
    }

    /// Accuracy of a strategy on a dataset after some steps.
    fn accuracy(&self, strategy: &str, dataset: usize, step: u64, seed: u64) -> f64 {
        let (_, _, size, hard) = DATASETS[dataset];
        let share = step as f64 / self.steps as f64;
        let (ceiling, pace) = match strategy {
            "sequential" => (0.45 + 0.35 * (dataset as f64 / 13.0), 0.35),
            "gst-progressive" => (0.97 - 0.45 * hard, 0.17),
            _ => (0.96 - 0.44 * hard, 0.19),
        };
        let late = if strategy.starts_with("gst-") {
            0.12 * GROUPS.iter().position(|group| group.contains(&dataset)).unwrap_or(0) as f64
        } else {
            0.0
        };
        let grown = 1.0 - (-(share - late).max(0.0) / (pace * (0.6 + 0.8 * hard))).exp();
        let noise = 0.5 * jitter(seed * 7919 + step * 31 + dataset as u64 + size + strategy.len() as u64);
        let level = 0.025 * jitter(seed * 13 + strategy.len() as u64)
            + 0.03 * jitter(seed * 104_729 + dataset as u64 + 17 * strategy.len() as u64);
        (0.06 + (ceiling - 0.06) * grown + level + noise * 0.05).clamp(0.0, 1.0)
    }

    fn scores(&self, strategy: &str, step: u64, seed: u64, shift: f64) -> Value {
        let score = |accuracy: f64, majority: Value, records: Value| {
            json!({
                "loss": 2.4 * (1.0 - accuracy) + 0.05, "token_accuracy": accuracy, "token_accuracy_with_eos": 0.5 + 0.5 * accuracy,
                "exact_match": (accuracy - shift).max(0.0), "majority": majority, "records": records,
            })
        };
        let mut datasets = serde_json::Map::new();
        let (mut weighted, mut unweighted, mut total) = (0.0, 0.0, 0.0);
        for (index, (name, _, size, hard)) in DATASETS.iter().enumerate() {
            let accuracy = self.accuracy(strategy, index, step, seed);
            datasets.insert((*name).to_string(), score(accuracy, json!(0.10 + 0.15 * hard), json!(size / 4)));
            weighted += *size as f64 * accuracy;
            total += *size as f64;
            unweighted += accuracy / DATASETS.len() as f64;
        }
        json!({
            "datasets": datasets,
            "weighted": score(weighted / total, Value::Null, Value::Null),
            "unweighted": score(unweighted, Value::Null, Value::Null),
        })
    }

    fn metrics(&self, strategy: &str, seed: u64) -> String {
        let every = (self.steps / 40).max(1);
        let mut text = String::new();
        for step in (0..=self.steps).step_by(every as usize) {
            let mut line = cost(step, 1.0 + 0.02 * jitter(seed));
            let fields = json!({"event": "evaluation", "split": "validation", "step": step, "stage": 0});
            for source in [fields, self.scores(strategy, step, seed, 0.02)] {
                if let (Some(line), Value::Object(source)) = (line.as_object_mut(), source) {
                    line.remove("steps");
                    line.extend(source);
                }
            }
            text += &format!(
                "{{\"event\":\"step\",\"step\":{step},\"stage\":0,\"loss\":{}}}\n{line}\n",
                2.5 - step as f64 / self.steps as f64
            );
        }
        text
    }

    fn result(&self, strategy: &str, seed: u64) -> Value {
        let probed = if strategy.starts_with("gst-") { cost(self.steps / 20, 0.6) } else { cost(0, 0.0) };
        json!({
            "format": "gst-result", "version": 1,
            "made_from": {"data": "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f0", "schedule": format!("sha256:{:016x}", jitter(seed + strategy.len() as u64).to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15))},
            "strategy": strategy, "seed": seed, "model": "mini", "device": "cpu", "parameters": 412_672,
            "cost": cost(self.steps, 1.0 + 0.02 * jitter(seed)), "probe_cost": probed, "evaluation_seconds": 12.5,
            "peak_memory_bytes": 812_000_000_u64, "test": self.scores(strategy, self.steps, seed, 0.05),
            "validation": self.scores(strategy, self.steps, seed, 0.02), "versions": {"gst": "0.1.0"},
        })
    }
}

fn facts() -> Vec<Value> {
    let total: u64 = DATASETS.iter().map(|dataset| dataset.2).sum();
    let fact = |(name, domain, size, _): &(&str, &str, u64, f64)| json!({"name": name, "domain": domain, "size": size, "weight": *size as f64 / total as f64});
    DATASETS.iter().map(fact).collect()
}

fn cost(steps: u64, pace: f64) -> Value {
    let samples = steps * BATCH;
    json!({
        "steps": steps, "samples": samples, "tokens": samples * 14, "audio_seconds": samples as f64 * 1.4, "wall_seconds": steps as f64 * 0.21 * pace,
    })
}

fn affinity(seed: u64) -> Value {
    let group = |index: usize| GROUPS.iter().position(|group| group.contains(&index)).unwrap_or(0);
    let pair = |i: usize, j: usize| jitter(seed * 31 + (i.min(j) * 14 + i.max(j)) as u64);
    let alike = |i: usize, j: usize| if group(i) == group(j) { 0.42 + 0.14 * pair(i, j) } else { 0.05 + 0.13 * pair(i, j) };
    let table = |entry: &dyn Fn(usize, usize) -> Value| {
        let rows: Vec<Vec<Value>> = (0..14).map(|i| (0..14).map(|j| entry(i, j)).collect()).collect();
        json!({"values": rows})
    };
    let distance = table(&|i, j| {
        if i == j { json!(0.0) } else { json!(2.6 * (1.0 - alike(i, j)).sqrt() * (1.0 + 0.5 * DATASETS[i.max(j)].3)) }
    });
    let cosine = table(&|i, j| match (i, j) {
        (i, j) if i == j => json!(1.0),
        (3, 7) | (7, 3) => Value::Null,
        _ => json!(alike(i, j)),
    });
    json!({
        "format": "gst-affinity", "version": 1, "made_from": {"data": "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f0"}, "datasets": facts(),
        "metric": "gradient-distance", "tables": {"gradient-distance": distance, "cosine": cosine},
        "probe": {"model": "mini", "parameters": 412_672, "sketch_size": 0, "points": [100], "batches": 8, "batch_size": 16, "seed": seed, "cost": cost(156, 0.6)},
        "verdict": ["4 of 91 pairs of datasets pull against each other beyond chance; heterogeneity is 3.1 times the squared global gradient: little conflict to take away."],
    })
}

fn grouping(seed: u64) -> Value {
    let mut groups: Vec<Vec<usize>> = GROUPS.iter().map(|group| group.to_vec()).collect();
    if seed % 2 == 1 {
        // One dataset moves, so that seeds do not agree in full.
        groups[0].retain(|index| *index != 9);
        groups[1].push(9);
    }
    json!({
        "format": "gst-grouping", "version": 1, "made_from": {"affinity": "sha256:77"}, "datasets": facts(), "method": "spectral", "order": "size",
        "groups": groups, "within": 2.1, "between": 1.4, "zeta_squared": 3.5, "stability": 0.81, "probe_cost": cost(156, 0.6),
        "verdict": ["3 groups hold 60 % of the heterogeneity inside; random groups of the same sizes hold 78 %.", "Recommendation: mix-all."],
    })
}

/// A number in −1..1 that depends on its seed alone.
fn jitter(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn put(path: &Path, value: &Value) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, value.to_string())
}
