//! Work done ahead in threads and handed over in order.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Results of `f` over `jobs` in the order of the jobs, whatever the number of workers.
///
/// [`Ahead`] bounds what is begun and not yet handed over, and so memory. With no worker (or when no thread can be started) a
/// job is done when its result is asked for. A panic in a job comes up where its result would have come, after the results
/// before it. Dropping it stops the workers after the jobs they are at and joins them.
///
/// ```
/// let squares = gst_data::loader::Prefetch::new(4, 8, 0..5u64, |n| n * n);
/// assert_eq!(squares.collect::<Vec<_>>(), [0, 1, 4, 9, 16]);
/// ```
pub struct Prefetch<J, O> {
    shared: Arc<Shared<J, O>>,
    workers: Vec<JoinHandle<()>>,
    waited: Duration,
}

/// How far the work may be ahead of the results handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// Most jobs begun and not yet handed over; 0 counts as 1.
    pub jobs: usize,
    /// Bytes of the results not yet handed over, those of the jobs at work included: each of these is taken to be as large as
    /// the largest result so far. One job is always let through, so a result larger than this stops nothing.
    pub bytes: usize,
}

type Work<J, O> = dyn Fn(J) -> O + Send + Sync;
type Outcome<O> = Result<O, Box<dyn Any + Send>>;

struct Shared<J, O> {
    state: Mutex<State<J, O>>,
    /// Signalled when a result is ready or the jobs have ended.
    ready: Condvar,
    /// Signalled when there is room for another job, or at the end.
    room: Condvar,
    ahead: Ahead,
    work: Box<Work<J, O>>,
    size: Box<dyn Fn(&O) -> usize + Send + Sync>,
}

struct State<J, O> {
    jobs: Box<dyn Iterator<Item = J> + Send>,
    /// Number of jobs begun.
    begun: u64,
    /// Number of results handed over.
    given: u64,
    /// What is done and not handed over, each with its bytes.
    results: BTreeMap<u64, (Outcome<O>, usize)>,
    /// Bytes of `results`.
    bytes: usize,
    /// Bytes of the largest result so far; `None` before the first, while jobs run one at a time under a budget.
    largest: Option<usize>,
    /// No job is left, or nobody wants results any more.
    ended: bool,
}

impl<J: Send + 'static, O: Send + 'static> Prefetch<J, O> {
    /// Starts `workers` threads (0: none) that work at most `depth` (at least 1) jobs ahead.
    pub fn new(
        workers: usize,
        depth: usize,
        jobs: impl Iterator<Item = J> + Send + 'static,
        f: impl Fn(J) -> O + Send + Sync + 'static,
    ) -> Self {
        Self::within(workers, Ahead { jobs: depth, bytes: usize::MAX }, jobs, f, |_| 0)
    }

    /// Starts `workers` threads (0: none) that work ahead as far as `ahead` lets them; `size` gives the bytes of a result.
    pub fn within(
        workers: usize,
        ahead: Ahead,
        jobs: impl Iterator<Item = J> + Send + 'static,
        f: impl Fn(J) -> O + Send + Sync + 'static,
        size: impl Fn(&O) -> usize + Send + Sync + 'static,
    ) -> Self {
        let state =
            State { jobs: Box::new(jobs), begun: 0, given: 0, results: BTreeMap::new(), bytes: 0, largest: None, ended: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            ready: Condvar::new(),
            room: Condvar::new(),
            ahead,
            work: Box::new(f),
            size: Box::new(size),
        });
        let start = |number: usize| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("prefetch-{number}")).spawn(move || shared.serve()).ok()
        };
        let workers = (0..workers).map_while(start).collect();
        Self { shared, workers, waited: Duration::ZERO }
    }

    /// Time spent so far in waiting for results (doing them, without workers).
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl<J: Send + 'static, O: Send + 'static> Iterator for Prefetch<J, O> {
    type Item = O;

    fn next(&mut self) -> Option<O> {
        let start = Instant::now();
        let outcome = if self.workers.is_empty() { self.shared.next_inline() } else { self.shared.next_ready() };
        self.waited += start.elapsed();
        match outcome? {
            Ok(result) => Some(result),
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl<J, O> Drop for Prefetch<J, O> {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.room.notify_all();
        for worker in self.workers.drain(..) {
            // A worker hands panics over as results, so there is none to learn of here.
            let _ = worker.join();
        }
    }
}

impl<J, O> Shared<J, O> {
    fn lock(&self) -> MutexGuard<'_, State<J, O>> {
        // Panics are caught before they can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of a worker.
    fn serve(&self) {
        loop {
            let mut state = self.lock();
            while !state.ended && state.is_full(self.ahead) {
                state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let Some((number, job)) = state.begin() else {
                drop(state);
                self.ready.notify_all();
                self.room.notify_all();
                return;
            };
            drop(state);
            let outcome = job.and_then(|job| self.run(job));
            let bytes = outcome.as_ref().map_or(0, &self.size);
            let mut state = self.lock();
            state.bytes += bytes;
            state.largest = state.largest.max(Some(bytes));
            state.results.insert(number, (outcome, bytes));
            drop(state);
            self.ready.notify_all();
            // It may have turned out smaller than was reserved for it.
            self.room.notify_one();
        }
    }

    fn run(&self, job: J) -> Outcome<O> {
        catch_unwind(AssertUnwindSafe(|| (self.work)(job)))
    }

    fn next_inline(&self) -> Option<Outcome<O>> {
        let (_, job) = self.lock().begin()?;
        Some(job.and_then(|job| self.run(job)))
    }

    fn next_ready(&self) -> Option<Outcome<O>> {
        let mut state = self.lock();
        loop {
            let number = state.given;
            if let Some((outcome, bytes)) = state.results.remove(&number) {
                state.given += 1;
                state.bytes -= bytes;
                drop(state);
                // A large result makes room for several small ones.
                self.room.notify_all();
                return Some(outcome);
            }
            if state.ended && state.begun == state.given {
                return None;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<J, O> State<J, O> {
    /// Whether another job has to wait.
    fn is_full(&self, ahead: Ahead) -> bool {
        let held = self.begun - self.given;
        if held == 0 {
            return false;
        }
        if held >= ahead.jobs.max(1) as u64 {
            return true;
        }
        let Some(largest) = self.largest else { return ahead.bytes < usize::MAX };
        let working = usize::try_from(held).unwrap_or(usize::MAX) - self.results.len();
        self.bytes.saturating_add(largest.saturating_mul(working + 1)) > ahead.bytes
    }

    /// Takes the next job; a panic of the job iterator counts as a job that panicked, and as the last.
    fn begin(&mut self) -> Option<(u64, Outcome<J>)> {
        if self.ended {
            return None;
        }
        let taken = catch_unwind(AssertUnwindSafe(|| self.jobs.next()));
        let job = match taken {
            Ok(Some(job)) => Ok(job),
            Ok(None) => {
                self.ended = true;
                return None;
            }
            Err(panic) => {
                self.ended = true;
                Err(panic)
            }
        };
        let number = self.begun;
        self.begun += 1;
        Some((number, job))
    }
}
