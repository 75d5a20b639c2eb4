use std::path::PathBuf;

use clap::{Args, Subcommand};
use gst_model::AudioModelConfig;
use gst_model::plan::{Load, PROCESS, Part, Plan};
use gst_train::device::DeviceName;
use gst_train::{RunFolder, TrainConfig};
use serde_json::json;

use super::Shared;

/// Model presets and what they need.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Print the TOML file of a preset, to copy and change.
    ///
    /// Example: gst model show mini
    #[command(verbatim_doc_comment)]
    Show {
        /// mini, small, or the name of a combination of checkpoints.
        preset: String,
    },
    Plan(PlanArgs),
    /// Copy what a run has trained, and what is needed to use it, into a folder. Adapters are in PEFT's format.
    ///
    /// Example: gst model export RUN --out TRAINED
    #[command(verbatim_doc_comment)]
    Export {
        /// Folder of the run.
        run: PathBuf,
        /// The checkpoint of this step [default: the newest].
        #[arg(long, value_name = "N")]
        step: Option<u64>,
        /// The folder to make.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// Estimate parameters and memory of a training step from the model's sizes, without making the model.
///
/// The sizes of a combination of checkpoints come from their config.json under --weights, or for the presets as published.
///
/// Examples:
///   gst model plan small --batch 16 --seconds 10
///   gst model plan salmonn-13b --batch 8 --seconds 30
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct PlanArgs {
    /// Preset, or a TOML file of sizes.
    model: String,
    /// Samples in one forward and backward pass (`micro_batch` of a run).
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().micro_batch)]
    batch: usize,
    /// Seconds of audio of each sample.
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    seconds: f64,
    /// Question tokens of each sample.
    #[arg(long, value_name = "N", default_value_t = 24)]
    prompt_tokens: usize,
    /// Answer tokens of each sample, end-of-sequence included.
    #[arg(long, value_name = "N", default_value_t = 8)]
    answer_tokens: usize,
    /// Rank of the adapters that are trained while encoder and decoder are frozen, where the model's checkpoints do not say it.
    #[arg(long, value_name = "RANK", default_value_t = 0)]
    adapters: usize,
    /// Tokens of the tokenizer, where the model has none of its own.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().vocabulary)]
    vocabulary: usize,
    /// Folder of the checkpoints that the model is put together from; only their config.json are read.
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
}

impl ModelCommand {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        match self {
            Self::Show { preset } => {
                let file = AudioModelConfig::preset_file(&preset)?;
                shared.result(&AudioModelConfig::open(&preset)?, || file.to_owned())
            }
            Self::Export { run, step, out } => {
                let files = RunFolder::open(&run)?.export(step, &out)?;
                shared.result(&json!({ "folder": out, "files": files }), || {
                    format!("{} in {}: {}", files.len(), out.display(), files.join(", "))
                })
            }
            Self::Plan(args) => args.run(shared),
        }
    }
}

impl PlanArgs {
    fn run(self, shared: &Shared) -> anyhow::Result<()> {
        let mut config = AudioModelConfig::open(&self.model)?;
        if let Some(config) = config.mini_mut() {
            (config.vocabulary, config.adapters) = (self.vocabulary, self.adapters);
        }
        let load = Load { batch: self.batch, seconds: self.seconds, prompt: self.prompt_tokens, answer: self.answer_tokens };
        let device = shared.device.as_deref().unwrap_or("cpu").parse::<DeviceName>()?.open()?;
        let plan = match &config {
            AudioModelConfig::Mini(config) => Plan::from_scratch(config, load, &device)?,
            AudioModelConfig::Pretrained(preset) => {
                let sizes = self.weights.as_deref().map_or_else(|| preset.published(), |root| preset.parts(root))?;
                Plan::pretrained(preset, &sizes, load, &device)?
            }
        };
        let result = json!({
            "model": config,
            "plan": plan,
            "parameters": plan.parameters(),
            "trainable": plan.trainable(),
            "process_bytes": PROCESS,
            "peak_bytes": plan.peak(),
        });
        shared.result(&result, || table(&plan))
    }
}

fn table(plan: &Plan) -> String {
    let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    let row = |part: &Part| {
        [
            part.name.clone(),
            part.parameters.to_string(),
            part.trainable.to_string(),
            mib(part.weights),
            mib(part.gradients),
            mib(part.optimizer),
            mib(part.kept),
            mib(part.working),
        ]
    };
    let headings = ["part", "parameters", "trainable", "weights", "gradients", "optimizer", "activations", "working"];
    let mut rows = vec![headings.map(str::to_owned)];
    rows.extend(plan.parts.iter().map(row));
    let total = Part {
        name: "together".into(),
        parameters: plan.parameters(),
        trainable: plan.trainable(),
        weights: plan.sum(|part| part.weights),
        gradients: plan.sum(|part| part.gradients),
        optimizer: plan.sum(|part| part.optimizer),
        kept: plan.sum(|part| part.kept),
        working: plan.parts.iter().map(|part| part.working).max().unwrap_or(0),
        ..Part::default()
    };
    rows.push(row(&total));
    let widths: Vec<usize> = (0..headings.len()).map(|at| rows.iter().map(|row| row[at].len()).max().unwrap_or(0)).collect();
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(at, (cell, &width))| if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") });
        cells.collect::<Vec<_>>().join("  ")
    };
    let mut text: Vec<String> = rows.iter().map(line).collect();
    text.push(String::new());
    text.push(format!("memory in MiB; estimated peak of a training step, program included: {} MiB", mib(plan.peak())));
    text.join("\n")
}
