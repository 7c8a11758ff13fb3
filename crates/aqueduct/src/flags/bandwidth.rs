use std::num::NonZeroU64;
use std::str::FromStr;

/// Bytes a second, said in bytes or in bits: `100M`, `100MiB/s`, `800Mbit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bandwidth(pub(crate) NonZeroU64);

impl FromStr for Bandwidth {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let number: u64 = number.parse().map_err(|_| "a rate is a whole number with a unit")?;
        let unit = unit.trim();
        // A factor, and what to divide by: there are eight bits in a byte.
        let (factor, bits) = match unit.strip_suffix("/s").unwrap_or(unit) {
            "K" | "KiB" => (1 << 10, 1),
            "M" | "MiB" => (1 << 20, 1),
            "G" | "GiB" => (1 << 30, 1),
            "Kbit" | "kbit" => (1_000, 8),
            "Mbit" | "mbit" => (1_000_000, 8),
            "Gbit" | "gbit" => (1_000_000_000, 8),
            _ => return Err("the unit of a rate is K, M or G for bytes, or Kbit, Mbit or Gbit for bits"),
        };
        let rate = number.checked_mul(factor).ok_or("nothing is that fast")? / bits;
        NonZeroU64::new(rate).map(Self).ok_or("at no bytes a second nothing is ever done")
    }
}

#[cfg(test)]
mod tests;
