//! Windowed-sinc resampling to 16 kHz.

use std::{cell::RefCell, collections::HashMap};

use rubato::{
    Async, FixedAsync, Indexing, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction,
    audioadapter_buffers::direct::SequentialSlice, calculate_cutoff,
};

use super::{AudioError, SAMPLE_RATE};

/// Zero crossings of the filter, counted at the lower of the two rates: with the window below the pass band
/// reaches 0.926 of that Nyquist frequency and the stop band begins at it.
const FILTER_LENGTH: usize = 256;

/// Squared Blackman: side lobes below -110 dB.
const WINDOW: WindowFunction = WindowFunction::Blackman2;

/// Most filter phases kept as an exact table; rates with more (none in use has) are interpolated cubically between phases.
const MAX_PHASES: u32 = 1_280;

/// Frames a call to the filter; bounds its buffers.
const CHUNK: usize = 1_024;

/// Filters kept ready for each thread: a dataset has one or two rates.
const MAX_FILTERS: usize = 8;

thread_local! {
    static FILTERS: RefCell<HashMap<u32, Filter>> = RefCell::new(HashMap::new());
}

/// Mono `samples` at `rate` Hz as 16 kHz mono, sample 0 of both at the same time; the samples themselves when `rate` is
/// 16 kHz already.
///
/// # Errors
/// When `rate` is 0 or the filter cannot be made for it.
pub fn resample(samples: Vec<f32>, rate: u32) -> Result<Vec<f32>, AudioError> {
    if rate == SAMPLE_RATE || samples.is_empty() {
        return Ok(samples);
    }
    FILTERS.with_borrow_mut(|filters| {
        // Taken out while in use, so that a failed call leaves no half-used filter behind.
        let mut filter = match filters.remove(&rate) {
            Some(filter) => filter,
            None => Filter::new(rate)?,
        };
        let resampled = filter.run(&samples).map_err(|reason| AudioError::Resample { rate, reason })?;
        filter.inner.reset();
        if filters.len() >= MAX_FILTERS {
            filters.clear();
        }
        filters.insert(rate, filter);
        Ok(resampled)
    })
}

/// A filter for one rate, and what it takes to have its output begin with the input.
struct Filter {
    inner: Async<f32>,
    /// Output rate over input rate.
    ratio: f64,
    /// Taps at the input rate.
    length: usize,
    /// Zeros put before the input.
    lead: usize,
    /// Outputs dropped: the next one lies at input sample `lead`.
    skip: usize,
}

impl Filter {
    fn new(rate: u32) -> Result<Self, AudioError> {
        let failed = |reason: String| AudioError::Resample { rate, reason };
        if rate == 0 {
            return Err(failed("a rate above 0 is expected".into()));
        }
        let ratio = f64::from(SAMPLE_RATE) / f64::from(rate);
        // The filter is applied at the source rate: to be as steep at 16 kHz it needs proportionally more taps there.
        let length = ((FILTER_LENGTH as f64 * (1.0 / ratio).max(1.0)).ceil() as usize).next_multiple_of(8);
        let phases = SAMPLE_RATE / gcd(SAMPLE_RATE, rate);
        let (phases, interpolation) = match phases <= MAX_PHASES {
            true => (phases, SincInterpolationType::Nearest),
            false => (256, SincInterpolationType::Cubic),
        };
        let params = SincInterpolationParameters::new(length, WINDOW)
            .f_cutoff(calculate_cutoff(FILTER_LENGTH, WINDOW))
            .oversampling_factor(phases as usize)
            .interpolation(interpolation);
        let inner =
            Async::new_sinc(ratio, 1.0, &params, CHUNK, 1, FixedAsync::Input).map_err(|error| failed(error.to_string()))?;
        let (lead, skip) = alignment(ratio, length, phases);
        Ok(Self { inner, ratio, length, lead, skip })
    }

    fn run(&mut self, samples: &[f32]) -> Result<Vec<f32>, String> {
        let wanted = (samples.len() as f64 * self.ratio).ceil() as usize;
        let mut input = vec![0.0; self.lead];
        input.extend_from_slice(samples);
        // The last outputs need samples after the end, and calls come in whole chunks.
        input.resize((input.len() + 2 * self.length).next_multiple_of(CHUNK), 0.0);
        let mut output = vec![0.0; (input.len() as f64 * self.ratio) as usize + self.inner.output_frames_max()];
        let frames = output.len();
        let source = SequentialSlice::new(&input, 1, input.len()).map_err(|error| error.to_string())?;
        let mut target = SequentialSlice::new_mut(&mut output, 1, frames).map_err(|error| error.to_string())?;
        let mut at = Indexing::new();
        while at.input_offset < input.len() && at.output_offset < self.skip + wanted {
            let (read, written) =
                self.inner.process_into_buffer(&source, &mut target, Some(&at)).map_err(|error| error.to_string())?;
            at.input_offset += read;
            at.output_offset += written;
        }
        output.drain(..self.skip);
        output.truncate(wanted);
        Ok(output)
    }
}

/// How many zeros to put before the input and how many outputs to drop, so that an output falls on input sample 0.
///
/// Output k of the filter lies at input time `(k + 1) / ratio - length / 2 + 1 / phases` (it starts one step in, and its
/// table of phases one phase off), which is a whole number for some k of every `phases` in a row.
fn alignment(ratio: f64, length: usize, phases: u32) -> (usize, usize) {
    let time = |k: usize| (k + 1) as f64 / ratio - length as f64 / 2.0 + 1.0 / f64::from(phases);
    let first = (0..).find(|&k| time(k) > -0.5 / f64::from(phases)).unwrap_or(0);
    let off = |k: usize| (time(k) - time(k).round()).abs();
    let candidates = first..first + 2 * MAX_PHASES as usize;
    let best = candidates.min_by(|&a, &b| (off(a) + 1e-9 * a as f64).total_cmp(&(off(b) + 1e-9 * b as f64))).unwrap_or(first);
    (time(best).round().max(0.0) as usize, best)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
