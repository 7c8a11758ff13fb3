//! Extended attributes that another machine has a use for.

use std::ffi::CStr;
use std::os::fd::AsFd;
use std::path::Path;

use aqueduct_sys::{Result, Symlinks, Xattr, list_xattrs, read_xattr};
use aqueduct_wire::transfer::limits::XATTRS_LEN_MAX;

/// What was found of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Xattrs {
    /// Names and values, in the order of the names.
    pub(super) pairs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether some were left out because they are too long.
    pub(super) is_cut: bool,
}

/// Reads them, of one file after the other.
#[derive(Debug, Default)]
pub(super) struct Reader {
    names: Vec<u8>,
    value: Vec<u8>,
}

impl Reader {
    /// Reads those of `name` in `dir`, up to [`XATTRS_LEN_MAX`].
    ///
    /// # Errors
    ///
    /// Those of [`list_xattrs`].
    pub(super) fn read(&mut self, dir: impl AsFd, name: &Path, symlinks: Symlinks) -> Result<Xattrs> {
        let mut found = Xattrs::default();
        self.names.resize(LIST_LEN_MAX, 0);
        self.value.resize(XATTRS_LEN_MAX, 0);
        let len = match list_xattrs(&dir, name, symlinks, &mut self.names)? {
            Xattr::Len(0) | Xattr::Absent => return Ok(found),
            Xattr::Len(len) => len,
            Xattr::TooLong => return Ok(Xattrs { is_cut: true, ..found }),
        };
        let mut room = XATTRS_LEN_MAX;
        for xattr in self.names[..len].split_inclusive(|byte| *byte == 0) {
            let Ok(xattr) = CStr::from_bytes_with_nul(xattr) else { continue };
            if !is_portable(xattr.to_bytes()) {
                continue;
            }
            match read_xattr(&dir, name, symlinks, xattr, &mut self.value) {
                Ok(Xattr::Len(len)) if xattr.count_bytes() + len <= room => {
                    room -= xattr.count_bytes() + len;
                    found.pairs.push((xattr.to_bytes().to_vec(), self.value[..len].to_vec()));
                }
                Ok(Xattr::Len(_) | Xattr::TooLong) => found.is_cut = true,
                // Taken away meanwhile, or not for this user to read.
                Ok(Xattr::Absent) | Err(_) => {}
            }
        }
        found.pairs.sort_unstable();
        Ok(found)
    }
}

/// Those of users, access control lists, and the rights of programs. The rest of `security` and `system` is what this
/// machine's policy says of the file, and another's has to say for itself.
fn is_portable(name: &[u8]) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
}

const PREFIXES: [&[u8]; 2] = [b"user.", b"trusted."];
const NAMES: [&[u8]; 3] = [b"security.capability", b"system.posix_acl_access", b"system.posix_acl_default"];

/// XATTR_LIST_MAX of linux/limits.h: the names of one file.
const LIST_LEN_MAX: usize = 65536;

#[cfg(test)]
mod tests;
