"""Reads a schedule.json (format gst-schedule, version 1) and draws the samples of a run, as the crate gst-schedule does.

Integers and the standard library only. Use it in a trainer of your own:

    from schedule_reader import Reader
    reader = Reader("schedule.json")
    for step in range(reader.steps):
        batch = reader.step(step)          # [(dataset index, sample index, epoch), ...], batch_size of them

or run it: python schedule_reader.py schedule.json 10     prints the first 10 draws. docs/schedule.md explains every line.
"""
import bisect, heapq, json, math, sys

MASK, GOLDEN, UNIT = 2**64 - 1, 0x9E3779B97F4A7C15, 2**32

def mix(z):                                                            # SplitMix64
    z = (z + GOLDEN) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)

def name_hash(name):                                                   # FNV-1a
    h = 0xCBF29CE484222325
    for byte in name.encode("utf-8"):
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h

def sample(key, size, epoch, position):                                # keyed permutation of 0 .. size-1
    columns = math.isqrt(size - 1) + 1
    columns += columns % 2
    rows, key = -(-size // columns), mix(key ^ epoch)
    while True:
        x, y = position % columns, position // columns
        for pair in range(6):
            x = (x + (mix(((key + GOLDEN * (2 * pair + 1)) & MASK) ^ y) * columns >> 64)) % columns
            y = (y + (mix(((key + GOLDEN * (2 * pair + 2)) & MASK) ^ x) * rows >> 64)) % rows
        position = y * columns + x
        if position < size:
            return position

def tree(weights, debts):                                              # Huffman tree; a leaf is an int
    nodes = [(w, debts[i], i) for i, w in enumerate(weights) if w > 0]
    heap = [(node[0], number) for number, node in enumerate(nodes)]
    heapq.heapify(heap)
    while len(heap) > 1:
        (lw, l), (rw, r) = heapq.heappop(heap), heapq.heappop(heap)
        w, debt = lw + rw, nodes[l][1] + nodes[r][1]
        excess = nodes[l][1] - lw * debt // w
        phase = min(max(w * (UNIT // 2 + excess) // UNIT, 0), w - 1)
        nodes.append((w, debt, (w, lw, phase, nodes[l][2], nodes[r][2])))   # (weight, left weight, phase, left, right)
        heapq.heappush(heap, (w, len(nodes) - 1))
    return nodes[-1][2]

def counts(node, j, found):                                            # adds the draws of each leaf among the first j of a node
    if isinstance(node, int):
        found[node] += j
        return
    left = (j * node[1] + node[2]) // node[0]
    counts(node[3], left, found)
    counts(node[4], j - left, found)

class Reader:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            s = json.load(file)
        if (s.get("format"), s.get("version")) != ("gst-schedule", 1):
            raise ValueError(f"{path}: not a gst-schedule file of version 1")
        self.batch_size, self.steps, self.segments, self.starts = s["batch_size"], s["steps"], [], []
        self.sizes = [d["size"] for d in s["datasets"]]
        self.keys = [mix(mix(s["seed"]) ^ name_hash(d["name"])) for d in s["datasets"]]
        before, owed, start = [0] * len(self.sizes), [0] * len(self.sizes), 0
        for stage in s["stages"]:
            ramp = [(piece["steps"], piece["weights"]) for piece in stage.get("ramp", [])]
            for steps, weights in ramp + [(stage["steps"] - sum(r[0] for r in ramp), stage["weights"])]:
                if steps > 0:
                    active, draws, found = stage["datasets"], steps * self.batch_size, [0] * len(weights)
                    root = tree(weights, [owed[d] for d in active])
                    self.segments.append((root, active, [before[d] for d in active]))
                    self.starts.append(start)
                    counts(root, draws, found)
                    for d, w, count in zip(active, weights, found):
                        before[d] += count
                        owed[d] += draws * w * UNIT // sum(weights) - count * UNIT
                    start += draws

    def draw(self, n):
        """Draw number n of the run, from 0: (dataset index, sample index, epoch)."""
        at = bisect.bisect_right(self.starts, n) - 1
        (node, active, before), j = self.segments[at], n - self.starts[at]
        while not isinstance(node, int):
            left = (j * node[1] + node[2]) // node[0]
            goes_left = (j + 1) * node[1] + node[2] >= (left + 1) * node[0]
            node, j = (node[3], left) if goes_left else (node[4], j - left)
        dataset, (epoch, position) = active[node], divmod(before[node] + j, self.sizes[active[node]])
        return dataset, sample(self.keys[dataset], self.sizes[dataset], epoch, position), epoch

    def step(self, step):
        """The draws of the global batch of optimizer step `step`, from 0."""
        return [self.draw(n) for n in range(step * self.batch_size, (step + 1) * self.batch_size)]

if __name__ == "__main__":
    reader = Reader(sys.argv[1])
    for n in range(int(sys.argv[2])):
        print(n, *reader.draw(n))
