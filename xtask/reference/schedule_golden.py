"""Makes the golden draws of crates/gst-schedule/tests/golden with docs/schedule_reader.py.

    python xtask/reference/schedule_golden.py

Reads every *.schedule.json there (written by `GST_WRITE_FIXTURES=1 cargo test -p gst-schedule --test golden`), draws its first 10,000
samples with the Python reader, and writes *.draws.txt: the SHA-256 of all lines "n dataset sample epoch\n", then the first 40 of them and each
hundredth. The crate's test `golden` makes the same text with its own draws. Standard library only, Python 3.8 or newer.
"""
import hashlib, pathlib, sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))
from schedule_reader import Reader  # noqa: E402

DRAWS = 10_000

def main():
    fixtures = sorted((ROOT / "crates/gst-schedule/tests/golden").glob("*.schedule.json"))
    if not fixtures:
        sys.exit("no *.schedule.json found: run `GST_WRITE_FIXTURES=1 cargo test -p gst-schedule --test golden` first")
    for fixture in fixtures:
        reader = Reader(fixture)
        lines = ["%d %d %d %d\n" % (n, *reader.draw(n)) for n in range(DRAWS)]
        kept = [line for n, line in enumerate(lines) if n < 40 or n % 100 == 0]
        digest = "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()
        target = fixture.with_name(fixture.name.replace(".schedule.json", ".draws.txt"))
        with open(target, "w", encoding="ascii", newline="\n") as file:
            file.write(digest + "\n" + "".join(kept))
        print(target.relative_to(ROOT), digest)

if __name__ == "__main__":
    main()
