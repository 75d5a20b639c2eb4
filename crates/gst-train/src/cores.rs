//! Independent passes of a model side by side on the cores of a CPU.
//!
//! Splitting one matrix product over cores costs a meeting of all of them per product, and most of what lies between products
//! runs on one core. Passes over different samples need no meeting: each runs on one core from end to end. What comes out does
//! not depend on how many cores there are.

pub mod shards;

use std::panic::resume_unwind;
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// The cores that passes run on.
pub struct Cores {
    /// One pool of one thread for each core: what runs in it splits nothing. None for one pass at a time.
    pools: Vec<ThreadPool>,
}

impl Cores {
    /// `count` cores; with fewer than two, one pass at a time that may use all of the machine.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(count: usize) -> Result<Self, ThreadPoolBuildError> {
        let pools = if count < 2 { 0 } else { count };
        let pool = |_| ThreadPoolBuilder::new().num_threads(1).build();
        Ok(Self { pools: (0..pools).map(pool).collect::<Result<_, _>>()? })
    }

    /// As many cores as rayon would take: `RAYON_NUM_THREADS`, else all of the machine.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn of_machine() -> Result<Self, ThreadPoolBuildError> {
        Self::new(rayon::current_num_threads())
    }

    /// Passes that run at one time, at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pools.len().max(1)
    }

    /// What `pass` makes of every item, in the order of the items. They are dealt out in turn, so items in order of length
    /// make equal shares.
    ///
    /// A pass with autodiff needs a model of its own ([`burn::module::Module::fork`]): graphs that share a parameter wait for each other.
    pub fn map<T: Sync, R: Send>(&self, items: &[T], pass: impl Fn(&T) -> R + Sync) -> Vec<R> {
        if self.pools.len().min(items.len()) < 2 {
            return items.iter().map(pass).collect();
        }
        let shares = shards::split(items.len(), self.pools.len());
        let share = |pool: &ThreadPool, indices: &[usize]| {
            pool.install(|| indices.iter().map(|&at| (at, pass(&items[at]))).collect::<Vec<_>>())
        };
        let share = &share;
        let mut done: Vec<(usize, R)> = thread::scope(|scope| {
            let start = |(pool, indices)| scope.spawn(move || share(pool, indices));
            let busy: Vec<_> = self.pools.iter().zip(shares.iter().map(Vec::as_slice)).map(start).collect();
            busy.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        done.sort_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, result)| result).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Cores;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for (cores, items) in [(0, 5), (1, 5), (2, 0), (2, 1), (2, 7), (4, 3)] {
            let cores = Cores::new(cores).unwrap();
            let items: Vec<usize> = (0..items).collect();
            assert_eq!(cores.map(&items, |item| item * item), items.iter().map(|item| item * item).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_pass_has_one_core() {
        let cores = Cores::new(3).unwrap();
        assert_eq!(cores.count(), 3);
        assert_eq!(cores.map(&[(); 4], |()| rayon::current_num_threads()), [1; 4]);
    }

    #[test]
    #[should_panic(expected = "of a pass")]
    fn a_panic_of_a_pass_is_not_lost() {
        Cores::new(2).unwrap().map(&[1, 2], |_| panic!("of a pass"));
    }
}
