//! What is it made of? Struck bodies, in stereo; middle-sized ones are kept for the test.

use crate::suite::dice::Dice;
use crate::suite::scene::Scene;
use crate::suite::sound::impact::{Mode, blow, ring};
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "impact_material",
    domain: "environment",
    skill: "material of a struck object",
    questions: &["What material is struck?", "What is the object made of?", "Which material makes this sound?"],
    choices: &["wood", "metal", "glass", "stone", "plastic"],
    rate: 22_050,
    stereo: true,
    train: 140,
    test: 50,
    held_out: &["size", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

/// How a material rings.
struct Material {
    /// Range of the lowest mode of a middle-sized object, in Hz.
    lowest: (f64, f64),
    /// Frequencies of the modes over the lowest.
    ratios: &'static [f64],
    /// Range of the lowest mode's decay, in seconds to -60 dB.
    t60: (f64, f64),
    /// How much faster a mode an octave higher decays (exponent).
    damping: f64,
}

/// In the order of the choices. The ranges of neighbours overlap: no single cue is enough.
const MATERIALS: [Material; 5] = [
    Material { lowest: (320.0, 800.0), ratios: &[1.0, 2.6, 4.1, 5.6, 8.2], t60: (0.09, 0.22), damping: 1.0 },
    Material { lowest: (450.0, 1300.0), ratios: &[1.0, 1.58, 2.24, 2.92, 3.46, 4.1, 5.3, 6.6], t60: (0.6, 1.8), damping: 0.15 },
    Material { lowest: (1100.0, 2400.0), ratios: &[1.0, 2.32, 3.1, 4.25], t60: (0.2, 0.7), damping: 0.5 },
    Material { lowest: (900.0, 2100.0), ratios: &[1.0, 1.37, 1.8, 2.1, 2.9, 3.6], t60: (0.025, 0.07), damping: 0.6 },
    Material { lowest: (200.0, 600.0), ratios: &[1.0, 1.5, 2.1, 2.8, 3.3], t60: (0.04, 0.1), damping: 1.6 },
];

fn compose(scene: &mut Scene) -> Sound {
    let (size, scale) = scene.held([("small", 1.35), ("large", 0.72)], [("middle-sized", 1.0); 1]);
    scene.note("size", size);
    let (mallet, contact) = scene.dice.pick([("hard", 0.0003), ("soft", 0.0011)]);
    scene.note("mallet", mallet);
    let material = &MATERIALS[scene.class];
    let (rate, dice) = (scene.rate, &mut scene.dice);
    let seconds = dice.between(0.4, 0.5);
    let count = (seconds * rate) as usize;
    let modes = body(material, scale, dice);
    let hit = blow(contact * dice.between(0.8, 1.25), 0.4, rate, dice);
    // Each ear hears the modes in slightly other proportions, the farther one more softly.
    let pan = dice.between(0.25, 0.75);
    let mut ear = |gain: f64| {
        let heard: Vec<Mode> =
            modes.iter().map(|mode| Mode { gain: mode.gain * gain * dice.between(0.8, 1.2), ..*mode }).collect();
        ring(&heard, &hit, count, rate)
    };
    Sound::Stereo(ear(1.0 - pan), ear(pan))
}

/// The modes of one object; its size scales all of them.
fn body(material: &Material, scale: f64, dice: &mut Dice) -> Vec<Mode> {
    let lowest = scale * dice.ratio_between(material.lowest.0, material.lowest.1);
    let t60 = dice.ratio_between(material.t60.0, material.t60.1);
    material
        .ratios
        .iter()
        .map(|&ratio| Mode {
            hz: lowest * ratio * dice.between(0.96, 1.04),
            t60: t60 * ratio.powf(-material.damping) * dice.between(0.8, 1.2),
            gain: dice.between(0.3, 1.0) / ratio.sqrt(),
        })
        .collect()
}
