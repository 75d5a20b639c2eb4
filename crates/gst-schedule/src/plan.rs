//! From a strategy to stages.

use crate::adaptive::Policy;
use crate::schedule::MAX_SCHEDULE_WEIGHTS;
use crate::weighting::{apportion, integers};
use crate::{DEFAULT_EARLY_SHARE, RampPiece, ScheduleError, ScheduleParams, Stage, StageEnd, Strategy};
use gst_affinity::DatasetFacts;
use std::collections::{HashMap, HashSet};

/// Most pieces of one ramp: the mixture then moves by at most 2 % of the way at once.
const MAX_RAMP_PIECES: u64 = 50;

pub(crate) struct Plan {
    pub(crate) stages: Vec<Stage>,
    pub(crate) policy: Option<Policy>,
    pub(crate) notes: Vec<String>,
}

/// A stage before its weights and length are known.
struct Outline {
    name: String,
    groups: Vec<usize>,
    /// Datasets of earlier stages.
    old: Vec<usize>,
    /// Datasets that come in, or the only ones.
    new: Vec<usize>,
}

/// `datasets` and `groups` are checked by the caller, `params` too. `ordered`: whether the order of the groups rests on dependence, which
/// `gst-adaptive` asks for before it holds datasets back.
pub(crate) fn plan(
    datasets: &[DatasetFacts],
    groups: Option<&[Vec<usize>]>,
    params: &ScheduleParams,
    ordered: bool,
) -> Result<Plan, ScheduleError> {
    let shares = params.weighting.shares(datasets)?;
    let outlines = outlines(datasets, groups, params, ordered)?;
    if (outlines.len() as u64) > params.steps {
        return Err(ScheduleError::TooFewSteps { steps: params.steps, stages: outlines.len() });
    }
    let pieces = 1 + params.ramp_steps.min(MAX_RAMP_PIECES);
    let held = outlines.iter().fold(0, |sum: u64, outline| sum + (outline.old.len() + outline.new.len()) as u64 * pieces);
    if held > MAX_SCHEDULE_WEIGHTS {
        return Err(ScheduleError::TooLarge { found: held });
    }
    let individual = params.strategy == Strategy::Individual;
    let mut stages: Vec<Stage> = Vec::with_capacity(outlines.len());
    for outline in &outlines {
        let ahead = outline.groups.last().filter(|_| params.mix_floor() > 0.0 && stages.len() + 1 < outlines.len());
        let (name, (active, mixture)) = match ahead.filter(|_| params.strategy.grows()) {
            Some(group) => (ahead_name(*group), ahead_of_all(&shares, &outline.new, params.mix_floor(), &outline.name)?),
            None => {
                let floor = if individual { 0.0 } else { params.replay_floor };
                let keeps = params.strategy.grows();
                (outline.name.clone(), mixture(&shares, &outline.old, &outline.new, keeps, floor, &outline.name)?)
            }
        };
        let weights = integers(&mixture, &name)?;
        let mut stage = Stage::new(name, active, weights, 0);
        stage.groups.clone_from(&outline.groups);
        stage.reset = individual;
        if let Some(before) = stages.last().filter(|_| !individual && params.ramp_steps > 0) {
            ramp(before, &mut stage, params.ramp_steps)?;
        }
        stages.push(stage);
    }
    set_lengths(&mut stages, &outlines, datasets, &shares, params)?;
    for stage in &stages {
        let ramp_steps = stage.ramp.iter().map(|piece| piece.steps).sum();
        if ramp_steps > stage.steps {
            return Err(ScheduleError::RampTooLong { stage: stage.name.clone(), steps: stage.steps, ramp_steps });
        }
    }
    let policy = Policy::of(params, stages.len(), &integers(&shares, "all datasets")?);
    let notes = notes(&stages, datasets, params, ordered);
    Ok(Plan { stages, policy, notes })
}

fn outlines(
    datasets: &[DatasetFacts],
    groups: Option<&[Vec<usize>]>,
    params: &ScheduleParams,
    ordered: bool,
) -> Result<Vec<Outline>, ScheduleError> {
    let strategy = params.strategy;
    let groups = match groups {
        None if strategy.needs_groups() => return Err(ScheduleError::GroupsMissing { strategy }),
        None => &[],
        Some(groups) => groups,
    };
    let count = datasets.len();
    let one_by_one = || if groups.is_empty() { (0..count).collect() } else { groups.concat() };
    let mut outlines: Vec<Outline> = Vec::new();
    let everything = || Outline {
        name: "all datasets".to_owned(),
        groups: (0..groups.len()).collect(),
        old: Vec::new(),
        new: (0..count).collect(),
    };
    match strategy {
        Strategy::MixAll | Strategy::MixAdaptive => outlines.push(everything()),
        Strategy::GstAdaptive if !ordered => outlines.push(everything()),
        Strategy::Individual | Strategy::Sequential => {
            let mut old = Vec::new();
            for dataset in one_by_one() {
                let name = datasets[dataset].name.clone();
                outlines.push(Outline { name, groups: Vec::new(), old: old.clone(), new: vec![dataset] });
                if params.replay_floor > 0.0 {
                    old.push(dataset);
                }
            }
        }
        Strategy::StrictCycle => {
            for cycle in 1..=params.cycles {
                for (number, group) in groups.iter().enumerate() {
                    let seen = if cycle == 1 { &groups[..number] } else { groups };
                    let old = seen.concat().into_iter().filter(|dataset| !group.contains(dataset)).collect();
                    let name = format!("cycle {cycle}, group {}", number + 1);
                    outlines.push(Outline { name, groups: vec![number], old, new: group.clone() });
                }
                if outlines.len() as u64 > params.steps {
                    break;
                }
            }
        }
        Strategy::GstProgressive | Strategy::GstReverse | Strategy::GstAdaptive => {
            let mut order: Vec<usize> = (0..groups.len()).collect();
            if strategy == Strategy::GstReverse {
                order.reverse();
            }
            growing(groups, &order, &mut outlines);
            if params.order_rule().is_some() && outlines.len() > 1 {
                outlines
                    .insert(0, Outline { name: "all datasets, order unproven".to_owned(), groups: Vec::new(), ..everything() });
            }
        }
    }
    Ok(outlines)
}

/// Stages that add the groups of `order` one by one.
fn growing(groups: &[Vec<usize>], order: &[usize], outlines: &mut Vec<Outline>) {
    for last in 0..order.len() {
        let old = order[..last].iter().flat_map(|&group| groups[group].iter().copied()).collect();
        let name = format!("groups {}..{}", order[0] + 1, order[last] + 1);
        outlines.push(Outline { name, groups: order[..=last].to_vec(), old, new: groups[order[last]].clone() });
    }
}

/// The active datasets of a stage and their shares: the new ones, and the old ones at their natural share (if they are kept) or at the
/// floor, whichever is more.
pub(crate) fn mixture(
    shares: &[f64],
    old: &[usize],
    new: &[usize],
    keep_old: bool,
    floor: f64,
    stage: &str,
) -> Result<(Vec<usize>, Vec<f64>), ScheduleError> {
    let sum = |datasets: &[usize]| datasets.iter().map(|&dataset| shares[dataset]).sum::<f64>();
    let (old_sum, new_sum) = (sum(old), sum(new));
    if new_sum <= 0.0 {
        return Err(ScheduleError::WithoutWeight { stage: stage.to_owned() });
    }
    let natural = if keep_old { old_sum / (old_sum + new_sum) } else { 0.0 };
    let old_part = if old_sum > 0.0 { natural.max(floor) } else { 0.0 };
    let old = if old_part > 0.0 || keep_old { old } else { &[] };
    let old_scale = if old_sum > 0.0 { old_part / old_sum } else { 0.0 };
    let new_scale = (1.0 - old_part) / new_sum;
    let from_old = old.iter().map(|&dataset| shares[dataset] * old_scale);
    let mixture = from_old.chain(new.iter().map(|&dataset| shares[dataset] * new_scale)).collect();
    let active = [old, new].concat();
    Ok((active, mixture))
}

/// All datasets and their shares where those of `ahead` get what `mix_floor` leaves.
pub(crate) fn ahead_of_all(
    shares: &[f64],
    ahead: &[usize],
    mix_floor: f64,
    stage: &str,
) -> Result<(Vec<usize>, Vec<f64>), ScheduleError> {
    let (all, of_ahead) = (shares.iter().sum::<f64>(), ahead.iter().map(|&dataset| shares[dataset]).sum::<f64>());
    if of_ahead <= 0.0 {
        return Err(ScheduleError::WithoutWeight { stage: stage.to_owned() });
    }
    let mut mixture: Vec<f64> = shares.iter().map(|share| mix_floor * share / all).collect();
    ahead.iter().for_each(|&dataset| mixture[dataset] += (1.0 - mix_floor) * shares[dataset] / of_ahead);
    Ok(((0..shares.len()).collect(), mixture))
}

/// The name of such a stage, by the index of its group.
pub(crate) fn ahead_name(group: usize) -> String {
    format!("all datasets, group {} ahead", group + 1)
}

/// Gives `stage` a ramp of `steps` steps from the weights of `before`. Datasets that only `before` draws join with weight 0.
pub(crate) fn ramp(before: &Stage, stage: &mut Stage, steps: u64) -> Result<(), ScheduleError> {
    let from: HashMap<usize, f64> =
        before.datasets.iter().copied().zip(before.shares()).filter(|(_, share)| *share > 0.0).collect();
    let staying: HashSet<usize> = stage.datasets.iter().copied().collect();
    for &dataset in before.datasets.iter().filter(|dataset| from.contains_key(dataset) && !staying.contains(dataset)) {
        stage.datasets.push(dataset);
        stage.weights.push(0);
    }
    let from: Vec<f64> = stage.datasets.iter().map(|dataset| from.get(dataset).copied().unwrap_or(0.0)).collect();
    let to = stage.shares();
    let pieces = steps.min(MAX_RAMP_PIECES);
    for piece in 0..pieces {
        let way = (piece + 1) as f64 / (pieces + 1) as f64;
        let between: Vec<f64> = from.iter().zip(&to).map(|(from, to)| from + (to - from) * way).collect();
        let length = steps * (piece + 1) / pieces - steps * piece / pieces;
        stage.ramp.push(RampPiece { steps: length, weights: integers(&between, &stage.name)? });
    }
    Ok(())
}

fn set_lengths(
    stages: &mut [Stage],
    outlines: &[Outline],
    datasets: &[DatasetFacts],
    shares: &[f64],
    params: &ScheduleParams,
) -> Result<(), ScheduleError> {
    let early = stages.len().saturating_sub(1);
    let end = match params.stage_end {
        Some(end) => end,
        None if params.strategy.grows() => StageEnd::Share(params.early_share),
        None => {
            let parts: Vec<f64> =
                outlines.iter().map(|outline| outline.new.iter().map(|&dataset| shares[dataset]).sum()).collect();
            for (stage, steps) in stages.iter_mut().zip(apportion(&parts, params.steps)) {
                stage.steps = steps;
            }
            return Ok(());
        }
    };
    let mut needed = 0_u64;
    for (number, (stage, outline)) in stages.iter_mut().zip(outlines).take(early).enumerate() {
        let end = params.order_rule().filter(|_| number == 0).map_or(end, |rule| StageEnd::Share(rule.after));
        stage.steps = steps_until(end, stage, outline, datasets, params);
        needed = needed.saturating_add(stage.steps);
    }
    if needed >= params.steps {
        return Err(ScheduleError::StagesDoNotFit { early, needed, steps: params.steps });
    }
    if let Some(last) = stages.last_mut() {
        last.steps = params.steps - needed;
    }
    Ok(())
}

/// Steps of a stage that ends by `end`, at least 1.
fn steps_until(end: StageEnd, stage: &Stage, outline: &Outline, datasets: &[DatasetFacts], params: &ScheduleParams) -> u64 {
    // Casts of floats saturate: what is too long does not fit and is refused.
    let share_of_run = |share: f64| ((share * params.steps as f64).round() as u64).max(1);
    match end {
        StageEnd::Share(share) => share_of_run(share),
        StageEnd::Plateau(share) => share_of_run(share.unwrap_or(params.early_share)),
        StageEnd::Steps(steps) => steps,
        StageEnd::Samples(samples) => samples.div_ceil(u64::from(params.batch_size)),
        StageEnd::Epochs(epochs) => {
            let size: f64 = outline.new.iter().map(|&dataset| datasets[dataset].size as f64).sum();
            let batch = f64::from(params.batch_size);
            let newest = |weights: &[u64]| {
                let new = stage.datasets.iter().zip(weights).filter(|(dataset, _)| outline.new.contains(dataset));
                new.map(|(_, &weight)| weight).sum::<u64>() as f64 / weights.iter().sum::<u64>().max(1) as f64
            };
            let in_ramp: f64 = stage.ramp.iter().map(|piece| piece.steps as f64 * batch * newest(&piece.weights)).sum();
            let ramp_steps: u64 = stage.ramp.iter().map(|piece| piece.steps).sum();
            // Half a draw of tolerance: weights are rounded to one in 10⁶, and that must not cost a whole step.
            let after = ((epochs * size - 0.5 - in_ramp) / (batch * newest(&stage.weights))).ceil().max(0.0) as u64;
            ramp_steps.saturating_add(after).max(1)
        }
    }
}

/// What a reader of the schedule should know.
fn notes(stages: &[Stage], datasets: &[DatasetFacts], params: &ScheduleParams, ordered: bool) -> Vec<String> {
    let strategy = params.strategy;
    let mut notes = Vec::new();
    let mut unused = |given: bool, option: &str| {
        if given {
            notes.push(format!("{option} has no effect on {strategy}"));
        }
    };
    let single = strategy.mixes_all();
    let alone = single || strategy == Strategy::Individual;
    unused(alone && params.ramp_steps > 0, "ramp_steps");
    unused(alone && params.replay_floor > 0.0, "replay_floor");
    unused(!strategy.grows() && params.mix_floor() > 0.0, "mix_floor");
    unused(single && params.stage_end.is_some(), "stage_end");
    let reads_early_share = strategy.grows() && matches!(params.stage_end, None | Some(StageEnd::Plateau(None)));
    unused(params.early_share != DEFAULT_EARLY_SHARE && !reads_early_share && !single, "early_share");
    unused(params.cycles != ScheduleParams::default().cycles && strategy != Strategy::StrictCycle, "cycles");
    let adaptive = strategy == Strategy::GstAdaptive;
    unused(params.adaptive.order.is_some() && (!adaptive || stages.len() == 1), "order");
    if adaptive && !ordered {
        notes.push(
            "the order of the groups rests on no dependence, so gst-adaptive holds nothing back: all datasets are in from the start and \
             weights follow what is half learned (for stages: `gst group --partition`, `--given`, or `--order` prerequisite or commutator)"
                .to_owned(),
        );
    } else if strategy.grows() && stages.len() == 1 {
        let same = if adaptive { Strategy::MixAdaptive } else { Strategy::MixAll };
        notes.push(format!("there is one group, so {strategy} is the same as {same}"));
    }
    for stage in stages {
        let size = stage.datasets.iter().fold(0_u64, |sum, &dataset| sum.saturating_add(datasets[dataset].size));
        if size < u64::from(params.batch_size) {
            notes.push(format!(
                "stage `{}` has {size} samples, fewer than one batch of {}: samples repeat inside a batch",
                stage.name, params.batch_size
            ));
        }
    }
    notes
}
