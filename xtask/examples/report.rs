//! A report from made-up results: `cargo run -p xtask --example report [FOLDER [SEEDS]]`, then open `FOLDER/report.html`.

#[path = "../tests/fake/mod.rs"]
mod fake;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "target/experiments/made-up".into());
    let seeds = arguments.next().map_or(Ok(2), |seeds| seeds.parse())?;
    let strategies = arguments.collect::<Vec<_>>();
    let strategies: Vec<&str> = if strategies.is_empty() {
        vec!["mix-all", "sequential", "gst-progressive"]
    } else {
        strategies.iter().map(String::as_str).collect()
    };
    fake::Fake { strategies: &strategies, seeds, steps: 2000 }.write(folder.as_ref())?;
    let written = xtask::write_report(folder.as_ref())?;
    eprintln!("{} cells: {}", written.cells, written.html.display());
    Ok(())
}
