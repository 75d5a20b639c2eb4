//! What plays? Eight instruments; three of the twelve notes are kept for the test.

use crate::suite::scene::{PITCH_CLASSES, Part, Scene, midi_hz};
use crate::suite::sound::instrument::Instrument;
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "instrument",
    domain: "music",
    skill: "timbre of an instrument across pitches",
    questions: &["Which instrument is playing?", "Name the instrument.", "What makes this sound?"],
    choices: &["organ", "plucked string", "bell", "electric piano", "bowed string", "flute", "clarinet", "trumpet"],
    rate: 22_050,
    stereo: false,
    train: 200,
    test: 64,
    held_out: &["note", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

/// In the order of the choices.
const PLAYERS: [Instrument; 8] = [
    Instrument::Organ,
    Instrument::PluckedString,
    Instrument::Bell,
    Instrument::ElectricPiano,
    Instrument::BowedString,
    Instrument::Flute,
    Instrument::Clarinet,
    Instrument::Trumpet,
];

fn compose(scene: &mut Scene) -> Sound {
    let octave = 3 + scene.dice.below(3);
    scene.note("octave", octave);
    let name: usize = match scene.part {
        Part::Train => scene.dice.pick([0, 2, 3, 4, 6, 7, 8, 10, 11]),
        Part::Test => scene.dice.pick([1, 5, 9]),
    };
    scene.note("note", PITCH_CLASSES[name]);
    let note = 12 * (octave + 1) + name;
    let seconds = scene.dice.between(0.4, 0.6);
    let count = scene.samples(seconds);
    Sound::Mono(PLAYERS[scene.class].play(midi_hz(note as f64), count, scene.rate, &mut scene.dice))
}
