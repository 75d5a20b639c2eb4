//! The projection itself: hash, sign, add.

use rayon::prelude::*;

use super::SketchParams;

/// How many values of the sketch each coordinate is added to. One would do for gradients without large single entries; with
/// four, two large entries that meet in one value of the sketch disturb an inner product by a quarter as much.
pub const NONZEROS: usize = 4;

/// 1 / √[`NONZEROS`].
const SCALE: f64 = 0.5;

/// Coordinates that one task takes. Fixed, so that the order of additions does not depend on the number of threads.
const CHUNK: usize = 1 << 18;

/// Tasks whose partial sums are kept at one time: bounds memory at `WAVE` sketches.
const WAVE: usize = 16;

pub(super) struct Projection {
    seed: u64,
    /// The sketch is cut into [`NONZEROS`] ranges, and a coordinate has one value in each: (first, width).
    ranges: [(u32, u32); NONZEROS],
}

impl Projection {
    pub(super) fn new(params: SketchParams) -> Self {
        let bound = |part: usize| (params.size * part / NONZEROS) as u32;
        let ranges = std::array::from_fn(|part| (bound(part), bound(part + 1) - bound(part)));
        Self { seed: mix(params.seed ^ 0x9e37_79b9_7f4a_7c15), ranges }
    }

    /// Adds the values at `offset..` to the sums of the sketch.
    pub(super) fn add(&self, sums: &mut [f64], offset: u64, values: &[f32]) {
        let chunk = CHUNK.max(4 * sums.len());
        if values.len() <= chunk {
            return self.scatter(sums, offset, values);
        }
        let width = sums.len();
        for (wave, part) in values.chunks(chunk * WAVE).enumerate() {
            let start = offset.wrapping_add((wave * chunk * WAVE) as u64);
            let partial: Vec<Vec<f64>> = part
                .par_chunks(chunk)
                .enumerate()
                .map(|(index, values)| {
                    let mut own = vec![0.0; width];
                    self.scatter(&mut own, start.wrapping_add((index * chunk) as u64), values);
                    own
                })
                .collect();
            for own in partial {
                sums.iter_mut().zip(own).for_each(|(sum, value)| *sum += value);
            }
        }
    }

    fn scatter(&self, sums: &mut [f64], offset: u64, values: &[f32]) {
        for (index, &value) in values.iter().enumerate() {
            let scaled = SCALE * f64::from(value);
            for (row, negative) in self.rows(offset.wrapping_add(index as u64)) {
                sums[row as usize] += if negative { -scaled } else { scaled };
            }
        }
    }

    /// Where a coordinate goes, and with which sign: 128 bits of hash give 32 to each of the four ranges.
    #[inline]
    fn rows(&self, coordinate: u64) -> [(u32, bool); NONZEROS] {
        let first = mix(self.seed ^ coordinate.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let second = mix(first ^ 0xd1b5_4a32_d192_ed03);
        let words = [first as u32, (first >> 32) as u32, second as u32, (second >> 32) as u32];
        std::array::from_fn(|part| {
            let (start, width) = self.ranges[part];
            let word = words[part];
            // The high 31 bits, scaled to the width (multiply and shift), choose the row; the lowest bit the sign.
            let row = ((u64::from(word >> 1) * u64::from(width)) >> 31) as u32;
            (start + row, word & 1 == 1)
        })
    }
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): a bijection of 64 bits in which every input bit reaches every
/// output bit.
#[inline]
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
