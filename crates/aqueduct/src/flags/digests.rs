use std::str::FromStr;

use aqueduct_blob::Digest;

/// A digest on the command line, or what else is named by one; or `-` for those on standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named<T = Digest> {
    This(T),
    Stdin,
}

impl<T: FromStr> FromStr for Named<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "-" { Ok(Self::Stdin) } else { text.parse().map(Self::This) }
    }
}
