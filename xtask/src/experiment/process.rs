//! A child process with its last words kept, stopped gently on Ctrl-C.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Lines of a child's output that are kept for its log.
const MAX_LOG_LINES: usize = 200;
/// Bytes of one line that are kept; a progress bar may write a very long one.
const MAX_LOG_LINE: u64 = 4096;
/// How often a child is looked after.
const TICK: Duration = Duration::from_millis(50);
/// How long a child may take to save its checkpoint after Ctrl-C.
const GRACE: Duration = Duration::from_secs(60);

/// Counts Ctrl-C: the first asks children to save and stop, the second ends them.
#[derive(Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Takes over Ctrl-C (and termination) for this process.
    pub(crate) fn install() -> Result<Self> {
        let interrupt = Self::default();
        let count = interrupt.clone();
        ctrlc::set_handler(move || {
            count.0.fetch_add(1, Ordering::SeqCst);
        })
        .context("cannot take over Ctrl-C")?;
        Ok(interrupt)
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn is_set(&self) -> bool {
        self.count() > 0
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit status.
    pub(crate) status: ExitStatus,
    /// The last lines of its standard output.
    pub(crate) output: Vec<String>,
    /// The last lines of its standard error.
    pub(crate) errors: Vec<String>,
}

impl Ended {
    /// Why it failed, in one line: its last error message, else its last words, else its exit status.
    pub(crate) fn reason(&self) -> String {
        let said = |lines: &[String]| lines.iter().rev().find(|line| !line.trim().is_empty()).cloned();
        let message = self.errors.iter().rev().find(|line| line.trim_start().to_lowercase().starts_with("error")).cloned();
        let reason = message.or_else(|| said(&self.errors)).or_else(|| said(&self.output));
        reason.map_or_else(|| self.status.to_string(), |line| line.trim().to_string())
    }
}

/// Runs a program to its end, calling `tick` some twenty times a second. Its arithmetic uses `threads` threads, all when absent.
///
/// The child gets a process group of its own, so that a Ctrl-C on the terminal reaches only us and is handed on exactly once.
pub(crate) fn run(
    program: &Path,
    arguments: &[String],
    folder: &Path,
    threads: Option<usize>,
    interrupt: &Interrupt,
    mut tick: impl FnMut(),
) -> Result<Ended> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(threads) = threads {
        command.env("RAYON_NUM_THREADS", threads.to_string());
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
    let output = child.stdout.take().map(keep_tail);
    let errors = child.stderr.take().map(keep_tail);
    let status = wait(&mut child, interrupt, &mut tick)?;
    // A reader that panicked has lost lines of a log, nothing more.
    let lines =
        |reader: Option<JoinHandle<VecDeque<String>>>| reader.and_then(|reader| reader.join().ok()).unwrap_or_default().into();
    Ok(Ended { status, output: lines(output), errors: lines(errors) })
}

fn wait(child: &mut Child, interrupt: &Interrupt, tick: &mut impl FnMut()) -> Result<ExitStatus> {
    let mut asked: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for a child process")? {
            return Ok(status);
        }
        match asked {
            None if interrupt.is_set() => {
                ask_to_stop(child);
                asked = Some(Instant::now());
            }
            Some(since) if interrupt.count() > 1 || since.elapsed() > GRACE => {
                child.kill().context("cannot end a child process")?;
            }
            _ => {}
        }
        tick();
        std::thread::sleep(TICK);
    }
}

/// Ctrl-C for the child and whatever it started.
#[cfg(unix)]
fn ask_to_stop(child: &Child) {
    use nix::sys::signal::{Signal, killpg};
    use nix::unistd::Pid;
    if let Ok(id) = i32::try_from(child.id()) {
        // An error means that it has ended already, which the next look shows.
        let _ = killpg(Pid::from_raw(id), Signal::SIGINT);
    }
}

/// Elsewhere a child in our console gets Ctrl-C from the terminal.
#[cfg(not(unix))]
fn ask_to_stop(_: &Child) {}

/// Reads a stream to its end, keeping its last lines.
fn keep_tail(pipe: impl Read + Send + 'static) -> JoinHandle<VecDeque<String>> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let (mut tail, mut line) = (VecDeque::new(), Vec::new());
        while reader.by_ref().take(MAX_LOG_LINE).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if tail.len() == MAX_LOG_LINES {
                tail.pop_front();
            }
            tail.push_back(String::from_utf8_lossy(&line).trim_end().to_string());
            line.clear();
        }
        tail
    })
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, interrupt: &Interrupt) -> Ended {
        let arguments = ["-c".to_string(), script.to_string()];
        run(Path::new("sh"), &arguments, Path::new("."), None, interrupt, || {}).unwrap()
    }

    #[test]
    fn the_last_words_of_both_streams_are_kept() {
        let ended =
            shell("i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done; echo why >&2; exit 3", &Interrupt::default());
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!((ended.output.len(), ended.output.last().map(String::as_str)), (MAX_LOG_LINES, Some("line 299")));
        assert_eq!((ended.errors.as_slice(), ended.reason().as_str()), (&["why".to_string()][..], "why"));
    }

    #[test]
    fn ctrl_c_lets_the_child_save_and_stop() {
        let interrupt = Interrupt::default();
        let folder = tempfile::tempdir().unwrap();
        let script =
            format!("trap 'echo saved; exit 7' INT; touch '{}/ready'; while :; do sleep 0.05; done", folder.path().display());
        let ready = folder.path().join("ready");
        let arguments = ["-c".to_string(), script];
        let ended = run(Path::new("sh"), &arguments, Path::new("."), None, &interrupt, || {
            if ready.exists() {
                interrupt.0.store(1, Ordering::SeqCst);
            }
        })
        .unwrap();
        assert_eq!(ended.status.code(), Some(7));
        assert_eq!(ended.output, ["saved"]);
    }

    #[test]
    fn a_second_ctrl_c_ends_a_child_that_does_not_listen() {
        let interrupt = Interrupt::default();
        interrupt.0.store(2, Ordering::SeqCst);
        let ended = shell("trap '' INT; while :; do sleep 0.05; done", &interrupt);
        assert!(!ended.status.success());
    }

    #[test]
    fn the_reason_is_the_error_message_where_there_is_one() {
        for (script, expected) in [
            ("echo 'error: no data' >&2; echo 'try --help' >&2; exit 1", "error: no data"),
            ("echo first; echo last; exit 1", "last"),
            ("exit 4", "exit status: 4"),
        ] {
            assert_eq!(shell(script, &Interrupt::default()).reason(), expected);
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(Path::new("no-such-program"), &[], Path::new("."), None, &Interrupt::default(), || {}).unwrap_err();
        assert!(error.to_string().contains("no-such-program"));
    }
}
