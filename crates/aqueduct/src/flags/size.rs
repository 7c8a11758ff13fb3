use std::str::FromStr;

/// A number of bytes: `4096`, `64KiB`, `5 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let number: u64 = number.parse().map_err(|_| "a size is a whole number, and may have a unit")?;
        let shift = match unit.trim() {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            "TiB" => 40,
            _ => return Err("the unit of a size is KiB, MiB, GiB or TiB"),
        };
        number.checked_mul(1 << shift).map(Self).ok_or("no file is that large")
    }
}

#[cfg(test)]
mod tests;
