"""Golden numbers for gst-affinity, by NumPy and from the definitions, without a line shared with the crate.

Run with Python 3.11 and `pip install numpy==2.4.6 scipy==1.17.1 safetensors==0.8.0`, from the root of the repository:

    python xtask/reference/affinity_golden.py

It writes crates/gst-affinity/tests/golden/: gradients.npy ([datasets, batches, parameters], float64), the same gradients as
a safetensors file (float32, a tensor a dataset), those of a second probe point (float32), and expected.json.
"""

import itertools
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy.stats import spearmanr

OUT = Path(__file__).resolve().parents[2] / "crates" / "gst-affinity" / "tests" / "golden"
DATASETS, BATCHES, PARAMETERS = 5, 6, 23
NAMES = ["speech", "music", "birds", "alarms", "steps"]
WEIGHTS = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
GROUPS = [[0, 3], [1, 2, 4]]
MASK = (1 << 64) - 1


def gradients(seed):
    """A common direction, two group directions, dataset directions of unequal size, and batch noise."""
    rng = np.random.default_rng(seed)
    common, first, second = rng.normal(size=(3, PARAMETERS))
    own = rng.normal(size=(DATASETS, PARAMETERS))
    centre = 0.4 * common + np.array([first if i in GROUPS[0] else second for i in range(DATASETS)]) + 0.3 * own
    centre *= np.array([1.0, 2.0, 0.5, 1.5, 3.0])[:, None]
    noise = rng.normal(size=(DATASETS, BATCHES, PARAMETERS))
    # Values that float32 holds exactly, so that both files say the same.
    return (centre[:, None, :] + 0.8 * noise).astype(np.float32).astype(np.float64)


def debiased_gram(x):
    """Mean product over pairs of different batches, pair by pair."""
    gram = np.zeros((DATASETS, DATASETS))
    for i, j in itertools.product(range(DATASETS), repeat=2):
        pairs = [(a, b) for a in range(BATCHES) for b in range(BATCHES) if i != j or a != b]
        gram[i, j] = np.mean([x[i, a] @ x[j, b] for a, b in pairs])
    return gram


def cosine(gram):
    norm = np.sqrt(np.diag(gram))
    return gram / np.outer(norm, norm)


def signed_root(x):
    return np.sign(x) * np.sqrt(np.abs(x))


def distance(gram):
    norms = np.diag(gram)
    return signed_root(norms[:, None] + norms[None, :] - 2 * gram)


def preconditioned(x):
    root = np.sqrt(np.mean(np.mean(x**2, axis=1), axis=0))
    return x / (root + 1e-8 * root.max())


def split(gram, groups):
    """By the pairwise form, which the crate does not use."""
    square = np.diag(gram)[:, None] + np.diag(gram)[None, :] - 2 * gram
    share = WEIGHTS[:, None] * WEIGHTS[None, :] * square
    total = share.sum() / 2
    within = sum(share[np.ix_(g, g)].sum() / (2 * WEIGHTS[g].sum()) for g in groups)
    return {"total": total, "within": within, "between": total - within}


def mix(x):
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def sketch(gradient, size, seed):
    """The projection as gst-affinity documents it, with Python's integers."""
    seed = mix(seed ^ 0x9E3779B97F4A7C15)
    bounds = [size * part // 4 for part in range(5)]
    sums = np.zeros(size)
    parts = (0x8C5F39D10B6EA247, 0x2F9AC4037D18E65B, 0xE3167BA854C90D2F, 0x59D20E74A1F3863C)
    for index, value in enumerate(gradient):
        block, position = divmod(index, 64)
        hashed = mix(seed ^ (block * 0x9E3779B97F4A7C15 & MASK))
        for part, constant in enumerate(parts):
            place = mix(hashed ^ constant)
            signs = mix(place ^ 0xD1B54A32D192ED03)
            width = bounds[part + 1] - bounds[part]
            start = (place >> 32) * width >> 32
            row = bounds[part] + (start + position) % width
            sums[row] += -0.5 * value if signs >> position & 1 else 0.5 * value
    return sums


def main():
    first, second = gradients(1), gradients(2)
    grams = [debiased_gram(x) for x in (first, second)]
    # Two probe points: cosines from products that each point's mean squared norm of mean gradients was divided out of.
    plain = [np.mean(np.sum(x.mean(axis=1) ** 2, axis=1)) for x in (first, second)]
    scaled = sum(gram / size for gram, size in zip(grams, plain)) / 2
    mean = sum(grams) / 2
    upper = np.triu_indices(DATASETS, 1)
    one = cosine(grams[0])
    expected = {
        "names": NAMES,
        "weights": WEIGHTS.tolist(),
        "groups": GROUPS,
        "one_point": {
            "gram": grams[0].tolist(),
            "gradient-distance": distance(grams[0]).tolist(),
            "unit-distance": distance(one).tolist(),
            "cosine": one.tolist(),
            "preconditioned-cosine": cosine(debiased_gram(preconditioned(first))).tolist(),
            "split": split(grams[0], GROUPS),
            "global_norm_squared": float(WEIGHTS @ grams[0] @ WEIGHTS),
        },
        "two_points": {
            "gram": mean.tolist(),
            "gradient-distance": distance(mean).tolist(),
            "cosine": cosine(scaled).tolist(),
        },
        "rank_correlation": float(spearmanr(one[upper], cosine(grams[1])[upper]).statistic),
        "sketch": {"size": 32, "seed": 77, "values": sketch(first[0, 0], 32, 77).tolist()},
    }
    OUT.mkdir(parents=True, exist_ok=True)
    np.save(OUT / "gradients.npy", first)
    np.save(OUT / "gradients_later.npy", second.astype(np.float32))
    save_file({name: first[i].astype(np.float32) for i, name in enumerate(NAMES)}, OUT / "gradients.safetensors")
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
