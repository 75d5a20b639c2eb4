//! Who speaks.

use super::super::dice::Dice;

/// The constant properties of one person's voice.
#[derive(Debug, Clone)]
pub(in crate::suite) struct Speaker {
    /// Middle of the pitch range in Hz.
    pub(in crate::suite) pitch: f64,
    /// Factor on every formant: 1 for a long (male) vocal tract, about 1.25 for a short one.
    pub(in crate::suite) tract: f64,
    /// Small personal factors on the first four formants.
    pub(in crate::suite) habit: [f64; 4],
    /// Noise in the voice, as a share of the source.
    pub(in crate::suite) breath: f64,
    /// Share of each period in which the vocal folds are open; a larger share sounds softer.
    pub(in crate::suite) open: f64,
    /// Speaking rate: factor on durations.
    pub(in crate::suite) pace: f64,
}

/// Number of people that the voice task tells apart.
pub(in crate::suite) const VOICES: usize = 6;

impl Speaker {
    /// The speaker with this number in the suite with this seed.
    pub(in crate::suite) fn drawn(seed: u64, index: usize) -> Self {
        let mut dice = Dice::keyed(seed, &format!("speaker/{index}"));
        let register = dice.unit();
        Self {
            pitch: 100.0 * 2.4_f64.powf(register),
            tract: 0.94 + 0.24 * register + dice.between(-0.05, 0.07),
            habit: [(); 4].map(|()| dice.between(0.95, 1.05)),
            breath: dice.ratio_between(0.01, 0.12),
            open: dice.between(0.5, 0.75),
            pace: dice.between(0.85, 1.2),
        }
    }

    /// One of the six people of the voice task. Pitch, tract length and breath are spread evenly over the six in an order that
    /// the seed shuffles, so that every seed gives people who differ, by a different mix of traits.
    pub(in crate::suite) fn voice(seed: u64, index: usize) -> Self {
        let mut dice = Dice::keyed(seed, "voices");
        let mut stratum = |low: f64, high: f64| {
            let place = dice.permutation(VOICES)[index % VOICES] as f64 + 0.5;
            low * (high / low).powf(place / VOICES as f64)
        };
        let (pitch, tract, breath) = (stratum(105.0, 235.0), stratum(0.92, 1.28), stratum(0.01, 0.2));
        let (first, second, open) = (stratum(0.94, 1.06), stratum(0.94, 1.06), stratum(0.5, 0.75));
        Self { pitch, tract, habit: [first, second, 1.0, 2.0 - second], breath, open, pace: 1.0 }
    }
}
