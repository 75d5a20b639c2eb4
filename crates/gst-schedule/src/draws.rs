//! Draws: sample number n of a run, computed.

use crate::interleave::Interleave;
use crate::permutation::Orders;
use crate::{Schedule, ScheduleError};

/// One sample of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Draw {
    /// The dataset (index into the schedule's datasets).
    pub dataset: usize,
    /// The sample, an index below the dataset's size.
    pub index: u64,
    /// How many times the dataset has been gone through before, over the whole run: 0 for the first epoch.
    pub epoch: u64,
}

/// The draws of a schedule.
///
/// [`draw`](Self::draw) is a pure function of the schedule and `n`: no state is kept, so a run resumes at any step, any number of loader
/// threads or devices may take any part, and a dry run sees what the run will see. For each draw:
///
/// 1. its stage piece is looked up (binary search over stages and ramp pieces);
/// 2. the piece's even interleave of the integer weights gives the dataset and how many of its draws came before in the piece; with
///    the count before the piece this is the dataset's position in the run, which therefore continues over stages;
/// 3. position ÷ size is the epoch, and a keyed permutation of (seed, dataset name, epoch) turns the rest into the sample: every sample comes
///    once an epoch, in another order each epoch.
///
/// The seed moves the order of samples only; which *dataset* a draw belongs to follows from the weights alone.
///
/// Counts: after each `Σ weights` draws of a piece every dataset has been drawn exactly its weight times, and anywhere else in the piece
/// its count is less than 2 from its share. What a piece rounds is paid back in the next ones, so that over a run of many pieces the
/// count stays within 3 of its share (tested on hostile weights; not proved).
///
/// # Complexity
/// Building: O(pieces · datasets · log datasets) time, O(pieces · datasets) memory. A draw: O(log pieces + log period), no allocation,
/// independent of `n`.
#[derive(Debug, Clone)]
pub struct Draws {
    orders: Vec<Orders>,
    segments: Vec<Segment>,
    /// First draw of each segment.
    starts: Vec<u64>,
    /// First step of each stage.
    stages: Vec<u64>,
    batch_size: u64,
}

/// A stretch of draws with constant weights.
#[derive(Debug, Clone)]
struct Segment {
    interleave: Interleave,
    /// For each leaf of the interleave: its dataset and the dataset's draws before the segment.
    leaves: Vec<(usize, u64)>,
}

impl Draws {
    /// Prepares the draws of a schedule.
    ///
    /// # Errors
    /// Whatever [`Schedule::check`] finds.
    pub fn new(schedule: &Schedule) -> Result<Self, ScheduleError> {
        schedule.check()?;
        let orders = schedule.datasets.iter().map(|dataset| Orders::new(schedule.seed, &dataset.name, dataset.size)).collect();
        let batch_size = u64::from(schedule.batch_size);
        let mut boundaries = schedule.boundaries();
        boundaries.pop();
        let mut draws = Self { orders, segments: Vec::new(), starts: Vec::new(), stages: boundaries, batch_size };
        let mut before = vec![0_u64; schedule.datasets.len()];
        let mut owed = vec![0_i128; schedule.datasets.len()];
        let mut start = 0;
        for stage in &schedule.stages {
            for (steps, weights) in stage.pieces() {
                let leaves = stage.datasets.iter().map(|&dataset| (dataset, before[dataset])).collect();
                let mut debts: Vec<i128> = stage.datasets.iter().map(|&dataset| owed[dataset]).collect();
                let interleave = Interleave::new(weights, &debts);
                let length = steps * batch_size;
                let counts = interleave.counts(length);
                interleave.owed(length, &counts, &mut debts);
                for ((&dataset, count), debt) in stage.datasets.iter().zip(counts).zip(debts) {
                    before[dataset] += count;
                    owed[dataset] = debt;
                }
                draws.starts.push(start);
                draws.segments.push(Segment { interleave, leaves });
                start += length;
            }
        }
        Ok(draws)
    }

    /// Draw number `n` of the run, from 0. Beyond the last step the last stage goes on.
    #[must_use]
    pub fn draw(&self, n: u64) -> Draw {
        let at = self.segment(n);
        let segment = &self.segments[at];
        let (leaf, rank) = segment.interleave.locate(n - self.starts[at]);
        let (dataset, before) = segment.leaves[leaf];
        let orders = &self.orders[dataset];
        let position = before + rank;
        let (epoch, position) = (position / orders.size(), position % orders.size());
        Draw { dataset, index: orders.sample(epoch, position), epoch }
    }

    /// The draws of the global batch of optimizer step `step` (0-based), in order; `batch_size` of them.
    pub fn step(&self, step: u64) -> impl ExactSizeIterator<Item = Draw> + '_ {
        let first = step.saturating_mul(self.batch_size);
        // A batch is at most 2²² samples, so its size fits usize on every platform Rust's standard library knows.
        (0..self.batch_size as usize).map(move |i| self.draw(first.saturating_add(i as u64)))
    }

    /// The stage that optimizer step `step` (0-based) belongs to; the last one beyond the end.
    #[must_use]
    pub fn stage_at(&self, step: u64) -> usize {
        self.stages.partition_point(|&first| first <= step).saturating_sub(1)
    }

    /// How many of the first `n` draws each dataset gets, in closed form.
    #[must_use]
    pub fn counts(&self, n: u64) -> Vec<u64> {
        let mut counts = vec![0; self.orders.len()];
        let at = self.segment(n);
        let segment = &self.segments[at];
        let inside = segment.interleave.counts(n - self.starts[at]);
        for (&(dataset, before), count) in segment.leaves.iter().zip(inside) {
            counts[dataset] = before + count;
        }
        // Datasets that this segment does not draw: the last earlier segment that did knows their count.
        let mut open: Vec<bool> = vec![true; self.orders.len()];
        for &(dataset, _) in &segment.leaves {
            open[dataset] = false;
        }
        for earlier in (0..at).rev() {
            if open.iter().all(|open| !open) {
                break;
            }
            let length = self.starts[earlier + 1] - self.starts[earlier];
            let segment = &self.segments[earlier];
            for (&(dataset, before), count) in segment.leaves.iter().zip(segment.interleave.counts(length)) {
                if std::mem::take(&mut open[dataset]) {
                    counts[dataset] = before + count;
                }
            }
        }
        counts
    }

    /// Samples in the global batch of one optimizer step.
    #[must_use]
    pub fn batch_size(&self) -> u64 {
        self.batch_size
    }

    fn segment(&self, n: u64) -> usize {
        self.starts.partition_point(|&start| start <= n).saturating_sub(1)
    }
}
