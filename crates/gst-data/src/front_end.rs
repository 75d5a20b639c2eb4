//! From samples to the features that a model hears.

use std::path::Path;

use crate::audio::SAMPLE_RATE;
use crate::cache::disk::FeatureKey;
use crate::fbank::{self, KaldiFbank};
use crate::mel::{self, Features, LogMel, MelError};

/// Seconds of a clip that are used unless set otherwise (Whisper's window); the rest is cut off.
pub const DEFAULT_MAX_SECONDS: f64 = 30.0;

/// Shortest piece of a clip that is used, in seconds: one frame.
const MIN_SECONDS: f64 = 0.01;

/// Filter banks are those of at least so many seconds, silence behind a shorter clip, as SALMONN has them.
const MIN_BANK_SECONDS: f64 = 1.0;

/// What follows a clip that is shorter than the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Nothing: the features are those of the clip as it is.
    Nothing,
    /// Silence up to the end of the window.
    Silence,
    /// Silence, of which only the frames that still hear the clip are given.
    SilenceLeftOut,
}

/// Log-mel features of a clip and, where an encoder wants them, Kaldi filter banks.
#[derive(Debug, Clone)]
pub struct FrontEnd {
    mel: LogMel,
    fbank: Option<KaldiFbank>,
    seconds: f64,
    ending: Ending,
}

/// What is heard of a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Log-mel features `[frames, mels]`.
    pub features: Features,
    /// Kaldi filter banks `[frames, bins]`, where the front end makes them.
    pub filter_banks: Option<Features>,
    /// Seconds of the clip that were used.
    pub seconds: f64,
}

impl FrontEnd {
    /// Log-mel features of the first [`DEFAULT_MAX_SECONDS`] of a clip, as it is.
    #[must_use]
    pub fn new(mel: LogMel) -> Self {
        Self { mel, fbank: None, seconds: DEFAULT_MAX_SECONDS, ending: Ending::Nothing }
    }

    /// What Whisper's encoder hears in a window of `seconds`: the clip with silence behind it. Frames that hear silence alone are
    /// left out, since they are all equal and the model fills them in; those that are given are exactly those of the filled
    /// window. `bins` asks for filter banks too.
    ///
    /// # Errors
    /// [`MelError`] when the front end cannot make so many bands or bins.
    pub fn whisper(mels: usize, seconds: f64, bins: Option<usize>) -> Result<Self, MelError> {
        let fbank = bins.map(KaldiFbank::new).transpose()?;
        let seconds = seconds.max(MIN_SECONDS);
        Ok(Self { mel: LogMel::new(mels)?, fbank, seconds, ending: Ending::SilenceLeftOut })
    }

    /// Uses the first `seconds` of a clip at most; below 10 ms counts as 10 ms. `padded`: silence fills it up to exactly that.
    #[must_use]
    pub fn with_seconds(mut self, seconds: f64, padded: bool) -> Self {
        self.seconds = seconds.max(MIN_SECONDS);
        self.ending = if padded { Ending::Silence } else { Ending::Nothing };
        self
    }

    /// Mel bands of the features.
    #[must_use]
    pub fn mels(&self) -> usize {
        self.mel.mels()
    }

    /// Most seconds of a clip that are used.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Whether filter banks are made.
    #[must_use]
    pub fn has_filter_banks(&self) -> bool {
        self.fbank.is_some()
    }

    /// What is heard of 16 kHz mono `samples`.
    #[must_use]
    pub fn hear(&self, samples: &[f32]) -> Heard {
        let most = (self.seconds * f64::from(SAMPLE_RATE)).round() as usize;
        let used = &samples[..samples.len().min(most)];
        let features = match self.ending {
            Ending::Nothing => self.mel.extract(used),
            Ending::Silence => self.mel.extract_padded(used, self.seconds),
            Ending::SilenceLeftOut => self.mel.extract_sounding(used, self.seconds),
        };
        let least = (MIN_BANK_SECONDS * f64::from(SAMPLE_RATE)) as usize;
        let filter_banks = self.fbank.as_ref().map(|fbank| fbank.extract(used, used.len().max(least)));
        Heard { features, filter_banks, seconds: used.len() as f64 / f64::from(SAMPLE_RATE) }
    }

    /// Address of the log-mel features of the file at `path`; nothing when it cannot be read.
    pub(crate) fn key(&self, path: &Path) -> Option<FeatureKey> {
        let ending = match self.ending {
            Ending::Nothing => 0,
            Ending::Silence => 1,
            Ending::SilenceLeftOut => 2,
        };
        FeatureKey::of(path, [mel::VERSION, number(self.mel.mels()), ending], self.seconds).ok()
    }

    /// Address of the filter banks.
    pub(crate) fn bank_key(&self, path: &Path) -> Option<FeatureKey> {
        let bins = self.fbank.as_ref()?.bins();
        FeatureKey::of(path, [fbank::VERSION, number(bins), BANKS], self.seconds).ok()
    }
}

/// What stands in a key where that of log-mel features has the ending.
const BANKS: u32 = 3;

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_silence_and_nothing_else() {
        let clip: Vec<f32> = (0..4321).map(|at| 0.3 * (at as f32 * 0.05).sin()).collect();
        for length in [1, 160, 4321, 7900, 8000, 9000] {
            let samples: Vec<f32> = clip.iter().cycle().take(length).copied().collect();
            let whole = LogMel::new(80).unwrap().extract_padded(&samples, 0.5);
            let heard = FrontEnd::whisper(80, 0.5, None).unwrap().hear(&samples).features;
            assert_eq!(whole.values[..heard.values.len()], heard.values, "{length}");
            let silence = whole.values[heard.values.len()..].to_vec();
            assert!(silence.windows(2).all(|pair| pair[0] == pair[1]), "{length}");
            // As the model fills it in.
            let loudest = heard.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert!(silence.iter().all(|&value| (value - (loudest - 2.0).max(-1.5)).abs() < 1e-6), "{length}");
        }
    }

    #[test]
    fn filter_banks_are_of_the_clip_and_never_none() {
        let front_end = FrontEnd::whisper(80, 2.0, Some(128)).unwrap();
        for (samples, frames) in [(10, 98), (16_000, 98), (64_000, 198)] {
            let banks = front_end.hear(&vec![0.1; samples]).filter_banks.unwrap();
            assert_eq!((banks.frames, banks.mels), (frames, 128));
        }
        assert_eq!(FrontEnd::new(LogMel::new(80).unwrap()).hear(&[0.1; 999]).filter_banks, None);
    }
}
