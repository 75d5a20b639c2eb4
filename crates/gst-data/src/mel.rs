//! Log-mel features as Whisper's front end defines them.
//!
//! Frames of 400 samples (25 ms) every 160 (10 ms), periodic Hann window, centred with reflection at the ends, power
//! spectrum, Slaney mel filters from 0 to 8,000 Hz, then `(max(log10 m, top - 8) + 4) / 4` with `top` the clip's
//! largest value (Radford et al., *Robust Speech Recognition via Large-Scale Weak Supervision*, 2022, section 2.2).

use std::{f64::consts::PI, fmt, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use crate::audio::SAMPLE_RATE;

/// Samples in a frame (25 ms at 16 kHz).
pub const FRAME_LENGTH: usize = 400;

/// Samples from one frame to the next (10 ms at 16 kHz).
pub const HOP_LENGTH: usize = 160;

/// Version of the arithmetic, part of the address of features kept on disk: raised by whatever changes a value.
pub const VERSION: u32 = 1;

/// Smallest power before the logarithm.
const FLOOR: f64 = 1e-10;

/// Decades kept below the clip's largest value.
const RANGE: f32 = 8.0;

/// Features of one clip.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Features {
    /// Number of frames, 100 a second.
    pub frames: usize,
    /// Mel bands a frame.
    pub mels: usize,
    /// Values `[frames, mels]`, row-major, about -1 to 1.5.
    pub values: Vec<f32>,
}

impl Features {
    /// The bands of one frame; empty beyond the end.
    pub fn frame(&self, index: usize) -> &[f32] {
        self.values.chunks_exact(self.mels.max(1)).nth(index).unwrap_or_default()
    }

    /// Bytes the values take.
    pub fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice())
    }
}

/// Why an extractor cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MelError {
    /// A number of bands that leaves filters empty or none at all.
    #[error("{found} mel bands; expected 1 to {} (Whisper has 80 or 128)", LogMel::MAX_MELS)]
    Bands {
        /// What was asked for.
        found: usize,
    },
}

/// The extractor: a plan for the Fourier transform and the filter bank, cheap to clone and usable from many threads.
#[derive(Clone)]
pub struct LogMel {
    mels: usize,
    fft: Arc<dyn RealToComplex<f64>>,
    window: Arc<[f64]>,
    filters: Arc<[Filter]>,
}

impl fmt::Debug for LogMel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("LogMel").field("mels", &self.mels).finish_non_exhaustive()
    }
}

/// One triangle: the first bin and the weights from there on.
struct Filter {
    start: usize,
    weights: Vec<f64>,
}

impl LogMel {
    /// Most bands that 201 spectrum bins can feed.
    pub const MAX_MELS: usize = 128;

    /// An extractor of `mels` bands.
    ///
    /// # Errors
    /// When `mels` is 0 or above [`MAX_MELS`](Self::MAX_MELS).
    pub fn new(mels: usize) -> Result<Self, MelError> {
        if mels == 0 || mels > Self::MAX_MELS {
            return Err(MelError::Bands { found: mels });
        }
        let window = (0..FRAME_LENGTH).map(|n| 0.5 - 0.5 * (2.0 * PI * n as f64 / FRAME_LENGTH as f64).cos()).collect();
        let fft = RealFftPlanner::<f64>::new().plan_fft_forward(FRAME_LENGTH);
        Ok(Self { mels, fft, window, filters: filter_bank(mels).into() })
    }

    /// Number of mel bands.
    pub fn mels(&self) -> usize {
        self.mels
    }

    /// Features of 16 kHz mono `samples` as they are: one frame for every 160 samples, the rest dropped.
    pub fn extract(&self, samples: &[f32]) -> Features {
        self.extract_frames(samples, samples.len() / HOP_LENGTH, samples.len())
    }

    /// Features of `samples` cut or padded with silence to `seconds` (Whisper: 30): always `100 * seconds` frames.
    pub fn extract_padded(&self, samples: &[f32], seconds: f64) -> Features {
        let length = (seconds.max(0.0) * f64::from(SAMPLE_RATE)).round() as usize;
        self.extract_frames(&samples[..samples.len().min(length)], length / HOP_LENGTH, length)
    }

    /// `length` is that of the signal with its padding: beyond `samples` it is silent.
    fn extract_frames(&self, samples: &[f32], frames: usize, length: usize) -> Features {
        let mut work = Work::new(self);
        let mut values = vec![(FLOOR as f32).log10(); frames * self.mels];
        for (index, row) in values.chunks_exact_mut(self.mels).enumerate() {
            if work.fill(samples, length, index) {
                work.transform(self, row);
            }
        }
        let top = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for value in &mut values {
            *value = (value.max(top - RANGE) + 4.0) / 4.0;
        }
        Features { frames, mels: self.mels, values }
    }
}

/// Buffers for one clip.
struct Work {
    frame: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
    power: Vec<f64>,
}

impl Work {
    fn new(mel: &LogMel) -> Self {
        let spectrum = mel.fft.make_output_vec();
        let power = vec![0.0; spectrum.len()];
        Self { frame: mel.fft.make_input_vec(), spectrum, scratch: mel.fft.make_scratch_vec(), power }
    }

    /// Copies frame `index` of the centred, reflected signal; false when it is silent throughout.
    fn fill(&mut self, samples: &[f32], length: usize, index: usize) -> bool {
        let (half, centre) = (FRAME_LENGTH / 2, index * HOP_LENGTH);
        if centre >= half && centre + half <= samples.len() {
            let window = &samples[centre - half..centre + half];
            self.frame.iter_mut().zip(window).for_each(|(target, &sample)| *target = f64::from(sample));
            return true;
        }
        let mut sounding = false;
        for (offset, target) in self.frame.iter_mut().enumerate() {
            let at = reflect(centre as i64 + offset as i64 - half as i64, length);
            *target = samples.get(at).copied().map_or(0.0, f64::from);
            sounding |= *target != 0.0;
        }
        sounding
    }

    /// Writes log10 of the band powers of the frame into `row`.
    fn transform(&mut self, mel: &LogMel, row: &mut [f32]) {
        self.frame.iter_mut().zip(mel.window.iter()).for_each(|(value, window)| *value *= window);
        let result = mel.fft.process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch);
        debug_assert!(result.is_ok(), "the plan made the buffers");
        self.power.iter_mut().zip(&self.spectrum).for_each(|(power, value)| *power = value.norm_sqr());
        for (value, filter) in row.iter_mut().zip(mel.filters.iter()) {
            let bins = &self.power[filter.start..];
            let sum: f64 = filter.weights.iter().zip(bins).map(|(weight, power)| weight * power).sum();
            // In 32 bits: twice as fast, and 1e-7 of a value that is at most 10.
            *value = (sum.max(FLOOR) as f32).log10();
        }
    }
}

/// Index into a signal of `length` samples continued by reflection without repeating the end.
fn reflect(at: i64, length: usize) -> usize {
    let last = length.saturating_sub(1) as i64;
    if last == 0 {
        return 0;
    }
    let folded = at.rem_euclid(2 * last);
    (if folded > last { 2 * last - folded } else { folded }) as usize
}

/// Triangles on the Slaney mel scale, each of unit area in Hz.
fn filter_bank(mels: usize) -> Vec<Filter> {
    let nyquist = f64::from(SAMPLE_RATE) / 2.0;
    let bins = FRAME_LENGTH / 2 + 1;
    let top = hertz_to_mel(nyquist);
    let edges: Vec<f64> = (0..mels + 2).map(|index| mel_to_hertz(top * index as f64 / (mels + 1) as f64)).collect();
    edges
        .windows(3)
        .map(|edge| {
            let weight = |bin: usize| {
                let hertz = nyquist * bin as f64 / (bins - 1) as f64;
                let rising = (hertz - edge[0]) / (edge[1] - edge[0]);
                let falling = (edge[2] - hertz) / (edge[2] - edge[1]);
                rising.min(falling).max(0.0) * 2.0 / (edge[2] - edge[0])
            };
            let start = (0..bins).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
            let weights = (start..bins).map(weight).take_while(|&weight| weight > 0.0).collect();
            Filter { start, weights }
        })
        .collect()
}

/// Linear below 1 kHz, 15 mels there, logarithmic above (Slaney's Auditory Toolbox).
fn hertz_to_mel(hertz: f64) -> f64 {
    if hertz < 1000.0 { hertz * 3.0 / 200.0 } else { 15.0 + (hertz / 1000.0).ln() * 27.0 / 6.4_f64.ln() }
}

fn mel_to_hertz(mel: f64) -> f64 {
    if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() }
}
