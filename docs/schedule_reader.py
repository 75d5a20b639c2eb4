"""Draws the samples of a schedule.json (format gst-schedule, version 1) as the crate gst-schedule does; docs/schedule.md has the formulas.

    from schedule_reader import Reader
    reader = Reader("schedule.json")
    for step in range(reader.steps):
        batch = reader.step(step)            # [(dataset index, sample index, epoch), ...] of one global batch

`python schedule_reader.py schedule.json 10` prints the first 10 draws. Integers and the standard library only, Python 3.8 or newer."""
import bisect, functools, heapq, itertools, json, math, pathlib, sys

GOLDEN, UNIT = 0x9E3779B97F4A7C15, 2**32  # step of SplitMix64; debts are counted in 2**-32 draws

def mix(z):  # SplitMix64, on 64 bits
    z = (z + GOLDEN) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31

def fnv1a(name):
    return functools.reduce(lambda hash, byte: (hash ^ byte) * 0x100000001B3 % 2**64, name, 0xCBF29CE484222325)

def sample(key, size, epoch, i):  # a permutation of 0 .. size - 1 of its own for each key and epoch
    columns = math.isqrt(size - 1) + 1
    columns += columns % 2
    rows, key = -(-size // columns), mix(key ^ epoch)
    while True:
        y, x = divmod(i, columns)
        for turn in range(1, 12, 2):
            x = (x + (mix((key + GOLDEN * turn) % 2**64 ^ y) * columns >> 64)) % columns
            y = (y + (mix((key + GOLDEN * (turn + 1)) % 2**64 ^ x) * rows >> 64)) % rows
        i = y * columns + x
        if i < size:
            return i

def tree(weights, owed):  # Huffman tree; a leaf is its dataset, a fork (weight, weight of the left part, phase, left, right)
    age = itertools.count()
    heap = [(weight, next(age), owed[dataset], dataset) for dataset, weight in weights.items() if weight > 0]
    heapq.heapify(heap)
    while len(heap) > 1:
        (w_left, _, owed_left, left), (w_right, _, owed_right, right) = heapq.heappop(heap), heapq.heappop(heap)
        w, debt = w_left + w_right, owed_left + owed_right
        phase = w * (UNIT // 2 + owed_left - w_left * debt // w) // UNIT
        heapq.heappush(heap, (w, next(age), debt, (w, w_left, min(max(phase, 0), w - 1), left, right)))
    return heap[0][3]

def to_left(fork, j):  # how many of the first j draws that reach a fork go to its left part
    return (j * fork[1] + fork[2]) // fork[0]

def counts(node, j):  # {dataset: its draws} among the first j draws that reach a node
    if isinstance(node, int):
        return {node: j}
    return {**counts(node[3], to_left(node, j)), **counts(node[4], j - to_left(node, j))}

class Reader:
    def __init__(self, path):
        s = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        if (s.get("format"), s.get("version")) != ("gst-schedule", 1):
            raise ValueError(f"{path}: not a gst-schedule file of version 1")
        self.batch_size, self.steps, self.starts, self.pieces, start = s["batch_size"], s["steps"], [], [], 0
        self.sizes = [dataset["size"] for dataset in s["datasets"]]
        self.keys = [mix(mix(s["seed"]) ^ fnv1a(dataset["name"].encode())) for dataset in s["datasets"]]
        drawn, owed = [0] * len(self.sizes), [0] * len(self.sizes)  # by dataset, before the piece
        for stage in s["stages"]:
            pieces = [(piece["steps"], piece["weights"]) for piece in stage.get("ramp", [])]
            pieces.append((stage["steps"] - sum(steps for steps, _ in pieces), stage["weights"]))
            for steps, weights in (piece for piece in pieces if piece[0] > 0):
                weights, draws = dict(zip(stage["datasets"], weights)), steps * self.batch_size
                root = tree(weights, owed)
                self.starts.append(start)
                self.pieces.append((root, drawn[:]))
                for dataset, count in {**dict.fromkeys(weights, 0), **counts(root, draws)}.items():
                    drawn[dataset] += count
                    owed[dataset] += draws * weights[dataset] * UNIT // sum(weights.values()) - count * UNIT
                start += draws

    def draw(self, n):  # draw number n of the run, from 0: (dataset index, sample index, epoch)
        piece = bisect.bisect_right(self.starts, n) - 1
        (node, drawn), j = self.pieces[piece], n - self.starts[piece]
        while not isinstance(node, int):
            left = to_left(node, j)
            node, j = (node[3], left) if to_left(node, j + 1) > left else (node[4], j - left)
        epoch, i = divmod(drawn[node] + j, self.sizes[node])
        return node, sample(self.keys[node], self.sizes[node], epoch, i), epoch

    def step(self, step):  # the draws of the global batch of optimizer step `step`, from 0
        return [self.draw(n) for n in range(step * self.batch_size, (step + 1) * self.batch_size)]

if __name__ == "__main__":
    for n, draw in enumerate(map(Reader(sys.argv[1]).draw, range(int(sys.argv[2])))):
        print(n, *draw)
