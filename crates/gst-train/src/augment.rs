//! Changes made to training features, so that a small model does not learn clips by heart.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// SpecAugment (Park et al. 2019, arXiv 1904.08779) and a random level. All off is [`Augment::none`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Bands of mel channels that are blanked.
    pub mel_masks: usize,
    /// Largest width of such a band, in mels.
    pub mel_width: usize,
    /// Stretches of frames that are blanked.
    pub time_masks: usize,
    /// Largest length of such a stretch, as a share of the clip, in `[0, 1]`.
    pub time_share: f64,
    /// Largest change of level, in units of the normalised log-mel (1 is 40 dB).
    pub level: f64,
}

impl Default for Augment {
    fn default() -> Self {
        Self { mel_masks: 1, mel_width: 8, time_masks: 1, time_share: 0.15, level: 0.1 }
    }
}

impl Augment {
    /// No change at all.
    #[must_use]
    pub fn none() -> Self {
        Self { mel_masks: 0, mel_width: 0, time_masks: 0, time_share: 0.0, level: 0.0 }
    }

    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let refuse = |field, found: f64, expected| Err(TrainError::Setting { field, found: found.to_string(), expected });
        if !(0.0..=1.0).contains(&self.time_share) {
            return refuse("augment.time_share", self.time_share, "a share in [0, 1]");
        }
        if !(self.level >= 0.0 && self.level.is_finite()) {
            return refuse("augment.level", self.level, "a number of at least 0");
        }
        Ok(())
    }

    /// Changes `features`, `[frames, mels]`, in place.
    pub fn apply(&self, features: &mut [f32], mels: usize, rng: &mut impl Rng) {
        let frames = features.len() / mels.max(1);
        if frames == 0 {
            return;
        }
        let blank = features.iter().copied().fold(f32::INFINITY, f32::min);
        let level = (self.level * rng.random_range(-1.0..=1.0)) as f32;
        if level != 0.0 {
            features.iter_mut().for_each(|value| *value += level);
        }
        for _ in 0..self.mel_masks {
            let width = rng.random_range(0..=self.mel_width.min(mels));
            let first = rng.random_range(0..=mels - width);
            for frame in features.chunks_exact_mut(mels) {
                frame[first..first + width].fill(blank);
            }
        }
        for _ in 0..self.time_masks {
            let longest = (self.time_share * frames as f64) as usize;
            let length = rng.random_range(0..=longest.min(frames));
            let first = rng.random_range(0..=frames - length);
            features[first * mels..(first + length) * mels].fill(blank);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn none_changes_nothing_and_the_default_blanks_bands() {
        let original: Vec<f32> = (0..40 * 8).map(|value| value as f32).collect();
        let mut same = original.clone();
        Augment::none().apply(&mut same, 8, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(same, original);

        let masks = Augment { mel_masks: 1, mel_width: 4, time_masks: 1, time_share: 0.5, level: 0.0 };
        let mut once = original.clone();
        masks.apply(&mut once, 8, &mut ChaCha8Rng::seed_from_u64(3));
        let mut twice = original.clone();
        masks.apply(&mut twice, 8, &mut ChaCha8Rng::seed_from_u64(3));
        assert_eq!(once, twice);
        assert!(once.iter().zip(&original).all(|(new, old)| *new == 0.0 || new == old));
        assert!(once != original);
    }
}
