//! Which colour of noise? The smallest set; louder and longer in training than in the test, through other microphones.

use crate::suite::scene::Scene;
use crate::suite::sound::filter::{high_pass, low_pass};
use crate::suite::sound::noise::coloured;
use crate::suite::sound::oscillator::sine;
use crate::suite::task::{Sound, Task};

pub(super) const TASK: Task = Task {
    name: "noise_colour",
    domain: "environment",
    skill: "spectral slope of a noise",
    questions: &["What colour is this noise?", "Name the colour of the noise.", "Which kind of noise is it?"],
    choices: &["white", "pink", "brown", "blue", "violet"],
    rate: 44_100,
    stereo: false,
    train: 120,
    test: 50,
    held_out: &["level_db", "seconds"],
    noisy: false,
    levels: [(-10.0, -2.0), (-18.0, -11.0)],
    compose,
};

/// Decibels an octave of the choices.
const SLOPES: [f64; 5] = [0.0, -3.0, -6.0, 3.0, 6.0];

fn compose(scene: &mut Scene) -> Sound {
    let seconds = scene.held_between((0.46, 0.54), (0.4, 0.44));
    scene.note_number("seconds", seconds);
    let count = scene.samples(seconds);
    let slope = SLOPES[scene.class] + scene.dice.between(-0.9, 0.9);
    scene.note_number("slope_db_an_octave", slope);
    let mut samples = coloured(&mut scene.dice, count, slope, scene.rate);
    // The microphone: it cuts off one end a little.
    if scene.dice.chance(0.5) {
        low_pass(&mut samples, scene.dice.ratio_between(5000.0, 12_000.0), scene.rate);
    } else {
        high_pass(&mut samples, scene.dice.ratio_between(60.0, 250.0), scene.rate);
    }
    // The wind: slow swells.
    let (depth, hz, start) = (scene.dice.between(0.0, 0.5), scene.dice.between(1.0, 5.0), scene.dice.unit());
    for (index, sample) in samples.iter_mut().enumerate() {
        *sample *= 1.0 - depth * (0.5 + 0.5 * sine(start + hz * index as f64 / scene.rate));
    }
    Sound::Mono(samples)
}
