//! Where a user's files are, as the XDG Base Directory Specification has it.

use std::env;
use std::path::PathBuf;

use crate::fault::Fault;

/// The store that is meant where none is named.
pub(crate) fn store() -> Result<PathBuf, Fault> {
    below("XDG_DATA_HOME", ".local/share").map(|data| data.join("aqueduct/store")).ok_or_else(|| {
        Fault::Usage("there is no home directory for the store to be in; use --store DIR".to_owned())
    })
}

/// The digests of files that were hashed before; `None` if there is no place for them.
pub(crate) fn digest_cache() -> Option<PathBuf> {
    below("XDG_CACHE_HOME", ".cache").map(|cache| cache.join("aqueduct/digests"))
}

/// What was found when files were hashed that were sent before; `None` if there is no place for it.
pub(crate) fn checkpoint_cache() -> Option<PathBuf> {
    below("XDG_CACHE_HOME", ".cache").map(|cache| cache.join("aqueduct/checkpoints"))
}

/// The user's configuration file; `None` if there is no place for one.
pub(crate) fn config() -> Option<PathBuf> {
    below("XDG_CONFIG_HOME", ".config").map(|config| config.join("aqueduct/config.toml"))
}

/// "All paths set in these environment variables must be absolute. [...] it should consider the path invalid and ignore
/// it."
fn below(variable: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(in_home)))
}
