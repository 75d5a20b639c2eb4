//! The encoders and the norms behind them.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor, TensorData};

use super::Parts;
use crate::beats::{Beats, BeatsConfig};
use crate::whisper::WhisperEncoder;
use crate::{Batch, ModelError};

/// How far below its loudest value Whisper cuts a log-mel, in the units it is kept in, and the value of digital silence.
const RANGE: f32 = 2.0;
const SILENCE: f32 = -1.5;

/// Frozen encoders, trained norms: what is heard in a clip, `[batch, frames, width]`.
#[derive(Module, Debug)]
pub struct Hearing {
    pub(super) whisper: WhisperEncoder,
    pub(super) ln_speech: LayerNorm,
    pub(super) beats: Option<Beats>,
    pub(super) ln_audio: Option<LayerNorm>,
    mels: usize,
    window: usize,
}

impl Hearing {
    pub(super) fn new(parts: &Parts, device: &Device) -> Result<Self, ModelError> {
        let norm = |width: usize| LayerNormConfig::new(width).init(device);
        let beats = match &parts.beats {
            Some(config) => Some(config.init(device)?.freeze()),
            None => None,
        };
        Ok(Self {
            whisper: parts.whisper.init(device)?.freeze(),
            ln_speech: norm(parts.whisper.d_model),
            ln_audio: parts.beats.as_ref().map(|config| norm(config.encoder_embed_dim)),
            beats,
            mels: parts.whisper.num_mel_bins,
            window: parts.whisper.window(),
        })
    }

    pub(super) fn check(&self, batch: &Batch) -> Result<(), ModelError> {
        if batch.mels != self.mels {
            let reason = format!("it has {} mel bands, expected Whisper's {}", batch.mels, self.mels);
            return Err(ModelError::Batch(reason));
        }
        let Some(_) = self.beats else { return Ok(()) };
        match &batch.filter_banks {
            Some(banks) if banks.bins == BeatsConfig::BINS => Ok(()),
            Some(banks) => {
                let reason = format!("its filter banks have {} bins, expected BEATs' {}", banks.bins, BeatsConfig::BINS);
                Err(ModelError::Batch(reason))
            }
            None => Err(ModelError::Batch("it has no filter banks, which BEATs reads".into())),
        }
    }

    /// A clip longer than Whisper's window is cut; behind a shorter one there is silence, as Whisper was trained. BEATs hears
    /// nothing in a batch without filter banks, which [`super::PretrainedAudioLm::check`] refuses.
    pub(super) fn forward(&self, batch: &Batch, device: &Device) -> Tensor<3> {
        let inner = device.clone().inner();
        let dtype = self.whisper.dtype();
        let features = Tensor::from_data(log_mel(batch, self.window).convert_dtype(dtype), (&inner, dtype));
        let speech = self.whisper.forward_frozen(features).cast(burn::tensor::DType::F32);
        let speech = self.ln_speech.forward(onto(speech, device));
        let (Some(beats), Some(norm)) = (&self.beats, &self.ln_audio) else { return speech };
        let [rows, length, _] = speech.dims();
        let width = norm.gamma.lazy_shape().dims::<1>()[0];
        let audio = match &batch.filter_banks {
            Some(banks) => {
                let values = TensorData::new(banks.values.clone(), [rows, banks.frames, banks.bins]);
                let heard = beats.forward_frozen(Tensor::from_data(values, &inner), &banks.used);
                norm.forward(onto(heard, device))
            }
            None => Tensor::zeros([rows, length, width], device),
        };
        // BEATs' patches end a little before Whisper's frames do.
        let count = audio.dims()[1].min(length);
        let audio = audio.slice_dim(1, 0..count);
        let audio = match length - count {
            0 => audio,
            missing => Tensor::cat(vec![audio, Tensor::zeros([rows, missing, width], device)], 1),
        };
        Tensor::cat(vec![speech, audio], 2)
    }
}

/// A constant of the device the trained parts are on.
fn onto(x: Tensor<3>, device: &Device) -> Tensor<3> {
    if device.is_autodiff() { x.autodiff() } else { x }
}

/// `[batch, mels, window]`.
fn log_mel(batch: &Batch, window: usize) -> TensorData {
    let mels = batch.mels;
    let mut values = Vec::with_capacity(batch.len() * mels * window);
    for row in 0..batch.len() {
        let features = batch.features(row);
        let loudest = features.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let silence = SILENCE.max(loudest - RANGE);
        let frames = batch.frames[row].min(window);
        for band in 0..mels {
            values.extend((0..frames).map(|frame| features[frame * mels + band]));
            values.extend(std::iter::repeat_n(silence, window - frames));
        }
    }
    TensorData::new(values, [batch.len(), mels, window])
}
