//! The order of the samples inside one epoch of one dataset: a keyed permutation, computed and never stored.

/// Increment of the SplitMix64 generator: 2⁶⁴ divided by the golden ratio, made odd.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Pairs of Feistel rounds. Pairs of positions of 10 samples and more are even after four (measured by chi-square); all orders of five
/// samples need six to come up equally often within 6 %.
const ROUND_PAIRS: u64 = 6;

/// The output function of SplitMix64 (Steele, Lea, Flood 2014): spreads every input bit over all output bits.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The FNV-1a hash of a name's UTF-8 bytes.
fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// Orders of one dataset's samples, one permutation for each epoch.
///
/// A Feistel network on the grid `columns × rows`: `columns` is the root of the size rounded up to an even number (on a grid of odd sides
/// every round is an even permutation, and half of all orders could not come up), `rows` as many as hold all samples. Positions that
/// fall outside the dataset are sent through again ("cycle walking"); there are fewer than `columns`, so one pass is nearly always enough.
/// The key is made of the run's seed and the dataset's *name*: the order of one dataset does not change when others come or go.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    key: u64,
    size: u64,
    columns: u64,
    rows: u64,
}

impl Orders {
    /// Orders of the dataset `name` of `size` samples; a size of 0 is treated as 1 (schedules refuse empty datasets before).
    pub(crate) fn new(seed: u64, name: &str, size: u64) -> Self {
        let size = size.max(1);
        let columns = ((size - 1).isqrt() + 1).next_multiple_of(2);
        Self { key: mix(mix(seed) ^ name_hash(name)), size, columns, rows: size.div_ceil(columns) }
    }

    /// The sample that comes at `position` (0-based, `< size`) of `epoch`.
    pub(crate) fn sample(&self, epoch: u64, position: u64) -> u64 {
        let key = mix(self.key ^ epoch);
        let mut at = position;
        loop {
            at = self.pass(key, at);
            if at < self.size {
                return at;
            }
        }
    }

    /// The samples of the dataset.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    fn pass(&self, key: u64, at: u64) -> u64 {
        let (mut x, mut y) = (at % self.columns, at / self.columns);
        for pair in 0..ROUND_PAIRS {
            x = shift(x, mix(key.wrapping_add(GOLDEN.wrapping_mul(2 * pair + 1)) ^ y), self.columns);
            y = shift(y, mix(key.wrapping_add(GOLDEN.wrapping_mul(2 * pair + 2)) ^ x), self.rows);
        }
        y * self.columns + x
    }
}

/// `(value + hash scaled to 0..modulus) mod modulus`, for `value < modulus ≤ 2³²`.
fn shift(value: u64, hash: u64, modulus: u64) -> u64 {
    // The product of a 64-bit hash and a modulus below 2³³ fits u128, and its upper half is below the modulus.
    let offset = ((u128::from(hash) * u128::from(modulus)) >> 64) as u64;
    let sum = value + offset;
    if sum >= modulus { sum - modulus } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn every_epoch_is_a_permutation_for_all_small_sizes() {
        for size in 1..=300 {
            let orders = Orders::new(7, "keys", size);
            for epoch in 0..3 {
                let mut seen: Vec<u64> = (0..size).map(|position| orders.sample(epoch, position)).collect();
                seen.sort_unstable();
                assert!(seen.iter().copied().eq(0..size), "size {size}, epoch {epoch}");
            }
        }
    }

    #[test]
    fn orders_differ_by_epoch_seed_and_name() {
        let take = |seed, name, epoch| -> Vec<u64> {
            let orders = Orders::new(seed, name, 1000);
            (0..20).map(|position| orders.sample(epoch, position)).collect()
        };
        let first = take(1, "a", 0);
        assert_ne!(first, take(1, "a", 1));
        assert_ne!(first, take(2, "a", 0));
        assert_ne!(first, take(1, "b", 0));
        assert_eq!(first, take(1, "a", 0));
    }

    /// Chi-square over all orders of few samples: no order may be favoured.
    #[test]
    fn orders_of_few_samples_are_even() {
        for (size, orders_of_size) in [(2, 2.0), (3, 6.0), (4, 24.0), (5, 120.0)] {
            let orders = Orders::new(3, "tiny", size);
            let epochs = 24_000_u32;
            let mut counts: HashMap<Vec<u64>, u32> = HashMap::new();
            for epoch in 0..u64::from(epochs) {
                *counts.entry((0..size).map(|position| orders.sample(epoch, position)).collect()).or_default() += 1;
            }
            let expected = f64::from(epochs) / orders_of_size;
            let mut chi = counts.values().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum::<f64>();
            chi += (orders_of_size - counts.len() as f64) * expected;
            // Mean of the statistic is the degrees of freedom, its variance twice that: six deviations, and 6 % of unevenness.
            let freedom = orders_of_size - 1.0;
            assert!(
                chi < freedom * (1.0 + 0.06_f64.powi(2) * expected) + 6.0 * (2.0 * freedom).sqrt(),
                "size {size}: chi-square {chi} for {freedom} degrees"
            );
        }
    }

    /// Which sample comes first, and where one sample lands, is even over the epochs of a dataset that does not fill its grid.
    #[test]
    fn positions_of_a_larger_set_are_even() {
        let size = 37;
        let orders = Orders::new(11, "mid", size);
        let epochs = 37_000_u32;
        let expected = f64::from(epochs) / size as f64;
        for position in [0, 18, 36] {
            let mut counts = vec![0_u32; usize::try_from(size).unwrap()];
            for epoch in 0..u64::from(epochs) {
                counts[usize::try_from(orders.sample(epoch, position)).unwrap()] += 1;
            }
            let chi: f64 = counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
            assert!(chi < 36.0 + 6.0 * 72.0_f64.sqrt(), "position {position}: chi-square {chi}");
        }
    }
}
