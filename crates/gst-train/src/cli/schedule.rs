use std::path::PathBuf;

use clap::Args;
use gst_affinity::artifact::Document;
use gst_grouping::Grouping;
#[cfg(feature = "model")]
use gst_schedule::forecast::{Evidence, Forecast, Start};
use gst_schedule::{
    AdaptiveParams, Budget, OrderRule, ReweightBy, ReweightRule, Schedule, ScheduleError, ScheduleParams, StageEnd, Strategy,
    Weighting, simulate,
};
use gst_train::files;

use super::{Shared, file_hash};

/// Plan which datasets are trained on when.
///
/// With a grouping the groups come from it; strategies without groups need only `--data`, and so do groups of your own.
///
/// Examples:
///   gst schedule grouping.json --strategy gst-progressive --steps 600 --out schedule.json
///   gst schedule --data DATA --strategy gst-adaptive --partition "tone,hit;melody,rhythm" --steps 600 --out schedule.json
///   gst schedule --data DATA --strategy mix-all --steps 600 --out schedule.json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ScheduleArgs {
    /// What `gst group` wrote.
    grouping: Option<PathBuf>,
    /// Groups of your own in their order of introduction, what prepares others first, with --data and without any probe: names
    /// separated by commas, groups by semicolons.
    #[cfg(feature = "model")]
    #[arg(long, value_delimiter = ';', value_name = "A,B;C,D", conflicts_with = "grouping")]
    partition: Vec<String>,
    #[cfg(feature = "model")]
    #[command(flatten)]
    settings: super::settings::Settings,
    /// mix-all, mix-adaptive, individual, sequential, strict-cycle, gst-progressive, gst-reverse or gst-adaptive.
    #[arg(long, default_value_t = Strategy::GstProgressive)]
    strategy: Strategy,
    /// Optimizer steps of the whole run.
    #[arg(long, value_name = "N", required_unless_present = "budget")]
    steps: Option<u64>,
    /// Instead of --steps, as many as cost no more than this: steps:N, samples:N, tokens:N or audio-seconds:S.
    #[arg(long, value_name = "UNIT:AMOUNT", conflicts_with = "steps")]
    budget: Option<Budget>,
    /// Samples of an optimizer step.
    #[arg(long, value_name = "N", default_value_t = ScheduleParams::default().batch_size)]
    batch_size: u32,
    /// Share of the steps that each stage but the last gets.
    #[arg(long, value_name = "SHARE", default_value_t = ScheduleParams::default().early_share)]
    early_share: f64,
    /// Weights inside a stage: proportional, uniform or temperature:T.
    #[arg(long, default_value_t = Weighting::Proportional)]
    weighting: Weighting,
    /// How each stage but the last ends: share:S, steps:N, samples:N, epochs:E or plateau [default: share:EARLY_SHARE].
    #[arg(long, value_name = "END")]
    stage_end: Option<StageEnd>,
    /// Rounds over the groups of a strict cycle.
    #[arg(long, value_name = "N", default_value_t = ScheduleParams::default().cycles)]
    cycles: u32,
    /// Share of the samples kept for groups that came before, for strategies that leave them.
    #[arg(long, value_name = "SHARE", default_value_t = ScheduleParams::default().replay_floor)]
    replay_floor: f64,
    /// Share of the samples that early stages of the gst-... strategies take from all datasets, so that a stage's group is ahead and
    /// nothing is held back; 0: groups 1..k alone [default: 0.4 for gst-adaptive, else 0].
    #[arg(long, value_name = "SHARE")]
    mix_floor: Option<f64>,
    /// Steps over which the mixture moves when a stage begins.
    #[arg(long, value_name = "N", default_value_t = ScheduleParams::default().ramp_steps)]
    ramp_steps: u64,
    /// What draws more samples to a dataset in mix-adaptive, and in gst-adaptive where it has no stages: half-learned (what has begun to be learned and is not learned), excess-loss
    /// (what is still to be learned) or learning-progress (what is being learned).
    #[arg(long, value_name = "SIGNAL", default_value_t)]
    reweight: ReweightBy,
    /// Share of mix-adaptive's mixture that stays at the base weights, above 0.
    #[arg(long, value_name = "SHARE", default_value_t = ReweightRule::default().floor)]
    reweight_floor: f64,
    /// Exponent of that signal, 0 to 10: 0 leaves the base weights, 1 is proportional.
    #[arg(long, value_name = "EXPONENT", default_value_t = ReweightRule::default().strength)]
    reweight_strength: f64,
    /// One signal for all datasets of a group, the mean of theirs; takes a grouping.
    #[arg(long)]
    reweight_shared: bool,
    /// Share of the steps in which gst-adaptive mixes everything first; unless the first group has begun to be learned by then and the others have
    /// not, the order that it was told is given up for mix-all [default: it believes the order; a tenth where no share is given].
    #[arg(long, value_name = "SHARE")]
    check_order: Option<Option<f64>>,
    /// At each stage start, gst-adaptive measures the affinity of what is not yet in and groups it anew.
    #[arg(long)]
    regroup: bool,
    /// Where to write.
    #[arg(long, value_name = "FILE", default_value = "schedule.json")]
    out: PathBuf,
}

impl ScheduleArgs {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        let params = ScheduleParams {
            strategy: self.strategy,
            batch_size: self.batch_size,
            seed: self.seed(shared)?,
            early_share: self.early_share,
            weighting: self.weighting.clone(),
            stage_end: self.stage_end,
            cycles: self.cycles,
            replay_floor: self.replay_floor,
            mix_floor: self.mix_floor,
            ramp_steps: self.ramp_steps,
            adaptive: AdaptiveParams {
                reweight: ReweightRule {
                    by: self.reweight,
                    floor: self.reweight_floor,
                    strength: self.reweight_strength,
                    shared: self.reweight_shared,
                    ..ReweightRule::default()
                },
                order: self.check_order.map(|share| {
                    let rule = OrderRule::default();
                    OrderRule { after: share.unwrap_or(rule.after), ..rule }
                }),
                regroup: self.regroup,
                ..AdaptiveParams::default()
            },
            ..ScheduleParams::default()
        };
        let document = match &self.grouping {
            #[cfg(feature = "model")]
            Some(path) if self.settings.data.is_some() => {
                anyhow::bail!("{} says which datasets there are: give it or --data, not both", path.display())
            }
            Some(path) => {
                let grouping: Document<Grouping> = files::read_artifact(path)?;
                let mut document =
                    Document::new(self.planned(&params, |params| Schedule::from_grouping(&grouping.body, params))?);
                document.made_from.clone_from(&grouping.made_from);
                document.from_source("grouping", file_hash(path)?)
            }
            None if self.reweight_shared => anyhow::bail!("--reweight-shared needs the groups of a grouping.json"),
            None => self.without_grouping(shared, &params)?,
        };
        files::write(&self.out, &document.to_json()?)?;
        for note in &document.body.notes {
            eprintln!("note: {note}");
        }
        let simulation = simulate(&document.body)?;
        let expected = self.expected(shared)?;
        shared.result(&document.body, || {
            let schedule = &document.body;
            let (steps, size, out) = (schedule.steps, schedule.batch_size, self.out.display());
            let expected = expected.as_ref().map_or_else(String::new, |sentence| format!("\n  {sentence}"));
            format!("{}: {steps} steps of {size} samples, written to {out}\n{simulation}{expected}", schedule.strategy)
        })
    }

    /// The schedule of these steps, or the largest in the budget.
    fn planned(
        &self,
        params: &ScheduleParams,
        plan: impl Fn(&ScheduleParams) -> Result<Schedule, ScheduleError>,
    ) -> Result<Schedule, ScheduleError> {
        let of_steps = |steps| plan(&ScheduleParams { steps, ..params.clone() });
        match (self.budget, self.steps) {
            (Some(budget), _) => budget.largest(of_steps),
            (None, steps) => of_steps(steps.unwrap_or(params.steps)),
        }
    }

    #[cfg(feature = "model")]
    fn seed(&self, shared: &Shared) -> anyhow::Result<u64> {
        self.settings.seed(shared)
    }

    #[cfg(not(feature = "model"))]
    fn seed(&self, shared: &Shared) -> anyhow::Result<u64> {
        Ok(shared.seed.unwrap_or_default())
    }

    /// What groups of one's own have saved where they were right: `gst group` says it of others.
    #[cfg(feature = "model")]
    fn expected(&self, shared: &Shared) -> anyhow::Result<Option<String>> {
        if self.partition.is_empty() || !self.strategy.needs_groups() {
            return Ok(None);
        }
        let start = Start::of(self.settings.config(shared)?.is_pretrained());
        Ok(Forecast::built_in(start)?.expects(self.strategy, self.check_order.is_some(), Evidence::Dependence))
    }

    #[cfg(not(feature = "model"))]
    fn expected(&self, _shared: &Shared) -> anyhow::Result<Option<String>> {
        Ok(None)
    }

    /// Sizes and names from the data itself, for strategies that need no groups.
    #[cfg(feature = "model")]
    fn without_grouping(&self, shared: &Shared, params: &ScheduleParams) -> anyhow::Result<Document<Schedule>> {
        use anyhow::Context;
        let config = self.settings.config(shared).context("a schedule needs a grouping.json or --data")?;
        let setup = super::settings::open(&config)?;
        let facts = setup.facts()?;
        let place = |name: &str| {
            let known = || facts.iter().map(|dataset| dataset.name.as_str()).collect::<Vec<_>>().join(", ");
            let found = facts.iter().position(|dataset| dataset.name == name.trim());
            found.with_context(|| {
                format!("--partition names \"{}\", which is not a dataset here; known: {}", name.trim(), known())
            })
        };
        let groups =
            self.partition.iter().map(|group| group.split(',').map(place).collect()).collect::<anyhow::Result<Vec<_>>>()?;
        let groups = Some(groups.as_slice()).filter(|groups| !groups.is_empty());
        let schedule = self.planned(params, |params| Schedule::new(&facts, groups, params))?;
        Ok(Document::new(schedule).from_source("data", setup.fingerprint))
    }

    #[cfg(not(feature = "model"))]
    fn without_grouping(&self, _shared: &Shared, _params: &ScheduleParams) -> anyhow::Result<Document<Schedule>> {
        anyhow::bail!("a schedule needs a grouping.json: this build of gst has no model and does not open data")
    }
}
