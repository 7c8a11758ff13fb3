use std::num::NonZeroU64;
use std::str::FromStr;

use super::size::Size;

/// Bytes a second: `64MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) NonZeroU64);

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Size(rate) = text.parse()?;
        NonZeroU64::new(rate).map(Self).ok_or("at no bytes a second nothing is ever done")
    }
}
