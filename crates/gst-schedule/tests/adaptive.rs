//! Decisions are a function of the record, change only what is to come, and replay.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper that fails is the test failing")]

use gst_affinity::DatasetFacts;
use gst_schedule::adaptive::{AdaptiveParams, OrderRule, PlateauRule, TransferRule};
use gst_schedule::{
    Change, Decision, Draws, Evaluation, ReweightBy, ReweightRule, Schedule, ScheduleError, ScheduleParams, StageEnd, Strategy,
};
use proptest::prelude::*;

fn datasets() -> Vec<DatasetFacts> {
    let mut datasets: Vec<DatasetFacts> =
        [400, 300, 200, 100].iter().enumerate().map(|(i, &size)| DatasetFacts::new(format!("d{i}"), size)).collect();
    DatasetFacts::weigh_by_size(&mut datasets);
    datasets
}

fn groups() -> Vec<Vec<usize>> {
    vec![vec![0], vec![1], vec![2, 3]]
}

fn schedule(strategy: Strategy, adaptive: AdaptiveParams) -> Schedule {
    let params = ScheduleParams {
        strategy,
        steps: 1000,
        early_share: 0.3,
        ramp_steps: 20,
        mix_floor: Some(0.0),
        adaptive,
        ..ScheduleParams::default()
    };
    Schedule::new(&datasets(), Some(&groups()), &params).unwrap()
}

fn rule() -> PlateauRule {
    PlateauRule { patience: 2, min_improvement: 0.01, smoothing: 0.0 }
}

fn evaluation(step: u64, losses: [f64; 4]) -> Evaluation {
    Evaluation { step, losses: losses.map(Some).to_vec(), learned: losses.map(|loss| Some(1.0 - loss)).to_vec() }
}

/// Trains nothing: asks for a decision every 50 steps, with the losses of `losses(step)`, and takes what comes.
fn run(schedule: &Schedule, losses: impl Fn(u64) -> [f64; 4]) -> (Schedule, Vec<Evaluation>) {
    let (mut schedule, mut record) = (schedule.clone(), Vec::new());
    for step in (0..=1000).step_by(50) {
        record.push(evaluation(step, losses(step)));
        if let Some(decision) = schedule.decide(&record).unwrap() {
            schedule = schedule.apply(&decision).unwrap();
            assert_eq!(schedule.decide(&record).unwrap(), None, "asked again, the same record decides nothing new");
        }
        if let Some(datasets) = schedule.to_regroup(step) {
            let change = Change::Regroup { groups: datasets.iter().rev().map(|&dataset| vec![dataset]).collect() };
            schedule = schedule.apply(&Decision { step, change, reason: "measured again".to_owned() }).unwrap();
        }
    }
    (schedule, record)
}

fn changes(schedule: &Schedule) -> Vec<(u64, &'static str)> {
    schedule.decisions.iter().map(|decision| (decision.step, decision.change.name())).collect()
}

fn names(schedule: &Schedule) -> Vec<(&str, u64)> {
    schedule.stages.iter().map(|stage| (stage.name.as_str(), stage.steps)).collect()
}

#[test]
fn a_plateau_ends_a_stage() {
    let params = ScheduleParams {
        strategy: Strategy::GstProgressive,
        steps: 1000,
        stage_end: Some(StageEnd::Plateau(Some(0.3))),
        adaptive: AdaptiveParams { plateau: rule(), ..AdaptiveParams::default() },
        ..ScheduleParams::default()
    };
    let planned = Schedule::new(&datasets(), Some(&groups()), &params).unwrap();
    assert_eq!(names(&planned), [("groups 1..1", 300), ("groups 1..2", 300), ("groups 1..3", 400)]);
    // Dataset 0 stops learning at step 50; everything learns again when the second group is in, so that stage runs to its end.
    let (resolved, _) =
        run(&planned, |step| if step < 200 { [1.0 / (1.0 + step.min(50) as f64); 4] } else { [1.0 / step as f64; 4] });
    assert_eq!(changes(&resolved), [(150, "advance")]);
    assert_eq!(names(&resolved), [("groups 1..1", 150), ("groups 1..2", 300), ("groups 1..3", 550)]);
    assert!(resolved.decisions[0].reason.contains("no improvement for 2 evaluations"), "{}", resolved.decisions[0].reason);
}

#[test]
fn staging_goes_on_where_it_helps_what_is_to_come() {
    let adaptive = AdaptiveParams { plateau: rule(), regroup: false, ..AdaptiveParams::default() };
    let (resolved, _) = run(&schedule(Strategy::GstAdaptive, adaptive), |step| [1.0 / (100 + step) as f64; 4]);
    assert_eq!(changes(&resolved), []);
}

#[test]
fn staging_is_given_up_where_it_does_not() {
    let adaptive = AdaptiveParams { plateau: rule(), regroup: false, ..AdaptiveParams::default() };
    let planned = schedule(Strategy::GstAdaptive, adaptive);
    // The stage runs to its planned end, step 300; the datasets outside learn nothing.
    let (resolved, _) = run(&planned, |step| [100.0 / (100 + step) as f64, 2.0, 2.0, 2.0]);
    assert_eq!(changes(&resolved), [(300, "mix-all")]);
    assert_eq!(names(&resolved), [("groups 1..1", 300), ("all datasets", 700)]);
    assert_eq!(resolved.stages[1].ramp.len(), 20);
    // On a plateau the same rule holds.
    let (resolved, _) = run(&planned, |step| [if step == 0 { 2.0 } else { 1.0 }, 2.0, 2.0, 2.0]);
    assert_eq!(changes(&resolved), [(150, "mix-all")]);
    assert!(resolved.decisions[0].reason.contains("50.0 %"), "{}", resolved.decisions[0].reason);
}

/// A stage that ended between two evaluations is judged at the later one.
#[test]
fn a_stage_end_between_evaluations_is_seen() {
    let planned = schedule(Strategy::GstAdaptive, AdaptiveParams { regroup: false, ..AdaptiveParams::default() });
    let record = [evaluation(0, [2.0; 4]), evaluation(280, [1.0, 2.0, 2.0, 2.0]), evaluation(320, [1.0, 1.5, 2.0, 2.0])];
    let decision = planned.decide(&record).unwrap().unwrap();
    assert_eq!((decision.step, &decision.change), (320, &Change::MixAll));
    let resolved = planned.apply(&decision).unwrap();
    assert_eq!(names(&resolved), [("groups 1..1", 300), ("groups 1..2", 20), ("all datasets", 680)]);
}

/// Where a group is only ahead, its own loss ends the stage, what is yet to come is known all the same, and nothing is given up.
#[test]
fn a_group_ahead_is_watched_and_followed_by_the_next() {
    let ahead = |adaptive| {
        let params = ScheduleParams {
            strategy: Strategy::GstAdaptive,
            steps: 1000,
            early_share: 0.3,
            adaptive,
            ..ScheduleParams::default()
        };
        Schedule::new(&datasets(), Some(&groups()), &params).unwrap()
    };
    let planned = ahead(AdaptiveParams { plateau: rule(), ..AdaptiveParams::default() });
    // Group 1 stands still while all others learn; then group 2 learns to its planned end, at step 450.
    let (resolved, _) = run(&planned, |step| [1.0, 100.0 / (100 + step) as f64, 2.0, 2.0]);
    assert_eq!(changes(&resolved), [(100, "advance")]);
    assert_eq!(
        names(&resolved),
        [("all datasets, group 1 ahead", 100), ("all datasets, group 2 ahead", 300), ("groups 1..3", 600)]
    );
    let (resolved, _) = run(&ahead(AdaptiveParams { plateau: rule(), regroup: true, ..AdaptiveParams::default() }), |step| {
        [1.0 / (100 + step) as f64; 4]
    });
    assert_eq!(resolved.groups, [vec![0], vec![3], vec![1], vec![2]]);
    assert_eq!(names(&resolved)[1].0, "all datasets, group 2 ahead");
    assert!(resolved.stages.iter().all(|stage| stage.datasets.len() == 4));
}

/// Asks the run for the order: a first stage mixes everything, and only a first group that leads after it goes ahead.
#[test]
fn an_order_that_does_not_show_is_given_up() {
    let asked = |mix_floor, ramp_steps, regroup| {
        let order = Some(OrderRule::default());
        let params = ScheduleParams {
            strategy: Strategy::GstAdaptive,
            steps: 1000,
            mix_floor,
            ramp_steps,
            adaptive: AdaptiveParams { order, plateau: rule(), regroup, ..AdaptiveParams::default() },
            ..ScheduleParams::default()
        };
        Schedule::new(&datasets(), Some(&groups()), &params).unwrap()
    };
    let planned = asked(None, 0, false);
    let ahead = [("all datasets, group 1 ahead", 150), ("all datasets, group 2 ahead", 150), ("groups 1..3", 600)];
    assert_eq!(names(&planned), [&[("all datasets, order unproven", 100)], &ahead[..]].concat());
    assert_eq!(planned.stages[0].weights, [4, 3, 2, 1], "as mix-all");
    // Every dataset goes on learning; by step 100 the first group alone has begun, or they all have. Here 1 − loss is what is learned.
    let falling = |step: u64| 100.0 / (100 + step) as f64;
    let (followed, _) =
        run(&planned, |step| [falling(step), 1.0, 2.0, 0.5 + falling(step)].map(|loss| loss * 0.97_f64.powf(step as f64 / 50.0)));
    assert_eq!(changes(&followed), []);
    let (given_up, record) = run(&planned, |step| [falling(step); 4]);
    assert_eq!(changes(&given_up), [(100, "mix-all")]);
    assert_eq!(names(&given_up), [("all datasets, order unproven", 100), ("all datasets", 900)]);
    assert!(given_up.decisions[0].reason.contains("0.50 of the first group is learned and 0.50"), "{:?}", given_up.decisions);
    assert_eq!(planned.replay(&given_up.decisions).unwrap(), given_up);
    assert_eq!(planned.decide(&record[..2]).unwrap(), None, "at step 50 the mix is not over");
    // The check comes with the first evaluation after the mix; losses alone do not show the order.
    let late = planned.decide(&[Evaluation { learned: Vec::new(), ..evaluation(120, [0.5, 1.0, 1.0, 1.0]) }]).unwrap().unwrap();
    assert_eq!((late.step, late.change), (120, Change::MixAll));
    assert!(late.reason.contains("does not say what is learned"), "{}", late.reason);
    // Held back, the groups come in after the mix all the same, whether the others leave at once or in a ramp.
    for ramp_steps in [0, 20] {
        let held_back = asked(Some(0.0), ramp_steps, false);
        assert_eq!(names(&held_back)[1..], [("groups 1..1", 150), ("groups 1..2", 150), ("groups 1..3", 600)]);
        let (transfer, _) = run(&held_back, |step| [falling(step), 2.0, 2.0, 2.0]);
        assert_eq!(changes(&transfer), [(250, "mix-all")], "what is to come is known after the mix");
    }
    // The group that was found to lead leads: what is measured again is what comes after it.
    let again = asked(None, 20, true);
    assert_eq!((again.to_regroup(100), again.to_regroup(250)), (None, Some(vec![1, 2, 3])));
    let early = Decision { step: 100, change: Change::Regroup { groups: vec![vec![0, 1, 2, 3]] }, reason: String::new() };
    assert!(again.apply(&early).unwrap_err().to_string().contains("no start of a stage after the first group's"));
}

#[test]
fn a_stage_is_watched_by_what_it_draws_after_its_ramp() {
    let params = ScheduleParams {
        strategy: Strategy::Sequential,
        steps: 1000,
        stage_end: Some(StageEnd::Plateau(Some(0.2))),
        ramp_steps: 20,
        adaptive: AdaptiveParams { plateau: rule(), ..AdaptiveParams::default() },
        ..ScheduleParams::default()
    };
    let planned = Schedule::new(&datasets(), None, &params).unwrap();
    // In the second stage the first dataset is forgotten faster than the second is learned.
    let (resolved, _) = run(&planned, |step| {
        let (before, since) = (step.min(200) as f64, step.saturating_sub(200) as f64);
        [1.0 - before / 400.0 + since / 50.0, 1.0 - since / 2000.0, 1.0 - step as f64 / 2000.0, 1.0 - step as f64 / 2000.0]
    });
    assert_eq!(changes(&resolved), []);
}

#[test]
fn what_is_not_in_is_regrouped_at_stage_ends() {
    let adaptive = AdaptiveParams { plateau: rule(), transfer: None, regroup: true, ..AdaptiveParams::default() };
    let (resolved, _) = run(&schedule(Strategy::GstAdaptive, adaptive), |step| [1.0 / (100 + step) as f64; 4]);
    // Stages of 300: the first end regroups three datasets into three groups, in reverse order; the later ones regroup what is left.
    let regrouped: Vec<_> = changes(&resolved);
    assert_eq!(regrouped, [(300, "regroup"), (600, "regroup"), (900, "regroup")][..regrouped.len()]);
    assert_eq!(regrouped.len(), 2, "at step 900 only one group is left to come");
    assert_eq!(resolved.groups, [vec![0], vec![3], vec![1], vec![2]]);
    assert_eq!(resolved.stages.last().unwrap().datasets, [0, 3, 1, 2]);
    assert_eq!(resolved.steps, 1000);
}

#[test]
fn weights_follow_losses_and_keep_their_floor() {
    for by in [ReweightBy::ExcessLoss, ReweightBy::LearningProgress, ReweightBy::HalfLearned] {
        let reweight = ReweightRule { by, every: 4, strength: 1.0, ..ReweightRule::default() };
        let planned = schedule(Strategy::MixAdaptive, AdaptiveParams { reweight, ..AdaptiveParams::default() });
        let (resolved, _) = run(&planned, |step| [0.1, 0.1, 0.1, 4.0 - step as f64 / 500.0]);
        let least = if by == ReweightBy::ExcessLoss { 3 } else { 1 };
        assert!(resolved.decisions.len() >= least, "{by:?}: {:?}", changes(&resolved));
        let shares = resolved.stages[1].shares();
        assert!(shares[3] > 0.3, "{by:?}: the dataset of largest loss and progress has {shares:?}");
        assert!(shares[0] >= 0.2 - 1e-5, "{by:?}: {shares:?} breaks the floor");
        assert_eq!(resolved.stages[1].name.matches("from step").count(), 1);
        assert_eq!(resolved.stages.iter().map(|stage| stage.steps).sum::<u64>(), 1000);
    }
}

/// The words of the answers come first: whoever learned from 50 to 40 there has learned nothing that counts.
#[test]
fn half_learned_is_measured_from_where_the_form_is_known() {
    let reweight = ReweightRule { after: 0.2, ..ReweightRule::default() };
    let planned = schedule(Strategy::MixAdaptive, AdaptiveParams { reweight, ..AdaptiveParams::default() });
    let losses = |step: u64| {
        if step < 200 { [50.0, 40.0, 30.0, 4.0] } else { [2.0, 2.0, 2.0, if step == 200 { 2.0 } else { 1.0 }] }
    };
    let (resolved, _) = run(&planned, losses);
    assert_eq!(changes(&resolved).first(), Some(&(250, "reweight")));
    let shares = resolved.stages[1].shares();
    assert!(shares.iter().zip([0.2, 0.15, 0.1, 0.55]).all(|(share, expected)| (share - expected).abs() < 1e-5), "{shares:?}");
}

#[test]
fn the_log_replays() {
    for (strategy, losses) in [
        (Strategy::GstAdaptive, [1.0, 1.0, 1.0, 1.0]),
        (Strategy::GstAdaptive, [0.5, 1.0, 1.0, 1.0]),
        (Strategy::MixAdaptive, [0.5, 1.0, 2.0, 4.0]),
    ] {
        let planned = schedule(strategy, AdaptiveParams { plateau: rule(), regroup: true, ..AdaptiveParams::default() });
        let falling =
            move |step: u64| losses.map(|loss| if loss < 1.0 { loss } else { loss * 300.0 / (300 + step / 100 * 100) as f64 });
        let (resolved, record) = run(&planned, falling);
        assert!(!resolved.decisions.is_empty());
        assert_eq!(planned.replay(&resolved.decisions).unwrap(), resolved);
        // The log survives its file.
        let log: Vec<Decision> = serde_json::from_str(&serde_json::to_string(&resolved.decisions).unwrap()).unwrap();
        assert_eq!(planned.replay(&log).unwrap(), resolved);
        // And the record alone makes it again.
        let again = run(&planned, |step| {
            record
                .iter()
                .find(|known| known.step == step)
                .unwrap()
                .losses
                .clone()
                .try_into()
                .map(|losses: [Option<f64>; 4]| losses.map(Option::unwrap))
                .unwrap()
        });
        assert_eq!(again.0, resolved);
    }
}

#[test]
fn decisions_that_do_not_fit_are_refused() {
    let planned = schedule(Strategy::GstAdaptive, AdaptiveParams::default());
    let check = |schedule: &Schedule, step, change: Change, says: &str| {
        let error = schedule.apply(&Decision { step, change, reason: String::new() }).unwrap_err();
        assert!(matches!(error, ScheduleError::BadDecision { .. }), "{error:?}");
        assert!(error.to_string().contains(says), "`{error}` does not say `{says}`");
    };
    check(&planned, 1000, Change::Advance, "the run has 1000 steps");
    check(&planned, 0, Change::Advance, "only starts there");
    check(&planned, 700, Change::Advance, "is the last");
    check(&planned, 50, Change::Reweight { weights: vec![1, 2] }, "2 weights for the stage's 1 datasets");
    check(&planned, 50, Change::Reweight { weights: vec![0] }, "sum of weights");
    check(&planned, 50, Change::Regroup { groups: vec![vec![1, 2, 3]] }, "no start of a stage after the first group's");
    check(&planned, 300, Change::Regroup { groups: vec![vec![1, 2]] }, "`d3` is in no group");
    check(&planned, 300, Change::Regroup { groups: vec![] }, "in no group");
    check(&planned, 300, Change::Regroup { groups: vec![vec![0, 1, 2, 3]] }, "is in groups 1 and 2");
    let fixed = schedule(Strategy::GstProgressive, AdaptiveParams::default());
    check(&fixed, 50, Change::MixAll, "no policy");
    let mixed = planned.apply(&Decision { step: 100, change: Change::MixAll, reason: String::new() }).unwrap();
    check(&mixed, 99, Change::MixAll, "a decision of step 100 was applied before");
    let sequential = schedule(Strategy::Sequential, AdaptiveParams::default());
    check(&sequential, 400, Change::Regroup { groups: vec![vec![1]] }, "does not introduce groups");
    let params = ScheduleParams {
        strategy: Strategy::GstReverse,
        steps: 1000,
        stage_end: Some(StageEnd::Plateau(Some(0.3))),
        ..ScheduleParams::default()
    };
    let reverse = Schedule::new(&datasets(), Some(&groups()), &params).unwrap();
    check(&reverse, 300, Change::Regroup { groups: vec![vec![1], vec![0]] }, "the first one first");
}

#[test]
fn records_that_do_not_fit_are_refused() {
    let planned = schedule(Strategy::GstAdaptive, AdaptiveParams::default());
    for record in [
        vec![Evaluation { losses: vec![None; 3], ..Evaluation::default() }],
        vec![Evaluation { learned: vec![Some(0.5)], ..evaluation(0, [1.0; 4]) }],
        vec![evaluation(50, [1.0; 4]), evaluation(50, [1.0; 4])],
        vec![evaluation(1001, [1.0; 4])],
    ] {
        assert!(matches!(planned.decide(&record), Err(ScheduleError::BadEvaluation { .. })), "{record:?}");
    }
    let losses = vec![None, Some(f64::NAN), None, Some(f64::INFINITY)];
    let none = Evaluation { step: 50, losses, learned: Vec::new() };
    assert_eq!(planned.decide(&[none]).unwrap(), None);
    let named = Evaluation::from_named(5, &planned, [("d2", 1.5), ("unknown", 9.0)]);
    assert_eq!((named.losses.as_slice(), named.learned.is_empty()), ([None, None, Some(1.5), None].as_slice(), true));
    assert_eq!(named.with_learned(&planned, [("d0", -0.1), ("d1", f64::NAN)]).learned, [Some(-0.1), None, None, None]);
}

#[test]
fn rules_out_of_range_are_refused() {
    let check = |adaptive: AdaptiveParams| {
        let params = ScheduleParams { adaptive, ..ScheduleParams::default() };
        assert!(matches!(Schedule::new(&datasets(), None, &params), Err(ScheduleError::BadParameter { .. })));
    };
    check(AdaptiveParams { plateau: PlateauRule { patience: 0, ..rule() }, ..AdaptiveParams::default() });
    check(AdaptiveParams { plateau: PlateauRule { smoothing: 1.0, ..rule() }, ..AdaptiveParams::default() });
    check(AdaptiveParams { plateau: PlateauRule { min_improvement: f64::NAN, ..rule() }, ..AdaptiveParams::default() });
    check(AdaptiveParams { reweight: ReweightRule { floor: 0.0, ..ReweightRule::default() }, ..AdaptiveParams::default() });
    check(AdaptiveParams { reweight: ReweightRule { every: 0, ..ReweightRule::default() }, ..AdaptiveParams::default() });
    check(AdaptiveParams { reweight: ReweightRule { after: 1.0, ..ReweightRule::default() }, ..AdaptiveParams::default() });
    check(AdaptiveParams { transfer: Some(TransferRule { min_ratio: f64::INFINITY }), ..AdaptiveParams::default() });
    check(AdaptiveParams { order: Some(OrderRule { after: 1.0, ..OrderRule::default() }), ..AdaptiveParams::default() });
    check(AdaptiveParams {
        order: Some(OrderRule { max_others: f64::NAN, ..OrderRule::default() }),
        ..AdaptiveParams::default()
    });
    check(AdaptiveParams { order: Some(OrderRule { min_lead: f64::NAN, ..OrderRule::default() }), ..AdaptiveParams::default() });
    let reference = ReweightRule { reference: Some(vec![1.0]), ..ReweightRule::default() };
    let params = ScheduleParams {
        strategy: Strategy::MixAdaptive,
        adaptive: AdaptiveParams { reweight: reference, ..AdaptiveParams::default() },
        ..ScheduleParams::default()
    };
    assert!(matches!(Schedule::new(&datasets(), None, &params), Err(ScheduleError::Inconsistent { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the losses, decisions fit, the run keeps its length, and no draw before a decision changes.
    #[test]
    fn decisions_change_only_what_is_to_come(
        losses in prop::collection::vec([0.0_f64..3.0, 0.0_f64..3.0, 0.0_f64..3.0, 0.0_f64..3.0], 21),
        adaptive in any::<bool>(), regroup in any::<bool>(), progress in any::<bool>(),
    ) {
        let strategy = if adaptive { Strategy::GstAdaptive } else { Strategy::MixAdaptive };
        let by = if progress { ReweightBy::LearningProgress } else { ReweightBy::ExcessLoss };
        let reweight = ReweightRule { by, every: 2, ..ReweightRule::default() };
        let planned = schedule(strategy, AdaptiveParams { plateau: rule(), regroup, reweight, ..AdaptiveParams::default() });
        let (resolved, _) = run(&planned, |step| losses[usize::try_from(step / 50).unwrap()]);
        prop_assert_eq!(resolved.steps, 1000);
        let mut before = planned;
        for decision in &resolved.decisions {
            let after = before.apply(decision).unwrap();
            let (old, new) = (Draws::new(&before).unwrap(), Draws::new(&after).unwrap());
            for n in (0..decision.step * 32).step_by(61).chain([(decision.step * 32).saturating_sub(1)]) {
                prop_assert_eq!(old.draw(n), new.draw(n));
            }
            before = after;
        }
        prop_assert_eq!(before, resolved);
    }
}
