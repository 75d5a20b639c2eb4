//! A mutator for the stable toolchain: blind, but it runs wherever the crates do.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::{ExitCode, exit},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// One input that takes longer than this is a hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest input made, in bytes.
const LONGEST: usize = 1 << 17;

/// Texts that parsers of numbers and of structure trip over.
const TOKENS: [&str; 20] = [
    "-1",
    "0",
    "1e999",
    "-0.0",
    "1e-400",
    "18446744073709551616",
    "9223372036854775808",
    "4294967296",
    "null",
    "true",
    "NaN",
    "[]",
    "{}",
    "\"",
    "\\u0000",
    "\\ud800",
    "..",
    "/",
    "\u{feff}",
    "\n",
];

/// What is being tried, since when.
static AT: Mutex<Option<(Instant, Vec<u8>)>> = Mutex::new(None);

/// Runs the target `name` on mutations of `seeds`: `NAME [SECONDS] [SEED]`, or `NAME FILE…` to try files. Ends with an error, and the
/// input under `fuzz/artifacts/NAME`, when `check` panics or does not end.
pub fn main(name: &str, seeds: Vec<Vec<u8>>, check: fn(&[u8])) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first.parse::<u64>().is_err()) {
        for file in &arguments {
            match fs::read(file) {
                Ok(bytes) => check(&bytes),
                Err(error) => {
                    eprintln!("{file}: {error}");
                    return ExitCode::FAILURE;
                }
            }
        }
        return ExitCode::SUCCESS;
    }
    let number = |at: usize, default: u64| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (limit, seed) = (Duration::from_secs(number(0, 60)), number(1, 0));
    watch(name.to_owned());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (began, mut runs, mut slowest) = (Instant::now(), 0u64, Duration::ZERO);
    let mut inputs: Box<dyn Iterator<Item = Vec<u8>>> = Box::new(seeds.clone().into_iter());
    while began.elapsed() < limit {
        let bytes = inputs.next().unwrap_or_else(|| mutate(&seeds, &mut rng));
        let started = Instant::now();
        *AT.lock().unwrap_or_else(PoisonError::into_inner) = Some((started, bytes.clone()));
        if catch_unwind(AssertUnwindSafe(|| check(&bytes))).is_err() {
            keep(name, "crash", runs, &bytes);
            return ExitCode::FAILURE;
        }
        slowest = slowest.max(started.elapsed());
        runs += 1;
    }
    println!(
        "{name}: {runs} inputs in {:.0} s, seed {seed}, slowest {slowest:.1?}: no panic, no hang",
        began.elapsed().as_secs_f64()
    );
    ExitCode::SUCCESS
}

fn watch(name: String) {
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            let at = AT.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((since, bytes)) = at.as_ref()
                && since.elapsed() > PATIENCE
            {
                keep(&name, "hang", 0, bytes);
                exit(1);
            }
        }
    });
}

fn keep(name: &str, kind: &str, number: u64, bytes: &[u8]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("artifacts").join(name);
    let path = folder.join(format!("{kind}-{number}"));
    let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, bytes));
    eprintln!(
        "{name}: {kind} on {} bytes, {}",
        bytes.len(),
        kept.map_or_else(|error| error.to_string(), |()| path.display().to_string())
    );
}

fn mutate(seeds: &[Vec<u8>], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = seeds.choose(rng).cloned().unwrap_or_default();
    // Headers matter most: half of the inputs are changed in their first bytes only.
    let head = rng.random_bool(0.5);
    for _ in 0..rng.random_range(1..=12) {
        let reach = if head { bytes.len().min(256) } else { bytes.len() };
        let at = rng.random_range(0..=reach);
        let length = rng.random_range(0..=(bytes.len() - at).min(64));
        match rng.random_range(0..9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = *[0, 1, 0x7f, 0x80, 0xff, b'"', b'{', rng.random()].choose(rng).unwrap_or(&0),
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                let token = TOKENS.choose(rng).copied().unwrap_or_default();
                bytes.splice(at..at, token.bytes());
            }
            5 => replace_number(&mut bytes, at, rng),
            6 => {
                let wide = [0u64, 1, 0x7fff_ffff, 0xffff_ffff, u64::MAX, 1 << 31, 1 << 36, rng.next_u64()];
                let value = wide.choose(rng).copied().unwrap_or(0);
                let value = if rng.random() { value.to_le_bytes() } else { value.to_be_bytes() };
                let width = [2, 4, 8].choose(rng).copied().unwrap_or(4).min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&value[..width]);
            }
            7 => bytes.truncate(bytes.len() - length),
            _ => {
                let other = seeds.choose(rng).map_or(&[][..], Vec::as_slice);
                let from = rng.random_range(0..=other.len());
                let until = (from + length).min(other.len());
                bytes.splice(at..at + length, other[from..until].iter().copied());
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

/// Puts another number in the place of the first one written in digits from `at` on.
fn replace_number(bytes: &mut Vec<u8>, at: usize, rng: &mut ChaCha8Rng) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|offset| at + offset) else { return };
    let end = bytes[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |offset| start + offset);
    let token = TOKENS[..8].choose(rng).copied().unwrap_or_default();
    bytes.splice(start..end, token.bytes());
}
