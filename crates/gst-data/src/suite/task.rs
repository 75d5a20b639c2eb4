//! What a generated dataset is.

use super::scene::Scene;

/// One generated dataset: what it asks, how large it is, and how a clip of it is made.
pub(super) struct Task {
    /// Folder name; also the prefix of ids.
    pub(super) name: &'static str,
    /// `speech`, `music` or `environment`.
    pub(super) domain: &'static str,
    /// What a listener must be able to do, in a few words.
    pub(super) skill: &'static str,
    /// Two to four ways to ask.
    pub(super) questions: &'static [&'static str],
    /// The possible answers, in fixed order; every clip has one of them, in equal shares.
    pub(super) choices: &'static [&'static str],
    /// Sample rate of the files in Hz.
    pub(super) rate: u32,
    /// Two channels instead of one; then the composer returns [`Sound::Stereo`].
    pub(super) stereo: bool,
    /// Clips at scale 1.
    pub(super) train: usize,
    pub(super) test: usize,
    /// Extra fields whose values in the test half never occur in training: disjoint words, or numbers in disjoint ranges.
    pub(super) held_out: &'static [&'static str],
    /// Laid over a background noise (whose kind is then held out)?
    pub(super) noisy: bool,
    /// Peak level in dB below full scale, from and to, in training and in tests.
    pub(super) levels: [(f64, f64); 2],
    /// Makes one clip.
    pub(super) compose: fn(&mut Scene) -> Sound,
}

impl Task {
    /// Channels of the files.
    pub(super) fn channels(&self) -> u16 {
        if self.stereo { 2 } else { 1 }
    }

    /// Clips of the training half and of the test half at a scale: every choice occurs in both, whatever the scale.
    pub(super) fn sizes(&self, scale: f64) -> [usize; 2] {
        [self.train, self.test].map(|clips| ((clips as f64 * scale).round() as usize).max(self.choices.len()))
    }
}

/// Levels that overlap: most tasks do not test for loudness.
pub(super) const USUAL_LEVELS: [(f64, f64); 2] = [(-12.0, -2.0), (-15.0, -4.0)];

/// The samples of a clip before its level is set.
pub(super) enum Sound {
    Mono(Vec<f64>),
    /// Left and right, equally long.
    Stereo(Vec<f64>, Vec<f64>),
}
