//! The jobs of an experiment and the exact `gst` commands of each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::fingerprint::hash;
use super::settings::{Data, Grouping, Pretrain, Probe, Settings};

/// Stands for the data folder in recorded commands, so that they and their hash hold on any machine.
pub(crate) const DATA: &str = "DATA";
/// The same for the folder of checkpoints.
const WEIGHTS: &str = "WEIGHTS";

/// What every job of an experiment depends on.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    /// Fingerprint of the data.
    pub(crate) data: String,
    /// What `gst --version` says.
    pub(crate) gst_version: String,
    /// Hash of the settings that all cells share, the data and the version.
    pub(crate) context: String,
    /// The groups that are known to be right, as `gst group --partition` takes them: generated worlds have some.
    pub(crate) oracle: Option<String>,
}

/// The grouping method that stands for the groups known to be right.
const ORACLE: &str = "oracle";

impl Ground {
    /// Strategies, seeds and arms may differ between cells of one report; everything else may not.
    pub(crate) fn new(settings: &Settings, data: String, gst_version: String, oracle: Option<String>) -> Self {
        let mut shared = settings.clone();
        shared.name.clear();
        shared.description.clear();
        shared.strategies.clear();
        shared.baselines.clear();
        shared.arms.clear();
        shared.sweep = None;
        shared.seeds = 0;
        shared.first_seed = 0;
        shared.data.folder = None;
        shared.training.weights = None;
        let context = hash(json!({ "settings": shared, "data": data, "gst": gst_version }).to_string().as_bytes());
        Self { data, gst_version, context, oracle }
    }
}

/// One thing to run: some `gst` commands that leave one result. All paths are relative to the experiment's folder.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// For the person who watches.
    pub(crate) label: String,
    /// The folder that is this job's own and goes when the job is made anew; else only the result goes.
    pub(crate) folder: Option<PathBuf>,
    /// Where its record lies.
    pub(crate) record: PathBuf,
    /// Where the end of its output lies.
    pub(crate) log: PathBuf,
    /// The file that the last command leaves.
    pub(crate) result: PathBuf,
    /// Small files that the commands read, with their contents: written before the first.
    pub(crate) files: Vec<(PathBuf, String)>,
    /// Arguments of `gst`, one list a command.
    pub(crate) commands: Vec<Vec<String>>,
    /// Hash of the commands, of what the job needs, of the data and of the version.
    pub(crate) key: String,
    /// Index of the job whose result this one reads.
    pub(crate) needs: Option<usize>,
    /// Steps of the training run, for the progress bar.
    pub(crate) steps: Option<u64>,
}

impl Job {
    /// Commands, their words apart by spaces, that belong to no arm. The last one leaves `result`; record and log are named after `stem`;
    /// `reads` is the hash of what they read.
    pub(crate) fn alone(label: String, stem: &str, result: String, commands: &[String], reads: &str, gst_version: &str) -> Self {
        let commands: Vec<Vec<String>> =
            commands.iter().map(|command| command.split_whitespace().map(str::to_owned).collect()).collect();
        let key = hash(json!({ "commands": commands, "data": reads, "gst": gst_version }).to_string().as_bytes());
        Self {
            label,
            folder: None,
            record: format!("{stem}.cell.json").into(),
            log: format!("{stem}.log.txt").into(),
            result: result.into(),
            files: Vec::new(),
            commands,
            key,
            needs: None,
            steps: None,
        }
    }
}

/// The job that generates the data, if the experiment does.
pub(crate) fn generation(settings: &Settings, gst_version: &str) -> Option<Job> {
    let generate = settings.data.generate.as_ref()?;
    let mut command =
        words(&["data", "generate", "data", "--seed", &generate.seed.to_string(), "--scale", &generate.scale.to_string()]);
    option(&mut command, "--conflict", generate.conflict);
    option(&mut command, "--dependence", generate.dependence);
    option(&mut command, "--inequality", generate.inequality);
    option(&mut command, "--difficulty", generate.difficulty);
    let key = hash(json!({ "commands": [command], "gst": gst_version }).to_string().as_bytes());
    Some(Job {
        label: "data".into(),
        folder: Some("data".into()),
        record: "data.cell.json".into(),
        log: "data.log.txt".into(),
        result: "data".into(),
        commands: vec![command],
        files: Vec::new(),
        key,
        needs: None,
        steps: None,
    })
}

/// Every other job, seed by seed: the pretext, affinity, groupings, then the cells, so that a stopped experiment has whole seeds to compare.
pub(crate) fn jobs(settings: &Settings, ground: &Ground) -> Vec<Job> {
    let mut plan = Plan { settings, ground, jobs: Vec::new() };
    for seed in settings.seed_list() {
        plan.seed(seed);
    }
    plan.jobs
}

/// What a measurement of its own takes: the pretext, if models begin with one, then the probe, whose result comes last.
pub(crate) fn probe_jobs(settings: &Settings, ground: &Ground, seed: u64, name: &str, probe: &Probe) -> Vec<Job> {
    let mut plan = Plan { settings, ground, jobs: Vec::new() };
    let pretrained = settings.pretrain.as_ref().map(|pretrain| plan.pretrain(seed, pretrain));
    plan.affinity(seed, name, Some(probe), pretrained);
    plan.jobs
}

struct Plan<'a> {
    settings: &'a Settings,
    ground: &'a Ground,
    jobs: Vec<Job>,
}

impl Plan<'_> {
    fn seed(&mut self, seed: u64) {
        let pretrained = self.settings.pretrain.as_ref().map(|pretrain| self.pretrain(seed, pretrain));
        let mut probes: Vec<(Option<Probe>, usize)> = Vec::new();
        let mut groupings: BTreeMap<String, usize> = BTreeMap::new();
        for name in &self.settings.strategies {
            let arm = self.settings.arm(name);
            let grouped = reads_groups(&arm.strategy);
            let grouping = grouped.then(|| {
                let known = probes.iter().find(|(probe, _)| *probe == arm.probe).map(|(_, index)| *index);
                let probe = known.unwrap_or_else(|| {
                    let index = self.affinity(seed, name, arm.probe.as_ref(), pretrained);
                    probes.push((arm.probe.clone(), index));
                    index
                });
                let own = arm.grouping.is_some() || arm.probe.is_some();
                let file = if own { format!("grouping-{name}.json") } else { "grouping.json".to_string() };
                *groupings.entry(file).or_insert_with_key(|file| {
                    let grouping = arm.grouping.as_ref().unwrap_or(&self.settings.grouping);
                    self.grouping(seed, file, grouping, probe)
                })
            });
            self.cell(seed, name, grouping, pretrained);
        }
    }

    /// What every probe and cell of a seed starts with.
    fn pretrain(&mut self, seed: u64, pretrain: &Pretrain) -> usize {
        let Settings { training, data, .. } = self.settings;
        let out = pretrained_in(seed);
        let mut command = words(&["pretrain", "--data", DATA]);
        let mut files = self.model(&mut command);
        let batch_size = pretrain.batch_size.unwrap_or(training.batch_size);
        command.extend(words(&["--steps", &pretrain.steps.to_string(), "--batch-size", &batch_size.to_string(), "--out", &out]));
        option(&mut command, "--learning-rate", pretrain.learning_rate);
        files.extend(config_file(&mut command, &training.config, None));
        data_options(&mut command, data);
        self.finish(&mut command, seed);
        self.push(Job {
            label: format!("pretext, seed {seed}"),
            record: format!("{out}.cell.json").into(),
            log: format!("{out}.log.txt").into(),
            result: format!("{out}/pretrained.json").into(),
            folder: Some(out.into()),
            files,
            key: String::new(),
            commands: vec![command],
            needs: None,
            steps: None,
        })
    }

    /// What a model starts with, and what is trained of it.
    fn start(&self, command: &mut Vec<String>, seed: u64) {
        option(command, "--start", self.settings.pretrain.is_some().then(|| pretrained_in(seed)));
        option(command, "--adapters", self.settings.training.adapters);
    }

    /// The probe of the experiment, or that of an arm.
    fn affinity(&mut self, seed: u64, name: &str, own: Option<&Probe>, pretrained: Option<usize>) -> usize {
        let probe = own.unwrap_or(&self.settings.probe);
        // Named by what it is and not by the arm, which need not be in every plan: what is left of an experiment has the keys of the whole.
        let (file, of) = match own {
            Some(own) => (format!("affinity-{}-{}", own.metric, short(json!(own).to_string().as_bytes())), format!(" of {name}")),
            None => ("affinity".into(), String::new()),
        };
        let out = format!("seeds/{seed}/{file}.json");
        let mut command = words(&["affinity", "--data", DATA]);
        let mut files = self.model(&mut command);
        self.start(&mut command, seed);
        command.extend(words(&["--metric", &probe.metric, "--out", &out]));
        option(&mut command, "--warmup-steps", probe.warmup_steps);
        option(&mut command, "--batches", probe.batches);
        option(&mut command, "--batch-size", probe.batch_size);
        // Its warm-up and its own steps are training too.
        option(&mut command, "--learning-rate", self.settings.training.learning_rate);
        files.extend(config_file(&mut command, &self.settings.training.config, None));
        data_options(&mut command, &self.settings.data);
        command.extend(probe.arguments.iter().cloned());
        self.finish(&mut command, seed);
        self.planning(format!("affinity{of}, seed {seed}"), out, command, files, pretrained)
    }

    /// What to train: a preset, or the experiment's own model in a file; and where its checkpoints lie.
    fn model(&self, command: &mut Vec<String>) -> Vec<(PathBuf, String)> {
        let Settings { training, model, .. } = self.settings;
        let file = model.as_ref().map(|model| named_file("model", model));
        let name = file.as_ref().map_or_else(|| training.model.clone(), |(path, _)| path.display().to_string());
        command.extend(words(&["--model", &name]));
        option(command, "--weights", training.weights.is_some().then_some(WEIGHTS));
        file.into_iter().collect()
    }

    fn grouping(&mut self, seed: u64, file: &str, grouping: &Grouping, probe: usize) -> usize {
        let out = format!("seeds/{seed}/{file}");
        let affinity = self.jobs.get(probe).map_or_else(String::new, |job| job.result.display().to_string());
        let Grouping { method, groups, order, arguments } = grouping;
        let mut command = words(&["group", &affinity]);
        match &self.ground.oracle {
            Some(partition) if method == ORACLE => command.extend(words(&["--partition", partition])),
            _ => command.extend(words(&["--method", method, "--groups", groups, "--order", order])),
        }
        command.extend(words(&["--out", &out]));
        command.extend(arguments.iter().cloned());
        command.extend(words(&["--seed", &seed.to_string()]));
        self.planning(format!("groups ({method}), seed {seed}"), out, command, Vec::new(), Some(probe))
    }

    /// A job that leaves one file under `seeds/`.
    fn planning(
        &mut self,
        label: String,
        result: String,
        command: Vec<String>,
        files: Vec<(PathBuf, String)>,
        needs: Option<usize>,
    ) -> usize {
        let stem = result.trim_end_matches(".json");
        let (record, log) = (format!("{stem}.cell.json").into(), format!("{stem}.log.txt").into());
        self.push(Job {
            label,
            folder: None,
            record,
            log,
            result: result.into(),
            files,
            key: String::new(),
            commands: vec![command],
            needs,
            steps: None,
        })
    }

    fn cell(&mut self, seed: u64, name: &str, grouping: Option<usize>, pretrained: Option<usize>) {
        let Settings { training, data, .. } = self.settings;
        let arm = self.settings.arm(name);
        let folder = format!("runs/{name}/seed-{seed}");
        let plan = format!("seeds/{seed}/schedule-{name}.json");
        let steps = arm.steps.unwrap_or(training.steps);
        let drawn = seed + arm.seed_offset;
        let source = grouping.and_then(|index| self.jobs.get(index)).map(|job| job.result.display().to_string());

        let mut schedule = words(&["schedule"]);
        match source {
            Some(grouping) => schedule.push(grouping),
            None => {
                schedule.extend(words(&["--data", DATA]));
                data_options(&mut schedule, data);
            }
        }
        schedule.extend(words(&["--strategy", &arm.strategy, "--steps", &steps.to_string()]));
        schedule.extend(words(&["--batch-size", &training.batch_size.to_string(), "--out", &plan]));
        schedule.extend(self.settings.schedule.arguments.iter().chain(&arm.schedule_arguments).cloned());
        schedule.extend(words(&["--seed", &drawn.to_string()]));

        let mut train = words(&["train", "--data", DATA]);
        let mut files = self.model(&mut train);
        self.start(&mut train, seed);
        train.extend(words(&["--schedule", &plan, "--out", &folder]));
        files.extend(config_file(&mut train, &training.config, arm.rate.as_ref().or(training.rate.as_ref())));
        option(&mut train, "--learning-rate", arm.learning_rate.or(training.learning_rate));
        option(&mut train, "--evaluate-every", training.evaluate_every);
        data_options(&mut train, data);
        train.extend(training.arguments.iter().cloned());
        self.finish(&mut train, drawn);

        self.push(Job {
            label: format!("{name}, seed {seed}"),
            record: format!("{folder}/cell.json").into(),
            log: format!("{folder}/log.txt").into(),
            result: format!("{folder}/result.json").into(),
            folder: Some(folder.into()),
            files,
            key: String::new(),
            commands: vec![schedule, train],
            // Groups come of a probe, which needs the same.
            needs: grouping.or(pretrained),
            steps: Some(steps),
        });
    }

    fn finish(&self, command: &mut Vec<String>, seed: u64) {
        command.extend(words(&["--seed", &seed.to_string(), "--device", &self.settings.training.device]));
    }

    fn push(&mut self, mut job: Job) -> usize {
        let needs = job.needs.and_then(|index| self.jobs.get(index)).map(|needed| needed.key.clone());
        let Ground { data, gst_version, .. } = self.ground;
        job.key =
            hash(json!({ "commands": job.commands, "needs": needs, "data": data, "gst": gst_version }).to_string().as_bytes());
        self.jobs.push(job);
        self.jobs.len() - 1
    }
}

/// The folder that `gst pretrain` makes for a seed.
fn pretrained_in(seed: u64) -> String {
    format!("seeds/{seed}/pretrained")
}

/// Whether a strategy reads groups, and so needs the probe.
pub(crate) fn reads_groups(strategy: &str) -> bool {
    strategy.starts_with("gst-") || strategy == "strict-cycle"
}

/// Puts the folders of data and checkpoints where the plan says [`DATA`] and [`WEIGHTS`].
pub(crate) fn with_folders(command: &[String], data: &Path, weights: Option<&Path>) -> Vec<String> {
    let mut previous = "";
    command
        .iter()
        .map(|word| {
            let folder = match (previous, word.as_str()) {
                ("--data", DATA) => Some(data),
                ("--weights", WEIGHTS) => weights,
                _ => None,
            };
            previous = word;
            folder.map_or_else(|| word.clone(), |folder| folder.display().to_string())
        })
        .collect()
}

/// A small file that commands read. Its name has a hash of what it says, so that commands are equal only where that is.
fn named_file(stem: &str, table: &toml::Table) -> (PathBuf, String) {
    let text = table.to_string();
    (format!("seeds/{stem}-{}.toml", short(text.as_bytes())).into(), text)
}

/// The first twelve digits of a hash.
fn short(bytes: &[u8]) -> String {
    hash(bytes).chars().skip("sha256:".len()).take(12).collect()
}

/// The `--config` of a command, if there is anything for it to say.
fn config_file(command: &mut Vec<String>, config: &toml::Table, rate: Option<&String>) -> Option<(PathBuf, String)> {
    let file = match rate {
        Some(shape) if config.is_empty() => (format!("seeds/rate-{shape}.toml").into(), format!("rate = \"{shape}\"\n")),
        _ => {
            let mut table = config.clone();
            table.extend(rate.map(|shape| ("rate".to_string(), toml::Value::String(shape.clone()))));
            if table.is_empty() {
                return None;
            }
            named_file("config", &table)
        }
    };
    option(command, "--config", Some(file.0.display()));
    Some(file)
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_string()).collect()
}

/// What every command that opens the data must be told alike.
pub(crate) fn data_options(command: &mut Vec<String>, data: &Data) {
    option(command, "--limit", data.limit());
    option(command, "--validation-share", data.validation_share);
}

fn option(command: &mut Vec<String>, flag: &str, value: Option<impl ToString>) {
    if let Some(value) = value {
        command.extend([flag.to_string(), value.to_string()]);
    }
}

#[cfg(test)]
mod tests;
