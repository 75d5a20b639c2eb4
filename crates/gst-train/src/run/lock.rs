//! One process at a time in a run folder.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use crate::TrainError;

/// Held while a process writes to a run folder; let go when it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock file at `path`, which then holds the number of this process.
    ///
    /// On a file system without locks there is none to take, and nothing is refused.
    ///
    /// # Errors
    /// [`TrainError::RunFolder`] when another process has it, by its number; [`TrainError::Io`].
    pub fn take(path: &Path) -> Result<Self, TrainError> {
        let mut options = File::options();
        let mut file = options.create(true).read(true).write(true).truncate(false).open(path).map_err(TrainError::io(path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who holds it is for the message only.
                let _ = file.read_to_string(&mut holder);
                let reason = format!("process {} is at work on this run; wait for it, or stop it first", holder.trim());
                return Err(TrainError::RunFolder { path: path.parent().unwrap_or(path).to_owned(), reason });
            }
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(TrainError::io(path)(error)),
        }
        let noted = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        noted.map_err(TrainError::io(path))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.lock");
        let first = RunLock::take(&path).unwrap();
        let refused = RunLock::take(&path).unwrap_err().to_string();
        assert!(refused.contains(&std::process::id().to_string()), "{refused}");
        drop(first);
        RunLock::take(&path).unwrap();
    }
}
