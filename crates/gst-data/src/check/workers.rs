//! Child processes that decode, so that a file on which a decoder hangs or crashes costs that file and nothing else.

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::clip::{Examined, examine};
use crate::{error::DataError, hash::ContentHash};

/// Longest time for one clip unless set otherwise: half an hour of 48 kHz audio decodes in a few seconds.
pub const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(60);

/// First line of a worker.
const READY: &str = "gst-examine 1";

/// What a worker is asked, a line each.
#[derive(Serialize, Deserialize)]
struct Request {
    path: OsString,
    known: Option<ContentHash>,
}

/// The work of a child process: reads requests from `input`, a line each, and answers each with a line on `output`. Ends with the
/// input, or when a clip takes longer than `limit`, which is to be longer than that of the parent: it stands in for a parent that is gone.
///
/// # Errors
/// When input or output break off, a request is none, or a clip takes too long.
pub fn serve(input: impl BufRead, mut output: impl Write, limit: Duration) -> io::Result<()> {
    writeln!(output, "{READY}")?;
    output.flush()?;
    for line in input.lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let (sender, answer) = mpsc::channel();
        thread::spawn(move || sender.send(examine(Path::new(&request.path), request.known.as_ref())));
        let answer = answer.recv_timeout(limit).map_err(io::Error::other)?;
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

/// Child processes that run [`serve`]. As many are started as threads ask at a time; they are ended with this value.
pub struct Workers {
    command: Box<dyn Fn() -> Command + Send + Sync>,
    limit: Duration,
    idle: Mutex<Vec<Worker>>,
}

impl Workers {
    /// Workers that `command` starts; a clip may take `limit`.
    pub fn new(command: impl Fn() -> Command + Send + Sync + 'static, limit: Duration) -> Self {
        Self { command: Box::new(command), limit, idle: Mutex::new(Vec::new()) }
    }

    /// Examines a clip in a child process. One that takes too long, or takes its process with it, is [`Examined::Bad`].
    ///
    /// # Errors
    /// When a child process cannot be started, which is no fault of the clip.
    pub fn examine(&self, path: &Path, known: Option<&ContentHash>) -> Result<Examined, DataError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = match idle.and_then(Worker::living) {
            Some(worker) => worker,
            None => Worker::start((self.command)(), self.limit)?,
        };
        match worker.ask(path, known, self.limit) {
            Ok(examined) => {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
                Ok(examined)
            }
            Err(reason) => Ok(Examined::Bad { file_hash: None, reason: format!("{}: {reason}", path.display()) }),
        }
    }
}

struct Worker {
    child: Child,
    requests: ChildStdin,
    answers: Receiver<String>,
}

impl Worker {
    fn start(mut command: Command, limit: Duration) -> Result<Self, DataError> {
        let name = command.get_program().to_string_lossy().into_owned();
        let failed = |reason: String| DataError::Worker { command: name.clone(), reason };
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = spawned.map_err(|error| failed(error.to_string()))?;
        let (Some(requests), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("has no standard input or output".into()));
        };
        let (sender, answers) = mpsc::channel();
        // Ends with the child's output.
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.map(|line| sender.send(line)).take_while(Result::is_ok).for_each(drop);
        });
        let mut worker = Self { child, requests, answers };
        match worker.answers.recv_timeout(limit) {
            Ok(line) if line == READY => Ok(worker),
            Ok(line) => Err(failed(format!("said `{line}`; expected `{READY}`"))),
            Err(error) => Err(failed(format!("did not say `{READY}`: {}", worker.fate(error, limit)))),
        }
    }

    /// The answer, or what became of the process instead.
    fn ask(&mut self, path: &Path, known: Option<&ContentHash>, limit: Duration) -> Result<Examined, String> {
        let request = Request { path: path.into(), known: known.copied() };
        let mut line = serde_json::to_vec(&request).map_err(|error| error.to_string())?;
        line.push(b'\n');
        // A process that is gone already is noticed when it does not answer.
        let _ = self.requests.write_all(&line).and_then(|()| self.requests.flush());
        match self.answers.recv_timeout(limit) {
            Ok(answer) => serde_json::from_str(&answer).map_err(|error| format!("the decoder answers nonsense: {error}")),
            Err(error) => Err(self.fate(error, limit)),
        }
    }

    fn fate(&mut self, error: RecvTimeoutError, limit: Duration) -> String {
        match error {
            RecvTimeoutError::Timeout => format!("decoding takes longer than {} s; the decoder hangs on it", limit.as_secs_f64()),
            RecvTimeoutError::Disconnected => match self.status() {
                Some(status) => format!("the decoder crashed on it ({status})"),
                None => "the decoder has closed its output".into(),
            },
        }
    }

    /// Itself, unless its process has ended meanwhile.
    fn living(mut self) -> Option<Self> {
        matches!(self.child.try_wait(), Ok(None)).then_some(self)
    }

    /// How the process ended, which it may take a moment to do after its output has.
    fn status(&mut self) -> Option<ExitStatus> {
        (0..100).find_map(|_| {
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_none() {
                thread::sleep(Duration::from_millis(10));
            }
            ended
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Nothing can be done about a process that cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
