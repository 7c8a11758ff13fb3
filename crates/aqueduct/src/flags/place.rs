use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Where the blobs are.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The directory of the store
    #[arg(long, env = "AQUEDUCT_STORE", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
}
