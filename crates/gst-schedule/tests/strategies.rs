//! What each strategy resolves to, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper that fails is the test failing")]

use gst_affinity::{Cost, DatasetFacts};
use gst_schedule::{Budget, Schedule, ScheduleError, ScheduleParams, StageEnd, Strategy, Weighting, simulate};

fn datasets(sizes: &[u64]) -> Vec<DatasetFacts> {
    let mut datasets: Vec<DatasetFacts> =
        sizes.iter().enumerate().map(|(i, &size)| DatasetFacts::new(format!("d{i}"), size)).collect();
    DatasetFacts::weigh_by_size(&mut datasets);
    datasets
}

fn params(strategy: Strategy, steps: u64) -> ScheduleParams {
    ScheduleParams { strategy, steps, batch_size: 10, ..ScheduleParams::default() }
}

fn groups() -> Vec<Vec<usize>> {
    vec![vec![2, 0], vec![1], vec![3]]
}

fn four(params: &ScheduleParams) -> Result<Schedule, ScheduleError> {
    Schedule::new(&datasets(&[100, 200, 300, 400]), Some(&groups()), params)
}

/// Stages as text: `name datasets weights steps`.
fn stages(schedule: &Schedule) -> Vec<String> {
    let line = |stage: &gst_schedule::Stage| format!("{} {:?} {:?} {}", stage.name, stage.datasets, stage.weights, stage.steps);
    schedule.stages.iter().map(line).collect()
}

#[test]
fn stages_of_every_strategy() {
    let check = |strategy, expected: &[&str]| {
        let schedule = four(&params(strategy, 100)).unwrap();
        assert_eq!(stages(&schedule), expected, "{strategy}");
        assert!(schedule.stages.iter().all(|stage| stage.reset == (strategy == Strategy::Individual)));
        assert!(schedule.notes.is_empty(), "{:?}", schedule.notes);
    };
    let all = ["all datasets [0, 1, 2, 3] [1, 2, 3, 4] 100"];
    check(Strategy::MixAll, &all);
    check(Strategy::MixAdaptive, &all);
    let alone = ["d2 [2] [1] 30", "d0 [0] [1] 10", "d1 [1] [1] 20", "d3 [3] [1] 40"];
    check(Strategy::Sequential, &alone);
    check(Strategy::Individual, &alone);
    check(
        Strategy::StrictCycle,
        &[
            "cycle 1, group 1 [2, 0] [3, 1] 20",
            "cycle 1, group 2 [1] [1] 10",
            "cycle 1, group 3 [3] [1] 20",
            "cycle 2, group 1 [2, 0] [3, 1] 20",
            "cycle 2, group 2 [1] [1] 10",
            "cycle 2, group 3 [3] [1] 20",
        ],
    );
    let growing = [
        "groups 1..1 [2, 0] [3, 1] 15",
        "groups 1..2 [2, 0, 1] [500000, 166667, 333333] 15",
        "groups 1..3 [2, 0, 1, 3] [3, 1, 2, 4] 70",
    ];
    check(Strategy::GstProgressive, &growing);
    // Four tenths as mix-all has them, the rest for the group ahead.
    check(
        Strategy::GstAdaptive,
        &[
            "all datasets, group 1 ahead [0, 1, 2, 3] [19, 8, 57, 16] 15",
            "all datasets, group 2 ahead [0, 1, 2, 3] [1, 17, 3, 4] 15",
            "groups 1..3 [2, 0, 1, 3] [3, 1, 2, 4] 70",
        ],
    );
    let held_back = ScheduleParams { mix_floor: Some(0.0), ..params(Strategy::GstAdaptive, 100) };
    assert_eq!(stages(&four(&held_back).unwrap()), growing);
    check(
        Strategy::GstReverse,
        &["groups 3..3 [3] [1] 15", "groups 3..2 [3, 1] [666667, 333333] 15", "groups 3..1 [3, 1, 2, 0] [4, 2, 3, 1] 70"],
    );
}

#[test]
fn only_adaptive_schedules_leave_something_to_decide() {
    for strategy in Strategy::ALL {
        let decides = matches!(strategy, Strategy::MixAdaptive | Strategy::GstAdaptive);
        assert_eq!(four(&params(strategy, 100)).unwrap().policy.is_some(), decides, "{strategy}");
    }
    let by_plateau = ScheduleParams { stage_end: Some(StageEnd::Plateau(Some(0.3))), ..params(Strategy::GstProgressive, 100) };
    let schedule = four(&by_plateau).unwrap();
    assert_eq!(schedule.stages[0].steps, 30);
    let policy = schedule.policy.unwrap();
    assert!(policy.plateau.is_some() && policy.transfer.is_none() && !policy.regroup);
}

/// With a floor the paper's strategies have a group ahead too; where no group can be, the floor is noted.
#[test]
fn a_floor_of_all_datasets_leaves_nothing_out() {
    for strategy in [Strategy::GstProgressive, Strategy::GstReverse, Strategy::GstAdaptive] {
        let schedule = four(&ScheduleParams { mix_floor: Some(0.25), ..params(strategy, 100) }).unwrap();
        for (dataset, natural) in [0.1, 0.2, 0.3, 0.4].into_iter().enumerate() {
            for stage in &schedule.stages {
                let share: f64 = stage.datasets.iter().zip(stage.shares()).filter(|(d, _)| **d == dataset).map(|(_, s)| s).sum();
                assert!(share >= 0.25 * natural - 1e-6, "{strategy}, {}: {share}", stage.name);
            }
        }
    }
    let noted = four(&ScheduleParams { mix_floor: Some(0.25), ..params(Strategy::Sequential, 100) }).unwrap().notes;
    assert!(noted.iter().any(|note| note.contains("mix_floor")), "{noted:?}");
}

#[test]
fn stages_end_where_they_should() {
    let check = |strategy, end: &str, expected: [u64; 3]| {
        let params = ScheduleParams { stage_end: Some(end.parse().unwrap()), ..params(strategy, 200) };
        let steps: Vec<u64> = four(&params).unwrap().stages.iter().map(|stage| stage.steps).collect();
        assert_eq!(steps[..3], expected, "{strategy} {end}");
    };
    check(Strategy::GstProgressive, "share:0.1", [20, 20, 160]);
    check(Strategy::GstProgressive, "steps:7", [7, 7, 186]);
    check(Strategy::GstProgressive, "samples:71", [8, 8, 184]);
    // Group 1 has 400 samples and every draw; group 2 has 200 and a third of the draws.
    check(Strategy::GstProgressive, "epochs:1", [40, 60, 100]);
    check(Strategy::GstProgressive, "epochs:0.5", [20, 30, 150]);
    check(Strategy::GstProgressive, "plateau", [30, 30, 140]);
    check(Strategy::Sequential, "epochs:2", [60, 20, 40]);
}

/// With a ramp, `epochs` still means draws of the newest group.
#[test]
fn epochs_of_the_newest_group_count_its_ramp() {
    let params =
        ScheduleParams { stage_end: Some(StageEnd::Epochs(1.0)), ramp_steps: 10, ..params(Strategy::GstProgressive, 300) };
    let schedule = four(&params).unwrap();
    let used = simulate(&schedule).unwrap().stages[1].datasets[2].samples;
    assert!((200..=210).contains(&used), "{used} samples of the newest group, {:?}", stages(&schedule));
}

#[test]
fn replay_floor_holds_for_earlier_stages() {
    let share_of_old = |strategy, floor, stage: usize| {
        let schedule = four(&ScheduleParams { replay_floor: floor, ..params(strategy, 100) }).unwrap();
        let stage = &schedule.stages[stage];
        let new = groups()[2].clone();
        stage
            .datasets
            .iter()
            .zip(stage.shares())
            .filter(|(dataset, _)| !new.contains(dataset))
            .map(|(_, share)| share)
            .sum::<f64>()
    };
    // Naturally the older ones have 0.6 of the last stage.
    assert!((share_of_old(Strategy::GstProgressive, 0.5, 2) - 0.6).abs() < 1e-6);
    assert!((share_of_old(Strategy::GstProgressive, 0.75, 2) - 0.75).abs() < 1e-6);
    assert!((share_of_old(Strategy::StrictCycle, 0.25, 2) - 0.25).abs() < 1e-6);
    assert!((share_of_old(Strategy::Sequential, 0.25, 3) - 0.25).abs() < 1e-6);
    assert_eq!(share_of_old(Strategy::StrictCycle, 0.0, 2), 0.0);
}

#[test]
fn ramps_go_all_the_way_without_a_cliff() {
    for strategy in
        [Strategy::Sequential, Strategy::StrictCycle, Strategy::GstProgressive, Strategy::GstReverse, Strategy::GstAdaptive]
    {
        let schedule = four(&ScheduleParams { ramp_steps: 40, early_share: 0.2, ..params(strategy, 1000) }).unwrap();
        let mut before: Option<Vec<f64>> = None;
        for stage in &schedule.stages {
            for (_, weights) in stage.pieces() {
                let sum: u64 = weights.iter().sum();
                let mut shares = vec![0.0; 4];
                for (&dataset, &weight) in stage.datasets.iter().zip(weights) {
                    shares[dataset] = weight as f64 / sum as f64;
                }
                if let Some(before) = before.replace(shares.clone()) {
                    let jump = shares.iter().zip(&before).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                    assert!(jump <= 1.0 / 41.0 + 1e-4, "{strategy}, stage {}: a jump of {jump}", stage.name);
                }
            }
        }
    }
}

#[test]
fn sequential_without_groups_keeps_the_order_of_the_datasets() {
    let schedule = Schedule::new(&datasets(&[1, 1]), None, &params(Strategy::Sequential, 2)).unwrap();
    assert_eq!(stages(&schedule), ["d0 [0] [1] 1", "d1 [1] [1] 1"]);
}

/// One dataset is trained on from the first step to the last, whatever the strategy; two that differ in name only are drawn alike.
#[test]
fn one_dataset_and_two_equal_ones() {
    for strategy in Strategy::ALL {
        let schedule = Schedule::new(&datasets(&[7]), Some(&[vec![0]]), &params(strategy, 12)).unwrap();
        assert!(schedule.stages.iter().all(|stage| stage.datasets == [0]), "{strategy}: {:?}", stages(&schedule));
        assert_eq!(schedule.stages.iter().map(|stage| stage.steps).sum::<u64>(), 12, "{strategy}");
        let simulation = simulate(&schedule).unwrap();
        assert_eq!(simulation.datasets[0].samples, 12 * u64::from(schedule.batch_size), "{strategy}");
    }
    let equal = simulate(&Schedule::new(&datasets(&[7, 7]), None, &params(Strategy::MixAll, 12)).unwrap()).unwrap();
    assert_eq!(equal.datasets[0].samples, equal.datasets[1].samples);
}

/// K = D and K = 1 are groupings like any other.
#[test]
fn as_many_groups_as_datasets_and_one_group() {
    let single: Vec<Vec<usize>> = (0..4).map(|i| vec![i]).collect();
    let schedule = Schedule::new(&datasets(&[1, 2, 3, 4]), Some(&single), &params(Strategy::GstProgressive, 100)).unwrap();
    assert_eq!(schedule.stages.len(), 4);
    let schedule = Schedule::new(&datasets(&[10, 30]), Some(&[vec![0, 1]]), &params(Strategy::GstProgressive, 100)).unwrap();
    assert_eq!(stages(&schedule), ["groups 1..1 [0, 1] [1, 3] 100"]);
    assert!(schedule.notes[0].contains("same as mix-all"), "{:?}", schedule.notes);
}

#[test]
fn options_without_effect_are_named() {
    let check = |params: ScheduleParams, option: &str| {
        let notes = four(&params).unwrap().notes;
        assert_eq!(notes, [format!("{option} has no effect on {}", params.strategy)]);
    };
    check(ScheduleParams { ramp_steps: 5, ..params(Strategy::MixAll, 100) }, "ramp_steps");
    check(ScheduleParams { replay_floor: 0.1, ..params(Strategy::Individual, 100) }, "replay_floor");
    check(ScheduleParams { stage_end: Some(StageEnd::Steps(5)), ..params(Strategy::MixAdaptive, 100) }, "stage_end");
    check(ScheduleParams { early_share: 0.2, ..params(Strategy::Sequential, 100) }, "early_share");
    check(ScheduleParams { cycles: 3, ..params(Strategy::GstReverse, 100) }, "cycles");
}

#[test]
fn what_cannot_be_is_refused() {
    use ScheduleError as E;
    let check = |result: Result<Schedule, E>, fits: fn(&E) -> bool, says: &str| {
        let error = result.unwrap_err();
        assert!(fits(&error), "{error:?}");
        assert!(error.to_string().contains(says), "`{error}` does not say `{says}`");
    };
    let mix = params(Strategy::MixAll, 10);
    check(Schedule::new(&[], None, &mix), |e| matches!(e, E::NoDatasets), "at least one");
    check(Schedule::new(&datasets(&[5, 0]), None, &mix), |e| matches!(e, E::EmptyDataset { .. }), "`d1`");
    let twice = [datasets(&[5]), datasets(&[5])].concat();
    check(Schedule::new(&twice, None, &mix), |e| matches!(e, E::DuplicateName { first: 0, second: 1, .. }), "`d0`");
    let unweighted = [DatasetFacts::new("a", 1), DatasetFacts::new("b", 1)];
    check(Schedule::new(&unweighted, None, &mix), |e| matches!(e, E::WithoutWeight { .. }), "weigh_by_size");
    for weight in [f64::NAN, f64::INFINITY, -1.0] {
        let mut data = datasets(&[5, 6]);
        data[1].weight = weight;
        for strategy in [Strategy::MixAll, Strategy::MixAdaptive, Strategy::Sequential] {
            check(Schedule::new(&data, None, &params(strategy, 10)), |e| matches!(e, E::BadWeight { .. }), "`d1`");
        }
    }
    check(four(&params(Strategy::MixAll, 0)), |e| matches!(e, E::BadParameter { field: "steps", .. }), "steps is 0");
    check(four(&ScheduleParams { batch_size: 0, ..mix.clone() }), |e| matches!(e, E::BadParameter { .. }), "batch_size is 0");
    check(four(&params(Strategy::GstProgressive, 2)), |e| matches!(e, E::TooFewSteps { steps: 2, stages: 3 }), "fewer groups");
    check(four(&params(Strategy::StrictCycle, 5)), |e| matches!(e, E::TooFewSteps { .. }), "5 steps");
    let long = ScheduleParams { early_share: 0.5, ..params(Strategy::GstProgressive, 100) };
    check(four(&long), |e| matches!(e, E::StagesDoNotFit { early: 2, needed: 100, steps: 100 }), "lower early_share");
    let steep = ScheduleParams { ramp_steps: 16, ..params(Strategy::GstProgressive, 100) };
    check(four(&steep), |e| matches!(e, E::RampTooLong { steps: 15, ramp_steps: 16, .. }), "groups 1..2");
    let endless = ScheduleParams { stage_end: Some(StageEnd::Epochs(1e300)), ..params(Strategy::GstProgressive, 100) };
    check(four(&endless), |e| matches!(e, E::StagesDoNotFit { .. }), "100 steps");
    for strategy in Strategy::ALL.into_iter().filter(|strategy| strategy.needs_groups()) {
        let result = Schedule::new(&datasets(&[1, 2]), None, &params(strategy, 10));
        check(result, |e| matches!(e, E::GroupsMissing { .. }), strategy.name());
    }
    let grouped = |groups: &[Vec<usize>]| Schedule::new(&datasets(&[1, 2, 3]), Some(groups), &mix);
    check(grouped(&[vec![0, 1]]), |e| matches!(e, E::NotAPartition { .. }), "`d2` is in no group");
    check(grouped(&[vec![0, 1, 2], vec![1]]), |e| matches!(e, E::NotAPartition { .. }), "`d1` is in groups 1 and 2");
    check(grouped(&[vec![0, 1, 2], vec![]]), |e| matches!(e, E::NotAPartition { .. }), "group 2 is empty");
    check(grouped(&[vec![0, 1, 2, 3]]), |e| matches!(e, E::NotAPartition { .. }), "does not exist");
    check(grouped(&[]), |e| matches!(e, E::NotAPartition { .. }), "in no group");
    // A group whose datasets are all switched off can never be introduced.
    let off = ScheduleParams { weighting: Weighting::Fixed(vec![1.0, 0.0, 1.0, 1.0]), ..params(Strategy::GstProgressive, 100) };
    check(four(&off), |e| matches!(e, E::WithoutWeight { .. }), "groups 1..2");
    let many: Vec<u64> = vec![1; 2000];
    let single: Vec<Vec<usize>> = (0..2000).map(|i| vec![i]).collect();
    let huge = ScheduleParams { early_share: 1e-5, ramp_steps: 50, ..params(Strategy::GstProgressive, 1_000_000) };
    check(Schedule::new(&datasets(&many), Some(&single), &huge), |e| matches!(e, E::TooLarge { .. }), "shorter ramp");
}

#[test]
fn budgets_become_steps() {
    let mut data = datasets(&[100, 300]);
    for (dataset, (tokens, seconds)) in data.iter_mut().zip([(10.0, 4.0), (30.0, 2.0)]) {
        (dataset.mean_tokens, dataset.mean_audio_seconds) = (tokens, seconds);
    }
    let groups = [vec![0], vec![1]];
    let progressive = params(Strategy::GstProgressive, 1);
    for strategy in [Strategy::MixAll, Strategy::GstProgressive, Strategy::StrictCycle] {
        for budget in [Budget::Steps(500), Budget::Samples(5005), Budget::Tokens(123_456), Budget::AudioSeconds(7890.0)] {
            let params = params(strategy, 1);
            let plan = |steps| Schedule::new(&data, Some(&groups), &ScheduleParams { steps, ..params.clone() });
            let steps = budget.largest(plan).unwrap().steps;
            let cost = |steps| simulate(&plan(steps).unwrap());
            let holds = |cost: Cost| match budget {
                Budget::Steps(most) => cost.steps <= most,
                Budget::Samples(most) => cost.samples <= most,
                Budget::Tokens(most) => cost.tokens <= most,
                Budget::AudioSeconds(most) => cost.audio_seconds <= most,
                _ => false,
            };
            assert!(holds(cost(steps).unwrap().total), "{strategy} {budget}: {steps} steps cost too much");
            assert!(!holds(cost(steps + 1).unwrap().total), "{strategy} {budget}: {steps} steps are not all it pays for");
        }
    }
    let largest = |budget: Budget, data: &[DatasetFacts], groups| {
        budget.largest(|steps| Schedule::new(data, groups, &ScheduleParams { steps, ..progressive.clone() }))
    };
    let error = largest(Budget::Tokens(5), &data, Some(&groups)).unwrap_err();
    assert!(matches!(error, ScheduleError::BudgetTooSmall { .. }), "{error}");
    let error = largest(Budget::Samples(9), &data, Some(&groups)).unwrap_err();
    assert!(matches!(error, ScheduleError::BudgetTooSmall { .. }), "{error}");
    let never = ScheduleParams { stage_end: Some(StageEnd::Share(0.5)), ..params(Strategy::StrictCycle, 1) };
    let plan = |steps| Schedule::new(&data, Some(&groups), &ScheduleParams { steps, ..never.clone() });
    let error = Budget::Samples(5000).largest(plan).unwrap_err();
    assert!(matches!(error, ScheduleError::StagesDoNotFit { .. }), "it is not the budget: {error}");
    let error = largest(Budget::Tokens(5000), &data, None).unwrap_err();
    assert!(matches!(error, ScheduleError::GroupsMissing { .. }), "{error}");
    data[1].mean_tokens = 0.0;
    let error = largest(Budget::Tokens(5000), &data, Some(&groups)).unwrap_err();
    assert!(error.to_string().contains("`d1` has mean_tokens 0"), "{error}");
    assert!(largest(Budget::AudioSeconds(f64::NAN), &data, None).is_err());
    for text in ["steps:5", "samples:6", "tokens:7", "audio-seconds:8.5"] {
        assert_eq!(text.parse::<Budget>().unwrap().to_string(), text);
    }
    assert!("tokens:many".parse::<Budget>().is_err());
}
