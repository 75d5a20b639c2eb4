#!/usr/bin/env python3
"""Makes the golden files and codec fixtures of `crates/gst-data/tests/golden`.

    python -m venv reference && reference/bin/pip install numpy==2.4.6 torch==2.15.0 transformers==5.23.0 soundfile==0.14.0
    reference/bin/python xtask/reference/logmel_golden.py crates/gst-data/tests/golden

Everything is synthetic and computed here; nothing is downloaded.

Log-mel (`logmel_*.f32`: little-endian float32, `[frames, mels]` row-major) is what `transformers.WhisperFeatureExtractor`
gives for `logmel.wav`: `clip80` without padding, `padded80` padded to 30 s (only the frames in PADDED_FRAMES),
`clip128` with 128 bands (only the frames in CLIP_FRAMES), `short80` for the first 170 samples (one frame; the numpy
path, because torch cannot reflect a clip that short).

Codec fixtures (`tone_*`) hold `tone()` as libsndfile writes it; the Rust test computes the same tone in closed form at
16 kHz and compares. (An OGG stream has a random serial number, so that file differs from run to run; the others do not.)
"""

import pathlib
import sys

import numpy
import soundfile
import torch
import transformers
from transformers import WhisperFeatureExtractor

PINNED = {"numpy": "2.4.6", "torch": "2.15.0", "transformers": "5.23.0", "soundfile": "0.14.0"}
RATE = 16_000
PADDED_FRAMES = [0, 1, 2, 40, 78, 79, 80, 81, 82, 1500, 2999]
CLIP_FRAMES = [0, 1, 20, 40, 60, 79]
SHORT = 170


def clip() -> numpy.ndarray:
    """0.81 s: a rising chirp with harmonics, silence, a click, noise that fades; 16-bit values."""
    count = 12_960
    t = numpy.arange(count) / RATE
    phase = 2 * numpy.pi * (120 * t + 0.5 * 1500 * t**2)
    signal = sum(0.4 / k * numpy.sin(k * phase) for k in (1, 2, 3))
    signal *= t < 0.4
    signal[7000] = 0.9
    state = 12345
    noise = numpy.empty(count)
    for n in range(count):
        state = (1103515245 * state + 12345) % 2**31
        noise[n] = state / 2**30 - 1
    signal += (t > 0.5) * 0.3 * numpy.exp(-8 * numpy.maximum(t - 0.5, 0)) * noise
    return numpy.round(signal / numpy.abs(signal).max() * 0.8 * 32767).astype(numpy.int16)


def tone(rate: int, seconds: float, channels: int) -> numpy.ndarray:
    """Two tones a channel under a raised-cosine envelope, `[samples, channels]`."""
    t = numpy.arange(round(rate * seconds)) / rate
    envelope = 0.5 - 0.5 * numpy.cos(2 * numpy.pi * t / seconds)
    left = 0.4 * numpy.sin(2 * numpy.pi * 440 * t) + 0.2 * numpy.sin(2 * numpy.pi * 2000 * t)
    right = 0.3 * numpy.sin(2 * numpy.pi * 660 * t)
    return (envelope[:, None] * numpy.stack([left, right], axis=1))[:, :channels]


def main() -> None:
    modules = {"numpy": numpy, "torch": torch, "transformers": transformers, "soundfile": soundfile}
    for name, wanted in PINNED.items():
        if modules[name].__version__.split("+")[0] != wanted:
            sys.exit(f"{name} {modules[name].__version__} found, {wanted} is pinned")
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)

    samples = clip()
    soundfile.write(out / "logmel.wav", samples, RATE, subtype="PCM_16")
    wave = samples.astype(numpy.float32) / 32768

    def save(name: str, features: numpy.ndarray) -> None:
        """`features` is `[mels, frames]`, as transformers has it."""
        features.T.astype("<f4").tofile(out / f"{name}.f32")

    whisper = WhisperFeatureExtractor(feature_size=80)
    unpadded = whisper(wave, sampling_rate=RATE, padding="do_not_pad", return_tensors="np").input_features[0]
    assert unpadded.shape == (80, len(wave) // 160), unpadded.shape
    save("logmel_clip80", unpadded)
    padded = whisper(wave, sampling_rate=RATE, return_tensors="np").input_features[0]
    assert padded.shape == (80, 3000), padded.shape
    save("logmel_padded80", padded[:, PADDED_FRAMES])
    large = WhisperFeatureExtractor(feature_size=128)
    many = large(wave, sampling_rate=RATE, padding="do_not_pad", return_tensors="np").input_features[0]
    save("logmel_clip128", many[:, CLIP_FRAMES])
    short = whisper._np_extract_fbank_features(wave[None, :SHORT], "cpu")[0]
    assert short.shape == (80, 1), short.shape
    save("logmel_short80", short)

    soundfile.write(out / "tone_16000_mono.flac", tone(16_000, 0.4, 1), 16_000, subtype="PCM_16")
    soundfile.write(out / "tone_48000_mono_24bit.flac", tone(48_000, 0.08, 1), 48_000, subtype="PCM_24")
    soundfile.write(out / "tone_22050_stereo.flac", tone(22_050, 0.2, 2), 22_050, subtype="PCM_16")
    soundfile.write(out / "tone_44100_stereo.ogg", tone(44_100, 0.5, 2), 44_100, format="OGG", subtype="VORBIS")
    soundfile.write(out / "tone_44100_stereo.mp3", tone(44_100, 0.5, 2), 44_100, format="MP3")
    soundfile.write(out / "tone_16000_mono.mp3", tone(16_000, 0.5, 1), 16_000, format="MP3")
    # 0.8 s of noise, then 2.2 s of a faint tone: with a variable bit rate the first frames are far larger than the rest.
    noise = numpy.resize(clip()[8_000:10_000] / 32768, 12_800)
    faint = 0.01 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(35_200) / 16_000)
    soundfile.write(out / "fading.mp3", numpy.concatenate([noise, faint]), 16_000, format="MP3", bitrate_mode="VARIABLE")
    for path in sorted(out.iterdir()):
        print(f"{path.stat().st_size:7} {path.name}")
        assert path.stat().st_size < 40_000


if __name__ == "__main__":
    main()
