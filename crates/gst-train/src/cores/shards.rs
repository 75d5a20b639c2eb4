//! Which part of a step's batch each of several devices works off.
//!
//! The global batch of a step, and its parts, follow from the schedule and `micro_batch` alone ([`crate::batches`]): how many
//! devices there are only says who works off which part. Gradients of parts are sums over tokens, and they are added up in the
//! order of the parts, so one device with four parts, two with two and four with one train on the same samples and, where their
//! arithmetic is the same, get the same sum to the last bit.

/// The indices of the parts, of `parts` in all, that each of `devices` (at least 1) works off, in order.
///
/// The parts of a step are ordered by the length of their clips, so they are dealt out in turn: every device gets long and short
/// ones. Devices beyond the number of parts get none.
#[must_use]
pub fn split(parts: usize, devices: usize) -> Vec<Vec<usize>> {
    let devices = devices.max(1);
    (0..devices).map(|device| (device..parts).step_by(devices).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn every_part_has_one_device() {
        assert_eq!(split(4, 1), [[0, 1, 2, 3]]);
        assert_eq!(split(4, 2), [[0, 2], [1, 3]]);
        assert_eq!(split(4, 4), [[0], [1], [2], [3]]);
        assert_eq!(split(3, 2), [vec![0, 2], vec![1]]);
        assert_eq!(split(1, 3), [vec![0], vec![], vec![]]);
        for (parts, devices) in [(0, 1), (7, 3), (16, 5), (5, 0)] {
            let mut all = split(parts, devices).concat();
            all.sort_unstable();
            assert_eq!(all, (0..parts).collect::<Vec<_>>());
        }
    }
}
