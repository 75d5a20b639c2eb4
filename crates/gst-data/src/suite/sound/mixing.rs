//! Levels, sums and places of sounds.

/// Adds `sound` from sample `offset` on; what does not fit is cut off.
pub(in crate::suite) fn add_at(target: &mut [f64], sound: &[f64], offset: usize, gain: f64) {
    for (place, sample) in target.iter_mut().skip(offset).zip(sound) {
        *place += gain * sample;
    }
}

/// Multiplies every sample.
pub(in crate::suite) fn scale(samples: &mut [f64], gain: f64) {
    for sample in samples {
        *sample *= gain;
    }
}

/// Largest magnitude; 0 for nothing.
pub(in crate::suite) fn peak(samples: &[f64]) -> f64 {
    samples.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
}

/// Root mean square; 0 for nothing.
pub(in crate::suite) fn rms(samples: &[f64]) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    (samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len() as f64).sqrt()
}

/// Scales to a peak of 1; silence stays silence.
pub(in crate::suite) fn to_unit_peak(samples: &mut [f64]) {
    let highest = peak(samples);
    if highest > 0.0 {
        scale(samples, 1.0 / highest);
    }
}

/// A ratio of amplitudes from decibels.
pub(in crate::suite) fn from_db(db: f64) -> f64 {
    10_f64.powf(db / 20.0)
}
