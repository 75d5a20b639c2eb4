//! The work that `cargo xtask bench` measures against PyTorch, case by case.
//!
//! `yardstick CASE` times it; `--serve` does it as often as each line of standard input says and answers with the seconds; `--export DIR` writes what
//! another program needs to do the same: weights, batch, and the loss that must come out.
#![allow(clippy::print_stdout, reason = "the program talks to the one that started it")]

mod adapter;
mod audio;
mod planning;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// One kind of work at fixed sizes.
trait Case {
    /// Does it once.
    fn run(&mut self) -> Result<()>;

    /// Writes what another program needs to do the same.
    fn export(&self, folder: &Path) -> Result<()>;
}

/// Makes a case ready.
type Open = fn() -> Result<Box<dyn Case>>;

/// Every case by name. `cargo xtask bench` has the same list.
const CASES: &[(&str, Open)] = &[
    ("mini-train", || audio::training("mini")),
    ("mini-evaluate", || audio::evaluation("mini")),
    ("mini-backward", || audio::backward("mini")),
    ("mini-probe", || audio::probe("mini")),
    ("small-train", || audio::training("small")),
    ("small-evaluate", || audio::evaluation("small")),
    ("small-backward", || audio::backward("small")),
    ("small-probe", || audio::probe("small")),
    ("lora-train", adapter::training),
    ("log-mel", planning::log_mel),
    ("tokenize", planning::tokenize),
    ("draws", planning::draws),
    ("spectral-14", || planning::spectral(14)),
    ("spectral-200", || planning::spectral(200)),
    ("spectral-2000", || planning::spectral(2000)),
];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some((_, open)) = CASES.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = CASES.iter().map(|(name, _)| *name).collect();
        bail!("`{name}` is no case; expected one of {}", known.join(", "));
    };
    let mut case = open()?;
    match arguments.next().as_deref() {
        None => alone(case.as_mut()),
        Some("--serve") => serve(case.as_mut()),
        Some("--export") => case.export(&PathBuf::from(arguments.next().context("--export needs a folder")?)),
        Some(other) => bail!("`{other}` is not understood; expected --serve or --export DIR"),
    }
}

/// Medians of a few runs, for a look.
fn alone(case: &mut dyn Case) -> Result<()> {
    case.run()?;
    let mut seconds = Vec::new();
    let began = Instant::now();
    while seconds.len() < 5 || began.elapsed().as_secs_f64() < 5.0 {
        let began = Instant::now();
        case.run()?;
        seconds.push(began.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let (lowest, median) = (seconds[0], seconds[seconds.len() / 2]);
    println!("median {:.3} ms, lowest {:.3} ms of {} runs", 1e3 * median, 1e3 * lowest, seconds.len());
    Ok(())
}

fn serve(case: &mut dyn Case) -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        let count: u32 = line?.trim().parse().context("a number of runs is expected")?;
        let began = Instant::now();
        for _ in 0..count {
            case.run()?;
        }
        println!("{}", began.elapsed().as_secs_f64());
        std::io::stdout().flush()?;
    }
    Ok(())
}
