use std::str::FromStr;

use aqueduct_blob::Digest;

/// A digest on the command line, or `-` for those on standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Digest(Digest),
    Stdin,
}

impl FromStr for Named {
    type Err = <Digest as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "-" { Ok(Self::Stdin) } else { text.parse().map(Self::Digest) }
    }
}
