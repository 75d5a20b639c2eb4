//! What a dry run says.

use std::fmt;
use std::path::Path;

use super::cost::Cost;
use super::model::Plan;
use super::speed::Speed;
use super::survey::Survey;
use crate::experiment::Gst;
use crate::experiment::plan::{Ground, Job, generation, jobs, reads_groups, with_folders};
use crate::experiment::settings::Settings;
use crate::experiment::sweep;
use crate::report::number::{bytes, count, duration};

/// Stands for what is not known.
const UNKNOWN: &str = "—";

/// Everything that was found.
pub(super) struct Page<'a> {
    pub(super) settings: &'a Settings,
    pub(super) gst: Option<&'a Gst>,
    pub(super) out: &'a Path,
    pub(super) data: Option<&'a Path>,
    pub(super) weights: Option<&'a Path>,
    pub(super) survey: &'a Survey,
    pub(super) plan: Option<&'a Plan>,
    pub(super) speed: &'a Speed,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { name, description, training, .. } = self.settings;
        let path = |path: Option<&Path>| path.map_or_else(|| UNKNOWN.to_string(), |path| path.display().to_string());
        writeln!(f, "{name}: {description}\n")?;
        let gst = self.gst.map_or_else(|| UNKNOWN.to_string(), |gst| format!("{} ({})", gst.path.display(), gst.version));
        writeln!(f, "program      {gst}")?;
        writeln!(f, "device       {}", training.device)?;
        writeln!(f, "folder       {}", self.out.display())?;
        writeln!(f, "data         {}", path(self.data))?;
        writeln!(f, "checkpoints  {}", path(self.weights))?;
        self.datasets(f)?;
        self.memory(f)?;
        self.costs(f)?;
        self.commands(f)
    }
}

impl Page<'_> {
    fn datasets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nRecords")?;
        if self.survey.datasets.is_empty() {
            let made = self.settings.data.generate.is_some() && self.data.is_some_and(|data| !data.is_dir());
            let why =
                if made { "the first job makes the data; they can be counted after it" } else { "nothing could be counted" };
            return writeln!(f, "  {UNKNOWN} ({why})");
        }
        let known = |value: Option<u64>| value.map_or_else(|| UNKNOWN.to_string(), |value| count(value as f64));
        let row = |name: &str, cells: [String; 4]| {
            let [training, validation, test, clip] = cells;
            format!("  {name:<24} {training:>12} {validation:>12} {test:>12} {clip:>12}\n")
        };
        f.write_str(&row("dataset", ["training", "validation", "test", "mean clip"].map(String::from)))?;
        for dataset in &self.survey.datasets {
            let clip = dataset.clip_seconds.map_or_else(|| UNKNOWN.to_string(), duration);
            f.write_str(&row(&dataset.name, [known(dataset.training), known(dataset.validation), known(dataset.test), clip]))?;
        }
        let sum = |of: fn(&super::survey::Dataset) -> Option<u64>| known(self.survey.sum(of));
        let mean = self.survey.mean_seconds().map_or_else(|| UNKNOWN.to_string(), duration);
        let sums = [sum(|dataset| dataset.training), sum(|dataset| dataset.validation), sum(|dataset| dataset.test), mean];
        f.write_str(&row("together", sums))
    }

    fn memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nMemory of a training step")?;
        let Some(plan) = self.plan else { return writeln!(f, "  {UNKNOWN}") };
        let load = plan.load();
        writeln!(
            f,
            "  {} estimated for {} clips of {:.1} s ({}), {} question and {} answer tokens; {} parameters, {} trained",
            bytes(plan.peak_bytes),
            load.batch,
            load.seconds,
            plan.length,
            load.prompt,
            load.answer,
            count(plan.parameters as f64),
            count(plan.trainable as f64),
        )
    }

    fn costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nCost of training")?;
        let row = |name: &str, cells: [String; 5]| {
            let [cells, steps, samples, audio, time] = cells;
            format!("  {name:<24} {cells:>6} {steps:>12} {samples:>14} {audio:>12} {time:>12}\n")
        };
        f.write_str(&row("strategy", ["cells", "steps", "samples", "audio", "time"].map(String::from)))?;
        let rows = Cost::table(self.settings, self.survey, self.speed.per_second());
        for cost in &rows {
            let time = |seconds: Option<f64>| seconds.map_or_else(|| UNKNOWN.to_string(), duration);
            let (steps, samples) = (count(cost.steps as f64), count(cost.samples as f64));
            f.write_str(&row(
                &cost.name,
                [cost.cells.to_string(), steps, samples, time(cost.audio_seconds), time(cost.seconds)],
            ))?;
        }
        let time = match self.speed {
            Speed::Stated(speed) => format!("{speed} steps a second, as stated"),
            Speed::Measured(speed) => {
                format!("{speed:.3} steps a second, the median of a few steps of mix-all measured here now")
            }
            Speed::Unknown(why) => why.clone(),
        };
        writeln!(f, "  Time: {time}.")?;
        writeln!(f, "  Audio: as if records were drawn in proportion to the datasets' sizes.")?;
        self.beside(f)
    }

    /// What the table leaves out.
    fn beside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { training, strategies, pretrain, probe, .. } = self.settings;
        let validation = self.survey.sum(|dataset| dataset.validation);
        let test = self.survey.sum(|dataset| dataset.test);
        let heard = training.evaluate_every.zip(validation).zip(test).map(|((every, validation), test)| {
            let times = training.steps.checked_div(every).unwrap_or_default().max(1);
            count((times * validation + validation + test) as f64)
        });
        let heard = heard.unwrap_or_else(|| UNKNOWN.to_string());
        writeln!(f, "  Beside it: evaluation, about {heard} records heard in a run of {} steps;", count(training.steps as f64))?;
        if let Some(pretrain) = pretrain {
            writeln!(f, "  the pretext in each seed, {} steps that all its cells share;", count(pretrain.steps as f64))?;
        }
        let mut probes: Vec<_> = Vec::new();
        for arm in strategies.iter().map(|name| self.settings.arm(name)).filter(|arm| reads_groups(&arm.strategy)) {
            let own = arm.probe.unwrap_or_else(|| probe.clone());
            if !probes.contains(&own) {
                probes.push(own);
            }
        }
        for probe in &probes {
            let say = |value: Option<u64>| value.map_or_else(|| "gst's own number of".to_string(), |value| count(value as f64));
            let (steps, batches) = (say(probe.warmup_steps), say(probe.batches));
            writeln!(
                f,
                "  the probe for {} in each seed: {steps} steps of warm-up and {batches} batches a dataset.",
                probe.metric
            )?;
        }
        if probes.is_empty() { writeln!(f, "  no probe, since no strategy reads groups.") } else { Ok(()) }
    }

    fn commands(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.gst.map_or_else(String::new, |gst| gst.version.clone());
        writeln!(f, "\nCommands, in {}", self.out.display())?;
        if let Some(job) = generation(self.settings, &version) {
            self.job(f, &job)?;
        }
        let oracle = self.data.and_then(|data| crate::experiment::oracle::partition(data).ok().flatten());
        let planned =
            |settings: &Settings| jobs(settings, &Ground::new(settings, String::new(), version.clone(), oracle.clone()));
        if let Some(sweep) = &self.settings.sweep {
            writeln!(f, "  in the folder sweep/:")?;
            planned(&sweep::experiment(self.settings, sweep)).iter().try_for_each(|job| self.job(f, job))?;
            writeln!(f, "  in the folder itself, each strategy with the --learning-rate that the sweep chooses:")?;
        }
        planned(self.settings).iter().try_for_each(|job| self.job(f, job))
    }

    fn job(&self, f: &mut fmt::Formatter<'_>, job: &Job) -> fmt::Result {
        writeln!(f, "  # {}", job.label)?;
        for command in &job.commands {
            let data = self.data.unwrap_or(Path::new("DATA"));
            let words = with_folders(command, data, Some(self.weights.unwrap_or(Path::new("WEIGHTS"))));
            let typed: Vec<String> = words.iter().map(|word| typed(word)).collect();
            writeln!(f, "  gst {}", typed.join(" "))?;
        }
        Ok(())
    }
}

/// A word as a shell takes it.
fn typed(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./,:=+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_string() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_as_it_stands() {
        for (word, expected) in [
            ("seeds/0/grouping.json", "seeds/0/grouping.json"),
            ("a,b;c", "'a,b;c'"),
            ("my data", "'my data'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(typed(word), expected);
        }
    }
}
