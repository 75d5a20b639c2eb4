//! Which rhythm fills the bar? Five patterns at several tempi; the middle tempi are new in the test.

use crate::suite::scene::{Part, Scene};
use crate::suite::sound::mixing::{add_at, from_db};
use crate::suite::sound::percussion::Hit::{Clap, Click, Knock, Ting};
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "rhythm_pattern",
    domain: "music",
    skill: "rhythmic pattern whatever the tempo",
    questions: &["Which rhythm is played?", "Name the rhythmic pattern.", "What is the pattern of the beats?"],
    choices: &["straight", "swing", "triplets", "gallop", "three three two"],
    rate: 16_000,
    stereo: false,
    train: 200,
    test: 50,
    held_out: &["beats_a_minute", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

/// Onsets of the choices over a bar of four beats, in beats.
const PATTERNS: [&[f64]; 5] = [
    &[0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5],
    &[0.0, 0.667, 1.0, 1.667, 2.0, 2.667, 3.0, 3.667],
    &[0.0, 0.333, 0.667, 1.0, 1.333, 1.667, 2.0, 2.333, 2.667, 3.0, 3.333, 3.667],
    &[0.0, 0.5, 0.75, 1.0, 1.5, 1.75, 2.0, 2.5, 2.75, 3.0, 3.5, 3.75],
    &[0.0, 0.75, 1.5, 2.0, 2.75, 3.5],
];

fn compose(scene: &mut Scene) -> Sound {
    let hit = scene.dice.pick([Knock, Clap, Click, Ting]);
    scene.note("beat", hit.name());
    let beats_a_minute = match scene.part {
        Part::Train if scene.dice.chance(0.5) => scene.dice.between(172.0, 184.0),
        Part::Train => scene.dice.between(198.0, 212.0),
        Part::Test => scene.dice.between(186.0, 196.0),
    };
    scene.note_number("beats_a_minute", beats_a_minute);
    let period = 60.0 / beats_a_minute;
    let lead = scene.dice.between(0.01, 0.06);
    let sound = hit.sound(scene.rate, &mut scene.dice);
    let mut samples = vec![0.0; scene.samples(lead + 4.0 * period)];
    for onset in PATTERNS[scene.class] {
        let softer = if onset.fract() == 0.0 { 0.0 } else { scene.dice.between(-7.0, -2.0) };
        let wobble = scene.dice.between(-0.005, 0.005);
        let start = scene.samples((lead + onset * period + wobble).max(0.0));
        add_at(&mut samples, &sound, start, from_db(softer));
    }
    Sound::Mono(samples)
}
