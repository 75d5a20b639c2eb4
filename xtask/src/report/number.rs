//! Numbers as a reader of the report sees them.

/// Between the digits of a large number: narrow, and no place to break a line.
const THIN: char = '\u{202f}';

/// A count with its thousands set apart: `12 345`.
pub(crate) fn count(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value <= -0.5 { "−" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

/// A share with three digits: `0.742`.
pub(crate) fn share(value: f64) -> String {
    format!("{value:.3}").replace('-', "−")
}

/// A difference with its sign: `+0.012`.
pub(crate) fn signed(value: f64) -> String {
    format!("{value:+.3}").replace('-', "−")
}

/// A share as a signed percentage: `+12 %`.
pub(crate) fn percent(value: f64) -> String {
    let rounded = (100.0 * value).round();
    let sign = if rounded > 0.0 {
        "+"
    } else if rounded < 0.0 {
        "−"
    } else {
        ""
    };
    format!("{sign}{:.0}{THIN}%", rounded.abs())
}

/// A length of time in the unit that fits it.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.1}{THIN}s"),
        s if s < 7200.0 => format!("{:.1}{THIN}min", s / 60.0),
        s => format!("{:.1}{THIN}h", s / 3600.0),
    }
}

/// A number of bytes in the unit that fits it.
pub(crate) fn bytes(count: u64) -> String {
    let mib = count as f64 / f64::from(1 << 20);
    if mib < 1024.0 { format!("{mib:.0}{THIN}MiB") } else { format!("{:.1}{THIN}GiB", mib / 1024.0) }
}

/// The beginning of a hash, long enough to tell files apart.
pub(crate) fn short_hash(hash: &str) -> String {
    hash.strip_prefix("sha256:").unwrap_or(hash).chars().take(12).collect()
}

/// How the values of one table are written into narrow cells: all with the same places and the same power of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digits {
    exponent: i32,
    places: usize,
}

impl Digits {
    /// Digits for values up to `largest` in magnitude.
    pub(crate) fn of(largest: f64) -> Self {
        let largest = largest.abs();
        match largest {
            l if l == 0.0 || (0.1..9.995).contains(&l) => Self { exponent: 0, places: 2 },
            l if (9.995..99.95).contains(&l) => Self { exponent: 0, places: 1 },
            l if (99.95..9999.5).contains(&l) => Self { exponent: 0, places: 0 },
            l => Self { exponent: l.log10().floor() as i32, places: 2 },
        }
    }

    /// A value without its power of ten: `.52`, `−1.20`.
    pub(crate) fn write(self, value: f64) -> String {
        let text = format!("{:.*}", self.places, value / 10_f64.powi(self.exponent));
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("−", digits));
        let is_zero = digits.chars().all(|c| "0.".contains(c));
        let short = if digits.len() > 1 { digits.strip_prefix('0').unwrap_or(digits) } else { digits };
        format!("{}{short}", if is_zero { "" } else { sign })
    }

    /// The power of ten, for the legend: ` · 10⁻³`, or nothing.
    pub(crate) fn power(self) -> String {
        if self.exponent == 0 {
            return String::new();
        }
        let raised = |c: char| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            c => char::from_u32('⁰' as u32 + c.to_digit(10).unwrap_or(0)).unwrap_or(c),
        };
        format!(" · 10{}", self.exponent.to_string().chars().map(raised).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let plain = |text: String| text.replace(THIN, " ");
        for (found, expected) in [
            (count(1_234_567.0), "1 234 567"),
            (count(999.0), "999"),
            (count(-1500.0), "−1 500"),
            (share(0.7416), "0.742"),
            (signed(-0.0104), "−0.010"),
            (percent(0.123), "+12 %"),
            (percent(-0.001), "0 %"),
            (duration(65.04), "65.0 s"),
            (duration(300.0), "5.0 min"),
            (bytes(3 << 30), "3.0 GiB"),
        ] {
            assert_eq!(plain(found), expected);
        }
    }

    #[test]
    fn values_of_a_table_share_their_digits() {
        for (largest, value, expected, power) in [
            (3.6, 0.123, ".12", ""),
            (1.0, -0.5, "−.50", ""),
            (1.0, -0.001, ".00", ""),
            (1.0, 1.0, "1.00", ""),
            (45.0, 1.26, "1.3", ""),
            (123.4, 7.0, "7", ""),
            (0.0, 0.0, ".00", ""),
            (2.4e-4, -1.2e-4, "−1.20", " · 10⁻⁴"),
            (3.0e13, 3.0e13, "3.00", " · 10¹³"),
        ] {
            let digits = Digits::of(largest);
            assert_eq!((digits.write(value).as_str(), digits.power().as_str()), (expected, power), "{largest} {value}");
        }
    }
}
