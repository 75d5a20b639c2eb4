//! Which job is next, for several workers at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::plan::Job;

/// How a job stands in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Waiting,
    Running,
    Done,
    Failed,
}

/// Jobs in their order; one whose need is not done yet is passed over.
pub(crate) struct Queue {
    needs: Vec<Option<usize>>,
    stands: Mutex<(Vec<Stand>, Vec<String>)>,
    changed: Condvar,
}

impl Queue {
    pub(crate) fn new(jobs: &[Job]) -> Self {
        let stands = vec![Stand::Waiting; jobs.len()];
        Self {
            needs: jobs.iter().map(|job| job.needs).collect(),
            stands: Mutex::new((stands, Vec::new())),
            changed: Condvar::new(),
        }
    }

    /// The next job, and the job it needs where that has failed. Waits while all that are left need one that runs; `None` when nothing is
    /// left.
    pub(crate) fn take(&self) -> Option<(usize, Option<usize>)> {
        let mut guard = self.lock();
        loop {
            let stands = &mut guard.0;
            let need = |index: usize| self.needs.get(index).copied().flatten();
            let ready = (0..stands.len()).filter(|index| stands[*index] == Stand::Waiting).find_map(|index| match need(index) {
                Some(needed) if stands[needed] == Stand::Failed => Some((index, Some(needed))),
                Some(needed) if stands[needed] != Stand::Done => None,
                _ => Some((index, None)),
            });
            if let Some((index, _)) = ready {
                stands[index] = Stand::Running;
                return ready;
            }
            if !stands.contains(&Stand::Running) {
                return None;
            }
            if !stands.contains(&Stand::Waiting) {
                return None;
            }
            guard = self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes how a job ended.
    pub(crate) fn done(&self, index: usize, failed: bool) {
        self.lock().0[index] = if failed { Stand::Failed } else { Stand::Done };
        self.changed.notify_all();
    }

    /// Notes the label of a job that failed.
    pub(crate) fn note(&self, label: &str) {
        self.lock().1.push(label.to_owned());
    }

    /// The labels that were noted.
    pub(crate) fn failed(&self) -> Vec<String> {
        self.lock().1.clone()
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<Stand>, Vec<String>)> {
        self.stands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue of jobs with these needs.
    fn queue(needs: &[Option<usize>]) -> Queue {
        let stands = Mutex::new((vec![Stand::Waiting; needs.len()], Vec::new()));
        Queue { needs: needs.to_vec(), stands, changed: Condvar::new() }
    }

    #[test]
    fn a_job_waits_for_what_it_needs_and_others_go_first() {
        let queue = queue(&[None, Some(0), None]);
        assert_eq!(queue.take(), Some((0, None)));
        assert_eq!(queue.take(), Some((2, None)), "1 needs 0, which still runs");
        queue.done(0, false);
        assert_eq!(queue.take(), Some((1, None)));
        queue.done(1, false);
        queue.done(2, false);
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn what_needs_a_failed_job_is_handed_out_to_be_blocked() {
        let queue = queue(&[None, Some(0), Some(1)]);
        queue.take();
        queue.done(0, true);
        assert_eq!(queue.take(), Some((1, Some(0))));
        queue.done(1, true);
        assert_eq!(queue.take(), Some((2, Some(1))));
    }

    #[test]
    fn a_worker_waits_until_a_need_is_met() {
        let queue = queue(&[None, Some(0)]);
        queue.take();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| queue.take());
            queue.done(0, false);
            assert_eq!(second.join().unwrap(), Some((1, None)));
        });
    }
}
