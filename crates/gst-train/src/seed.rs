//! Seeds derived from seeds.

/// One seed from several numbers, such as a run's seed and a step: equal numbers give an equal seed, and neighbours share nothing
/// visible (SplitMix64's finaliser, Steele et al. 2014).
#[must_use]
pub fn derive(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, &part| {
        let mut mixed = state ^ part.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::derive;

    #[test]
    fn order_and_value_matter() {
        let seeds: BTreeSet<u64> = (0..100).flat_map(|first| (0..100).map(move |second| derive(&[first, second]))).collect();
        assert_eq!(seeds.len(), 10_000);
        assert_ne!(derive(&[1, 2]), derive(&[2, 1]));
    }
}
