use std::str::FromStr;
use std::time::Duration;

use super::SECONDS_MAX;

/// A length of time: `90`, `90s`, `15min`, `12h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let number: u64 = number.parse().map_err(|_| "a time is a whole number, and may have a unit")?;
        let seconds = match unit.trim() {
            "" | "s" => 1,
            "min" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            _ => return Err("the unit of a time is s, min, h or d"),
        };
        match number.checked_mul(seconds) {
            Some(seconds) if seconds <= SECONDS_MAX => Ok(Self(Duration::from_secs(seconds))),
            _ => Err("nobody waits for longer than a year"),
        }
    }
}

#[cfg(test)]
mod tests;
