//! What an experiment is: the TOML file behind a name such as `quick`, or `--config FILE`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::sweep::{Choice, Chosen, Sweep};

/// The experiments that come with the workspace, by name.
pub(crate) const BUILT_IN: [(&str, &str); 5] = [
    ("quick", include_str!("../../../experiments/quick.toml")),
    ("suite", include_str!("../../../experiments/suite.toml")),
    ("recorded", include_str!("../../../experiments/recorded.toml")),
    ("paper-full", include_str!("../../../experiments/paper-full.toml")),
    ("paper-low-resource", include_str!("../../../experiments/paper-low-resource.toml")),
];

/// A whole experiment: strategies × seeds over one collection of datasets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Names the experiment and its folder.
    pub(crate) name: String,
    /// One sentence for the report.
    #[serde(default)]
    pub(crate) description: String,
    /// Strategies of `gst schedule`, or names defined under `[arms]`, in the order of the report.
    pub(crate) strategies: Vec<String>,
    /// Those of them that the others are held against: the best in the sweep is, or else the first.
    #[serde(default = "usual_baselines", skip_serializing_if = "Vec::is_empty")]
    pub(crate) baselines: Vec<String>,
    /// Number of seeds, counted from `first_seed`.
    pub(crate) seeds: u64,
    /// The first seed.
    #[serde(default)]
    pub(crate) first_seed: u64,
    /// Where the datasets come from.
    #[serde(default)]
    pub(crate) data: Data,
    /// The model and how it is trained.
    pub(crate) training: Training,
    /// A model of your own, with the keys that `gst model show` prints, in the place of the preset in `training`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<toml::Table>,
    /// Trains encoder and decoder on a pretext first, once a seed; every probe and every cell of that seed starts with what comes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pretrain: Option<Pretrain>,
    /// How the affinity is measured.
    #[serde(default)]
    pub(crate) probe: Probe,
    /// How datasets are grouped.
    #[serde(default)]
    pub(crate) grouping: Grouping,
    /// Further arguments of `gst schedule`.
    #[serde(default)]
    pub(crate) schedule: Schedule,
    /// Chooses the learning rate of every strategy before the comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sweep: Option<Sweep>,
    /// Named variants of a strategy: another grouping, budget or learning rate.
    #[serde(default)]
    pub(crate) arms: BTreeMap<String, Arm>,
}

/// What everything is held against unless the settings name more.
pub(crate) const BASELINE: &str = "mix-all";

fn usual_baselines() -> Vec<String> {
    vec![BASELINE.to_owned()]
}

/// Where the datasets come from: a folder, or the built-in suite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    /// The folder that holds one folder a dataset; relative to the TOML file. `--data` overrides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<PathBuf>,
    /// Generate the built-in suite instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) generate: Option<Generate>,
    /// At most this many training records a dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u64>,
    /// The same by the paper's names; stands in the place of `limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) regime: Option<Regime>,
    /// Share of the training clips held out for the learning curves; the program's own choice when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) validation_share: Option<f64>,
}

/// Settings of `gst data generate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Generate {
    /// Seed of the suite: the same for every cell.
    pub(crate) seed: u64,
    /// Size of the suite, 1.0 = the default sizes.
    pub(crate) scale: f64,
    /// With any of these four a world is made instead of the suite: see `gst data generate --help`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conflict: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dependence: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inequality: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) difficulty: Option<f64>,
}

/// How many training records a dataset may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Regime {
    /// All of them.
    Full,
    /// 250, the paper's low-resource setting.
    LowResource,
    #[serde(rename = "low-resource-100")]
    LowResource100,
    #[serde(rename = "low-resource-50")]
    LowResource50,
}

impl FromStr for Regime {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        toml::Value::String(text.into())
            .try_into()
            .with_context(|| format!("regime `{text}`: expected full, low-resource, low-resource-100 or low-resource-50"))
    }
}

impl Data {
    /// At most this many training records a dataset.
    pub(crate) fn limit(&self) -> Option<u64> {
        match self.regime {
            None => self.limit,
            Some(Regime::Full) => None,
            Some(Regime::LowResource) => Some(250),
            Some(Regime::LowResource100) => Some(100),
            Some(Regime::LowResource50) => Some(50),
        }
    }
}

/// Settings of `gst train`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Training {
    /// Model preset.
    pub(crate) model: String,
    /// Folder of the checkpoints that a pretrained model is put together from; relative to the TOML file. `--weights` overrides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) weights: Option<PathBuf>,
    /// Device, as `--device` of `gst` takes it.
    #[serde(default = "cpu")]
    pub(crate) device: String,
    /// Optimizer steps of every cell.
    pub(crate) steps: u64,
    /// Samples a step.
    pub(crate) batch_size: u64,
    /// Rank of the adapters that are trained, with bridge and clip statistics, while the rest stays as `[pretrain]` left it; everything is
    /// trained when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) adapters: Option<u64>,
    /// Peak learning rate; the preset's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) learning_rate: Option<f64>,
    /// Shape of the learning rate: constant, cosine, linear or wsd; the preset's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<String>,
    /// Steps between evaluations; the program's own choice when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) evaluate_every: Option<u64>,
    /// Further arguments, handed on as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) arguments: Vec<String>,
    /// Keys of a run's `config.toml` for which there is no key above, told to `gst affinity` and `gst train` alike.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub(crate) config: toml::Table,
}

/// Settings of `gst pretrain`. Its learning rate has the shape that `training.config` says, whatever `training.rate` is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pretrain {
    /// Optimizer steps.
    pub(crate) steps: u64,
    /// Peak learning rate; the program's own choice when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) learning_rate: Option<f64>,
    /// Samples a step; as many as in training when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch_size: Option<u64>,
}

/// Settings of `gst affinity`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probe {
    /// The metric that the grouping reads.
    pub(crate) metric: String,
    /// Steps of warm-up before the gradients are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warmup_steps: Option<u64>,
    /// Batches a dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batches: Option<u64>,
    /// Samples a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch_size: Option<u64>,
    /// Further arguments, handed on as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) arguments: Vec<String>,
}

impl Default for Probe {
    fn default() -> Self {
        Self { metric: "gradient-distance".into(), warmup_steps: None, batches: None, batch_size: None, arguments: Vec::new() }
    }
}

/// Settings of `gst group`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grouping {
    /// Method of grouping.
    pub(crate) method: String,
    /// Number of groups, or how to choose it.
    pub(crate) groups: String,
    /// Order of introduction.
    pub(crate) order: String,
    /// Further arguments, handed on as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) arguments: Vec<String>,
}

impl Default for Grouping {
    fn default() -> Self {
        Self { method: "spectral".into(), groups: "3".into(), order: "size".into(), arguments: Vec::new() }
    }
}

/// Further arguments of `gst schedule`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schedule {
    /// Handed on as they are, for instance `["--early-share", "0.1"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) arguments: Vec<String>,
}

/// A variant of a strategy under a name of its own, with its own row in the report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arm {
    /// The strategy of `gst schedule`.
    pub(crate) strategy: String,
    /// Instead of the experiment's steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) steps: Option<u64>,
    /// Instead of the experiment's learning rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) learning_rate: Option<f64>,
    /// Instead of the experiment's shape of the learning rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<String>,
    /// Added to the seed: the same strategy with other weights and another order of samples, to see what chance does.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) seed_offset: u64,
    /// After the experiment's schedule arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) schedule_arguments: Vec<String>,
    /// Instead of the experiment's probe: then only arms of the same probe share it, and only they are charged with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) probe: Option<Probe>,
    /// Instead of the experiment's grouping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grouping: Option<Grouping>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn cpu() -> String {
    "cpu".into()
}

impl Settings {
    /// One of the built-in experiments.
    pub(crate) fn built_in(name: &str) -> Result<Self> {
        let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) else {
            let known = BUILT_IN.map(|(known, _)| known).join(", ");
            bail!("there is no experiment `{name}`; known are {known}, or give your own with --config FILE");
        };
        Self::parse(text, &format!("experiments/{name}.toml"))
    }

    /// Reads an experiment from a file; relative folders of data and checkpoints are taken from the file's own folder.
    pub(crate) fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the experiment {}", path.display()))?;
        let mut settings = Self::parse(&text, &path.display().to_string())?;
        settings.found_from(path);
        Ok(settings)
    }

    /// Takes its folders as relative to the TOML file that names them.
    pub(crate) fn found_from(&mut self, path: &Path) {
        for folder in [&mut self.data.folder, &mut self.training.weights].into_iter().flatten() {
            *folder = path.parent().unwrap_or(Path::new("")).join(&*folder);
        }
    }

    fn parse(text: &str, source: &str) -> Result<Self> {
        toml::from_str(text).with_context(|| format!("{source} is not an experiment"))
    }

    /// Checks what no `gst` call would: everything else it refuses itself, with its own reasons.
    pub(crate) fn check(&self) -> Result<()> {
        check_folder("name", &self.name)?;
        for strategy in &self.strategies {
            check_folder("strategy", strategy)?;
            if self.strategies.iter().filter(|other| *other == strategy).count() > 1 {
                bail!("strategy `{strategy}` is named twice");
            }
        }
        if self.strategies.is_empty() {
            bail!("no strategies: name at least one, for instance --strategies mix-all,gst-progressive");
        }
        let is_known = |name: &String| name == BASELINE || self.strategies.contains(name) || self.arms.contains_key(name);
        if let Some(unknown) = self.baselines.iter().find(|name| !is_known(name)) {
            bail!("baselines: `{unknown}` is no strategy of this experiment");
        }
        if self.seeds == 0 {
            bail!("seeds = 0: an experiment needs at least one");
        }
        if self.training.steps == 0 {
            bail!("training.steps = 0: an experiment needs at least one step");
        }
        if self.pretrain.as_ref().is_some_and(|pretrain| pretrain.steps == 0) {
            bail!("pretrain.steps = 0: leave the table [pretrain] out to train from scratch");
        }
        if self.training.adapters.is_some_and(|rank| rank > 0) && self.pretrain.is_none() {
            bail!(
                "training.adapters without a table [pretrain]: what is frozen beside adapters must have learnt something before"
            );
        }
        for key in ["start", "adapters"] {
            if self.training.config.contains_key(key) {
                bail!("training.config.{key}: say it by the table [pretrain] and by training.adapters");
            }
        }
        if self.data.limit.is_some() && self.data.regime.is_some() {
            bail!("data.limit and data.regime say the same thing: give one of them");
        }
        if let Some(sweep) = &self.sweep {
            let offsets = self.strategies.iter().map(|strategy| self.arm(strategy).seed_offset);
            sweep.check(&offsets.flat_map(|offset| self.seed_list().into_iter().map(move |seed| seed + offset)).collect())?;
        }
        Ok(())
    }

    /// The strategy of `gst schedule` behind a name, and its variant if it is one.
    pub(crate) fn arm(&self, name: &str) -> Arm {
        self.arms.get(name).cloned().unwrap_or_else(|| Arm { strategy: name.into(), ..Arm::default() })
    }

    /// What the others are held against: of the baselines that are run the one that `sweep` likes best, or else the first.
    pub(crate) fn baseline(&self, sweep: Option<&Choice>) -> &str {
        let run: Vec<&String> = self.baselines.iter().filter(|name| self.strategies.contains(name)).collect();
        let swept = |name: &str| sweep.and_then(|choice| choice.strategies.get(name)).map_or(f64::NEG_INFINITY, Chosen::best);
        let best = run.into_iter().reduce(|best, next| if swept(next) > swept(best) { next } else { best });
        best.map_or(BASELINE, String::as_str)
    }

    /// Whether cells keep the features of clips for one another: unless the settings say where features are kept.
    pub(crate) fn shares_features(&self) -> bool {
        !self.training.config.contains_key("cache_dir")
            && !self.training.arguments.iter().any(|word| word.starts_with("--cache-dir"))
    }

    /// The seeds of the experiment.
    pub(crate) fn seed_list(&self) -> Vec<u64> {
        (self.first_seed..self.first_seed.saturating_add(self.seeds)).collect()
    }
}

/// Refuses a name that cannot become a folder.
pub(crate) fn check_folder(what: &str, name: &str) -> Result<()> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) && !name.starts_with('.');
    if name.is_empty() || !plain {
        bail!("{what} `{name}`: use letters, digits, `-`, `_` and `.`, since it becomes a folder");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
