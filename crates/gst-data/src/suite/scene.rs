//! The brief of one clip, and what its composer found out about it.

use serde_json::{Number, Value};
use std::collections::BTreeMap;

use super::dice::Dice;
use super::sound::speaker::Speaker;

/// The two halves of a dataset. Validation records are held out of [`Part::Train`] by the reader, not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    Test,
}

impl Part {
    pub(super) const BOTH: [Self; 2] = [Self::Train, Self::Test];

    /// The word in file names and ids.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// Extra fields of a record: the nuisance factors of the clip.
pub(super) type Facts = BTreeMap<&'static str, Value>;

/// What a composer is given: which half, which answer, which question form, and the clip's own random numbers.
pub(super) struct Scene {
    /// Seed of the suite; speakers and voices hang on it.
    pub(super) seed: u64,
    pub(super) part: Part,
    /// Index of the answer in the task's choices.
    pub(super) class: usize,
    /// Index of the question form; matters only where forms ask for different things.
    pub(super) question: usize,
    /// Sample rate in Hz.
    pub(super) rate: f64,
    pub(super) dice: Dice,
    pub(super) facts: Facts,
}

/// Number of speakers whose voices occur in training, and in tests, of the speech tasks.
const TRAIN_SPEAKERS: usize = 24;
const TEST_SPEAKERS: usize = 8;

impl Scene {
    /// Writes a word into the record's extra fields.
    pub(super) fn note(&mut self, field: &'static str, value: impl Into<Value>) {
        self.facts.insert(field, value.into());
    }

    /// Writes a number into the record's extra fields, to three decimals.
    pub(super) fn note_number(&mut self, field: &'static str, value: f64) {
        let rounded = Number::from_f64((value * 1000.0).round() / 1000.0);
        self.facts.insert(field, rounded.map_or(Value::Null, Value::Number));
    }

    /// One of the items of this half.
    pub(super) fn held<T: Copy, const A: usize, const B: usize>(&mut self, train: [T; A], test: [T; B]) -> T {
        match self.part {
            Part::Train => self.dice.pick(train),
            Part::Test => self.dice.pick(test),
        }
    }

    /// A number from the range of this half.
    pub(super) fn held_between(&mut self, train: (f64, f64), test: (f64, f64)) -> f64 {
        let (low, high) = match self.part {
            Part::Train => train,
            Part::Test => test,
        };
        self.dice.between(low, high)
    }

    /// A speaker of this half; no speaker is in both.
    pub(super) fn speaker(&mut self) -> Speaker {
        let index = match self.part {
            Part::Train => self.dice.below(TRAIN_SPEAKERS),
            Part::Test => TRAIN_SPEAKERS + self.dice.below(TEST_SPEAKERS),
        };
        self.note("speaker", format!("s{index:02}"));
        Speaker::drawn(self.seed, index)
    }

    /// Number of samples in `seconds`.
    pub(super) fn samples(&self, seconds: f64) -> usize {
        (seconds * self.rate).round().max(0.0) as usize
    }
}

/// The names of the twelve pitch classes, from C; index = MIDI number modulo 12.
pub(super) const PITCH_CLASSES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

/// Frequency in Hz of a MIDI note number, equal temperament, A4 = 440 Hz; fractions are shares of a semitone.
pub(super) fn midi_hz(note: f64) -> f64 {
    440.0 * ((note - 69.0) / 12.0).exp2()
}
