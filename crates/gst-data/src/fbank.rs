//! Log-mel filter banks as Kaldi computes them, which BEATs reads.
//!
//! Frames of 400 samples (25 ms) every 160 (10 ms), only where a whole frame fits; mean removed, pre-emphasis of 0.97, Povey's
//! window, 512-point power spectrum, triangles on the mel scale `1127 ln(1 + f / 700)` from 20 to 8,000 Hz, natural logarithm.
//! Samples are scaled to 16-bit range first, as Kaldi's are.

use std::{f64::consts::PI, fmt, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex};

use crate::mel::{FRAME_LENGTH, Features, HOP_LENGTH, MelError};

/// Version of the arithmetic, part of the address of features kept on disk: raised by whatever changes a value.
pub const VERSION: u32 = 1;

/// Points of the Fourier transform: the power of two that a frame fits into.
const TRANSFORM: usize = 512;

/// Scale from samples in -1 to 1 to those of a 16-bit file.
const SCALE: f64 = 32_768.0;

const PRE_EMPHASIS: f64 = 0.97;

/// Lowest frequency of the lowest band, in Hz.
const LOWEST: f64 = 20.0;

/// Smallest power before the logarithm: the distance from 1 to the next 32-bit number.
const FLOOR: f64 = f32::EPSILON as f64;

/// The extractor, cheap to clone and usable from many threads.
#[derive(Clone)]
pub struct KaldiFbank {
    bins: usize,
    fft: Arc<dyn RealToComplex<f64>>,
    window: Arc<[f64]>,
    filters: Arc<[Filter]>,
}

impl fmt::Debug for KaldiFbank {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KaldiFbank").field("bins", &self.bins).finish_non_exhaustive()
    }
}

/// One triangle: the first point of the spectrum and the weights from there on.
struct Filter {
    start: usize,
    weights: Vec<f64>,
}

impl KaldiFbank {
    /// Most bins that the spectrum can feed.
    pub const MAX_BINS: usize = 128;

    /// An extractor of `bins` mel bins (BEATs: 128).
    ///
    /// # Errors
    /// When `bins` is 0 or above [`MAX_BINS`](Self::MAX_BINS).
    pub fn new(bins: usize) -> Result<Self, MelError> {
        if bins == 0 || bins > Self::MAX_BINS {
            return Err(MelError::Bands { found: bins });
        }
        let last = (FRAME_LENGTH - 1) as f64;
        let window = (0..FRAME_LENGTH).map(|n| (0.5 - 0.5 * (2.0 * PI * n as f64 / last).cos()).powf(0.85)).collect();
        let fft = RealFftPlanner::<f64>::new().plan_fft_forward(TRANSFORM);
        Ok(Self { bins, fft, window, filters: filter_bank(bins).into() })
    }

    /// Mel bins of a frame.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// Frames of a waveform of `samples`: 2,998 for 30 s, none for less than 25 ms.
    #[must_use]
    pub fn frames(samples: usize) -> usize {
        if samples < FRAME_LENGTH { 0 } else { (samples - FRAME_LENGTH) / HOP_LENGTH + 1 }
    }

    /// Features of 16 kHz mono `samples`, followed by silence up to `length` samples, or cut there.
    #[must_use]
    pub fn extract(&self, samples: &[f32], length: usize) -> Features {
        let samples = &samples[..samples.len().min(length)];
        let frames = Self::frames(length);
        let mut values = vec![FLOOR.ln() as f32; frames * self.bins];
        let mut frame = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        for (index, row) in values.chunks_exact_mut(self.bins).enumerate() {
            let Some(own) = samples.get(index * HOP_LENGTH..).filter(|own| !own.is_empty()) else { break };
            self.fill(own, &mut frame);
            let result = self.fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch);
            debug_assert!(result.is_ok(), "the plan made the buffers");
            for (value, filter) in row.iter_mut().zip(self.filters.iter()) {
                let bins = &spectrum[filter.start..];
                let power: f64 = filter.weights.iter().zip(bins).map(|(weight, bin)| weight * bin.norm_sqr()).sum();
                *value = power.max(FLOOR).ln() as f32;
            }
        }
        Features { frames, mels: self.bins, values }
    }

    /// One frame, ready for the transform.
    fn fill(&self, samples: &[f32], frame: &mut [f64]) {
        frame.fill(0.0);
        let (own, _) = frame.split_at_mut(FRAME_LENGTH);
        own.iter_mut().zip(samples).for_each(|(value, &sample)| *value = f64::from(sample) * SCALE);
        let mean = own.iter().sum::<f64>() / FRAME_LENGTH as f64;
        own.iter_mut().for_each(|value| *value -= mean);
        // The first sample stands before itself, as in Kaldi.
        let mut before = own[0];
        for (value, window) in own.iter_mut().zip(self.window.iter()) {
            let sample = *value;
            *value = (sample - PRE_EMPHASIS * before) * window;
            before = sample;
        }
    }
}

/// Triangles of height one on the mel scale; the highest point of the spectrum has none.
fn filter_bank(bins: usize) -> Vec<Filter> {
    let nyquist = f64::from(crate::audio::SAMPLE_RATE) / 2.0;
    let (low, high) = (hertz_to_mel(LOWEST), hertz_to_mel(nyquist));
    let step = (high - low) / (bins + 1) as f64;
    let mel = |point: usize| hertz_to_mel(nyquist * point as f64 / (TRANSFORM / 2) as f64);
    (0..bins)
        .map(|bin| {
            let left = low + step * bin as f64;
            let weight = |point: usize| ((mel(point) - left) / step).min((left + 2.0 * step - mel(point)) / step).max(0.0);
            let start = (0..TRANSFORM / 2).find(|&point| weight(point) > 0.0).unwrap_or(0);
            let weights = (start..TRANSFORM / 2).map(weight).take_while(|&weight| weight > 0.0).collect();
            Filter { start, weights }
        })
        .collect()
}

fn hertz_to_mel(hertz: f64) -> f64 {
    1127.0 * (1.0 + hertz / 700.0).ln()
}

/// `banks` with silent frames behind it, `frames` in all.
#[must_use]
pub fn padded(banks: &Features, frames: usize) -> Features {
    let mut values = banks.values.clone();
    values.resize(frames.max(banks.frames) * banks.mels, FLOOR.ln() as f32);
    Features { frames: frames.max(banks.frames), mels: banks.mels, values }
}
