use std::path::PathBuf;

/// Why a file did not become a [`Waveform`](super::Waveform).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The file cannot be opened or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// No byte in the file.
    #[error("{}: the file is empty", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// The file is larger than [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES).
    #[error("{}: {bytes} bytes; at most {limit} are opened: split the recording into clips", path.display())]
    LargeFile {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// No known container.
    #[error("{}: not a readable WAV, FLAC, OGG/Vorbis or MP3 file: {reason}", path.display())]
    Unrecognised {
        /// The file.
        path: PathBuf,
        /// The demuxer's reason.
        reason: String,
    },
    /// A known container with a codec that is not built in.
    #[error("{}: {reason}; convert it to WAV, FLAC, OGG/Vorbis or MP3", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// Malformed data in the file.
    #[error("{}: broken after {seconds:.2} s: {reason}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Seconds decoded before.
        seconds: f64,
        /// The decoder's reason.
        reason: String,
    },
    /// Fewer samples than the header promises.
    #[error("{}: truncated: {found} of {expected} samples a channel", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Samples a channel decoded.
        found: u64,
        /// Samples a channel in the header.
        expected: u64,
    },
    /// Sample rate out of range.
    #[error("{}: sample rate {rate} Hz; expected {} to {} Hz", path.display(), super::MIN_SOURCE_RATE, super::MAX_SOURCE_RATE)]
    Rate {
        /// The file.
        path: PathBuf,
        /// What the header says.
        rate: u32,
    },
    /// Channel count out of range.
    #[error("{}: {channels} channels; expected 1 to {}", path.display(), super::MAX_CHANNELS)]
    Channels {
        /// The file.
        path: PathBuf,
        /// What the header says.
        channels: usize,
    },
    /// Rate or channels change inside the file.
    #[error("{}: rate or channels change after {seconds:.2} s; split the file there", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Seconds decoded before.
        seconds: f64,
    },
    /// Longer than [`MAX_CLIP_SECONDS`](super::MAX_CLIP_SECONDS), or more samples than
    /// [`MAX_SOURCE_SAMPLES`](super::MAX_SOURCE_SAMPLES).
    #[error("{}: {seconds:.0} s long; at most {limit:.0} s are taken at its sample rate: split it into clips", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length, or what was decoded before giving up.
        seconds: f64,
        /// The limit in seconds.
        limit: f64,
    },
    /// Shorter than one feature frame.
    #[error("{}: {samples} samples at 16 kHz; at least {} (10 ms) are needed", path.display(), super::MIN_CLIP_SAMPLES)]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Samples after resampling.
        samples: usize,
    },
    /// A sample that is not a number or far beyond full scale.
    #[error("{}: sample {index} is {value:e}; expected a finite value within ±{} (full scale is ±1)", path.display(), super::MAX_SAMPLE)]
    BadSample {
        /// The file.
        path: PathBuf,
        /// Which sample of the (averaged) signal.
        index: usize,
        /// Its value.
        value: f32,
    },
    /// The decoder makes no progress.
    #[error("{}: decoding makes no progress after {seconds:.2} s; the file is damaged", path.display())]
    Stuck {
        /// The file.
        path: PathBuf,
        /// Seconds decoded before.
        seconds: f64,
    },
    /// The decoder does not come to an end.
    #[error("{}: not decoded within {seconds} s; the file is damaged, or its disk does not answer", path.display())]
    TooSlow {
        /// The file.
        path: PathBuf,
        /// The limit, [`MAX_DECODE_SECONDS`](super::MAX_DECODE_SECONDS).
        seconds: u64,
    },
    /// The decoder panicked.
    #[error("{}: the decoder failed on this file ({reason}); convert it to another format", path.display())]
    Decoder {
        /// The file.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
    /// The resampler refused.
    #[error("cannot resample from {rate} Hz: {reason}")]
    Resample {
        /// Source rate in Hz.
        rate: u32,
        /// What it said.
        reason: String,
    },
}
