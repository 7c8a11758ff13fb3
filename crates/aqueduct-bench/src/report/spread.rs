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
}

impl Spread {
    /// Of at least one figure.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        assert!(!sorted.is_empty(), "a spread has figures");
        sorted.sort_by(f64::total_cmp);
        let (upper, lower) = (sorted[sorted.len() / 2], sorted[(sorted.len() - 1) / 2]);
        Self { median: f64::midpoint(lower, upper), min: sorted[0], max: sorted[sorted.len() - 1] }
    }

    /// Whether every sample is below every one of the other.
    pub(crate) fn is_clearly_below(&self, other: &Self) -> bool {
        self.max < other.min
    }
}

/// `6.70 (6.51-6.83)`, in three digits.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, min, max } = *self;
        f.pad(&format!("{} ({}-{})", digits(median), digits(min), digits(max)))
    }
}

/// Three digits, and no exponent.
pub(crate) fn digits(figure: f64) -> String {
    match figure.abs() {
        size if size >= 99.95 || size == 0.0 => format!("{figure:.0}"),
        size if size >= 9.995 => format!("{figure:.1}"),
        size if size >= 0.9995 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}
