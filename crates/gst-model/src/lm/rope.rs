//! Rotary position embedding (Su et al. 2021, arXiv 2104.09864) and the ways to stretch it over longer texts.

use burn::tensor::{DType, Device, Tensor, TensorData};

/// Base of the frequencies and how they are stretched.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Base of the geometric series of wavelengths.
    pub theta: f64,
    /// How frequencies are changed.
    pub scaling: Scaling,
}

/// How a model stretches its frequencies beyond the length it was first trained on.
#[derive(Debug, Clone, PartialEq)]
pub enum Scaling {
    /// Not at all.
    None,
    /// Every frequency divided by `factor` (Chen et al. 2023, arXiv 2306.15595).
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// A larger base for a text longer than `original` ("dynamic NTK").
    Dynamic {
        /// How many times longer texts may become.
        factor: f64,
        /// Positions without stretching.
        original: usize,
    },
    /// Long wavelengths divided, short ones kept, a ramp between (Llama 3.1, arXiv 2407.21783).
    Llama3 {
        /// The divisor of long wavelengths.
        factor: f64,
        /// Wavelengths above `original / low` are divided.
        low: f64,
        /// Wavelengths below `original / high` are kept.
        high: f64,
        /// Positions of the first training.
        original: usize,
    },
    /// A ramp over dimensions, and a temperature of the attention (YaRN, Peng et al. 2023, arXiv 2309.00071).
    Yarn {
        /// The divisor of long wavelengths.
        factor: f64,
        /// Rotations over `original` positions above which a dimension is kept.
        fast: f64,
        /// Rotations below which a dimension is divided.
        slow: f64,
        /// Positions of the first training.
        original: usize,
        /// What cosines and sines are multiplied by.
        attention: f64,
        /// Whether the ends of the ramp are whole dimensions.
        truncate: bool,
    },
}

impl Rope {
    /// Frequencies in radians a position, `head_size / 2` of them, for a text of `length` positions.
    #[must_use]
    pub fn frequencies(&self, head_size: usize, length: usize) -> Vec<f32> {
        let size = head_size as f64;
        let theta = match self.scaling {
            Scaling::Dynamic { factor, original } => {
                let stretch = factor * length.max(original) as f64 / original as f64 - (factor - 1.0);
                self.theta * stretch.powf(size / (size - 2.0))
            }
            _ => self.theta,
        };
        // In f32, as checkpoints were trained: positions are multiplied by these, so a rounding grows with the position.
        let plain = (0..head_size).step_by(2).map(|at| 1.0 / (theta as f32).powf(at as f32 / head_size as f32));
        match self.scaling {
            Scaling::None | Scaling::Dynamic { .. } => plain.collect(),
            Scaling::Linear { factor } => plain.map(|frequency| frequency / factor as f32).collect(),
            Scaling::Llama3 { factor, low, high, original } => {
                let original = original as f64;
                let stretched = |frequency: f32| {
                    let wavelength = std::f64::consts::TAU / f64::from(frequency);
                    let keep = ((original / wavelength - low) / (high - low)).clamp(0.0, 1.0);
                    ((1.0 - keep) * f64::from(frequency) / factor + keep * f64::from(frequency)) as f32
                };
                plain.map(stretched).collect()
            }
            Scaling::Yarn { factor, fast, slow, original, truncate, .. } => {
                let turning = |rotations: f64| {
                    size * (original as f64 / (rotations * std::f64::consts::TAU)).ln() / (2.0 * self.theta.ln())
                };
                let (low, high) = (turning(fast), turning(slow));
                let (low, high) = if truncate { (low.floor(), high.ceil()) } else { (low, high) };
                let (low, high) = (low.max(0.0), high.min(size - 1.0));
                let high = if low == high { high + 0.001 } else { high };
                let stretched = |(at, frequency): (usize, f32)| {
                    let ramp = ((at as f64 - low) / (high - low)).clamp(0.0, 1.0) as f32;
                    frequency / factor as f32 * ramp + frequency * (1.0 - ramp)
                };
                plain.enumerate().map(stretched).collect()
            }
        }
    }

    /// Cosines and sines for positions `[batch][length]`, each `[batch, 1, length, head_size / 2]`.
    pub(super) fn tables(&self, head_size: usize, positions: &[Vec<usize>], dtype: DType, device: &Device) -> Turn {
        let attention = match self.scaling {
            Scaling::Yarn { attention, .. } => attention as f32,
            _ => 1.0,
        };
        let (batch, length, half) = (positions.len(), positions.first().map_or(0, Vec::len), head_size / 2);
        let mut tables = [Vec::with_capacity(batch * length * half), Vec::with_capacity(batch * length * half)];
        for row in positions {
            let frequencies = self.frequencies(head_size, row.iter().max().map_or(1, |last| last + 1));
            for &position in row {
                for frequency in &frequencies {
                    let (sine, cosine) = (position as f32 * frequency).sin_cos();
                    tables[0].push(cosine * attention);
                    tables[1].push(sine * attention);
                }
            }
        }
        let [cosine, sine] = tables.map(|table| {
            Tensor::from_data(TensorData::new(table, [batch, 1, length, half]).convert_dtype(dtype), (device, dtype))
        });
        Turn { cosine, sine }
    }
}

/// The rotations of a batch of positions.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    cosine: Tensor<4>,
    sine: Tensor<4>,
}

impl Turn {
    /// Rotates `[batch, heads, length, head_size]`; dimension i turns with dimension `i + head_size / 2`, as in published
    /// checkpoints.
    pub(super) fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let half = x.dims()[3] / 2;
        let (first, second) = (x.clone().slice_dim(3, 0..half), x.slice_dim(3, half..2 * half));
        let turned = first.clone() * self.cosine.clone() - second.clone() * self.sine.clone();
        Tensor::cat(vec![turned, second * self.cosine.clone() + first * self.sine.clone()], 3)
    }
}
