//! Many measurements of one thing, told in three numbers.

use std::fmt;

/// The middle of some values, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let [min, .., max] = values[..] else {
            let only = *values.first().expect("something was measured");
            return Self { median: only, min: only, max: only };
        };
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Self { median: f64::midpoint(low, high), min, max }
    }

    /// The same in a unit of which there are `factor` in the other.
    pub(super) fn times(self, factor: f64) -> Self {
        Self { median: self.median * factor, min: self.min * factor, max: self.max * factor }
    }

    /// How `ours` stands to `theirs`, round by round: what was measured side by side is compared, and drift cancels.
    pub(super) fn of_ratios(ours: &[f64], theirs: &[f64]) -> Self {
        assert_eq!(ours.len(), theirs.len(), "both were run in every round");
        Self::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
    }
}

/// As `0.851 (0.832-0.903)`; without a precision, whole numbers.
impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = formatter.precision().unwrap_or(0);
        write!(formatter, "{:.places$} ({:.places$}-{:.places$})", self.median, self.min, self.max)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a size below 2^53 is exact")]
pub(super) fn gib(size: u64) -> f64 {
    size as f64 / f64::from(1 << 30)
}

/// The rows of a Markdown table, below its head.
pub(super) fn print_table(head: &[&str], rows: &[Vec<String>]) {
    println!("\n| {} |", head.join(" | "));
    println!("|{}", "---|".repeat(head.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
    println!();
}

#[cfg(test)]
mod tests;
