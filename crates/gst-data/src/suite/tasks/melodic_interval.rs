//! How far apart are two notes, one after the other? The first note's name is not in training.

use crate::suite::scene::{PITCH_CLASSES, Part, Scene, midi_hz};
use crate::suite::sound::instrument::Instrument::{Clarinet, ElectricPiano, Organ, Trumpet};
use crate::suite::sound::mixing::add_at;
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "melodic_interval",
    domain: "music",
    skill: "size of the step between two notes",
    questions: &["Which interval do the two notes form?", "How far is the second note from the first?", "Name the interval."],
    choices: &["unison", "second", "third", "fifth", "octave"],
    rate: 16_000,
    stereo: false,
    train: 280,
    test: 60,
    held_out: &["first_note", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

/// Semitones of the choices.
const SEMITONES: [usize; 5] = [0, 2, 4, 7, 12];

fn compose(scene: &mut Scene) -> Sound {
    let instrument = scene.dice.pick([Organ, Clarinet, ElectricPiano, Trumpet]);
    scene.note("instrument", instrument.name());
    let first = first_note(scene);
    scene.note("first_note", PITCH_CLASSES[first % 12]);
    let up = scene.dice.chance(0.5);
    scene.note("direction", if up { "up" } else { "down" });
    let (low, step) = (first as f64, SEMITONES[scene.class] as f64);
    let second = if up { low + step } else { low - step };
    let detune = scene.dice.between(-0.1, 0.1);
    let lengths = [(); 2].map(|()| scene.dice.between(0.28, 0.36));
    let mut samples = vec![0.0; scene.samples(lengths[0] + lengths[1])];
    for (note, (start, length)) in [first as f64, second].into_iter().zip([(0.0, lengths[0]), (lengths[0], lengths[1])]) {
        let played = instrument.play(midi_hz(note + detune), scene.samples(length), scene.rate, &mut scene.dice);
        add_at(&mut samples, &played, scene.samples(start), 1.0);
    }
    Sound::Mono(samples)
}

/// A MIDI number from C5 to B5 whose name belongs to this half: every fourth one (D, F#, A#) to the test.
fn first_note(scene: &mut Scene) -> usize {
    match scene.part {
        Part::Train => scene.dice.pick([72, 73, 75, 76, 77, 79, 80, 81, 83]),
        Part::Test => scene.dice.pick([74, 78, 82]),
    }
}
