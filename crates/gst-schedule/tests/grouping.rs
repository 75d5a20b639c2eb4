//! From measured gradients to stages: the three planning crates together.

#![allow(clippy::unwrap_used, reason = "a helper that fails is the test failing")]

use gst_affinity::{Affinity, Cost, DatasetFacts, EstimateParams, GradientSamples, Metric, ProbeFacts};
use gst_grouping::{GroupCount, Grouping, GroupingParams, Method, OrderBy};
use gst_schedule::forecast::Evidence;
use gst_schedule::{Budget, Schedule, ScheduleParams, Strategy};

/// Two datasets that pull one way and two that pull another, the larger pair second.
fn grouping() -> Grouping {
    let mut datasets =
        [("a", 100), ("b", 400), ("c", 150), ("d", 350)].map(|(name, size)| DatasetFacts::new(name, size)).to_vec();
    DatasetFacts::weigh_by_size(&mut datasets);
    let mut gradients = GradientSamples::new(["a", "b", "c", "d"]).unwrap();
    for (dataset, side) in [1.0_f32, -1.0, 1.0, -1.0].into_iter().enumerate() {
        for batch in 0..4_u8 {
            let noise = 0.01 * f32::from(batch);
            gradients.push(dataset, vec![side, side + noise, 0.1 * dataset as f32, noise]).unwrap();
        }
    }
    let probe = ProbeFacts { cost: Cost { steps: 50, samples: 1600, ..Cost::default() }, ..ProbeFacts::default() };
    let affinity =
        Affinity::estimate(&[gradients], datasets, Metric::GradientDistance, &EstimateParams::default(), probe).unwrap();
    let params = GroupingParams {
        method: Method::Agglomerative,
        count: GroupCount::Fixed(2),
        order: OrderBy::Size,
        null_samples: 0,
        ..GroupingParams::default()
    };
    Grouping::new(&affinity, &params).unwrap()
}

#[test]
fn groups_become_stages_and_their_probe_is_charged_where_it_is_needed() {
    let grouping = grouping();
    for strategy in Strategy::ALL {
        let params = ScheduleParams { strategy, steps: 200, ..ScheduleParams::default() };
        let schedule = Schedule::from_grouping(&grouping, &params).unwrap();
        assert_eq!(schedule.groups, grouping.groups);
        let charged = if strategy.needs_groups() { 50 } else { 0 };
        assert_eq!(schedule.probe_cost.steps, charged, "{strategy}");
        let dear = schedule.notes.iter().any(|note| note.contains("took 25.0 % of the run's samples"));
        assert_eq!(dear, charged > 0, "{strategy}: {:?}", schedule.notes);
    }
    let params = ScheduleParams { strategy: Strategy::GstProgressive, steps: 200, ..ScheduleParams::default() };
    let schedule = Schedule::from_grouping(&grouping, &params).unwrap();
    let mut pairs = grouping.groups.clone();
    pairs.sort();
    assert_eq!(pairs, [[0, 2], [1, 3]]);
    assert_eq!(schedule.stages[0].datasets, grouping.groups[0]);
    assert_eq!(schedule.stages[1].datasets, grouping.groups.concat());
    assert_eq!(schedule.stages[0].steps, 30);
}

/// Groups that are alike are no reason to hold anything back; an order that says what comes before what is.
#[test]
fn gst_adaptive_has_stages_where_the_order_rests_on_dependence() {
    let params = ScheduleParams { strategy: Strategy::GstAdaptive, steps: 200, ..ScheduleParams::default() };
    for order in [OrderBy::Size, OrderBy::SlowFirst, OrderBy::Random] {
        let schedule = Schedule::from_grouping(&Grouping { order, ..grouping() }, &params).unwrap();
        assert_eq!(schedule.stages.len(), 1, "{order}");
        assert!(schedule.policy.is_some_and(|policy| policy.reweight.is_some() && policy.transfer.is_none()), "{order}");
        assert!(schedule.notes.iter().any(|note| note.contains("rests on no dependence")), "{:?}", schedule.notes);
        assert_eq!((schedule.probe_cost.steps, schedule.groups.len()), (50, 2));
    }
    for order in [OrderBy::Given, OrderBy::Prerequisite, OrderBy::Commutator] {
        let schedule = Schedule::from_grouping(&Grouping { order, ..grouping() }, &params).unwrap();
        assert_eq!(schedule.stages.len(), 2, "{order}");
        // All datasets are in, so there is no staging to give up; with a floor of 0 there is.
        assert_eq!(schedule.stages[0].datasets.len(), 4, "{order}");
        assert!(schedule.policy.is_some_and(|policy| policy.reweight.is_none() && policy.transfer.is_none()), "{order}");
        let held_back = ScheduleParams { mix_floor: Some(0.0), ..params.clone() };
        let schedule = Schedule::from_grouping(&Grouping { order, ..grouping() }, &held_back).unwrap();
        assert_eq!(schedule.stages[0].datasets.len(), 2, "{order}");
        assert!(schedule.policy.is_some_and(|policy| policy.transfer.is_some()), "{order}");
    }
}

#[test]
fn only_an_order_that_somebody_gave_counts_as_known() {
    let known = |order| Evidence::of(&Grouping { order, ..grouping() });
    assert_eq!(known(OrderBy::Given), Evidence::Dependence);
    for order in [OrderBy::Size, OrderBy::Prerequisite, OrderBy::Commutator] {
        assert_eq!(known(order), Evidence::Similarity, "{order}");
    }
}

/// `gst-adaptive` has stages or none by the order of its groups, and a budget has to see which.
#[test]
fn a_budget_plans_the_schedule_that_a_grouping_gives() {
    for (order, stages) in [(OrderBy::Size, 1), (OrderBy::Given, 2)] {
        let grouping = Grouping { order, ..grouping() };
        let params = |steps| ScheduleParams { strategy: Strategy::GstAdaptive, steps, ..ScheduleParams::default() };
        let schedule = Budget::Samples(6430).largest(|steps| Schedule::from_grouping(&grouping, &params(steps))).unwrap();
        assert_eq!((schedule.stages.len(), schedule.steps), (stages, 200), "{order}");
        // One step cannot hold two stages.
        let short = Budget::Steps(1).largest(|steps| Schedule::from_grouping(&grouping, &params(steps)));
        assert_eq!(short.is_ok(), stages == 1, "{order}: {short:?}");
    }
}
