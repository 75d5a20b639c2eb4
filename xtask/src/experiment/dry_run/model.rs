//! The model: the memory of a training step, and the checkpoints it is put together from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::ask::Ask;
use super::survey::Survey;
use crate::experiment::settings::Settings;

/// Whatever the clip, a Whisper encoder works on so many seconds; no model of `gst` hears more of a clip.
const WINDOW: f64 = 30.0;

/// What `gst model plan` says of a training step.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Plan {
    model: Value,
    pub(super) parameters: u64,
    pub(super) trainable: u64,
    pub(super) peak_bytes: u64,
    plan: Loaded,
    /// Where the length of the clips comes from.
    #[serde(skip)]
    pub(super) length: &'static str,
}

#[derive(Clone, Debug, Deserialize)]
struct Loaded {
    load: Load,
}

/// One forward and backward pass.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Load {
    pub(super) batch: u64,
    pub(super) seconds: f64,
    pub(super) prompt: u64,
    pub(super) answer: u64,
}

impl Plan {
    /// Asks for the plan of the experiment's batches with clips as long as the data's.
    pub(super) fn of(settings: &Settings, ask: &Ask, survey: &Survey) -> Result<Self> {
        let training = &settings.training;
        let mut command = vec!["model".to_string(), "plan".to_string()];
        match &settings.model {
            Some(model) => {
                let file = ask.scratch.path().join("model.toml");
                std::fs::write(&file, model.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
                command.push(file.display().to_string());
            }
            None => command.push(training.model.clone()),
        }
        command.extend(training.adapters.iter().flat_map(|rank| ["--adapters".to_string(), rank.to_string()]));
        let usual: Self = ask.json(&command)?;
        let (seconds, length) = usual.seconds(survey);
        let batch = micro_batch(settings).unwrap_or(usual.load().batch).min(training.batch_size);
        command.extend(["--batch".into(), batch.to_string(), "--seconds".into(), seconds.to_string()]);
        Ok(Self { length, ..ask.json(&command)? })
    }

    pub(super) fn load(&self) -> &Load {
        &self.plan.load
    }

    /// Whether checkpoints are needed.
    pub(super) fn is_pretrained(&self) -> bool {
        !self.checkpoints().is_empty()
    }

    fn seconds(&self, survey: &Survey) -> (f64, &'static str) {
        if self.is_pretrained() {
            return (WINDOW, "the encoder's window");
        }
        if let Some(longest) = survey.longest {
            return (longest.min(WINDOW), "the longest clip");
        }
        let mean = survey.datasets.iter().filter_map(|dataset| dataset.clip_seconds).reduce(f64::max);
        mean.map_or((self.load().seconds, "assumed"), |mean| (mean.min(WINDOW), "the mean of the dataset with the longest clips"))
    }

    /// Every folder of checkpoints and the files in it that have to be there; `weights` stands for a file of weights or its parts.
    fn checkpoints(&self) -> Vec<(&str, &'static [&'static str])> {
        let named = |pointer: &str, files| self.model.pointer(pointer).and_then(Value::as_str).map(|folder| (folder, files));
        let parts: [(&str, &'static [&'static str]); 4] = [
            ("/audio/whisper", &["config.json"]),
            ("/audio/beats", &[]),
            ("/language_model/path", &["config.json", "tokenizer.json"]),
            ("/trained", &[]),
        ];
        parts.into_iter().filter_map(|(pointer, files)| named(pointer, files)).collect()
    }

    /// What is not there of the checkpoints.
    pub(super) fn missing(&self, weights: Option<&Path>) -> Vec<String> {
        let checkpoints = self.checkpoints();
        let Some(weights) = weights else {
            let folders: Vec<&str> = checkpoints.iter().map(|(folder, _)| *folder).collect();
            let needed = format!("checkpoints: give the folder that holds {} with --weights DIR", folders.join(", "));
            return if folders.is_empty() { Vec::new() } else { vec![needed] };
        };
        let mut missing = Vec::new();
        for (folder, files) in checkpoints {
            let folder = weights.join(folder);
            if !folder.is_dir() {
                missing.push(format!("checkpoint: {} is not there", folder.display()));
                continue;
            }
            let files = files.iter().map(|file| (*file).to_string()).chain(weight_files(&folder));
            let gone = files.map(|file| folder.join(file)).filter(|path| !path.is_file());
            missing.extend(gone.map(|path| format!("checkpoint: {} is not there", path.display())));
        }
        missing
    }
}

/// The files of weights of a checkpoint: one, or those that its index names.
fn weight_files(folder: &Path) -> Vec<String> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let index = std::fs::read_to_string(folder.join("model.safetensors.index.json")).ok();
    let index = index.filter(|_| !folder.join("model.safetensors").is_file());
    let parts = index.and_then(|text| serde_json::from_str::<Index>(&text).ok()).map(|index| index.weight_map);
    let parts: BTreeSet<String> = parts.unwrap_or_default().into_values().collect();
    if parts.is_empty() { vec!["model.safetensors".into()] } else { parts.into_iter().collect() }
}

/// The largest forward pass, where the experiment says.
fn micro_batch(settings: &Settings) -> Option<u64> {
    let arguments = &settings.training.arguments;
    let flag =
        arguments.iter().position(|argument| argument == "--micro-batch").and_then(|at| arguments.get(at + 1)?.parse().ok());
    flag.or_else(|| settings.training.config.get("micro_batch")?.as_integer()?.try_into().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(model: Value) -> Plan {
        let load = json!({ "batch": 16, "seconds": 10.0, "prompt": 24, "answer": 8 });
        let plan = json!({ "model": model, "parameters": 1, "trainable": 1, "peak_bytes": 1, "plan": { "load": load } });
        serde_json::from_value(plan).unwrap()
    }

    fn pretrained() -> Plan {
        plan(json!({ "audio": { "whisper": "w", "beats": null }, "language_model": { "path": "lm" }, "trained": "own" }))
    }

    #[test]
    fn every_file_of_a_checkpoint_that_is_not_there_is_named() {
        let weights = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = weights.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("w/config.json", "{}");
        write("lm/config.json", "{}");
        write(
            "lm/model.safetensors.index.json",
            r#"{"weight_map":{"a":"part-1.safetensors","b":"part-2.safetensors","c":"part-1.safetensors"}}"#,
        );
        write("lm/part-2.safetensors", "");
        let missing = pretrained().missing(Some(weights.path()));
        let expected = ["w/model.safetensors", "lm/tokenizer.json", "lm/part-1.safetensors", "own"];
        let expected = expected.map(|file| format!("checkpoint: {} is not there", weights.path().join(file).display()));
        assert_eq!(missing, expected);
        for file in ["w/model.safetensors", "lm/tokenizer.json", "lm/part-1.safetensors", "own/model.safetensors"] {
            write(file, "");
        }
        assert_eq!(pretrained().missing(Some(weights.path())), [""; 0]);
    }

    #[test]
    fn a_model_from_scratch_needs_no_folder_and_a_pretrained_one_says_which() {
        let scratch = plan(json!({ "preset": "mini", "width": 96 }));
        assert!(scratch.missing(None).is_empty() && !scratch.is_pretrained());
        let missing = pretrained().missing(None);
        assert!(missing.len() == 1 && missing[0].contains("w, lm, own with --weights DIR"), "{missing:?}");
    }

    #[test]
    fn clips_are_as_long_as_the_data_say() {
        let scratch = plan(json!({ "preset": "mini" }));
        let survey = |longest| Survey { datasets: Vec::new(), longest };
        assert_eq!(scratch.seconds(&survey(Some(4.5))).0, 4.5);
        assert_eq!(scratch.seconds(&survey(Some(300.0))).0, WINDOW);
        assert_eq!(scratch.seconds(&survey(None)), (10.0, "assumed"));
        assert_eq!(pretrained().seconds(&survey(Some(4.5))).0, WINDOW);
    }

    #[test]
    fn a_pass_is_as_large_as_the_experiment_says() {
        let mut settings = Settings::built_in("quick").unwrap();
        assert_eq!(micro_batch(&settings), None);
        settings.training.config.insert("micro_batch".into(), 4.into());
        assert_eq!(micro_batch(&settings), Some(4));
        settings.training.arguments = ["--micro-batch", "2"].map(String::from).into();
        assert_eq!(micro_batch(&settings), Some(2));
    }
}
