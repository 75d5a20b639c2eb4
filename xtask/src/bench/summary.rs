//! Medians, spreads and the table of the yardstick.

use std::fmt::Write;

/// Quartiles of some figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quartiles {
    pub(super) lower: f64,
    pub(super) median: f64,
    pub(super) upper: f64,
}

impl Quartiles {
    /// Of at least one figure, by linear interpolation between neighbours.
    fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * figures.len().saturating_sub(1) as f64;
            let (below, above) = (figures[place.floor() as usize], figures[place.ceil() as usize]);
            below + place.fract() * (above - below)
        };
        Self { lower: at(0.25), median: at(0.5), upper: at(0.75) }
    }
}

/// One case, measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    pub(super) case: String,
    /// Milliseconds of one run.
    pub(super) ours: Quartiles,
    /// The same in PyTorch.
    pub(super) theirs: Quartiles,
    /// Ours as a multiple of PyTorch's, pair by pair: below 1 is faster.
    pub(super) ratio: Quartiles,
    /// Peak memory of the two processes in MiB.
    pub(super) peak: [Option<f64>; 2],
}

impl Measured {
    /// From pairs of seconds, ours first.
    pub(super) fn new(case: &str, seconds: &[[f64; 2]], peak: [Option<f64>; 2]) -> Self {
        let milliseconds = |side: usize| Quartiles::of(seconds.iter().map(|pair| 1e3 * pair[side]).collect());
        Self {
            case: case.to_owned(),
            ours: milliseconds(0),
            theirs: milliseconds(1),
            ratio: Quartiles::of(seconds.iter().map(|pair| pair[0] / pair[1]).collect()),
            peak,
        }
    }
}

/// The summary as Markdown.
pub(super) fn table(measured: &[Measured], pairs: usize) -> String {
    let mut text = format!(
        "# Yardstick\n\nMedian milliseconds of one run and the ratio to PyTorch (median, quartiles) over {pairs} pairs, measured \
         alternately; below 1 is faster than PyTorch. Peak is that of the whole process.\n\n\
         | case | ms | PyTorch ms | ratio | quartiles | peak MiB | PyTorch peak MiB |\n|---|---:|---:|---:|---|---:|---:|\n"
    );
    let mib = |peak: Option<f64>| peak.map_or_else(|| "—".to_owned(), |mib| format!("{mib:.0}"));
    for Measured { case, ours, theirs, ratio, peak } in measured {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {case} | {} | {} | {:.2} | {:.2} to {:.2} | {} | {} |",
            digits(ours.median),
            digits(theirs.median),
            ratio.median,
            ratio.lower,
            ratio.upper,
            mib(peak[0]),
            mib(peak[1]),
        );
    }
    text
}

/// Three significant digits.
fn digits(value: f64) -> String {
    let before = if value > 0.0 { value.log10().floor() as i32 + 1 } else { 1 };
    format!("{value:.*}", usize::try_from(3 - before).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_of_known_figures() {
        assert_eq!(Quartiles::of(vec![5.0, 1.0, 3.0, 2.0, 4.0]), Quartiles { lower: 2.0, median: 3.0, upper: 4.0 });
        assert_eq!(Quartiles::of(vec![1.0, 2.0]), Quartiles { lower: 1.25, median: 1.5, upper: 1.75 });
        assert_eq!(Quartiles::of(vec![7.0]), Quartiles { lower: 7.0, median: 7.0, upper: 7.0 });
    }

    #[test]
    fn a_ratio_is_taken_pair_by_pair() {
        // A machine that slows down from pair to pair: the medians alone would say 0.5 of 2.0, each pair says a half.
        let measured = Measured::new("x", &[[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]], [Some(10.0), None]);
        assert_eq!(measured.ratio, Quartiles { lower: 0.5, median: 0.5, upper: 0.5 });
        let text = table(&[measured], 3);
        assert!(text.contains("| x | 10000 | 20000 | 0.50 | 0.50 to 0.50 | 10 | — |"), "{text}");
    }

    #[test]
    fn three_digits_whatever_the_size() {
        assert_eq!([0.001_234, 1.234, 12.34, 123.4, 1234.0].map(digits), ["0.00123", "1.23", "12.3", "123", "1234"]);
    }
}
