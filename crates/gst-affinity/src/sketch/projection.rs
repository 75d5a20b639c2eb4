//! The projection itself: hash, sign, add.

use rayon::prelude::*;

use super::SketchParams;

/// How many values of the sketch each coordinate is added to. One would do for gradients without large single entries; with
/// four, two large entries that meet in one value of the sketch disturb an inner product by a quarter as much.
pub const NONZEROS: usize = 4;

/// 1 / √[`NONZEROS`].
const SCALE: f64 = 0.5;

/// Coordinates that go to neighbouring values of the sketch, each with a sign of its own. Two coordinates of different blocks
/// meet as seldom as if each had a place of its own, two of one block never do (where a range is at least as wide), and adding
/// neighbours to neighbours is ten times as fast.
const BLOCK: usize = 64;

/// Tells the ranges' hashes of one block apart.
const PARTS: [u64; NONZEROS] = [0x8c5f_39d1_0b6e_a247, 0x2f9a_c403_7d18_e65b, 0xe316_7ba8_54c9_0d2f, 0x59d2_0e74_a1f3_863c];

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
        let within = (offset % BLOCK as u64) as usize;
        let (first, rest) = values.split_at(values.len().min(BLOCK - within));
        let block = offset / BLOCK as u64;
        self.add_block(sums, block, within, first);
        for (values, block) in rest.chunks(BLOCK).zip(block + 1..) {
            self.add_block(sums, block, 0, values);
        }
    }

    /// Adds coordinates `within..` of a block: in each range they go to neighbouring values of the sketch, round its end.
    fn add_block(&self, sums: &mut [f64], block: u64, within: usize, mut values: &[f32]) {
        let hash = mix(self.seed ^ block.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let all = values;
        for (part, &(first, width)) in self.ranges.iter().enumerate() {
            let place = mix(hash ^ PARTS[part]);
            let signs = mix(place ^ 0xd1b5_4a32_d192_ed03);
            // The high 32 bits, scaled to the width (multiply and shift), choose where the block begins.
            let start = (((place >> 32) * u64::from(width)) >> 32) as usize;
            let (first, width) = (first as usize, width as usize);
            let mut position = within;
            values = all;
            while !values.is_empty() {
                let row = (start + position) % width;
                let (now, later) = values.split_at(values.len().min(width - row));
                add_signed(&mut sums[first + row..], now, signs >> position);
                position += now.len();
                values = later;
            }
        }
    }
}

/// Adds each value, scaled, with the sign that its bit of `signs` says.
#[inline]
fn add_signed(sums: &mut [f64], values: &[f32], mut signs: u64) {
    for (sums, values) in sums.chunks_mut(8).zip(values.chunks(8)) {
        let factors = &SIGNS[(signs & 0xff) as usize];
        for ((sum, &value), factor) in sums.iter_mut().zip(values).zip(factors) {
            *sum += factor * f64::from(value);
        }
        signs >>= 8;
    }
}

/// ±[`SCALE`] for the eight bits of a byte: a multiplication is quicker than a choice.
static SIGNS: [[f64; 8]; 256] = signs();

const fn signs() -> [[f64; 8]; 256] {
    let mut table = [[SCALE; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte][bit] = -SCALE;
            }
            bit += 1;
        }
        byte += 1;
    }
    table
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): a bijection of 64 bits in which every input bit reaches every
/// output bit.
#[inline]
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
