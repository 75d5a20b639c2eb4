use std::{fs::File, path::Path, time::Duration};

use symphonia::core::{
    codecs::{
        CodecParameters,
        audio::{
            AudioCodecParameters,
            well_known::{CODEC_ID_MP3, CODEC_ID_VORBIS},
        },
    },
    errors::Error,
    formats::{FormatOptions, FormatReader, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
};

use super::{
    AudioError, MAX_CHANNELS, MAX_DECODE_SECONDS, MAX_EMPTY_PACKETS, MAX_FILE_BYTES, MAX_SAMPLE, MAX_SOURCE_RATE,
    MIN_CLIP_SAMPLES, MIN_SOURCE_RATE, SAMPLE_RATE, max_seconds, patience::in_time, resample, source::BoundedFile,
};
use crate::caught::caught;

const LIMIT: Duration = Duration::from_secs(MAX_DECODE_SECONDS);

/// A decoded clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    /// 16 kHz mono, full scale ±1, every value finite.
    pub samples: Vec<f32>,
    /// Rate of the file in Hz.
    pub source_rate: u32,
    /// Channels of the file.
    pub source_channels: usize,
    /// Length in seconds.
    pub seconds: f64,
}

/// Decodes a WAV, FLAC, OGG/Vorbis or MP3 file to 16 kHz mono.
///
/// The format is told by the content, not by the name. Channels are averaged; encoder delay and padding are cut where the
/// file states them.
///
/// # Errors
/// See [`AudioError`]: every message names the file.
pub fn decode(path: &Path) -> Result<Waveform, AudioError> {
    let file = path.to_owned();
    let mono = in_time(path, LIMIT, move || guarded(&file, || Opened::new(&file)?.mono(&file)))?;
    waveform(path, mono)
}

/// Length of a clip in seconds as its header states it; decoded where the header does not say.
///
/// # Errors
/// As [`decode`], as far as the header shows it.
pub fn duration(path: &Path) -> Result<f64, AudioError> {
    let file = path.to_owned();
    let stated = move || {
        let opened = Opened::new(&file)?;
        let rate = opened.params.sample_rate.filter(|&rate| rate > 0);
        Ok(opened.frames.zip(rate).map(|(frames, rate)| frames as f64 / f64::from(rate)))
    };
    let file = path.to_owned();
    let stated = in_time(path, LIMIT, move || guarded(&file, &stated))?;
    stated.map_or_else(|| decode(path).map(|waveform| waveform.seconds), Ok)
}

/// Turns a panic of a decoder into an error of the file.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, AudioError>) -> Result<T, AudioError> {
    caught(work).unwrap_or_else(|reason| Err(AudioError::Decoder { path: path.into(), reason }))
}

fn waveform(path: &Path, mono: Mono) -> Result<Waveform, AudioError> {
    let (rate, channels) = (mono.rate, mono.channels);
    if let Some((index, &value)) =
        mono.samples.iter().enumerate().find(|(_, value)| !value.is_finite() || value.abs() > MAX_SAMPLE)
    {
        return Err(AudioError::BadSample { path: path.into(), index, value });
    }
    let samples = resample(mono.samples, rate)?;
    if samples.len() < MIN_CLIP_SAMPLES {
        return Err(AudioError::TooShort { path: path.into(), samples: samples.len() });
    }
    let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE);
    Ok(Waveform { samples, source_rate: rate, source_channels: channels, seconds })
}

/// A recognised file with one audio track.
struct Opened {
    format: Box<dyn FormatReader>,
    track: u32,
    params: AudioCodecParameters,
    /// Samples a channel that the header states, where it states them for sure.
    frames: Option<u64>,
}

/// Samples a channel by which the header of an MP3 file may be wrong: encoders disagree on whether its own frame counts.
const MP3_SLACK: u64 = 2 * 1_152;

/// The averaged channels at the file's rate.
struct Mono {
    samples: Vec<f32>,
    rate: u32,
    channels: usize,
}

impl Opened {
    fn new(path: &Path) -> Result<Self, AudioError> {
        let opened = Self::open(path, true)?;
        // For an MP3 file without a stated length the demuxer guesses one from the first frames, and with a variable bit
        // rate everything behind the guess would be cut. It does not guess where it cannot seek.
        if opened.params.codec == CODEC_ID_MP3 { Self::open(path, false) } else { Ok(opened) }
    }

    fn open(path: &Path, seekable: bool) -> Result<Self, AudioError> {
        let read = |source| AudioError::Read { path: path.into(), source };
        let file = File::open(path).map_err(read)?;
        let metadata = file.metadata().map_err(read)?;
        let bytes = metadata.len();
        if !metadata.is_file() {
            return Err(read(std::io::Error::other("not a regular file")));
        }
        if bytes == 0 {
            return Err(AudioError::EmptyFile { path: path.into() });
        }
        if bytes > MAX_FILE_BYTES {
            return Err(AudioError::LargeFile { path: path.into(), bytes, limit: MAX_FILE_BYTES });
        }
        let stream = MediaSourceStream::new(Box::new(BoundedFile::new(file, bytes, seekable)), Default::default());
        let format = symphonia::default::get_probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| AudioError::Unrecognised { path: path.into(), reason: error.to_string() })?;
        let unsupported = |reason: &str| AudioError::Unsupported { path: path.into(), reason: reason.into() };
        let track = format.default_track(TrackType::Audio).ok_or_else(|| unsupported("no audio track with a known codec"))?;
        let Some(CodecParameters::Audio(params)) = track.codec_params.clone() else {
            return Err(unsupported("no audio parameters in the header"));
        };
        // Vorbis states where the last page ends in time, which is no count where a stream does not begin at 0.
        let (id, frames) = (track.id, track.num_frames.filter(|_| params.codec != CODEC_ID_VORBIS));
        let opened = Self { format, track: id, params, frames };
        opened.check_header(path)?;
        Ok(opened)
    }

    fn check_header(&self, path: &Path) -> Result<(), AudioError> {
        if let Some(rate) = self.params.sample_rate {
            check_rate(path, rate)?;
            let seconds = self.frames.unwrap_or(0) as f64 / f64::from(rate);
            check_length(path, seconds, rate)?;
        }
        self.params.channels.as_ref().map_or(Ok(()), |channels| check_channels(path, channels.count()))
    }

    fn mono(&mut self, path: &Path) -> Result<Mono, AudioError> {
        let mut decoder = symphonia::default::get_codecs()
            .make_audio_decoder(&self.params, &Default::default())
            .map_err(|error| AudioError::Unsupported { path: path.into(), reason: error.to_string() })?;
        let mut mono = Mono { samples: Vec::new(), rate: 0, channels: 0 };
        let mut packet_samples: Vec<f32> = Vec::new();
        let mut empty = 0;
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
                Err(Error::ResetRequired) => return Err(AudioError::Changed { path: path.into(), seconds: mono.seconds() }),
                Err(Error::IoError(source)) if source.kind() == std::io::ErrorKind::Other => {
                    return Err(AudioError::Stuck { path: path.into(), seconds: mono.seconds() });
                }
                Err(error) => return Err(mono.broken(path, &error)),
            };
            if packet.track_id == self.track {
                let buffer = decoder.decode(&packet).map_err(|error| mono.broken(path, &error))?;
                mono.admit(path, buffer.spec().rate(), buffer.spec().channels().count())?;
                buffer.copy_to_vec_interleaved(&mut packet_samples);
                mono.append(&packet_samples);
                empty = if packet_samples.is_empty() { empty + 1 } else { 0 };
            } else {
                empty += 1;
            }
            if empty > MAX_EMPTY_PACKETS {
                return Err(AudioError::Stuck { path: path.into(), seconds: mono.seconds() });
            }
            check_length(path, mono.seconds(), mono.rate)?;
        }
        let found = mono.samples.len() as u64;
        let slack = if self.params.codec == CODEC_ID_MP3 { MP3_SLACK } else { 0 };
        match self.frames {
            Some(expected) if found + slack < expected => Err(AudioError::Truncated { path: path.into(), found, expected }),
            _ => Ok(mono),
        }
    }
}

impl Mono {
    /// Checks rate and channels of a packet against the ones before.
    fn admit(&mut self, path: &Path, rate: u32, channels: usize) -> Result<(), AudioError> {
        if self.rate == 0 {
            check_rate(path, rate)?;
            check_channels(path, channels)?;
            (self.rate, self.channels) = (rate, channels);
        }
        match (rate, channels) == (self.rate, self.channels) {
            true => Ok(()),
            false => Err(AudioError::Changed { path: path.into(), seconds: self.seconds() }),
        }
    }

    fn append(&mut self, interleaved: &[f32]) {
        if self.channels == 1 {
            self.samples.extend_from_slice(interleaved);
        } else {
            let scale = 1.0 / self.channels as f32;
            self.samples.extend(interleaved.chunks_exact(self.channels).map(|frame| frame.iter().sum::<f32>() * scale));
        }
    }

    fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate.max(1))
    }

    fn broken(&self, path: &Path, error: &Error) -> AudioError {
        AudioError::Broken { path: path.into(), seconds: self.seconds(), reason: error.to_string() }
    }
}

fn check_rate(path: &Path, rate: u32) -> Result<(), AudioError> {
    match (MIN_SOURCE_RATE..=MAX_SOURCE_RATE).contains(&rate) {
        true => Ok(()),
        false => Err(AudioError::Rate { path: path.into(), rate }),
    }
}

fn check_length(path: &Path, seconds: f64, rate: u32) -> Result<(), AudioError> {
    let limit = max_seconds(rate);
    if seconds > limit { Err(AudioError::TooLong { path: path.into(), seconds, limit }) } else { Ok(()) }
}

fn check_channels(path: &Path, channels: usize) -> Result<(), AudioError> {
    match (1..=MAX_CHANNELS).contains(&channels) {
        true => Ok(()),
        false => Err(AudioError::Channels { path: path.into(), channels }),
    }
}
