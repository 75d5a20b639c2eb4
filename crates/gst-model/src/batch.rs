//! Samples of unequal length, put side by side on the host.

use gst_data::mel::Features;

use crate::ModelError;

/// One question about one sound, as token ids.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Log-mel features, `[frames, mels]`.
    pub features: &'a Features,
    /// The question's tokens.
    pub prompt: &'a [u32],
    /// The answer's tokens, end-of-sequence last. Empty when the answer is to be generated.
    pub answer: &'a [u32],
}

/// A padded batch. Padding never changes a result: every model masks it.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Log-mel features, `[batch, max_frames, mels]`, zero where there is no frame.
    pub features: Vec<f32>,
    /// Frames of each sample.
    pub frames: Vec<usize>,
    /// Frames of the longest sample.
    pub max_frames: usize,
    /// Mel bands.
    pub mels: usize,
    /// Question tokens of each sample.
    pub prompts: Vec<Vec<u32>>,
    /// Answer tokens of each sample, end-of-sequence last.
    pub answers: Vec<Vec<u32>>,
    /// The end-of-sequence token.
    pub eos: u32,
    /// Filter banks of the same clips, for an encoder that reads those.
    pub filter_banks: Option<FilterBanks>,
}

/// Kaldi filter banks of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterBanks {
    /// `[batch, frames, bins]`.
    pub values: Vec<f32>,
    /// Frames of each sample, padding included.
    pub frames: usize,
    /// Bins of a frame.
    pub bins: usize,
    /// Frames of each sample that count.
    pub used: Vec<usize>,
}

impl Batch {
    /// Puts samples side by side.
    ///
    /// # Errors
    /// [`ModelError::Batch`] when there is no sample, a sample has no frame or no question token, or the mel bands differ.
    pub fn collate(samples: &[Sample<'_>], eos: u32) -> Result<Self, ModelError> {
        let first = samples.first().ok_or_else(|| ModelError::Batch("no samples; expected at least one".into()))?;
        let mels = first.features.mels;
        let max_frames = samples.iter().map(|sample| sample.features.frames).max().unwrap_or(0);
        let mut features = vec![0.0; samples.len() * max_frames * mels];
        for (row, sample) in samples.iter().enumerate() {
            let found = sample.features;
            if found.frames == 0 || found.mels != mels || found.values.len() != found.frames * mels {
                return Err(ModelError::Batch(format!(
                    "sample {row} has {} frames of {} mels in {} values; expected at least one frame of {mels} mels",
                    found.frames,
                    found.mels,
                    found.values.len()
                )));
            }
            if sample.prompt.is_empty() {
                return Err(ModelError::Batch(format!("sample {row} has an empty question")));
            }
            features[row * max_frames * mels..][..found.values.len()].copy_from_slice(&found.values);
        }
        Ok(Self {
            features,
            frames: samples.iter().map(|sample| sample.features.frames).collect(),
            max_frames,
            mels,
            prompts: samples.iter().map(|sample| sample.prompt.to_vec()).collect(),
            answers: samples.iter().map(|sample| sample.answer.to_vec()).collect(),
            eos,
            filter_banks: None,
        })
    }

    /// The same batch with filter banks, one of each sample, all of equal length; the first `used[b]` frames of sample b count.
    ///
    /// # Errors
    /// [`ModelError::Batch`] when their number or lengths differ.
    pub fn with_filter_banks(mut self, banks: &[&Features], used: &[usize]) -> Result<Self, ModelError> {
        let (frames, bins) = banks.first().map_or((0, 0), |first| (first.frames, first.mels));
        let equal = banks.iter().all(|bank| bank.frames == frames && bank.mels == bins);
        if banks.len() != self.len() || used.len() != self.len() || frames == 0 || !equal {
            let found = format!("{} filter banks and {} lengths of {} samples", banks.len(), used.len(), self.len());
            return Err(ModelError::Batch(format!("{found}; expected one of each, of equal frames and bins")));
        }
        let values = banks.iter().flat_map(|bank| bank.values.iter().copied()).collect();
        self.filter_banks = Some(FilterBanks { values, frames, bins, used: used.to_vec() });
        Ok(self)
    }

    /// Samples in the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there is no sample; never so for a batch that [`Batch::collate`] made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Tokens that carry loss.
    #[must_use]
    pub fn answer_tokens(&self) -> usize {
        self.answers.iter().map(Vec::len).sum()
    }

    /// The feature values of sample `row`, `[frames, mels]`.
    #[must_use]
    pub fn features(&self, row: usize) -> &[f32] {
        &self.features[row * self.max_frames * self.mels..][..self.frames[row] * self.mels]
    }

    /// The feature values of sample `row`, `[frames, mels]`, to change in place (augmentation).
    pub fn features_mut(&mut self, row: usize) -> &mut [f32] {
        let used = self.frames[row] * self.mels;
        &mut self.features[row * self.max_frames * self.mels..][..used]
    }
}
