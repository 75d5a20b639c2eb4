//! Major, minor, diminished or augmented? Instruments of the test are not in training.

use crate::suite::scene::{PITCH_CLASSES, Scene, midi_hz};
use crate::suite::sound::instrument::Instrument::{BowedString, Clarinet, ElectricPiano, Organ, Trumpet};
use crate::suite::sound::mixing::add_at;
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "chord_quality",
    domain: "music",
    skill: "quality of a triad across roots and instruments",
    questions: &[
        "What kind of chord is this?",
        "Is the chord major, minor, diminished or augmented?",
        "Name the quality of the chord.",
    ],
    choices: &["major", "minor", "diminished", "augmented"],
    rate: 16_000,
    stereo: false,
    train: 280,
    test: 64,
    held_out: &["instrument", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

/// Semitones above the root of the third and the fifth, in the order of the choices.
const TRIADS: [[usize; 2]; 4] = [[4, 7], [3, 7], [3, 6], [4, 8]];

fn compose(scene: &mut Scene) -> Sound {
    let instrument = scene.held([Organ, ElectricPiano, BowedString], [Trumpet, Clarinet]);
    scene.note("instrument", instrument.name());
    let root = 67 + scene.dice.below(18);
    scene.note("root", PITCH_CLASSES[root % 12]);
    let [third, fifth] = TRIADS[scene.class];
    let seconds = scene.dice.between(0.5, 0.6);
    let detune = scene.dice.between(-0.1, 0.1);
    let strum = scene.dice.between(0.0, 0.03);
    let mut samples = vec![0.0; scene.samples(seconds)];
    for (order, note) in [root, root + third, root + fifth].into_iter().enumerate() {
        let start = scene.samples(order as f64 * strum);
        let count = samples.len() - start;
        let played = instrument.play(midi_hz(note as f64 + detune), count, scene.rate, &mut scene.dice);
        let gain = scene.dice.between(0.7, 1.0);
        add_at(&mut samples, &played, start, gain);
    }
    Sound::Mono(samples)
}
