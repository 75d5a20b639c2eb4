//! A limit in time on work that may never end.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use super::AudioError;

/// Files that were given up on: they would take a thread each time.
static GIVEN_UP: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// `work` on the file at `path` in a thread of its own, which is left behind when it takes longer than `limit`.
///
/// # Errors
/// [`AudioError::TooSlow`] then, and at once for the same path ever after; what `work` gives otherwise.
pub(super) fn in_time<T: Send + 'static>(
    path: &Path,
    limit: Duration,
    work: impl Fn() -> Result<T, AudioError> + Clone + Send + 'static,
) -> Result<T, AudioError> {
    let given_up = || GIVEN_UP.lock().unwrap_or_else(PoisonError::into_inner);
    let too_slow = || AudioError::TooSlow { path: path.into(), seconds: limit.as_secs() };
    if given_up().contains(path) {
        return Err(too_slow());
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let threaded = work.clone();
    let started = thread::Builder::new().name("decode".into()).spawn(move || {
        // Nobody listens any more when it took too long.
        let _ = sender.send(threaded());
    });
    if started.is_err() {
        // No thread to be had: without a limit rather than not at all.
        return work();
    }
    receiver.recv_timeout(limit).unwrap_or_else(|_| {
        given_up().insert(path.into());
        Err(too_slow())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[test]
    fn what_ends_is_given_back() {
        assert_eq!(in_time(Path::new("good.wav"), Duration::from_secs(60), || Ok(7)).unwrap(), 7);
        let path = PathBuf::from("bad.wav");
        let fails = || Err::<(), _>(AudioError::EmptyFile { path: "bad.wav".into() });
        assert!(matches!(in_time(&path, Duration::from_secs(60), fails).unwrap_err(), AudioError::EmptyFile { .. }));
    }

    #[test]
    fn what_never_ends_is_left_behind_and_not_tried_again() {
        let path = Path::new("endless.mp3");
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&begun);
        // Ends when the test does: the sender lives as long as this function.
        let (held, released) = mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let endless = move || {
            counter.fetch_add(1, Ordering::SeqCst);
            let _ = released.lock().map(|released| released.recv());
            Ok(())
        };
        for _ in 0..3 {
            let error = in_time(path, Duration::from_millis(20), endless.clone()).unwrap_err();
            assert!(error.to_string().contains("endless.mp3"), "{error}");
            assert!(matches!(error, AudioError::TooSlow { .. }));
        }
        assert!(begun.load(Ordering::SeqCst) <= 1);
        drop(held);
    }
}
