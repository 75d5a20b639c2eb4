//! Groupings that look at no distance: what a grouping by affinity is compared with.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::{GroupingError, Partition};

/// Deals `datasets` datasets to `groups` groups by chance, group sizes differing by one at most.
///
/// # Errors
/// `ZeroGroups` or `TooManyGroups`.
pub fn random(datasets: usize, groups: usize, seed: u64) -> Result<Partition, GroupingError> {
    match groups {
        0 => return Err(GroupingError::ZeroGroups { datasets }),
        _ if groups > datasets => return Err(GroupingError::TooManyGroups { groups, datasets }),
        _ => {}
    }
    let mut labels: Vec<usize> = (0..datasets).map(|n| n % groups).collect();
    labels.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    Ok(Partition::from_labels(&labels))
}

/// A group for each domain, in the order in which domains first occur. Datasets of unknown domain (`""`) are a group too.
pub fn by_domain(domains: &[&str]) -> Partition {
    let mut known = HashMap::new();
    let labels: Vec<usize> = domains
        .iter()
        .map(|domain| {
            let next = known.len();
            *known.entry(*domain).or_insert(next)
        })
        .collect();
    Partition::from_labels(&labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_groups_are_even_and_follow_the_seed() {
        let sizes = |p: &Partition| p.groups().iter().map(Vec::len).collect::<Vec<_>>();
        for seed in 0..20 {
            let partition = random(14, 3, seed).unwrap();
            let mut sizes = sizes(&partition);
            sizes.sort_unstable();
            assert_eq!(sizes, [4, 5, 5]);
            assert_eq!(partition, random(14, 3, seed).unwrap());
        }
        assert_ne!(random(14, 3, 1).unwrap(), random(14, 3, 2).unwrap());
        assert!(random(3, 4, 0).is_err() && random(3, 0, 0).is_err());
    }

    #[test]
    fn domains_are_groups() {
        assert_eq!(by_domain(&["music", "speech", "music", ""]).labels(), [0, 1, 0, 2]);
    }
}
