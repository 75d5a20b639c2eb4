//! Two sounds in a row: which comes first, which comes last? The only task whose question decides what is right.

use crate::suite::dice::Dice;
use crate::suite::scene::Scene;
use crate::suite::sound::envelope::decaying;
use crate::suite::sound::filter::Resonator;
use crate::suite::sound::impact::{Mode, blow, ring};
use crate::suite::sound::mixing::{add_at, from_db, to_unit_peak};
use crate::suite::sound::oscillator::{Phasor, sine};
use crate::suite::sound::percussion::Hit;
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "event_order",
    domain: "environment",
    skill: "order of two events, asked from either end",
    questions: &[
        "Which sound comes first?",
        "Which sound comes last?",
        "Two sounds follow each other. What is the first one?",
        "Two sounds follow each other. What is the second one?",
    ],
    choices: &["bell", "knock", "hiss", "whistle"],
    rate: 16_000,
    stereo: false,
    train: 200,
    test: 60,
    held_out: &["gap_seconds", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

fn compose(scene: &mut Scene) -> Sound {
    let asked = scene.class;
    let other = (asked + 1 + scene.dice.below(3)) % 4;
    // The questions with an even index ask for the first sound.
    let (first, second) = if scene.question.is_multiple_of(2) { (asked, other) } else { (other, asked) };
    scene.note("asked", if scene.question.is_multiple_of(2) { "first" } else { "last" });
    scene.note("first", TASK.choices[first]);
    scene.note("second", TASK.choices[second]);
    let gap = scene.held_between((0.02, 0.14), (0.16, 0.24));
    scene.note_number("gap_seconds", gap);
    let lead = scene.dice.between(0.01, 0.06);
    let sounds = [first, second].map(|kind| event(kind, scene.rate, &mut scene.dice));
    let begin = scene.samples(lead);
    let next = begin + sounds[0].len() + scene.samples(gap);
    let mut samples = vec![0.0; next + sounds[1].len()];
    for (sound, start) in sounds.iter().zip([begin, next]) {
        let level = from_db(scene.dice.between(-6.0, 0.0));
        add_at(&mut samples, sound, start, level);
    }
    Sound::Mono(samples)
}

/// One of the four sounds, 0.15 to 0.35 s long, peak 1.
fn event(kind: usize, rate: f64, dice: &mut Dice) -> Vec<f64> {
    let seconds = dice.between(0.2, 0.35);
    let count = (seconds * rate) as usize;
    let mut samples = match kind {
        0 => {
            let hz = dice.ratio_between(600.0, 1400.0);
            let modes = [(1.0, 1.0), (2.0, 0.6), (2.4, 0.5), (3.0, 0.4), (4.2, 0.3)].map(|(ratio, gain)| Mode {
                hz: hz * ratio,
                t60: 0.6,
                gain,
            });
            ring(&modes, &blow(0.0005, 0.2, rate, dice), count, rate)
        }
        1 => Hit::Knock.sound(rate, dice),
        2 => {
            let mut band = Resonator::default();
            band.tune_band(dice.ratio_between(2500.0, 5500.0), 2500.0, rate);
            (0..count).map(|_| band.step(dice.white())).collect()
        }
        _ => {
            let (from, to) = (dice.ratio_between(900.0, 2200.0), dice.between(0.6, 1.7));
            let mut phase = Phasor::starting_at(0.0);
            (0..count).map(|index| sine(phase.advance(from * to.powf(index as f64 / count as f64), rate))).collect()
        }
    };
    let length = samples.len();
    for (index, sample) in samples.iter_mut().enumerate() {
        let left = (length - index) as f64 / rate;
        *sample *= (index as f64 / (0.004 * rate)).min(1.0) * (1.0 - decaying(left, 0.12));
    }
    to_unit_peak(&mut samples);
    samples
}
