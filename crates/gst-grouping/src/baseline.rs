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

/// The groups that `partition` names, `names` being those of the datasets.
///
/// # Errors
/// `GivenUnknown` for a name that is none of `names`, `GivenUneven` or `EmptyGroup` when not every dataset is in exactly one group.
pub(crate) fn given(partition: &[Vec<String>], names: &[String]) -> Result<Partition, GroupingError> {
    let place = |name: &String| {
        let unknown = || GroupingError::GivenUnknown { name: name.clone(), known: names.join(", ") };
        names.iter().position(|known| known == name).ok_or_else(unknown)
    };
    let groups: Vec<Vec<usize>> =
        partition.iter().map(|group| group.iter().map(place).collect::<Result<_, _>>()).collect::<Result<_, _>>()?;
    for name in names {
        let found = partition.iter().flatten().filter(|given| *given == name).count();
        if found != 1 {
            return Err(GroupingError::GivenUneven { name: name.clone(), found, known: names.join(", ") });
        }
    }
    Partition::from_groups(&groups, names.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_groups_hold_every_dataset_once() {
        let list = |names: &str| names.split(',').map(str::to_owned).collect::<Vec<_>>();
        let names = list("a,b,c");
        assert_eq!(given(&[list("c,a"), list("b")], &names).unwrap().labels(), [0, 1, 0]);
        for (partition, expected) in [
            (vec![list("a,x"), list("b,c")], "\"x\", which is not a dataset here; known: a, b, c"),
            (vec![list("a,b"), list("b,c")], "hold \"b\" 2 times"),
            (vec![list("a,b")], "hold \"c\" 0 times; every dataset belongs in exactly one: a, b, c"),
            (vec![], "hold \"a\" 0 times"),
        ] {
            let message = given(&partition, &names).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

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
