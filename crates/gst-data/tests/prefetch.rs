//! The loader: order, bound, panics, errors, dropping early.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use gst_data::loader::{Ahead, Prefetch};

/// Work that takes a different time for every job, without a clock.
fn work(n: u64) -> u64 {
    let rounds = (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 50) + 1;
    (0..rounds).fold(n, |x, k| x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(k))
}

#[test]
fn order_is_that_of_the_jobs_for_any_number_of_workers() {
    let expected: Vec<u64> = (0..2_000).map(work).collect();
    for workers in [0, 1, 4, 8] {
        for depth in [0, 1, 3, 64] {
            let found: Vec<u64> = Prefetch::new(workers, depth, 0..2_000, work).collect();
            assert!(found == expected, "{workers} workers, depth {depth}");
        }
    }
}

#[test]
fn no_more_than_depth_jobs_are_ahead() {
    for (workers, depth) in [(1, 1), (4, 2), (8, 5)] {
        let begun = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let given = Arc::new(AtomicUsize::new(0));
        let (counter, highest, taken) = (Arc::clone(&begun), Arc::clone(&most), Arc::clone(&given));
        let prefetch = Prefetch::new(workers, depth, 0..500u64, move |n| {
            let ahead = counter.fetch_add(1, Ordering::SeqCst) + 1 - taken.load(Ordering::SeqCst);
            highest.fetch_max(ahead, Ordering::SeqCst);
            work(n)
        });
        for _ in prefetch {
            given.fetch_add(1, Ordering::SeqCst);
        }
        // The one just handed over may not be counted as given yet.
        assert!(most.load(Ordering::SeqCst) <= depth + 1, "{workers} workers, depth {depth}: {most:?}");
    }
}

/// Results of 100 bytes each, with a few of 1,000: what is not yet handed over stays within the budget.
#[test]
fn the_budget_of_bytes_holds_and_changes_no_result() {
    for (workers, bytes) in [(1, 1), (1, 2_500), (4, 1), (4, 2_500), (8, 10_000)] {
        let size = |n: u64| if n.is_multiple_of(50) { 1_000 } else { 100 };
        let held = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let (counter, highest) = (Arc::clone(&held), Arc::clone(&most));
        let make = move |n: u64| {
            let made = work(n);
            let now = counter.fetch_add(size(n), Ordering::SeqCst) + size(n);
            highest.fetch_max(now, Ordering::SeqCst);
            (n, made)
        };
        let prefetch = Prefetch::within(workers, Ahead { jobs: 64, bytes }, 0..500u64, make, move |&(n, _)| size(n));
        let mut next = 0;
        for (n, made) in prefetch {
            assert_eq!((n, made), (next, work(next)), "{workers} workers, {bytes} bytes");
            held.fetch_sub(size(n), Ordering::SeqCst);
            next += 1;
        }
        assert_eq!(next, 500);
        // One result may be taken off the budget before it is taken off here; a single one is always let through. The first
        // result is as large as any, so no later one has less reserved than it takes.
        assert!(most.load(Ordering::SeqCst) <= bytes.max(1_000) + 1_000, "{workers} workers, {bytes} bytes: {most:?}");
    }
}

#[test]
fn endless_jobs_and_dropping_early() {
    for workers in [0, 1, 4] {
        let held = Arc::new(());
        let kept = Arc::clone(&held);
        let mut prefetch = Prefetch::new(workers, 8, 0u64.., move |n| {
            let _ = &kept;
            n
        });
        assert_eq!(prefetch.by_ref().take(100).sum::<u64>(), 4_950);
        drop(prefetch);
        // Nobody holds the closure any more: all threads have ended.
        assert_eq!(Arc::strong_count(&held), 1, "{workers} workers");
    }
}

#[test]
fn dropped_unused() {
    for workers in [0, 1, 8] {
        drop(Prefetch::new(workers, 2, 0u64.., work));
    }
}

#[test]
fn a_panic_comes_up_in_its_place() {
    for workers in [0, 1, 4, 8] {
        let mut prefetch = Prefetch::new(workers, 8, 0..100u64, |n| if n == 20 { panic!("job {n}") } else { n });
        let before: Vec<u64> = prefetch.by_ref().take(20).collect();
        assert_eq!(before, (0..20).collect::<Vec<_>>());
        let panic = catch_unwind(AssertUnwindSafe(|| prefetch.next())).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("job 20"));
        // What comes after is not lost.
        assert_eq!(prefetch.collect::<Vec<_>>(), (21..100).collect::<Vec<_>>(), "{workers} workers");
    }
}

#[test]
fn a_panic_of_the_job_iterator_comes_up_too() {
    for workers in [0, 1, 4] {
        let jobs = (0..100u64).map(|n| if n == 7 { panic!("no more jobs") } else { n });
        let mut prefetch = Prefetch::new(workers, 3, jobs, work);
        assert_eq!(prefetch.by_ref().take(7).count(), 7);
        assert!(catch_unwind(AssertUnwindSafe(|| prefetch.next())).is_err(), "{workers} workers");
        assert_eq!(prefetch.next(), None);
    }
}

#[test]
fn errors_are_results_like_others() {
    let results: Vec<Result<u64, String>> =
        Prefetch::new(3, 4, 0..10u64, |n| if n == 4 { Err(format!("clip {n}")) } else { Ok(n) }).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 9);
    assert_eq!(results[4], Err("clip 4".to_owned()));
}

#[test]
fn nothing_to_do() {
    for workers in [0, 4] {
        let mut prefetch = Prefetch::new(workers, 4, std::iter::empty::<u64>(), work);
        assert_eq!((prefetch.next(), prefetch.next()), (None, None));
    }
}
