use clap::ValueEnum;

/// Whether a server confines itself to its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Landlock {
    /// As far as the kernel can
    Auto,
    /// Or do not start
    Require,
    /// No
    Off,
}
