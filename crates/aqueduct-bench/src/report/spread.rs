//! A median and how far apart the samples are.

use std::fmt;

/// A median, with the smallest and the largest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// Of an even count, the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Where the lowest quarter of the samples ends: of few, the one next to it.
    pub low: f64,
    /// Where the highest begins.
    pub high: f64,
}

impl Spread {
    /// Of at least one figure.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        assert!(!sorted.is_empty(), "a spread has figures");
        sorted.sort_by(f64::total_cmp);
        let (upper, lower) = (sorted[sorted.len() / 2], sorted[(sorted.len() - 1) / 2]);
        let last = sorted.len() - 1;
        Self {
            median: f64::midpoint(lower, upper),
            min: sorted[0],
            max: sorted[last],
            low: sorted[last / 4],
            high: sorted[last - last / 4],
        }
    }

    /// Whether every sample is below every one of the other.
    pub(crate) fn is_clearly_below(&self, other: &Self) -> bool {
        self.max < other.min
    }
}

/// `6.70 (6.51-6.83)`, in three digits.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, min, max, .. } = *self;
        f.pad(&format!("{} ({}-{})", digits(median), digits(min), digits(max)))
    }
}

/// Three digits that count, and no exponent; what is too small to be a measurement is 0.
pub(crate) fn digits(figure: f64) -> String {
    if figure.abs() < SMALLEST {
        return "0".to_owned();
    }
    // Rounded before its digits are counted: 9.999 has one before the point more than it seems.
    let rounded = format!("{figure:.2e}");
    let exponent = rounded.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    let decimals = usize::try_from(2 - exponent.unwrap_or(0)).unwrap_or(0);
    format!("{figure:.decimals$}")
}

/// A nanosecond is the least that a clock tells.
const SMALLEST: f64 = 1e-9;
