//! Which note, whatever the octave? Instruments of the test are not in training.

use crate::suite::scene::{PITCH_CLASSES, Scene, midi_hz};
use crate::suite::sound::instrument::Instrument::{Clarinet, ElectricPiano, Flute, Organ, PluckedString, Trumpet};
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "pitch_class",
    domain: "music",
    skill: "pitch class of a note across octaves and instruments",
    questions: &[
        "Which note is played, without its octave?",
        "Name the pitch class.",
        "What is the name of this note?",
        "Which of the twelve notes do you hear?",
    ],
    choices: &PITCH_CLASSES,
    rate: 16_000,
    stereo: false,
    train: 360,
    test: 96,
    held_out: &["instrument", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

fn compose(scene: &mut Scene) -> Sound {
    let instrument = scene.held([Organ, PluckedString, Flute, Trumpet], [Clarinet, ElectricPiano]);
    scene.note("instrument", instrument.name());
    // C4 (262 Hz) to B6 (1976 Hz): from C5 on a semitone is wider than a band of log-mel features, below it the harmonics are.
    let octave = 4 + scene.dice.below(3);
    scene.note("octave", octave);
    let note = (12 * (octave + 1) + scene.class) as f64 + scene.dice.between(-0.15, 0.15);
    let seconds = scene.dice.between(0.4, 0.55);
    let count = scene.samples(seconds);
    Sound::Mono(instrument.play(midi_hz(note), count, scene.rate, &mut scene.dice))
}
