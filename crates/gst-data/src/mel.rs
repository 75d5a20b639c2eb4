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
pub const VERSION: u32 = 2;

/// Smallest power before the logarithm.
const FLOOR: f32 = 1e-10;

/// Its logarithm.
const LOG_FLOOR: f32 = -10.0;

/// Frames worked on side by side, so that filters and logarithms run in vector registers.
const LANES: usize = 8;

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
    fft: Arc<dyn RealToComplex<f32>>,
    window: Arc<[f32]>,
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
    weights: Vec<f32>,
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
        let hann = |n: usize| 0.5 - 0.5 * (2.0 * PI * n as f64 / FRAME_LENGTH as f64).cos();
        let window = (0..FRAME_LENGTH).map(|n| hann(n) as f32).collect();
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(FRAME_LENGTH);
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

    /// [`extract_padded`](Self::extract_padded) without the frames at the end that hear silence alone: those are all equal.
    pub fn extract_sounding(&self, samples: &[f32], seconds: f64) -> Features {
        let length = (seconds.max(0.0) * f64::from(SAMPLE_RATE)).round() as usize;
        let samples = &samples[..samples.len().min(length)];
        let sounding = (samples.len() + FRAME_LENGTH / 2).div_ceil(HOP_LENGTH);
        self.extract_frames(samples, sounding.min(length / HOP_LENGTH), length)
    }

    /// `length` is that of the signal with its padding: beyond `samples` it is silent.
    fn extract_frames(&self, samples: &[f32], frames: usize, length: usize) -> Features {
        let mut work = Work::new(self);
        let mut values = vec![LOG_FLOOR; frames * self.mels];
        for (block, rows) in values.chunks_mut(LANES * self.mels).enumerate() {
            let mut sounding = false;
            for lane in 0..rows.len() / self.mels {
                let sounds = work.fill(samples, length, block * LANES + lane);
                work.transform(self, lane, sounds);
                sounding |= sounds;
            }
            if sounding {
                work.write(self, rows);
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
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    /// Power spectra of the block's frames, bin by bin.
    power: Vec<[f32; LANES]>,
    /// Logarithms of the block's bands, band by band.
    logs: Vec<[f32; LANES]>,
}

impl Work {
    fn new(mel: &LogMel) -> Self {
        let spectrum = mel.fft.make_output_vec();
        let power = vec![[0.0; LANES]; spectrum.len()];
        let logs = vec![[LOG_FLOOR; LANES]; mel.mels];
        Self { frame: mel.fft.make_input_vec(), spectrum, scratch: mel.fft.make_scratch_vec(), power, logs }
    }

    /// Copies frame `index` of the centred, reflected signal; false when it is silent throughout.
    fn fill(&mut self, samples: &[f32], length: usize, index: usize) -> bool {
        let (half, centre) = (FRAME_LENGTH / 2, index * HOP_LENGTH);
        if centre >= half && centre + half <= samples.len() {
            let window = &samples[centre - half..centre + half];
            self.frame.copy_from_slice(window);
            return true;
        }
        let mut sounding = false;
        for (offset, target) in self.frame.iter_mut().enumerate() {
            let at = reflect(centre as i64 + offset as i64 - half as i64, length);
            *target = samples.get(at).copied().unwrap_or_default();
            sounding |= *target != 0.0;
        }
        sounding
    }

    /// Puts the power spectrum of the frame into `lane`; silence has none.
    fn transform(&mut self, mel: &LogMel, lane: usize, sounds: bool) {
        if !sounds {
            self.power.iter_mut().for_each(|power| power[lane] = 0.0);
            return;
        }
        self.frame.iter_mut().zip(mel.window.iter()).for_each(|(value, window)| *value *= window);
        let result = mel.fft.process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch);
        debug_assert!(result.is_ok(), "the plan made the buffers");
        self.power.iter_mut().zip(&self.spectrum).for_each(|(power, value)| power[lane] = value.norm_sqr());
    }

    /// Writes log10 of the band powers of the block into `rows`, `[frames, mels]`.
    fn write(&mut self, mel: &LogMel, rows: &mut [f32]) {
        for (logs, filter) in self.logs.iter_mut().zip(mel.filters.iter()) {
            let mut sums = [0.0f32; LANES];
            for (weight, power) in filter.weights.iter().zip(&self.power[filter.start..]) {
                sums.iter_mut().zip(power).for_each(|(sum, power)| *sum += weight * power);
            }
            *logs = sums.map(log10);
        }
        for (lane, row) in rows.chunks_exact_mut(mel.mels).enumerate() {
            row.iter_mut().zip(&self.logs).for_each(|(value, logs)| *value = logs[lane]);
        }
    }
}

/// log10 of a power, at least [`FLOOR`], to 1e-6 of absolute error: without a call, so that a block of them is computed at once.
fn log10(power: f32) -> f32 {
    const LN_2: f32 = std::f32::consts::LN_2;
    const LOG10_E: f32 = std::f32::consts::LOG10_E;
    /// Bits of the root of one half, from which on the mantissa is brought to `[0.707, 1.414)`.
    const ROOT: i32 = 0x3f35_04f3;
    let bits = power.max(FLOOR).to_bits() as i32;
    let exponent = (bits - ROOT) >> 23;
    let mantissa = f32::from_bits((bits - (exponent << 23)) as u32);
    // ln m = 2 artanh((m - 1) / (m + 1)), whose series falls off fast here: |s| is at most 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let t = s * s;
    let series = 2.0 * s * (1.0 + t * (1.0 / 3.0 + t * (1.0 / 5.0 + t * (1.0 / 7.0 + t * (1.0 / 9.0)))));
    let log = (exponent as f32 * LN_2 + series) * LOG10_E;
    if power > FLOOR { log } else { LOG_FLOOR }
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
            let weights = (start..bins).map(weight).take_while(|&weight| weight > 0.0).map(|weight| weight as f32).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_of_all_powers() {
        for step in 0..2_000_000u32 {
            // From 1e-11 to 1e10 in small steps.
            let power = 10f64.powf(-11.0 + 21.0 * f64::from(step) / 2e6) as f32;
            let expected = f64::from(power.max(FLOOR)).log10();
            assert!((f64::from(log10(power)) - expected).abs() < 2e-6, "{power}: {} and {expected}", log10(power));
        }
        assert_eq!([log10(0.0), log10(-1.0), log10(f32::NAN), log10(FLOOR)], [LOG_FLOOR; 4]);
        assert!(log10(f32::INFINITY).is_finite() && (log10(1.0)).abs() < 1e-7);
    }
}
