#!/usr/bin/env python3
"""Measures gst-data against other libraries, alternately on one machine, one thread each.

    python -m venv reference
    reference/bin/pip install numpy==2.4.6 torch==2.15.0 transformers==5.23.0 librosa==0.11.0 soundfile==0.14.0 soxr==1.1.0
    cargo build -p gst-data --example speed
    reference/bin/python xtask/reference/speed.py target/debug/examples/speed

Every round calls ours and each reference a few times in turn; what is printed are medians over the rounds, and the median of the
ratios within a round: `x` above 1 means that gst-data is that many times faster. Measured is processor time (Linux), which other
work on a shared machine moves less than it moves the clock. All audio is synthetic.

The references compute the same thing: log-mel features of Whisper's kind without padding (`librosa` and `transformers` through
their own functions, `torch` as the operations of a `torch.stft` front end), FLAC and MP3 through libsndfile (`soundfile`), to 16 kHz mono
through `soxr` at `HQ`, whose measured bands are printed beside ours at the end.
"""

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"

import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import librosa
import numpy
import soundfile
import soxr
import torch
from transformers import WhisperFeatureExtractor

RATE = 16_000
ROUNDS = 15
CALLS = 5


class Ours:
    """The Rust program, which does what it is told so many times; the processor time of all its threads counts."""

    def __init__(self, program: str) -> None:
        self.process = subprocess.Popen([program, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # The clock of another process's processor time, as clock_getcpuclockid(3) makes it.
        self.clock = (~self.process.pid << 3) | 2

    def __call__(self, *words: object) -> float:
        began = time.clock_gettime(self.clock)
        self.process.stdin.write(" ".join(map(str, (CALLS, *words))) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"
        return (time.clock_gettime(self.clock) - began) / CALLS


def timed(call) -> float:
    began = time.thread_time()
    for _ in range(CALLS):
        call()
    return (time.thread_time() - began) / CALLS


def compare(what: str, ours, references: dict) -> None:
    for _ in range(3):
        ours()
        for call in references.values():
            call()
    mine, theirs = [], {name: [] for name in references}
    for _ in range(ROUNDS):
        mine.append(ours())
        for name, call in references.items():
            theirs[name].append(timed(call))
    line = f"{what:34} gst-data {1e3 * statistics.median(mine):8.2f} ms"
    for name, times in theirs.items():
        ratio = statistics.median(their / own for their, own in zip(times, mine))
        line += f"   {name} {1e3 * statistics.median(times):8.2f} ms  x{ratio:.1f}"
    print(line, flush=True)


def signal(rate: int, seconds: float, channels: int = 1) -> numpy.ndarray:
    """Tones under noise, `[samples]` or `[samples, channels]`."""
    t = numpy.arange(round(rate * seconds)) / rate
    noise = numpy.random.default_rng(0).normal(size=(len(t), channels))
    tones = 0.3 * numpy.sin(2 * numpy.pi * 440 * t) + 0.2 * numpy.sin(2 * numpy.pi * 3100 * t)
    wave = (tones[:, None] + 0.05 * noise).astype(numpy.float32)
    return wave[:, 0] if channels == 1 else wave


def log_mel(ours: Ours, folder: pathlib.Path) -> None:
    whisper = WhisperFeatureExtractor(feature_size=80)
    filters = torch.from_numpy(whisper.mel_filters.T.astype(numpy.float32))
    window = torch.hann_window(400)
    for seconds in (1, 10, 30):
        wave = signal(RATE, seconds)
        path = folder / f"{seconds}.f32"
        wave.tofile(path)

        def with_librosa() -> numpy.ndarray:
            mel = librosa.feature.melspectrogram(y=wave, sr=RATE, n_fft=400, hop_length=160, n_mels=80, fmax=8000.0)
            log = numpy.log10(numpy.maximum(mel, 1e-10))
            return (numpy.maximum(log, log.max() - 8.0) + 4.0) / 4.0

        def with_torch() -> torch.Tensor:
            spectrum = torch.stft(torch.from_numpy(wave), 400, 160, window=window, return_complex=True)
            log = torch.clamp(filters @ spectrum[..., :-1].abs() ** 2, min=1e-10).log10()
            return (torch.maximum(log, log.max() - 8.0) + 4.0) / 4.0

        def with_whisper() -> object:
            return whisper(wave, sampling_rate=RATE, padding="do_not_pad", return_tensors="np")

        references = {"librosa": with_librosa, "torch": with_torch, "WhisperFeatureExtractor": with_whisper}
        compare(f"log-mel, {seconds} s", lambda: ours("logmel", path), references)


def decode(ours: Ours, folder: pathlib.Path) -> None:
    for kind in ("FLAC", "MP3"):
        for rate, channels in ((16_000, 1), (16_000, 2), (44_100, 2)):
            path = folder / f"{rate}_{channels}.{kind.lower()}"
            soundfile.write(path, signal(rate, 10, channels), rate, format=kind)

            def with_soundfile() -> numpy.ndarray:
                wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
                mono = wave.mean(axis=1)
                return mono if rate == RATE else soxr.resample(mono, rate, RATE, quality="HQ")

            name = "libsndfile" if rate == RATE else "libsndfile + soxr HQ"
            compare(f"{kind}, 10 s, {rate} Hz, {channels} ch", lambda: ours("decode", path), {name: with_soundfile})


def resample(ours: Ours, folder: pathlib.Path) -> None:
    for rate in (8_000, 22_050, 44_100, 48_000):
        wave = signal(rate, 10)
        path = folder / f"{rate}.f32"
        wave.tofile(path)
        references = {quality: lambda quality=quality: soxr.resample(wave, rate, RATE, quality=quality) for quality in ("HQ", "VHQ")}
        compare(f"10 s from {rate} Hz", lambda: ours("resample", path, rate), {f"soxr {name}": call for name, call in references.items()})


def level(rate: int, hertz: float, quality: str) -> float:
    """Level in dB of a sine after soxr, as `crates/gst-data/tests/decode.rs` measures ours."""
    wave = numpy.sin(2 * numpy.pi * hertz * numpy.arange(rate) / rate).astype(numpy.float32)
    power = float(numpy.mean(soxr.resample(wave, rate, RATE, quality=quality)[2_000:14_000].astype(numpy.float64) ** 2))
    return 10 * numpy.log10(max(power, 1e-30) / 0.5)


def bands() -> None:
    for quality in ("HQ", "VHQ"):
        passed = max(hertz for hertz in range(7_000, 8_000, 10) if abs(level(44_100, hertz, quality)) < 0.01)
        worst = max(level(44_100, hertz, quality) for hertz in range(8_020, 12_000, 40))
        print(f"soxr {quality}: flat to 0.01 dB up to {passed} Hz, {worst:.0f} dB from 8,020 Hz on")


def main() -> None:
    torch.set_num_threads(1)
    ours = Ours(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        log_mel(ours, folder)
        decode(ours, folder)
        resample(ours, folder)
    bands()


if __name__ == "__main__":
    main()
