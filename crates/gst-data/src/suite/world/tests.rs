//! What the knobs promise.

use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use tempfile::tempdir;

use super::super::clip::Clip;
use super::super::scene::Part;
use super::super::{MARKER_FILE, SuiteError, SuiteParams, generate, generate_world};
use super::board::{Place, board, truth};
use super::ladder::compose;
use super::{ANSWERS, WorldDataset, WorldParams, make};

const PLAIN: WorldParams = WorldParams { seed: 3, scale: 1.0, conflict: 0.0, dependence: 0.0, inequality: 1.0, difficulty: 0.0 };

/// Training clips of every dataset, made in memory.
fn clips(params: &WorldParams) -> Vec<(Place, Vec<Clip>)> {
    let made = |place: Place| {
        let half = (0..place.sizes[0]).into_par_iter().map(|index| make(&place, Part::Train, index, params.seed)).collect();
        (place, half)
    };
    board(params).into_iter().map(made).collect()
}

fn facts(params: &WorldParams) -> Vec<WorldDataset> {
    truth(&board(params))
}

/// Share of a world's clips that are answered rightly by whoever hears the sounds and reads the question, not the background.
fn without_style(params: &WorldParams) -> f64 {
    let mut seen: BTreeMap<(String, String), BTreeMap<&str, usize>> = BTreeMap::new();
    let mut total = 0;
    for (place, half) in clips(params) {
        for Clip { row, .. } in half {
            // All that the sounds can tell: their value.
            *seen.entry((place.skill(), row.facts["value"].to_string())).or_default().entry(row.answer).or_default() += 1;
            total += 1;
        }
    }
    seen.values().filter_map(|answers| answers.values().max()).sum::<usize>() as f64 / total as f64
}

#[test]
fn conflict_takes_away_what_sound_and_question_tell() {
    for (conflict, dependence, expected) in [(0.0, 0.0, 1.0), (0.5, 0.0, 0.75), (1.0, 0.0, 0.5), (0.0, 1.0, 1.0), (1.0, 1.0, 0.5)]
    {
        let found = without_style(&WorldParams { conflict, dependence, ..PLAIN });
        assert!((found - expected).abs() < 0.02, "conflict {conflict}, dependence {dependence}: {found}");
    }
}

#[test]
fn rivals_share_everything_but_convention_and_background() {
    let all = facts(&WorldParams { conflict: 1.0, dependence: 0.5, ..PLAIN });
    for set in &all {
        let [rival] = set.rivals.as_slice() else { panic!("{}: {:?}", set.name, set.rivals) };
        let rival = all.iter().find(|other| other.name == *rival).unwrap();
        assert_eq!((&rival.skill, rival.rung), (&set.skill, set.rung));
        assert!(rival.turn != set.turn && rival.style != set.style, "{} and {}", set.name, rival.name);
    }
    assert!(facts(&PLAIN).iter().all(|set| set.rivals.is_empty() && set.turn == 0));
}

#[test]
fn dependence_builds_ladders() {
    for (dependence, composed, needs) in [(0.0, 0, 0), (0.25, 2, 2), (0.5, 4, 4), (1.0, 8, 12)] {
        let all = facts(&WorldParams { dependence, ..PLAIN });
        assert_eq!(all.iter().filter(|set| set.rung > 1).count(), composed, "{dependence}");
        assert_eq!(all.iter().map(|set| set.needs.len()).sum::<usize>(), needs, "{dependence}");
        for set in &all {
            for needed in &set.needs {
                let needed = all.iter().find(|other| other.name == *needed).unwrap();
                assert!(needed.rung < set.rung && !needed.needs.contains(&set.name), "{} needs {}", set.name, needed.name);
            }
        }
    }
}

#[test]
fn an_answer_is_composed_of_its_first_and_last_sound() {
    // Without one of the two the others say nothing: every answer is as frequent after any of them.
    for (place, half) in clips(&WorldParams { dependence: 1.0, scale: 8.0, ..PLAIN }) {
        let rows = half.iter().filter_map(|clip| Some((clip.row.facts.get("sounds")?.as_str()?, clip.row.answer)));
        let rows: Vec<(Vec<&str>, &str)> = rows.map(|(sounds, answer)| (sounds.split(' ').collect(), answer)).collect();
        let sounds = rows[0].0.len();
        for left_out in BTreeSet::from([0, sounds - 1]) {
            let mut seen: BTreeMap<Vec<&str>, BTreeMap<&str, usize>> = BTreeMap::new();
            for (heard, answer) in &rows {
                let mut heard = heard.clone();
                heard.remove(left_out);
                *seen.entry(heard).or_default().entry(answer).or_default() += 1;
            }
            let right: usize = seen.values().filter_map(|answers| answers.values().max()).sum();
            let share = right as f64 / rows.len() as f64;
            // The most frequent of four with some 80 clips behind each combination is about a third.
            assert!(share < 0.37, "{} without sound {left_out}: {share}", place.name);
        }
    }
    for (letters, value) in [(&[2][..], 2), (&[1, 3], 2), (&[3, 3], 0), (&[0, 3, 1], 1), (&[1, 0, 2], 3)] {
        assert_eq!(compose(letters), value, "{letters:?}");
    }
}

#[test]
fn answers_questions_and_backgrounds_are_balanced() {
    for params in [PLAIN, WorldParams { conflict: 1.0, dependence: 1.0, ..PLAIN }] {
        let mut questions = BTreeMap::new();
        for (place, half) in clips(&params) {
            let mut answers = BTreeMap::new();
            half.iter().for_each(|clip| *answers.entry(clip.row.answer).or_insert(0_usize) += 1);
            assert_eq!(answers.len(), ANSWERS, "{}", place.name);
            assert!(answers.values().max().unwrap() - answers.values().min().unwrap() <= 1, "{}: {answers:?}", place.name);
            let asked: BTreeSet<_> = half.iter().map(|clip| clip.row.question).collect();
            assert_eq!(asked.len(), 2, "{}", place.name);
            // Neither the wording nor the background of one dataset tells its answer.
            for form in &asked {
                let mut under: BTreeMap<&str, usize> = BTreeMap::new();
                half.iter()
                    .filter(|clip| clip.row.question == *form)
                    .for_each(|clip| *under.entry(clip.row.answer).or_default() += 1);
                let share = *under.values().max().unwrap() as f64 / under.values().sum::<usize>() as f64;
                assert!(share < 0.42, "{} {form}: {under:?}", place.name);
            }
            assert_eq!(half.iter().map(|clip| clip.row.facts["style"].as_str()).collect::<HashSet<_>>().len(), 1);
            questions.entry(asked).or_insert_with(BTreeSet::new).insert(place.skill());
        }
        assert!(questions.values().all(|skills| skills.len() == 1), "a question tells its skill");
    }
}

#[test]
fn sizes_spread_and_keep_their_sum() {
    let sizes = |inequality: f64| board(&WorldParams { inequality, ..PLAIN }).iter().map(|place| place.sizes).collect::<Vec<_>>();
    for inequality in [1.0, 10.0, 30.0] {
        let all = sizes(inequality);
        let train: Vec<usize> = all.iter().map(|sizes| sizes[0]).collect();
        let (least, most) = (*train.iter().min().unwrap() as f64, *train.iter().max().unwrap() as f64);
        assert!((most / least / inequality - 1.0).abs() < 0.06, "{inequality}: {train:?}");
        assert!(train.iter().sum::<usize>().abs_diff(12 * 160) <= 6, "{inequality}: {train:?}");
        assert!(all.iter().all(|sizes| sizes[1] == 48));
    }
}

#[test]
fn difficulty_spreads_the_noise_around_its_middle() {
    let spread =
        |difficulty: f64| board(&WorldParams { difficulty, ..PLAIN }).iter().map(|place| place.snr_db).collect::<Vec<_>>();
    assert!(spread(0.0).iter().all(|&snr| snr == 24.0));
    let mut wide = spread(1.0);
    wide.sort_by(f64::total_cmp);
    assert_eq!((wide[0], wide[11]), (6.0, 42.0));
    assert!((wide.iter().sum::<f64>() / 12.0 - 24.0).abs() < 1e-9);
}

#[test]
fn a_knob_that_is_not_turned_moves_nothing() {
    // The clips of a dataset that two worlds have in common are the same in both.
    let (plain, ladders) = (clips(&PLAIN), clips(&WorldParams { dependence: 0.5, ..PLAIN }));
    let mut common = 0;
    for (place, half) in &plain {
        if let Some((_, other)) = ladders.iter().find(|(other, _)| other.name == place.name) {
            common += 1;
            assert!(half.iter().zip(other).all(|(a, b)| a.samples == b.samples), "{}", place.name);
        }
    }
    assert_eq!(common, 8);
}

#[test]
fn clips_are_short_audible_and_all_different() {
    let mut seen = HashSet::new();
    for (place, half) in clips(&WorldParams { dependence: 0.5, conflict: 0.5, difficulty: 1.0, ..PLAIN }) {
        for Clip { row, samples } in half {
            assert!((6_400..=10_000).contains(&samples.len()), "{}: {} samples", row.id, samples.len());
            let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            assert!((9_000..28_000).contains(&peak), "{}: peak {peak}", row.id);
            assert!(seen.insert(samples), "{}: the same clip twice in {}", row.id, place.name);
        }
    }
}

#[test]
fn a_world_is_written_reused_and_replaced() {
    let folder = tempdir().unwrap();
    let small = WorldParams { scale: 0.05, conflict: 0.5, dependence: 0.5, ..PLAIN };
    let make = |params: &WorldParams| generate_world(folder.path(), params, |_, _| {}).unwrap();
    let first = make(&small);
    assert_eq!((first.datasets.len(), first.reused), (12, false));
    assert_eq!(first.world.as_ref().map(|world| world.knobs), Some(small));
    let marker = std::fs::read_to_string(folder.path().join(MARKER_FILE)).unwrap();
    assert!(marker.contains("\"rivals\"") && marker.contains("\"conflict\": 0.5"));
    assert!(make(&small).reused);
    let other = make(&WorldParams { conflict: 1.0, ..small });
    assert!(!other.reused && other.fingerprint != first.fingerprint);
    assert_eq!(make(&small).fingerprint, first.fingerprint, "equal knobs, equal files");
    let suite = generate(folder.path(), &SuiteParams { seed: 3, scale: 0.01 }, |_, _| {}).unwrap();
    assert_eq!((suite.datasets.len(), suite.world), (14, None));
    assert!(!folder.path().join("tone").exists(), "the world is cleared away");
}

#[test]
fn knobs_out_of_range_are_named() {
    for (knob, params) in [
        ("conflict", WorldParams { conflict: 1.5, ..PLAIN }),
        ("dependence", WorldParams { dependence: f64::NAN, ..PLAIN }),
        ("inequality", WorldParams { inequality: 0.5, ..PLAIN }),
        ("difficulty", WorldParams { difficulty: -0.1, ..PLAIN }),
    ] {
        let folder = tempdir().unwrap();
        let error = generate_world(&folder.path().join("new"), &params, |_, _| {}).unwrap_err();
        assert!(matches!(error, SuiteError::Knob { .. }) && error.to_string().starts_with(knob), "{error}");
        assert!(!folder.path().join("new").exists());
    }
}

/// What the recipe gives is pinned: whoever changes a clip or a line raises `WORLD_VERSION`, then this hash.
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
#[test]
fn the_recipe_is_the_one_of_this_version() {
    let folder = tempdir().unwrap();
    let params = WorldParams { seed: 11, scale: 0.05, conflict: 0.5, dependence: 0.5, inequality: 4.0, difficulty: 0.5 };
    let report = generate_world(folder.path(), &params, |_, _| {}).unwrap();
    assert_eq!(
        (super::WORLD_VERSION, report.fingerprint.as_str()),
        (2, "sha256:81b3c182b67d864f3c727c4d5a2cb2981297fc827fb6689b610269e81252217d")
    );
}
