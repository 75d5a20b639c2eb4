//! How fast is the beat? Four classes of tempo; what beats is new in the test.

use crate::suite::scene::Scene;
use crate::suite::sound::mixing::{add_at, from_db};
use crate::suite::sound::percussion::Hit::{Beep, Clap, Drop, Hat, Kick, Knock, Ting};
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "tempo",
    domain: "music",
    skill: "tempo of a beat",
    questions: &["How fast is the beat?", "What is the tempo of this rhythm?", "Is this slow, medium, fast or very fast?"],
    choices: &["slow", "medium", "fast", "very fast"],
    rate: 16_000,
    stereo: false,
    train: 160,
    test: 40,
    held_out: &["beat", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

/// Beats a minute of the choices, from and to.
const TEMPI: [(f64, f64); 4] = [(62.0, 76.0), (98.0, 118.0), (150.0, 178.0), (222.0, 260.0)];

fn compose(scene: &mut Scene) -> Sound {
    let hit = scene.held([Knock, Kick, Beep, Ting, Hat], [Clap, Drop]);
    scene.note("beat", hit.name());
    let (low, high) = TEMPI[scene.class];
    let beats_a_minute = scene.dice.ratio_between(low, high);
    scene.note_number("beats_a_minute", beats_a_minute);
    let period = 60.0 / beats_a_minute;
    let seconds = scene.dice.between(2.0, 2.1);
    let accent = 2 + scene.dice.below(3);
    let sound = hit.sound(scene.rate, &mut scene.dice);
    let mut samples = vec![0.0; scene.samples(seconds)];
    let mut time = scene.dice.between(0.02, 0.2);
    let mut beat = scene.dice.below(accent);
    while time < seconds {
        let softer = if beat.is_multiple_of(accent) { 0.0 } else { scene.dice.between(-8.0, -3.0) };
        let wobble = scene.dice.between(-0.008, 0.008);
        let start = scene.samples((time + wobble).max(0.0));
        add_at(&mut samples, &sound, start, from_db(softer));
        time += period;
        beat += 1;
    }
    Sound::Mono(samples)
}
