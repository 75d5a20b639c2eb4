//! The random numbers of one clip.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::f64::consts::TAU;

use super::RECIPE_VERSION;

/// A stream of random numbers that depends on a seed and a key only.
///
/// The distributions are written out here, on top of the raw ChaCha words, so that a newer version of a random number
/// library cannot change a clip.
pub(super) struct Dice {
    words: ChaCha8Rng,
}

impl Dice {
    /// The stream of `key` (such as `"vowel/train/17"`) under `seed`. Streams of different keys are unrelated.
    pub(super) fn keyed(seed: u64, key: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"gst generated suite");
        hash.update(RECIPE_VERSION.to_le_bytes());
        hash.update(seed.to_le_bytes());
        hash.update(key.as_bytes());
        Self { words: ChaCha8Rng::from_seed(hash.finalize().into()) }
    }

    /// Uniform in `[0, 1)`, 53 bits.
    pub(super) fn unit(&mut self) -> f64 {
        (self.words.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `[low, high)`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform on a logarithmic scale in `[low, high)`; for frequencies and times. Both ends must be positive.
    pub(super) fn ratio_between(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.unit())
    }

    /// Uniform in `0..n`; 0 where `n` is 0. The bias of the multiplication is below n / 2^64.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.words.next_u64()) * n as u128) >> 64) as usize
    }

    /// One of the items, each as likely. An empty array does not compile.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, items: [T; N]) -> T {
        const { assert!(N > 0) }
        items[self.below(N)]
    }

    /// True with probability `share`.
    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// A sample of white noise: uniform in `[-1, 1)`, 32 bits.
    pub(super) fn white(&mut self) -> f64 {
        f64::from(self.words.next_u32()) / f64::from(1_u32 << 31) - 1.0
    }

    /// Standard normal (Box and Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }

    /// The numbers `0..n` in random order (Fisher and Yates).
    pub(super) fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for last in (1..n).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}
