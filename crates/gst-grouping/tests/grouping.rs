//! From an affinity to a grouping, through the public interface.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like the tests themselves")]

use gst_affinity::{
    Affinity, DatasetFacts, Dependence, Document, EstimateParams, GradientSamples, LossTable, Measurements, Metric, ProbeFacts,
};
use gst_grouping::{GroupCount, Grouping, GroupingError, GroupingParams, Method, OrderBy, Partition, Recommendation};

const DATASETS: usize = 9;

/// Dataset n belongs to group n % 3.
fn planted() -> Partition {
    Partition::from_labels(&(0..DATASETS).map(|n| n % 3).collect::<Vec<_>>())
}

fn facts(names: &[String]) -> Vec<DatasetFacts> {
    let fact = |(n, name): (usize, &String)| DatasetFacts {
        domain: ["speech", "music"][n % 2].to_owned(),
        warmup_losses: vec![4.0, 4.0 - 0.3 * (n % 3 + 1) as f64],
        seconds_per_sample: 0.1 * (n % 3 + 1) as f64,
        ..DatasetFacts::new(name, 100 + 40 * (n as u64 % 3))
    };
    let mut datasets: Vec<DatasetFacts> = names.iter().enumerate().map(fact).collect();
    DatasetFacts::weigh_by_size(&mut datasets);
    datasets
}

/// Numbers between -1 and 1 that look like chance and are the same everywhere.
fn chance(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 33) as f32 / 2_f32.powi(30)) - 1.0
}

/// Batch gradients of 64 parameters: a direction for each group, `own` of each dataset's own, `noise` of each batch's.
fn gradients(names: &[String], own: f32, noise: f32) -> GradientSamples {
    let mut state = 7;
    let mut vector = |scale: f32| -> Vec<f32> { (0..64).map(|_| scale * chance(&mut state)).collect() };
    let centres: Vec<Vec<f32>> = (0..3).map(|_| vector(1.0)).collect();
    let mut samples = GradientSamples::new(names.iter().cloned()).unwrap();
    for n in 0..names.len() {
        let shift = vector(own);
        for _ in 0..6 {
            let jitter = vector(noise);
            let gradient = (0..64).map(|p| centres[n % 3][p] + shift[p] + jitter[p]).collect();
            samples.push(n, gradient).unwrap();
        }
    }
    samples
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("set-{}", (b'a' + n as u8) as char)).collect()
}

fn affinity_of(count: usize, metric: Metric, own: f32, noise: f32) -> Affinity {
    let names = names(count);
    Affinity::estimate(&[gradients(&names, own, noise)], facts(&names), metric, &EstimateParams::default(), ProbeFacts::default())
        .unwrap()
}

fn affinity() -> Affinity {
    affinity_of(DATASETS, Metric::GradientDistance, 0.3, 0.3)
}

/// Group n prepares for group n + 1: training on it lowers that one's loss.
fn with_lookahead(repeats: usize) -> Affinity {
    let names = names(DATASETS);
    let table = |repeat: usize| LossTable {
        before: vec![2.0; DATASETS],
        after: (0..DATASETS)
            .map(|i| {
                (0..DATASETS).map(|j| if j % 3 == i % 3 + 1 { 1.2 } else { 1.9 } + 0.01 * ((i + j + repeat) % 3) as f64).collect()
            })
            .collect(),
    };
    let tables: Vec<LossTable> = (0..repeats).map(table).collect();
    let points = [gradients(&names, 0.3, 0.3)];
    let measured = Measurements { gradients: &points, lookahead: &tables, ..Measurements::default() };
    let params = EstimateParams::default();
    Affinity::from_measurements(&measured, facts(&names), Metric::GradientDistance, &params, ProbeFacts::default()).unwrap()
}

fn by(method: Method) -> GroupingParams {
    GroupingParams { method, count: GroupCount::Fixed(3), ..GroupingParams::default() }
}

fn ordered(affinity: &Affinity, order: OrderBy) -> Result<Grouping, GroupingError> {
    Grouping::new(affinity, &GroupingParams { order, ..by(Method::Spectral) })
}

/// n % 3 of the datasets in each group, in order of introduction.
fn kinds(grouping: &Grouping) -> Vec<usize> {
    grouping.groups.iter().map(|group| group[0] % 3).collect()
}

#[test]
fn every_method_by_distances_finds_planted_groups() {
    let affinity = affinity();
    for method in [Method::Spectral, Method::Agglomerative, Method::Exact, Method::Community] {
        let grouping = Grouping::new(&affinity, &by(method)).unwrap();
        assert_eq!(grouping.partition().unwrap(), planted(), "{method}");
        assert!(grouping.structure.unwrap().found() && grouping.stability.unwrap() > 0.9, "{method}: {grouping:?}");
        assert!((grouping.within + grouping.between - grouping.zeta_squared).abs() <= 1e-9 * grouping.zeta_squared);
        assert_eq!(grouping.group_names[0][0], affinity.datasets[grouping.groups[0][0]].name);
        assert_eq!(grouping.recommendation, Recommendation::Compare);
    }
}

#[test]
fn k_is_found() {
    for count in [GroupCount::Eigengap, GroupCount::Silhouette, GroupCount::Elbow] {
        let grouping = Grouping::new(&affinity(), &GroupingParams { count, ..by(Method::Spectral) }).unwrap();
        assert_eq!(grouping.partition().unwrap(), planted(), "{count}: {:?}", grouping.count_scores);
        assert!(grouping.verdict.iter().any(|s| s.starts_with("K by ")), "{:?}", grouping.verdict);
    }
}

#[test]
fn within_shares_fall_with_k_and_agree_with_the_split() {
    let affinity = affinity();
    for method in [Method::Spectral, Method::Agglomerative, Method::Exact, Method::Community] {
        let grouping = Grouping::new(&affinity, &by(method)).unwrap();
        let shares = &grouping.within_shares;
        assert_eq!(shares.iter().map(|s| s.groups).collect::<Vec<_>>(), (1..DATASETS).collect::<Vec<_>>(), "{method}");
        assert!((shares[0].score - 1.0).abs() < 1e-9, "{method}: one group holds all of ζ²: {shares:?}");
        assert!((shares[2].score - grouping.within_share().unwrap()).abs() < 1e-9, "{method}: {shares:?}");
        assert!(
            shares[1].score > 2.0 * shares[2].score && shares[2].score < 0.3,
            "{method}: three groups were planted: {shares:?}"
        );
        assert!(
            grouping.verdict.iter().any(|s| s.starts_with("Inside groups, by their number: 2 leave")),
            "{:?}",
            grouping.verdict
        );
    }
    let quick = Grouping::new(&affinity, &GroupingParams { null_samples: 0, ..by(Method::Spectral) }).unwrap();
    assert_eq!((quick.within_shares, Grouping::new(&affinity, &by(Method::ByDomain)).unwrap().within_shares), (vec![], vec![]));
}

/// Datasets without a sample: only the order by size looks at sizes, and equal sizes go by name.
#[test]
fn empty_datasets_have_a_result() {
    let mut affinity = affinity();
    affinity.datasets.iter_mut().for_each(|dataset| dataset.size = 0);
    let grouping = ordered(&affinity, OrderBy::Size).unwrap();
    assert_eq!((kinds(&grouping), grouping.order_scores), (vec![0, 1, 2], vec![0.0; 3]));
    for order in [OrderBy::Path, OrderBy::Heterogeneity, OrderBy::NearGlobal, OrderBy::Random] {
        assert_eq!(ordered(&affinity, order).unwrap().groups.len(), 3, "{order}");
    }
}

#[test]
fn every_metric_can_be_grouped_by() {
    let affinity = affinity();
    for metric in [Metric::UnitDistance, Metric::Cosine, Metric::Dot] {
        let grouping = Grouping::new(&affinity, &GroupingParams { metric: Some(metric), ..by(Method::Agglomerative) }).unwrap();
        assert_eq!((grouping.metric, grouping.partition().unwrap()), (metric, planted()));
        assert_eq!(grouping.stability, None, "replicates belong to another metric");
    }
    let missing = GroupingParams { metric: Some(Metric::Transferability), ..by(Method::Spectral) };
    let message = Grouping::new(&affinity, &missing).unwrap_err().to_string();
    assert!(message.contains("`transferability`") && message.contains("gradient-distance"), "{message}");
}

#[test]
fn baselines_are_what_they_say() {
    let affinity = affinity();
    let groups = |method| Grouping::new(&affinity, &by(method)).unwrap();
    assert_eq!(groups(Method::Single).partition().unwrap(), Partition::single(DATASETS));
    assert_eq!(groups(Method::Singletons).partition().unwrap(), Partition::singletons(DATASETS));
    assert_eq!(groups(Method::ByDomain).partition().unwrap().labels(), [0, 1, 0, 1, 0, 1, 0, 1, 0]);
    assert_eq!(groups(Method::Random).groups.len(), 3);
    let mut given = GroupingParams { partition: vec![names(4), names(DATASETS)[4..].to_vec()], ..by(Method::Given) };
    let own = Grouping::new(&affinity, &given).unwrap();
    assert_eq!(own.partition().unwrap().labels(), [0, 0, 0, 0, 1, 1, 1, 1, 1]);
    assert_eq!(own.recommendation, Recommendation::Compare, "what a user knows is no baseline: {:?}", own.verdict);
    given.method = Method::Random;
    assert!(Grouping::new(&affinity, &given).unwrap_err().to_string().contains("method `given`"));
    for method in [Method::Single, Method::Singletons, Method::ByDomain, Method::Random] {
        let grouping = groups(method);
        assert_eq!((grouping.stability, grouping.structure), (None, None));
        assert_eq!(grouping.recommendation, Recommendation::MixAll);
    }
}

#[test]
fn orders_by_facts() {
    let affinity = affinity();
    // Sizes 100, 140, 180; losses fall by 0.3, 0.6, 0.9 of 4; seconds 0.1, 0.2, 0.3, so that progress per second is the same.
    assert_eq!(kinds(&ordered(&affinity, OrderBy::Size).unwrap()), [2, 1, 0]);
    assert_eq!(ordered(&affinity, OrderBy::Size).unwrap().order_scores, [540.0, 420.0, 300.0]);
    assert_eq!(kinds(&ordered(&affinity, OrderBy::SlowFirst).unwrap()), [0, 1, 2]);
    let mut dear = affinity.clone();
    dear.datasets.iter_mut().enumerate().filter(|(n, _)| n % 3 == 0).for_each(|(_, d)| d.seconds_per_sample = 9.0);
    assert_eq!(kinds(&ordered(&dear, OrderBy::Cost).unwrap())[2], 0);
}

#[test]
fn orders_by_gradients() {
    let affinity = affinity();
    for order in [OrderBy::Heterogeneity, OrderBy::NearGlobal] {
        let scores = ordered(&affinity, order).unwrap().order_scores;
        assert!(scores.len() == 3 && scores.windows(2).all(|pair| pair[0] <= pair[1]), "{order}: {scores:?}");
    }
    // The distances of group centres from the common gradient, weighed, are the between part.
    let near = ordered(&affinity, OrderBy::NearGlobal).unwrap();
    let weighed: f64 = near
        .groups
        .iter()
        .zip(&near.order_scores)
        .map(|(group, score)| score * group.iter().map(|&i| affinity.datasets[i].weight).sum::<f64>())
        .sum();
    assert!((weighed - near.between).abs() <= 1e-9 * near.between.abs());
    let path = ordered(&affinity, OrderBy::Path).unwrap();
    assert!(path.verdict.iter().any(|s| s.starts_with("Order `path`")));
}

#[test]
fn orders_by_chance_and_by_hand() {
    let affinity = affinity();
    let seen: std::collections::BTreeSet<Vec<usize>> = (0..40)
        .map(|seed| {
            kinds(&Grouping::new(&affinity, &GroupingParams { seed, order: OrderBy::Random, ..by(Method::Spectral) }).unwrap())
        })
        .collect();
    assert_eq!(seen.len(), 6);
    let given = |names: &[&str]| GroupingParams {
        order: OrderBy::Given,
        given: names.iter().map(|n| (*n).to_owned()).collect(),
        ..by(Method::Spectral)
    };
    assert_eq!(kinds(&Grouping::new(&affinity, &given(&["set-b", "set-e", "set-i", "set-a"])).unwrap()), [1, 2, 0]);
    let message = |names| Grouping::new(&affinity, &given(names)).unwrap_err().to_string();
    assert!(message(&["set-b", "nothing"]).contains("\"nothing\", which is not a dataset here; known: set-a"));
    assert!(message(&["set-b", "set-a"]).contains("no dataset of the group {set-c, set-f, set-i}"));
    assert!(message(&[]).contains("no dataset of the group {set-a, set-d, set-g}"));
    let unused = GroupingParams { order: OrderBy::Size, ..given(&["set-b"]) };
    let message = Grouping::new(&affinity, &unused).unwrap_err().to_string();
    assert!(message.contains("names set-b, but the order is `size`"), "{message}");
}

#[test]
fn prerequisites_come_first() {
    let grouping = ordered(&with_lookahead(4), OrderBy::Prerequisite).unwrap();
    assert_eq!(kinds(&grouping), [0, 1, 2], "{:?}", grouping.verdict);
    assert!(grouping.verdict.last().unwrap().contains("prerequisite"), "{:?}", grouping.verdict);

    let message = ordered(&affinity(), OrderBy::Prerequisite).unwrap_err().to_string();
    assert!(message.contains("`lookahead` or `transferability`") && message.contains("slow-first"), "{message}");
    let message = ordered(&with_lookahead(1), OrderBy::Prerequisite).unwrap_err().to_string();
    assert!(message.contains("intervals") && message.contains("at least twice"), "{message}");
}

#[test]
fn commutators_order_groups() {
    let mut affinity = with_lookahead(4);
    let mut table = affinity.tables[&Metric::Lookahead].clone();
    // i before j is better the smaller i % 3 is.
    for (i, row) in table.values.iter_mut().enumerate() {
        for (j, entry) in row.iter_mut().enumerate() {
            *entry = Some((j % 3) as f64 - (i % 3) as f64);
        }
    }
    affinity.tables.insert(Metric::Commutator, table.clone());
    assert_eq!(kinds(&ordered(&affinity, OrderBy::Commutator).unwrap()), [0, 1, 2]);
    // In a circle of three two brackets are on the order's side, whichever it is, and one is against it.
    let mut circle = table.clone();
    for (i, row) in circle.values.iter_mut().enumerate() {
        for (j, entry) in row.iter_mut().enumerate() {
            *entry = Some([0.0, 1.0, -1.0][(3 + j % 3 - i % 3) % 3]);
        }
    }
    affinity.tables.insert(Metric::Commutator, circle);
    let grouping = ordered(&affinity, OrderBy::Commutator).unwrap();
    assert!(grouping.verdict.iter().any(|line| line.contains("it has 67 % of the Lie brackets")), "{:?}", grouping.verdict);
    table.values[2][1] = Some(5.0);
    affinity.tables.insert(Metric::Commutator, table);
    let message = ordered(&affinity, OrderBy::Commutator).unwrap_err().to_string();
    assert!(message.contains("\"set-c\" and \"set-b\" is 5 one way"), "{message}");
    let message = ordered(&with_lookahead(2), OrderBy::Commutator).unwrap_err().to_string();
    assert!(message.contains("metric `commutator`") && message.contains("lookahead"), "{message}");
}

#[test]
fn facts_that_are_missing_are_named() {
    let mut affinity = affinity();
    affinity.datasets[4].warmup_losses.pop();
    affinity.datasets[5].seconds_per_sample = 0.0;
    for (order, expected) in [(OrderBy::SlowFirst, "\"set-e\""), (OrderBy::Cost, "of every dataset")] {
        let message = ordered(&affinity, order).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    affinity.datasets[4].warmup_losses = vec![f64::NAN, 1.0];
    assert!(ordered(&affinity, OrderBy::SlowFirst).unwrap_err().to_string().contains("finite warm-up losses"));
    affinity.gram.pop();
    assert!(ordered(&affinity, OrderBy::NearGlobal).is_err());
}

#[test]
fn bad_input_is_an_error_that_says_what_to_do() {
    let fault = |change: &dyn Fn(&mut Affinity, &mut GroupingParams)| {
        let (mut affinity, mut params) = (affinity(), by(Method::Spectral));
        change(&mut affinity, &mut params);
        Grouping::new(&affinity, &params).unwrap_err().to_string()
    };
    let message = fault(&|_, p| p.count = GroupCount::Fixed(10));
    assert!(message.contains("10 groups were asked for but there are only 9 datasets; ask for 9 groups or fewer"), "{message}");
    assert!(fault(&|_, p| p.count = GroupCount::Fixed(0)).contains("0 groups"));
    assert!(fault(&|_, p| p.most_groups = 1).contains("most_groups is 1"));
    assert!(fault(&|a, _| a.datasets[3].name = "set-a".to_owned()).contains("datasets 0 and 3 are both called \"set-a\""));
    assert!(fault(&|a, _| a.datasets.iter_mut().for_each(|d| d.weight = 0.0)).contains("weights of all 9 datasets are 0"));
    assert!(fault(&|a, _| a.datasets[1].weight = f64::NAN).contains("the weight of \"set-b\" is NaN"));
    assert!(fault(&|a, _| a.datasets.clear()).contains("no datasets"));
    assert!(fault(&|a, _| drop(a.datasets.pop())).contains("expected"));
    assert!(fault(&|a, _| a.tables.clear()).contains("no table of metric `gradient-distance`"));
    let table = |a: &mut Affinity, value| {
        let table = a.tables.get_mut(&Metric::GradientDistance).unwrap();
        (table.values[0][1], table.values[1][0]) = (Some(value), Some(value));
    };
    assert!(fault(&|a, _| table(a, f64::INFINITY)).contains("between \"set-a\" and \"set-b\""));
}

#[test]
fn few_datasets_and_equal_datasets_have_a_result() {
    for count in 1..4 {
        let affinity = affinity_of(count, Metric::GradientDistance, 0.3, 0.3);
        for method in Method::ALL.iter().map(|(method, _)| *method).filter(|method| *method != Method::Given) {
            for groups in [GroupCount::Eigengap, GroupCount::Silhouette, GroupCount::Elbow, GroupCount::Fixed(count)] {
                let grouping = Grouping::new(&affinity, &GroupingParams { method, count: groups, ..GroupingParams::default() });
                let grouping = grouping.unwrap_or_else(|e| panic!("{count} {method} {groups}: {e}"));
                assert_eq!(grouping.partition().unwrap().len(), count);
            }
        }
    }
    let mut equal = affinity();
    let zeros = vec![vec![Some(0.0); DATASETS]; DATASETS];
    equal.tables.get_mut(&Metric::GradientDistance).unwrap().values = zeros;
    for method in Method::ALL.iter().map(|(method, _)| *method).filter(|method| *method != Method::Given) {
        let grouping = Grouping::new(&equal, &by(method)).unwrap();
        assert_eq!(grouping.partition().unwrap().len(), DATASETS);
    }
}

#[test]
fn zero_gradients_have_a_result() {
    let names = names(4);
    let mut samples = GradientSamples::new(names.iter().cloned()).unwrap();
    (0..12).for_each(|n| samples.push(n / 3, vec![0.0; 8]).unwrap());
    for metric in [Metric::GradientDistance, Metric::Cosine] {
        let (params, probe) = (EstimateParams::default(), ProbeFacts::default());
        let affinity = Affinity::estimate(&[samples.clone()], facts(&names), metric, &params, probe).unwrap();
        let grouping = Grouping::new(&affinity, &GroupingParams::default()).unwrap();
        assert_eq!((grouping.zeta_squared, grouping.within_share()), (0.0, None), "{metric}");
        assert_eq!(grouping.recommendation, Recommendation::MixAll, "{metric}: {:?}", grouping.verdict);
    }
}

#[test]
fn noise_is_recognised() {
    // No group directions beyond each dataset's own.
    let grouping = Grouping::new(&affinity_of(DATASETS, Metric::UnitDistance, 30.0, 1.0), &by(Method::Spectral)).unwrap();
    assert!(!grouping.structure.unwrap().found(), "{:?}", grouping.structure);
    assert_eq!(grouping.recommendation, Recommendation::MixAll);
    assert!(grouping.verdict.iter().any(|s| s.starts_with("No structure")), "{:?}", grouping.verdict);
    assert!(grouping.verdict.last().unwrap().starts_with("Recommendation: no groups."));
}

#[test]
fn affinity_and_grouping_recommend_the_same_order() {
    let last = |verdict: &[String]| verdict.last().cloned().unwrap_or_default();
    let dependent = with_lookahead(4);
    let grouping = ordered(&dependent, OrderBy::Prerequisite).unwrap();
    assert_eq!(grouping.recommendation, Recommendation::Compare);
    for verdict in [&dependent.verdict, &grouping.verdict] {
        assert!(last(verdict).contains("compare") && last(verdict).contains("prerequisite"), "{verdict:?}");
    }
    // An order of dependence is worth a try where the cosines are others at the next probe point, too.
    let mut changed = dependent.clone();
    changed.stability.points = Some(0.1);
    assert!(changed.changes_along_the_run());
    assert_eq!(ordered(&changed, OrderBy::Prerequisite).unwrap().recommendation, Recommendation::Compare);
    // What was measured more than once is read before what was not.
    let mut both = dependent.clone();
    let transfer = both.tables[&Metric::Lookahead].clone();
    both.tables.insert(Metric::Transferability, gst_affinity::Table { low: Vec::new(), high: Vec::new(), ..transfer });
    let grouping = ordered(&both, OrderBy::Prerequisite).unwrap();
    assert!(grouping.verdict.iter().any(|line| line.contains("`prerequisite` from `lookahead`")), "{:?}", grouping.verdict);
    // A transfer that shows no direction does not stand before a lookahead that shows some.
    let mut both = dependent.clone();
    both.tables.insert(Metric::Transferability, both.tables[&Metric::Lookahead].clone());
    let without = Dependence { metric: Metric::Transferability, directed: Vec::new(), ..both.dependence[0].clone() };
    both.dependence.insert(0, without);
    let grouping = ordered(&both, OrderBy::Prerequisite).unwrap();
    assert!(grouping.verdict.iter().any(|line| line.contains("`prerequisite` from `lookahead`")), "{:?}", grouping.verdict);
    // One repeat shows no direction: neither recommends an order.
    let once = with_lookahead(1);
    let grouping = ordered(&once, OrderBy::Size).unwrap();
    for verdict in [&once.verdict, &grouping.verdict] {
        assert!(!last(verdict).contains("prerequisite"), "{verdict:?}");
    }
}

#[test]
fn a_structure_test_that_could_not_find_any_is_refused() {
    let test = |null_samples| Grouping::new(&affinity(), &GroupingParams { null_samples, ..by(Method::Spectral) });
    for few in [1, 20, 48] {
        let message = test(few).unwrap_err().to_string();
        assert!(message.contains("null_samples") && message.contains(&few.to_string()) && message.contains("49"), "{message}");
    }
    assert!(test(49).unwrap().structure.unwrap().found());
    assert_eq!(test(0).unwrap().structure, None);
}

#[test]
fn undetermined_pairs_are_counted() {
    let mut affinity = affinity();
    affinity.tables.get_mut(&Metric::GradientDistance).unwrap().values[2][7] = None;
    let grouping = Grouping::new(&affinity, &by(Method::Spectral)).unwrap();
    assert!(grouping.verdict.iter().any(|s| s.starts_with("1 pair")), "{:?}", grouping.verdict);
}

#[test]
fn equal_input_gives_an_equal_file_and_the_file_reads_back() {
    let params = GroupingParams { count: GroupCount::Eigengap, ..GroupingParams::default() };
    let json =
        || Document::new(Grouping::new(&affinity(), &params).unwrap()).from_source("affinity", "sha256:00").to_json().unwrap();
    assert_eq!(json(), json());
    let read = Document::<Grouping>::from_json(&json(), "grouping.json").unwrap();
    assert_eq!(read.body, Grouping::new(&affinity(), &params).unwrap());
    assert_eq!(read.made_from["affinity"], "sha256:00");

    let twice = json().replacen("\"groups\":[[", "\"groups\":[[0,", 1);
    let message = Document::<Grouping>::from_json(&twice, "grouping.json").unwrap_err().to_string();
    assert!(message.contains("dataset 0 is in 2 groups"), "{message}");
}

#[test]
fn groups_do_not_depend_on_how_datasets_are_listed() {
    let affinity = affinity();
    let mut reversed = affinity.clone();
    reversed.datasets.reverse();
    reversed.gram.iter_mut().for_each(|row| row.reverse());
    reversed.gram.reverse();
    for table in reversed.tables.values_mut() {
        for rows in [&mut table.values, &mut table.low, &mut table.high] {
            rows.iter_mut().for_each(|row| row.reverse());
            rows.reverse();
        }
    }
    for order in [
        OrderBy::Size,
        OrderBy::SlowFirst,
        OrderBy::Cost,
        OrderBy::Heterogeneity,
        OrderBy::NearGlobal,
        OrderBy::Path,
        OrderBy::Random,
    ] {
        let sorted = |a: &Affinity| {
            let mut names = ordered(a, order).unwrap().group_names;
            names.iter_mut().for_each(|group| group.sort());
            names
        };
        assert_eq!(sorted(&affinity), sorted(&reversed), "{order}");
    }
    let by_chance = |a: &Affinity| {
        let mut names = Grouping::new(a, &by(Method::Random)).unwrap().group_names;
        names.iter_mut().for_each(|group| group.sort());
        names.sort();
        names
    };
    assert_eq!(by_chance(&affinity), by_chance(&reversed));
}

#[test]
fn only_what_rests_on_the_probe_is_charged_for_it() {
    let charged = |method, count, order| GroupingParams { method, count, order, ..GroupingParams::default() }.uses_probe();
    assert!(charged(Method::Spectral, GroupCount::Fixed(3), OrderBy::Size));
    assert!(charged(Method::Random, GroupCount::Eigengap, OrderBy::Size));
    assert!(charged(Method::ByDomain, GroupCount::Fixed(3), OrderBy::SlowFirst));
    assert!(!charged(Method::Random, GroupCount::Fixed(3), OrderBy::Size));
    assert!(!charged(Method::ByDomain, GroupCount::Eigengap, OrderBy::Random));
}

#[test]
fn replicates_are_grouped_as_the_estimate_was() {
    // Noise above the signal: many squared distances come out below 0, and clamping them would change which groups are best.
    let mut affinity = affinity_of(DATASETS, Metric::GradientDistance, 0.02, 6.0);
    assert!(affinity.tables[&Metric::GradientDistance].pairs().iter().any(|distance| *distance < 0.0));
    affinity.replicates = vec![affinity.tables[&Metric::GradientDistance].values.clone(); 3];
    for method in [Method::Spectral, Method::Agglomerative, Method::Exact, Method::Community] {
        assert_eq!(Grouping::new(&affinity, &by(method)).unwrap().stability, Some(1.0), "{method}");
    }
}

#[test]
fn groups_of_one_moment_are_not_recommended() {
    let advice = |points: Option<f64>, method: Method| {
        let mut affinity = affinity();
        affinity.stability.points = points;
        let names: Vec<String> = affinity.datasets.iter().map(|dataset| dataset.name.clone()).collect();
        let partition = if method == Method::Given { vec![names[..4].to_vec(), names[4..].to_vec()] } else { Vec::new() };
        Grouping::new(&affinity, &GroupingParams { partition, ..by(method) }).unwrap().recommendation
    };
    assert_eq!(advice(None, Method::Spectral), Recommendation::Compare);
    assert_eq!(advice(Some(0.9), Method::Spectral), Recommendation::Compare);
    assert_eq!(advice(Some(0.1), Method::Spectral), Recommendation::MixAll);
    // What somebody says himself is compared all the same.
    assert_eq!(advice(Some(0.1), Method::Given), Recommendation::Compare);
}
