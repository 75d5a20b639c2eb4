#!/usr/bin/env python3
"""Makes the golden file of `crates/gst-grouping/tests/golden`.

    python -m venv reference && reference/bin/pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
    reference/bin/python xtask/reference/grouping_golden.py crates/gst-grouping/tests/golden

Everything is synthetic and computed here; nothing is downloaded.

`reference.json` holds a list of cases, each a matrix of distances (rounded, so that file and program see the same numbers) and
what the reference libraries make of it:

* `spectral`: for a kernel and K, the labels of `sklearn.cluster.SpectralClustering` on the kernel's matrix, and the smallest
  eigenvalues of `scipy.sparse.csgraph.laplacian(normed=True)`. Kernels: `fixed` with a width s is sklearn's `rbf_kernel`
  with gamma = 1 / 2s^2; `neighbour` with m is exp(-d_ij^2 / s_i s_j), s_i the distance of i to its m-th neighbour.
* `linkage`: the matrix Z of `scipy.cluster.hierarchy.linkage`, `average` and `ward`.
* `cuts`: the labels of `fcluster(Z, K, "maxclust")`.
* `silhouettes`: `sklearn.metrics.silhouette_score` of each cut by average linkage.
* `agreements`: `sklearn.metrics.adjusted_rand_score` of the cuts by average and by ward linkage.
"""

import json
import pathlib
import sys

import numpy
import scipy
import sklearn
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import laplacian
from scipy.spatial.distance import squareform
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score, silhouette_score

PINNED = {"numpy": "2.4.6", "scipy": "1.17.1", "scikit-learn": "1.9.1"}
DIGITS = 6


def distances(points: numpy.ndarray) -> numpy.ndarray:
    apart = numpy.linalg.norm(points[:, None, :] - points[None, :, :], axis=-1)
    apart = numpy.round((apart + apart.T) / 2, DIGITS)
    numpy.fill_diagonal(apart, 0.0)
    return apart


def matrices() -> dict[str, numpy.ndarray]:
    """Planted groups, a chain of clumps, gradients of very different norms, noise, groups of different density."""
    random = numpy.random.default_rng(20260518)
    planted = numpy.repeat(random.normal(size=(3, 64)), [5, 5, 4], axis=0) + 0.9 * random.normal(size=(14, 64))
    chain = numpy.array([[3.0 * group + 0.4 * step, (group % 2) * 0.5 * step] for group in range(5) for step in range(4)])
    chain += 0.1 * random.normal(size=chain.shape)  # equal distances would leave the order of merges open
    norms = random.normal(size=(12, 256)) / 16 * numpy.exp(random.normal(size=(12, 1)))
    noise = random.uniform(0.8, 1.2, size=(10, 10))
    noise = numpy.round((noise + noise.T) / 2, DIGITS)
    numpy.fill_diagonal(noise, 0.0)
    density = numpy.concatenate([random.normal(size=(8, 2)) * 0.2, random.normal(size=(8, 2)) * 1.5 + [7.0, 0.0]])
    return {
        "planted": distances(planted[random.permutation(14)]),
        "chain": distances(chain[random.permutation(20)]),
        "norms": distances(norms),
        "noise": noise,
        "density": distances(density[random.permutation(16)]),
    }


def kernel(apart: numpy.ndarray, name: str, value: float) -> numpy.ndarray:
    if name == "fixed":
        return numpy.exp(-(apart**2) / (2 * value**2))
    widths = numpy.sort(apart, axis=1)[:, int(value)]
    return numpy.exp(-(apart**2) / (widths[:, None] * widths[None, :]))


def spectral(apart: numpy.ndarray) -> list[dict]:
    found = []
    width = float(numpy.round(numpy.median(apart[numpy.triu_indices(len(apart), 1)]) / 2, DIGITS))
    for name, value in (("fixed", width), ("fixed", 2 * width), ("neighbour", 3.0)):
        similar = kernel(apart, name, value)
        values = numpy.linalg.eigvalsh(laplacian(similar, normed=True))
        for groups in (2, 3, 5):
            labels = SpectralClustering(groups, affinity="precomputed", n_init=200, random_state=0).fit(similar).labels_
            found.append(
                {
                    "kernel": name,
                    "value": value,
                    "groups": groups,
                    "labels": labels.tolist(),
                    "eigenvalues": [float(f"{x:.12g}") for x in values[: groups + 1]],
                }
            )
    return found


def case(name: str, apart: numpy.ndarray) -> dict:
    merges = {method: linkage(squareform(apart), method) for method in ("average", "ward")}
    counts = range(2, len(apart))
    cuts = {method: {k: fcluster(z, k, "maxclust") for k in counts} for method, z in merges.items()}
    return {
        "name": name,
        "distances": apart.tolist(),
        "spectral": spectral(apart),
        "linkage": {method: numpy.round(z, 10).tolist() for method, z in merges.items()},
        "cuts": {method: [c.tolist() for c in by_count.values()] for method, by_count in cuts.items()},
        "silhouettes": [silhouette_score(apart, cuts["average"][k], metric="precomputed") for k in counts],
        "agreements": [adjusted_rand_score(cuts["average"][k], cuts["ward"][k]) for k in counts],
    }


def main() -> None:
    found = {"numpy": numpy.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
    if found != PINNED:
        sys.exit(f"the golden file is pinned to {PINNED}, found {found}")
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    document = {"made_with": PINNED, "cases": [case(name, apart) for name, apart in matrices().items()]}
    text = json.dumps(document, separators=(",", ":")).replace('{"name"', '\n{"name"')
    (folder / "reference.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
