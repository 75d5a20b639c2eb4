//! Resampling to 16 kHz by a windowed sinc, applied block by block in the frequency domain.
//!
//! A block of input is transformed, multiplied with the filter's spectrum, cut (or filled up with zeros) to the bins of the
//! output rate, and transformed back; the ends of the block, into which the filter wraps round, are thrown away
//! (overlap-save). Block lengths are whole in both rates, so the result is that of the filter at the exact ratio. Two blocks go
//! through one complex transform, as its real and its imaginary part.

use std::{cell::RefCell, collections::HashMap, f64::consts::PI, sync::Arc};

use realfft::RealFftPlanner;
use rustfft::{Fft, FftPlanner, num_complex::Complex};

use super::{AudioError, SAMPLE_RATE};

/// Zero crossings of the filter, counted at the lower of the two rates. With [`SHAPE`] the pass band reaches 0.937 of that Nyquist
/// frequency and the stop band begins at it.
const ZERO_CROSSINGS: usize = 256;

/// Shape of the Kaiser window: side lobes of -120 dB (Kaiser 1974: 0.1102 (A - 8.7)).
const SHAPE: f64 = 12.265;

/// Width of the transition band as a share of the sampling rate, times the length (Kaiser 1974: (A - 8) / 14.36).
const TRANSITION: f64 = 7.8;

/// Shortest block in samples of the higher rate: several times the filter, so that little of it is thrown away.
const MIN_BLOCK: usize = 7_000;

/// Longest block of a plan that is kept; rates with longer ones (none in use has) cost tens of megabytes each.
const MAX_KEPT_BLOCK: usize = 1 << 17;

/// Plans kept ready for each thread: a dataset has one or two rates.
const MAX_PLANS: usize = 8;

thread_local! {
    static PLANS: RefCell<HashMap<u32, Plan>> = RefCell::new(HashMap::new());
}

/// Mono `samples` at `rate` Hz as 16 kHz mono, sample 0 of both at the same time; the samples themselves when `rate` is
/// 16 kHz already. The signal is silent before its first and after its last sample.
///
/// # Errors
/// When `rate` is 0 or the transform refuses.
pub fn resample(samples: Vec<f32>, rate: u32) -> Result<Vec<f32>, AudioError> {
    if rate == SAMPLE_RATE || samples.is_empty() {
        return Ok(samples);
    }
    let failed = |reason: String| AudioError::Resample { rate, reason };
    if rate == 0 {
        return Err(failed("a rate above 0 is expected".into()));
    }
    PLANS.with_borrow_mut(|plans| {
        // Taken out while in use, so that a failed call leaves no half-used plan behind.
        let mut plan = plans.remove(&rate).map_or_else(|| Plan::new(rate), Ok).map_err(failed)?;
        let resampled = plan.run(&samples).map_err(failed)?;
        if plan.block <= MAX_KEPT_BLOCK {
            if plans.len() >= MAX_PLANS {
                plans.clear();
            }
            plans.insert(rate, plan);
        }
        Ok(resampled)
    })
}

/// Transforms, filter and buffers for one rate.
struct Plan {
    /// Samples of a block, and thrown away at each of its ends, at the source rate.
    block: usize,
    margin: usize,
    /// The same at 16 kHz.
    block_out: usize,
    margin_out: usize,
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
    /// The filter's spectrum, which is real, from 0 Hz as far as it passes, with the scale of the transforms.
    filter: Vec<f32>,
    input: Vec<Complex<f32>>,
    output: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Plan {
    fn new(rate: u32) -> Result<Self, String> {
        let common = gcd(SAMPLE_RATE, rate);
        let (step, step_out) = ((rate / common) as usize, (SAMPLE_RATE / common) as usize);
        let higher = step.max(step_out);
        let lower_nyquist = f64::from(rate.min(SAMPLE_RATE)) / f64::from(rate);
        // At the source rate the filter is as much longer as that rate is higher.
        let half = (ZERO_CROSSINGS as f64 / lower_nyquist / 2.0).ceil() as usize;
        let margins = half.div_ceil(step);
        // A power of two of steps: the transforms are fastest at such lengths, and the middle of the spectrum is a bin.
        let steps = MIN_BLOCK.div_ceil(higher).max(4 * margins).next_power_of_two();
        let (block, block_out) = (steps * step, steps * step_out);

        let mut planner = FftPlanner::<f32>::new();
        let (forward, inverse) = (planner.plan_fft_forward(block), planner.plan_fft_inverse(block_out));
        let bins = block.min(block_out) / 2 + 1;
        let filter = spectrum_of(&taps(half, lower_nyquist), block, bins)?;
        let scratch = forward.get_inplace_scratch_len().max(inverse.get_inplace_scratch_len());
        Ok(Self {
            block,
            margin: margins * step,
            block_out,
            margin_out: margins * step_out,
            input: vec![Complex::default(); block],
            output: vec![Complex::default(); block_out],
            scratch: vec![Complex::default(); scratch],
            forward,
            inverse,
            filter,
        })
    }

    fn run(&mut self, samples: &[f32]) -> Result<Vec<f32>, String> {
        let wanted = (samples.len() as u64 * self.block_out as u64).div_ceil(self.block as u64);
        let wanted = usize::try_from(wanted).map_err(|error| error.to_string())?;
        let (hop, hop_out) = (self.block - 2 * self.margin, self.block_out - 2 * self.margin_out);
        let mut resampled = vec![0.0; wanted];
        for (pair, kept) in resampled.chunks_mut(2 * hop_out).enumerate() {
            self.fill(samples, 2 * pair * hop, hop);
            self.transform();
            let (first, second) = kept.split_at_mut(hop_out.min(kept.len()));
            let found = &self.output[self.margin_out..];
            first.iter_mut().zip(found).for_each(|(kept, value)| *kept = value.re);
            second.iter_mut().zip(found).for_each(|(kept, value)| *kept = value.im);
        }
        Ok(resampled)
    }

    /// Copies two blocks: that whose kept part begins at sample `start` to the real parts, and the one that is `hop` later to the imaginary
    /// parts. Silence lies before and after the signal.
    fn fill(&mut self, samples: &[f32], start: usize, hop: usize) {
        let (first, second) = (self.place(samples, start), self.place(samples, start + hop));
        let whole = |(lead, part): &(usize, &[f32])| *lead == 0 && part.len() == self.block;
        if whole(&first) && whole(&second) {
            for ((value, re), im) in self.input.iter_mut().zip(first.1).zip(second.1) {
                *value = Complex::new(*re, *im);
            }
            return;
        }
        self.input.fill(Complex::default());
        self.input[first.0..].iter_mut().zip(first.1).for_each(|(value, sample)| value.re = *sample);
        self.input[second.0..].iter_mut().zip(second.1).for_each(|(value, sample)| value.im = *sample);
    }

    /// Where in its block the signal begins, and what of it lies there, for the block whose kept part begins at sample `start`.
    fn place<'s>(&self, samples: &'s [f32], start: usize) -> (usize, &'s [f32]) {
        let lead = self.margin.saturating_sub(start);
        let from = samples.len().min(start.saturating_sub(self.margin));
        let count = (self.block - lead).min(samples.len() - from);
        (lead, &samples[from..from + count])
    }

    /// The filter is real in time, so it keeps the two blocks apart.
    fn transform(&mut self) {
        self.forward.process_with_scratch(&mut self.input, &mut self.scratch);
        let last = self.filter.len() - 1;
        self.output[last..self.block_out - last].fill(Complex::default());
        let gained = |(to, (from, gain)): (&mut Complex<f32>, (&Complex<f32>, &f32))| *to = from * gain;
        self.output.iter_mut().zip(self.input.iter().zip(&self.filter)).take(last).for_each(gained);
        // Frequencies below 0 stand at the end, that nearest to 0 last.
        let below = self.input[self.block - last..].iter().zip(self.filter[1..].iter().rev());
        self.output[self.block_out - last..].iter_mut().zip(below).for_each(gained);
        // Where both halves meet, both count.
        self.output[last] += self.input[last] * self.filter[last];
        self.inverse.process_with_scratch(&mut self.output, &mut self.scratch);
    }
}

/// The right half of the symmetric filter, its middle first; `nyquist` is the frequency at which the stop band begins, as a share
/// of the source's Nyquist frequency. All of it sums to 1.
fn taps(half: usize, nyquist: f64) -> Vec<f64> {
    // Half the transition band lies below the cutoff, half above, where the stop band begins.
    let cutoff = nyquist - TRANSITION / (2 * half) as f64;
    let mut taps: Vec<f64> = (0..=half)
        .map(|n| {
            let (x, place) = (PI * cutoff * n as f64, n as f64 / half as f64);
            let sinc = if n == 0 { 1.0 } else { x.sin() / x };
            sinc * bessel(SHAPE * (1.0 - place * place).max(0.0).sqrt())
        })
        .collect();
    let sum = taps[0] + 2.0 * taps[1..].iter().sum::<f64>();
    taps.iter_mut().for_each(|tap| *tap /= sum);
    taps
}

/// The modified Bessel function of order 0, by its series.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..64 {
        term *= quarter / f64::from(k * k);
        sum += term;
    }
    sum
}

/// The first `bins` of the real spectrum over `block` samples of a symmetric filter, divided by `block`.
fn spectrum_of(taps: &[f64], block: usize, bins: usize) -> Result<Vec<f32>, String> {
    let fft = RealFftPlanner::<f64>::new().plan_fft_forward(block);
    let mut time = fft.make_input_vec();
    for (n, tap) in taps.iter().enumerate() {
        time[n] = *tap;
        time[(block - n) % block] = *tap;
    }
    let mut spectrum = fft.make_output_vec();
    fft.process(&mut time, &mut spectrum).map_err(|error| error.to_string())?;
    Ok(spectrum[..bins].iter().map(|value| (value.re / block as f64) as f32).collect())
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
