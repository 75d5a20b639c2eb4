//! Texts that occur again and again, each kept once.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// A set of texts numbered from 0 in the order of first use. All lie in one string, so that a million file names cost little
/// more than their bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    text: String,
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    state: RandomState,
}

impl Names {
    /// The number of `name`, which is added if it is new.
    pub(crate) fn add(&mut self, name: &str) -> u32 {
        let Self { text, ends, numbers, state } = self;
        let hash = state.hash_one(name);
        let entry =
            numbers.entry(hash, |&number| slice(text, ends, number) == name, |&number| state.hash_one(slice(text, ends, number)));
        match entry {
            hashbrown::hash_table::Entry::Occupied(found) => *found.get(),
            hashbrown::hash_table::Entry::Vacant(place) => {
                let number = number(ends.len());
                place.insert(number);
                text.push_str(name);
                ends.push(text.len());
                number
            }
        }
    }

    /// The number of `name`, if it is here.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.numbers.find(self.state.hash_one(name), |&number| self.get(number) == name).copied()
    }

    /// The text with that number; empty where there is none.
    pub(crate) fn get(&self, number: u32) -> &str {
        slice(&self.text, &self.ends, number)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// As [`len`](Self::len), for counting up to.
    pub(crate) fn count(&self) -> u32 {
        number(self.len())
    }

    /// All of them, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.count()).map(|number| self.get(number))
    }

    /// Gives memory back once all names are known.
    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

fn slice<'a>(text: &'a str, ends: &[usize], number: u32) -> &'a str {
    let number = number as usize;
    let begin = number.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    ends.get(number).and_then(|&end| text.get(begin..end)).unwrap_or_default()
}

/// Numbers stay below [`MAX_RECORDS`](crate::dataset::rows::MAX_RECORDS), since every record adds at most one name of a kind.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_in_order_and_kept_once() {
        let mut names = Names::default();
        let texts = ["b", "", "a", "b", "ab", "", "ä"];
        let numbers: Vec<u32> = texts.iter().map(|text| names.add(text)).collect();
        assert_eq!(numbers, [0, 1, 2, 0, 3, 1, 4]);
        assert_eq!(names.iter().collect::<Vec<_>>(), ["b", "", "a", "ab", "ä"]);
        assert_eq!((names.len(), names.find("ab"), names.find("c"), names.get(9)), (5, Some(3), None, ""));
        for number in 0..1_000 {
            names.add(&format!("{number}"));
        }
        assert!((0..1_000).all(|number| names.get(names.find(&format!("{number}")).unwrap()) == format!("{number}")));
    }
}
