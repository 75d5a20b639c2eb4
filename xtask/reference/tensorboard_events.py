#!/usr/bin/env python3
"""TensorBoard's own package against the event files of gst.

    python -m venv reference && reference/bin/pip install tensorboard==2.21.0
    reference/bin/python xtask/reference/tensorboard_events.py golden crates/gst-train/tests/golden/events.tfevents
    reference/bin/python xtask/reference/tensorboard_events.py check RUN

`golden` writes three events with TensorBoard's protocol buffers and record writer; a Rust test writes the same and compares bytes.

`check` opens RUN/tensorboard with TensorBoard's reader (`EventAccumulator`, which the web page stands on) and compares every step
and value with RUN/metrics.jsonl, of a run that was trained with `tensorboard = true`. It fails at the first difference.
"""

import json
import math
import pathlib
import sys

import numpy
from importlib.metadata import version
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

PINNED = {"tensorboard": "2.21.0"}


def golden(path: pathlib.Path) -> None:
    def summary(**scalars: float) -> Summary:
        return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()])

    events = [
        Event(wall_time=1.5, file_version="brain.Event:2"),
        Event(wall_time=2.25, step=0, summary=summary(**{"train/loss": 0.5})),
        Event(wall_time=3.0, step=300, summary=summary(**{"loss/größe": -1.25e-3, "x" * 200: 7.0})),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())
        writer.flush()
    print(f"{path}: {path.stat().st_size} bytes")


def expected(run: pathlib.Path) -> dict[str, list[tuple[int, float]]]:
    """What the event file should hold, by tag, read from the metrics."""
    found: dict[str, list[tuple[int, float]]] = {}
    for text in (run / "metrics.jsonl").read_text().splitlines():
        line = json.loads(text)

        def add(tag: str, value: float) -> None:
            found.setdefault(tag, []).append((line["step"], value))

        if line["event"] == "stage":
            add("train/stage", line["stage"])
        elif line["event"] == "step":
            for field in ("loss", "learning_rate", "gradient_norm", "data_wait_seconds", "audio_seconds"):
                add(f"train/{field}", line[field])
            samples = sum(part["samples"] for part in line["datasets"].values())
            for name, part in line["datasets"].items():
                add(f"loss/{name}", part["loss"])
                add(f"sample_share/{name}", part["samples"] / samples)
                add(f"gradient_share/{name}", part["gradient_share"])
        elif line["event"] == "evaluation":
            split = line["split"]
            for name, row in line["datasets"].items():
                for score in ("loss", "token_accuracy", "exact_match"):
                    add(f"{split}_{score}/{name}", row[score])
            for mean in ("weighted", "unweighted"):
                for score in ("loss", "token_accuracy", "exact_match"):
                    add(f"{split}/{mean}_{score}", line[mean][score])
            for name, row in line.get("forgetting", {}).items():
                add(f"forgetting/{name}", row["token_accuracy"])
    return found


def check(run: pathlib.Path) -> None:
    accumulator = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    wanted = expected(run)
    tags = accumulator.Tags()
    assert set(tags["scalars"]) == set(wanted), set(tags["scalars"]) ^ set(wanted)
    count = 0
    for tag, points in wanted.items():
        read = [(event.step, event.value) for event in accumulator.Scalars(tag)]
        assert [step for step, _ in read] == [step for step, _ in points], (tag, read[:3], points[:3])
        for (step, value), (_, true) in zip(read, points):
            assert math.isclose(value, numpy.float32(true), rel_tol=1e-6, abs_tol=1e-30), (tag, step, value, true)
        count += len(read)
    print(f"{run}: TensorBoard reads {len(wanted)} tags with {count} values, all as in metrics.jsonl")


if __name__ == "__main__":
    for package, pinned in PINNED.items():
        assert version(package) == pinned, f"{package} {version(package)}, expected {pinned}"
    {"golden": golden, "check": check}[sys.argv[1]](pathlib.Path(sys.argv[2]))
